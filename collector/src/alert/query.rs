use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use serde::Deserialize;
use soc_archive::Agencies;
use soc_event::{AgentId, Timestamp};
use sqlx::{QueryBuilder, Row, Sqlite, SqliteConnection};
use utoipa::ToSchema;

use super::fold::fold;
use super::{Alert, AlertRow, Alerts, BULK_MAX, Error, HistoryRow, Level, State, Verdict};
use crate::access::listed;

/// Longest text searched for, in characters.
const SEARCH_MAX: usize = 200;

/// Which alerts. Empty lists and `None` mean: all.
#[derive(Clone, Debug, PartialEq)]
pub struct Filter {
    /// In these states.
    pub states: Vec<State>,
    /// Of these levels.
    pub levels: Vec<Level>,
    /// That turned out to be one of these.
    pub verdicts: Vec<Verdict>,
    /// Whose work they are.
    pub assignee: Option<Assignee>,
    /// Whether those of planned work are among them.
    pub silenced: Silenced,
    /// With this ATT&CK technique, sub-techniques included: `T1110`.
    pub technique: Option<String>,
    /// That name this user.
    pub user: Option<String>,
    /// With this text in title, machine, agency, rule or grouping values; `17` or `#17` is a number.
    pub search: Option<String>,
    /// Of this machine.
    pub machine: Option<AgentId>,
    /// Of this rule.
    pub rule: Option<String>,
    /// Of these agencies.
    pub agencies: Agencies,
    /// Whose first event is of this kind.
    pub finding: Option<FindingKind>,
    /// Raised at or after.
    pub raised_from: Option<Timestamp>,
    /// Last seen at or after.
    pub from: Option<Timestamp>,
    /// Last seen before.
    pub to: Option<Timestamp>,
}

/// Kinds of events whose alerts have a page of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
pub enum FindingKind {
    /// An antivirus product found something.
    #[serde(rename = "antivirus.detection")]
    Detection,
    /// A log is not as it was.
    #[serde(rename = "log.anomaly")]
    Anomaly,
}

impl Filter {
    /// All of these agencies that are work, or closed.
    pub fn of(agencies: Agencies) -> Self {
        Self {
            states: Vec::new(),
            levels: Vec::new(),
            verdicts: Vec::new(),
            assignee: None,
            silenced: Silenced::No,
            technique: None,
            user: None,
            search: None,
            machine: None,
            rule: None,
            agencies,
            finding: None,
            raised_from: None,
            from: None,
            to: None,
        }
    }
}

/// Whose work alerts are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Assignee {
    /// This operator's.
    Is(String),
    /// Nobody's.
    Nobody,
}

/// Whether alerts that began under a silence, and are not closed, are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Silenced {
    /// They are not.
    #[default]
    No,
    /// Only they are.
    Only,
    /// Like all others.
    All,
}

impl Silenced {
    /// The choice of a word.
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "no" => Some(Self::No),
            "only" => Some(Self::Only),
            "all" => Some(Self::All),
            _ => None,
        }
    }
}

/// When, who, what, with which words, about whom or what.
type HistoryLine = (i64, String, String, Option<String>, Option<String>);

/// Where a page ends: the next one begins after it. Opaque to callers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    last_at: i64,
    number: i64,
}

impl Cursor {
    /// Behind this row.
    pub(super) fn after(row: &AlertRow) -> Self {
        Self { last_at: row.last_at.as_micros(), number: row.number }
    }

    /// Only what comes behind it.
    pub(super) fn push(self, query: &mut QueryBuilder<Sqlite>) {
        query.push(" AND (last_at, number) < (").push_bind(self.last_at);
        query.push(", ").push_bind(self.number).push(")");
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.last_at, self.number)
    }
}

impl FromStr for Cursor {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('.').and_then(|(last_at, number)| {
            Some(Self { last_at: last_at.parse().ok()?, number: number.parse().ok()? })
        });
        parts.ok_or_else(|| "this cursor was not given by this collector".to_owned())
    }
}

