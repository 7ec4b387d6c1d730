use std::collections::BTreeMap;

use serde::Serialize;
use soc_archive::hunt::Tail as _;
use soc_archive::{Agencies, ColumnType};
use soc_event::{Timestamp, Value};
use utoipa::ToSchema;

use super::place::JournalTail;
use super::{Error, Hunts};

/// Events of the journal that are looked at to know its fields.
const SAMPLE: usize = 4096;
/// Fields that are told.
const FIELDS_MAX: usize = 1000;

/// A field that events have.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct FieldRow {
    /// As it is written in a hunt.
    pub name: String,
    /// `text`, `number`, `boolean` or `list`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Share of the events that are in files with this field, 0 to 1.
    pub share: f64,
}

impl Hunts {
    /// Fields of the events of this time that may be seen, the most frequent first.
    ///
    /// # Errors
    /// [`Error::Archive`].
    pub async fn fields(
        &self,
        agencies: Agencies,
        range: (Timestamp, Timestamp),
    ) -> Result<Vec<FieldRow>, Error> {
        let files = self.0.keeper.files(agencies.clone(), range).await?;
        let mut census = Census::default();
        for file in files.files.iter().filter(|file| agencies.hold(file.agency)) {
            let rows = file.facts.rows;
            census.total = census.total.saturating_add(rows);
            let columns = file.facts.columns.iter();
            columns.for_each(|(name, column)| census.add(name, word(*column), rows));
        }
        let end = *self.0.journal.end().borrow();
        let tail = JournalTail::new(&self.0.journal, &self.0.fleet, &files, end);
        let sampled = tokio::task::spawn_blocking(move || {
            let rows = tail.runs().filter_map(Result::ok).flat_map(|run| {
                let rows = soc_archive::rows_of(run.batch()).unwrap_or_default();
                run.owners().to_vec().into_iter().zip(rows)
            });
            let is_asked = |(agency, row): &(i64, soc_archive::Row)| {
                let time = row.event.time;
                agencies.hold(*agency) && time >= range.0 && time < range.1
            };
            for (_, row) in rows.take(SAMPLE).filter(is_asked) {
                census.total = census.total.saturating_add(1);
                let fields = row.event.fields.iter();
                fields.for_each(|(name, value)| census.add(name, word_of(value), 1));
            }
            census
        });
        let census = sampled.await.map_err(|error| Error::Archive(error.to_string()))?;
        Ok(census.rows())
    }
}

#[derive(Default)]
struct Census {
    total: u64,
    fields: BTreeMap<String, (&'static str, u64)>,
}

impl Census {
    fn add(&mut self, name: &str, kind: &'static str, rows: u64) {
        let field = self.fields.entry(name.to_owned()).or_insert((kind, 0));
        field.1 = field.1.saturating_add(rows);
    }

    fn rows(self) -> Vec<FieldRow> {
        let total = self.total.max(1) as f64;
        let row = |(name, (kind, rows)): (String, (&'static str, u64))| FieldRow {
            name,
            kind: kind.to_owned(),
            share: (rows as f64 / total).min(1.0),
        };
        let mut rows: Vec<FieldRow> = self.fields.into_iter().map(row).collect();
        rows.sort_by(|one, other| {
            other.share.total_cmp(&one.share).then_with(|| one.name.cmp(&other.name))
        });
        rows.truncate(FIELDS_MAX);
        rows
    }
}

fn word(column: ColumnType) -> &'static str {
    match column {
        ColumnType::Text => "text",
        ColumnType::Integer | ColumnType::Float => "number",
        ColumnType::Boolean => "boolean",
        ColumnType::Texts => "list",
    }
}

fn word_of(value: &Value) -> &'static str {
    match value {
        Value::Number(_) => "number",
        Value::Boolean(_) => "boolean",
        Value::List(_) => "list",
        Value::Text(_) | Value::Null => "text",
    }
}