impl Alerts {
    /// A page of alerts, last seen first; where it ends if there are more; how many in all.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn list(
        &self,
        filter: &Filter,
        after: Option<Cursor>,
        limit: u32,
    ) -> Result<(Vec<AlertRow>, Option<Cursor>, i64), Error> {
        let mut items = self.rows(filter, after, limit.saturating_add(1)).await?;
        let more = items.len() > limit as usize;
        items.truncate(limit as usize);
        let next = items.last().filter(|_| more).map(Cursor::after);
        Ok((items, next, self.count(filter).await?))
    }

    /// The alerts seen last; how many there are in all is not counted.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn newest(&self, agencies: Agencies, limit: u32) -> Result<Vec<AlertRow>, Error> {
        self.rows(&Filter::of(agencies), None, limit).await
    }

    async fn rows(
        &self,
        filter: &Filter,
        after: Option<Cursor>,
        limit: u32,
    ) -> Result<Vec<AlertRow>, Error> {
        let mut query = QueryBuilder::new("SELECT * FROM alert WHERE true");
        narrow(&mut query, filter);
        if let Some(cursor) = after {
            cursor.push(&mut query);
        }
        query.push(" ORDER BY last_at DESC, number DESC LIMIT ").push_bind(i64::from(limit));
        let rows = query.build().fetch_all(self.store.pool()).await?;
        let read = |row| AlertRow::from_row(row).map(|(view, _)| view);
        rows.iter().map(read).collect()
    }

    /// One alert, with its first event, and where in the journal all its events are.
    ///
    /// # Errors
    /// [`Error::NotFound`], or that the database failed.
    pub async fn get(&self, id: &str, seen: &Agencies) -> Result<(Alert, Vec<u64>), Error> {
        let mut query = QueryBuilder::new("SELECT * FROM alert WHERE id = ");
        query.push_bind(id.to_owned());
        of_agencies(&mut query, seen);
        let row = query.build().fetch_optional(self.store.pool()).await?;
        let row = row.ok_or(Error::NotFound)?;
        let (view, said) = AlertRow::from_row(&row)?;
        let correlation: Option<String> = row.try_get("correlation")?;
        let positions: Vec<i64> =
            sqlx::query_scalar("SELECT position FROM alert_event WHERE alert = ? ORDER BY 1")
                .bind(id)
                .fetch_all(self.store.pool())
                .await?;
        let alert = Alert {
            row: view,
            description: said.description,
            steps: said.steps,
            tags: said.tags,
            fingerprint: row.try_get("fingerprint")?,
            correlation: correlation.map(|text| serde_json::from_str(&text)).transpose()?,
            events: vec![serde_json::from_str(row.try_get("first_event")?)?],
            predicates: serde_json::from_str(row.try_get("predicates")?)?,
            history: self.history(id).await?,
        };
        Ok((alert, positions.into_iter().filter_map(|p| u64::try_from(p).ok()).collect()))
    }

    /// Whether it is an alert of these agencies.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn sees(&self, agencies: &Agencies, id: &str) -> Result<bool, Error> {
        let agency: Option<i64> = sqlx::query_scalar("SELECT agency FROM alert WHERE id = ?")
            .bind(id)
            .fetch_optional(self.store.pool())
            .await?;
        Ok(agency.is_some_and(|agency| agencies.hold(agency)))
    }

    /// How often each rule was seen, over all alerts of these agencies that are kept.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn hits(&self, agencies: &Agencies) -> Result<HashMap<String, i64>, Error> {
        let mut query = QueryBuilder::new("SELECT rule, sum(count) FROM alert WHERE true");
        of_agencies(&mut query, agencies);
        query.push(" GROUP BY rule");
        let rows: Vec<(String, i64)> = query.build_query_as().fetch_all(self.store.pool()).await?;
        Ok(rows.into_iter().collect())
    }

    /// Ids of the alerts that pass a filter, one more than [`BULK_MAX`] at the most, and how many
    /// there are.
    pub(super) async fn ids(
        &self,
        tx: &mut SqliteConnection,
        filter: &Filter,
    ) -> Result<(Vec<String>, i64), Error> {
        let mut query = QueryBuilder::new("SELECT id FROM alert WHERE true");
        narrow(&mut query, filter);
        let most = i64::try_from(BULK_MAX + 1).unwrap_or(i64::MAX);
        query.push(" ORDER BY number LIMIT ").push_bind(most);
        let ids = query.build_query_scalar().fetch_all(&mut *tx).await?;
        let mut query = QueryBuilder::new("SELECT count(*) FROM alert WHERE true");
        narrow(&mut query, filter);
        Ok((ids, query.build_query_scalar().fetch_one(tx).await?))
    }

    /// Alerts nobody has taken, by id of the machine; machines without are left out, and so is what
    /// planned work explains.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn open_by_machine(&self) -> Result<HashMap<String, i64>, Error> {
        let rows: Vec<(String, i64)> = sqlx::query_as(
            "SELECT agent, count(*) FROM alert
                 WHERE state = 'open' AND silenced_until IS NULL GROUP BY agent",
        )
        .fetch_all(self.store.pool())
        .await?;
        Ok(rows.into_iter().collect())
    }

    async fn count(&self, filter: &Filter) -> Result<i64, Error> {
        let mut query = QueryBuilder::new("SELECT count(*) FROM alert WHERE true");
        narrow(&mut query, filter);
        Ok(query.build_query_scalar().fetch_one(self.store.pool()).await?)
    }

    async fn history(&self, id: &str) -> Result<Vec<HistoryRow>, Error> {
        let rows: Vec<HistoryLine> = sqlx::query_as(
            "SELECT at, who, action, comment, about FROM alert_history
             WHERE alert = ? ORDER BY number",
        )
        .bind(id)
        .fetch_all(self.store.pool())
        .await?;
        let view = |(at, who, action, comment, about)| HistoryRow {
            at: Timestamp::from_micros(at),
            who,
            action,
            comment,
            about,
        };
        Ok(rows.into_iter().map(view).collect())
    }
}

pub(super) fn narrow(query: &mut QueryBuilder<Sqlite>, filter: &Filter) {
    of_silenced(query, filter.silenced);
    match &filter.assignee {
        Some(Assignee::Is(name)) => {
            query.push(" AND assignee = ").push_bind(name.clone());
        }
        Some(Assignee::Nobody) => {
            query.push(" AND assignee IS NULL");
        }
        None => {}
    }
    if let Some(technique) = &filter.technique {
        // A tag is a line of the words; ids have four digits, so none is the beginning of another.
        let tag = fold(&format!("attack.{technique}"));
        query.push(" AND instr(words, ").push_bind(tag).push(") > 0");
    }
    if let Some(user) = &filter.user {
        query.push(" AND id IN (SELECT alert FROM alert_entity WHERE kind = 'user' AND value = ");
        query.push_bind(user.to_lowercase()).push(")");
    }
    let verdicts = filter.verdicts.iter().map(|verdict| verdict.as_str().to_owned());
    one_of(query, "verdict", verdicts);
    in_states(query, &filter.states);
    one_of(query, "level", filter.levels.iter().map(|level| level.index()));
    of_agencies(query, &filter.agencies);
    if let Some(machine) = filter.machine {
        query.push(" AND agent = ").push_bind(machine.to_string());
    }
    if let Some(rule) = &filter.rule {
        query.push(" AND rule = ").push_bind(rule.clone());
    }
    match filter.finding {
        // As in the indices, which serve only this very text.
        Some(FindingKind::Anomaly) => {
            query.push(" AND first_event ->> '$.kind' = 'log.anomaly'");
        }
        Some(FindingKind::Detection) => {
            query.push(" AND first_event ->> '$.kind' = 'antivirus.detection'");
        }
        None => {}
    }
    if let Some(from) = filter.raised_from {
        query.push(" AND raised_at >= ").push_bind(from.as_micros());
    }
    if let Some(from) = filter.from {
        query.push(" AND last_at >= ").push_bind(from.as_micros());
    }
    if let Some(to) = filter.to {
        query.push(" AND last_at < ").push_bind(to.as_micros());
    }
    if let Some(search) = filter.search.as_deref().map(str::trim).filter(|text| !text.is_empty()) {
        let search: String = fold(search).chars().take(SEARCH_MAX).collect();
        let number: i64 = search.trim_start_matches('#').parse().unwrap_or(-1);
        query.push(" AND (instr(words, ").push_bind(search);
        query.push(") > 0 OR number = ").push_bind(number).push(")");
    }
}

/// Without or with what planned work explains.
pub(super) fn of_silenced(query: &mut QueryBuilder<Sqlite>, silenced: Silenced) {
    match silenced {
        // By what every index has, so that counting does not read the alerts themselves.
        Silenced::No => query.push(
            " AND alert.rowid NOT IN (SELECT rowid FROM alert
                 WHERE silenced_until IS NOT NULL AND state <> 'closed')",
        ),
        Silenced::Only => query.push(" AND silenced_until IS NOT NULL AND state <> 'closed'"),
        Silenced::All => query,
    };
}

/// Only alerts in these states; all when none is named.
fn in_states(query: &mut QueryBuilder<Sqlite>, states: &[State]) {
    let words = states.iter().map(|state| state.as_str().to_owned());
    if states.is_empty() || states.contains(&State::Closed) {
        return one_of(query, "state", words);
    }
    // The queue has an index of its own; the sign keeps others from being taken, after which all of
    // it would have to be sorted.
    query.push(" AND state <> 'closed'");
    one_of(query, "+state", words);
}

/// Only alerts of these agencies.
pub(super) fn of_agencies(query: &mut QueryBuilder<Sqlite>, agencies: &Agencies) {
    let Some(agencies) = listed(agencies) else { return };
    query.push(" AND agency IN (SELECT value FROM json_each(").push_bind(agencies).push("))");
}

fn one_of<T>(query: &mut QueryBuilder<Sqlite>, column: &str, values: impl Iterator<Item = T>)
where
    T: for<'q> sqlx::Encode<'q, Sqlite> + sqlx::Type<Sqlite> + Send + 'static,
{
    let mut values = values.peekable();
    if values.peek().is_none() {
        return;
    }
    query.push(" AND ").push(column).push(" IN (");
    let mut list = query.separated(", ");
    for value in values {
        list.push_bind(value);
    }
    query.push(")");
}
