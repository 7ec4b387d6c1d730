//! Rows become columns of a given layout.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayBuilder, ArrayRef, BooleanBuilder, Float64Builder, Int64Builder, ListBuilder,
    StringBuilder, TimestampMicrosecondBuilder, UInt32Builder, UInt64Builder,
};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use soc_event::{AgentId, Value};

use crate::layout::{self, Layout};
use crate::memo::Memo;
use crate::message;
use crate::{ColumnType, Error, Row};

/// Most rows of one batch.
pub(crate) const ROWS_MAX: usize = 8192;
/// Most text of one batch: a column's texts are addressed with 31 bits.
const BYTES_MAX: usize = 64 * 1024 * 1024;

/// These rows as columns of this layout, in the order given. The last batch may be empty of rows
/// only where there are none at all.
///
/// # Errors
/// [`Error::Arrow`], which does not happen with what this crate makes.
pub fn batches<'a>(
    rows: impl IntoIterator<Item = &'a Row>,
    layout: &Layout,
) -> Result<Vec<RecordBatch>, Error> {
    let mut builder = Builder::new(layout);
    let mut done = Vec::new();
    for row in rows {
        builder.push(row);
        if builder.is_full() {
            done.push(builder.finish()?);
        }
    }
    if builder.rows > 0 || done.is_empty() {
        done.push(builder.finish()?);
    }
    Ok(done)
}

/// Columns that grow row by row.
pub(crate) struct Builder {
    schema: SchemaRef,
    rows: usize,
    bytes: usize,
    time: TimestampMicrosecondBuilder,
    received: TimestampMicrosecondBuilder,
    texts: [StringBuilder; 8],
    numbers: [UInt64Builder; 3],
    lane: StringBuilder,
    places: HashMap<String, usize>,
    own: Vec<Column>,
    memo: Memo,
    agent: Option<(AgentId, String)>,
    mixed: BTreeSet<String>,
    rest: StringBuilder,
    unknown: StringBuilder,
    /// Which of the own columns is the message's, where messages may be left in their lines.
    message: Option<usize>,
    message_at: UInt32Builder,
}

impl Builder {
    pub(crate) fn new(layout: &Layout) -> Self {
        let columns = layout.columns();
        let message = columns.iter().position(|(name, _)| name == layout::MESSAGE);
        Self {
            schema: layout.schema(),
            rows: 0,
            bytes: 0,
            time: TimestampMicrosecondBuilder::new().with_timezone("UTC"),
            received: TimestampMicrosecondBuilder::new().with_timezone("UTC"),
            texts: Default::default(),
            numbers: Default::default(),
            lane: StringBuilder::new(),
            places: columns.iter().enumerate().map(|(at, (name, _))| (name.clone(), at)).collect(),
            own: columns.iter().map(|(_, kind)| Column::new(*kind)).collect(),
            memo: Memo::default(),
            agent: None,
            mixed: BTreeSet::new(),
            rest: StringBuilder::new(),
            unknown: StringBuilder::new(),
            message: message.filter(|_| layout.has_message_at()),
            message_at: UInt32Builder::new(),
        }
    }

    /// Whether it is time to [`Self::finish`].
    pub(crate) fn is_full(&self) -> bool {
        self.rows >= ROWS_MAX || self.bytes >= BYTES_MAX
    }

    pub(crate) fn push(&mut self, row: &Row) {
        let Row { position, received, agency, host, id, event } = row;
        self.time.append_value(event.time.as_micros());
        self.received.append_value(received.as_micros());
        let source = &event.logsource;
        let agent = match &self.agent {
            Some((last, text)) if *last == id.agent => text,
            _ => &self.agent.insert((id.agent, id.agent.to_string())).1,
        };
        let texts = [
            Some(&**agency),
            Some(&**host),
            Some(agent.as_str()),
            Some(event.kind.as_str()),
            source.product.as_deref(),
            source.category.as_deref(),
            source.service.as_deref(),
            event.raw.as_deref(),
        ];
        for (column, text) in self.texts.iter_mut().zip(texts) {
            self.bytes += text.map_or(0, str::len);
            column.append_option(text);
        }
        for (column, number) in self.numbers.iter_mut().zip([*position, id.epoch.0, id.sequence.0])
        {
            column.append_value(number);
        }
        self.lane.append_value(id.lane.as_str());
        self.push_fields(row);
        self.rows += 1;
    }

    fn push_fields(&mut self, row: &Row) {
        let mut rest = serde_json::Map::new();
        for (at, (name, value)) in row.event.fields.iter().enumerate() {
            let place = self.memo.get(at, name, |name| self.places.get(name).copied());
            if place.is_some()
                && place == self.message
                && let Some(begin) = message::begin(row.event.raw.as_deref(), value)
            {
                self.message_at.append_nulls(self.rows.saturating_sub(self.message_at.len()));
                self.message_at.append_value(begin);
                continue;
            }
            let own = place.and_then(|place| self.own.get_mut(place));
            match own.map(|column| column.put(self.rows, value)) {
                Some(Some(bytes)) => self.bytes += bytes,
                own => {
                    if own.is_some() && *value != Value::Null && !self.mixed.contains(name) {
                        self.mixed.insert(name.clone());
                    }
                    rest.insert(name.clone(), json(value));
                }
            }
        }
        self.bytes += put_object(&mut self.rest, &rest);
        self.bytes += put_object(&mut self.unknown, &row.event.unknown);
    }

    /// Fields that have a column and yet had to go to `rest` in some row, by their type.
    pub(crate) fn mixed(&self) -> &BTreeSet<String> {
        &self.mixed
    }

    /// What was pushed, and begins anew.
    pub(crate) fn finish(&mut self) -> Result<RecordBatch, Error> {
        let rows = std::mem::take(&mut self.rows);
        self.bytes = 0;
        let mut arrays: Vec<ArrayRef> = Vec::with_capacity(self.schema.fields().len());
        arrays.push(Arc::new(self.time.finish()));
        arrays.push(Arc::new(self.received.finish()));
        arrays.extend(self.texts.iter_mut().map(|column| Arc::new(column.finish()) as ArrayRef));
        let [position, epoch, sequence] = &mut self.numbers;
        arrays.push(Arc::new(position.finish()));
        arrays.push(Arc::new(epoch.finish()));
        arrays.push(Arc::new(self.lane.finish()));
        arrays.push(Arc::new(sequence.finish()));
        arrays.extend(self.own.iter_mut().map(|column| column.finish(rows)));
        arrays.push(Arc::new(self.rest.finish()));
        arrays.push(Arc::new(self.unknown.finish()));
        if self.message.is_some() {
            self.message_at.append_nulls(rows.saturating_sub(self.message_at.len()));
            arrays.push(Arc::new(self.message_at.finish()));
        }
        Ok(RecordBatch::try_new(self.schema.clone(), arrays)?)
    }
}

/// A field's column.
pub(crate) enum Column {
    Text(StringBuilder),
    Integer(Int64Builder),
    Float(Float64Builder),
    Boolean(BooleanBuilder),
    Texts(ListBuilder<StringBuilder>),
}

impl Column {
    pub(crate) fn new(kind: ColumnType) -> Self {
        match kind {
            ColumnType::Text => Self::Text(StringBuilder::new()),
            ColumnType::Integer => Self::Integer(Int64Builder::new()),
            ColumnType::Float => Self::Float(Float64Builder::new()),
            ColumnType::Boolean => Self::Boolean(BooleanBuilder::new()),
            ColumnType::Texts => Self::Texts(ListBuilder::new(StringBuilder::new())),
        }
    }

    /// Takes the value of this row and says how much text it was, or leaves it to `rest`.
    pub(crate) fn put(&mut self, row: usize, value: &Value) -> Option<usize> {
        match (self, value) {
            (Self::Text(column), Value::Text(text)) => {
                column.append_nulls(row.saturating_sub(column.len()));
                column.append_value(text);
                Some(text.len())
            }
            (Self::Integer(column), Value::Number(number)) => {
                let number = number.as_i64()?;
                column.append_nulls(row.saturating_sub(column.len()));
                column.append_value(number);
                Some(0)
            }
            (Self::Float(column), Value::Number(number)) if number.is_f64() => {
                let number = number.as_f64()?;
                column.append_nulls(row.saturating_sub(column.len()));
                column.append_value(number);
                Some(0)
            }
            (Self::Boolean(column), Value::Boolean(value)) => {
                column.append_nulls(row.saturating_sub(column.len()));
                column.append_value(*value);
                Some(0)
            }
            (Self::Texts(column), Value::List(items)) => put_list(column, row, items),
            _ => None,
        }
    }

    pub(crate) fn finish(&mut self, rows: usize) -> ArrayRef {
        match self {
            Self::Text(column) => {
                column.append_nulls(rows.saturating_sub(column.len()));
                Arc::new(column.finish())
            }
            Self::Integer(column) => {
                column.append_nulls(rows.saturating_sub(column.len()));
                Arc::new(column.finish())
            }
            Self::Float(column) => {
                column.append_nulls(rows.saturating_sub(column.len()));
                Arc::new(column.finish())
            }
            Self::Boolean(column) => {
                column.append_nulls(rows.saturating_sub(column.len()));
                Arc::new(column.finish())
            }
            Self::Texts(column) => {
                column.append_nulls(rows.saturating_sub(column.len()));
                Arc::new(column.finish())
            }
        }
    }
}

fn put_list(column: &mut ListBuilder<StringBuilder>, row: usize, items: &[Value]) -> Option<usize> {
    let texts = items.iter().map(Value::as_text).collect::<Option<Vec<_>>>()?;
    column.append_nulls(row.saturating_sub(column.len()));
    for text in &texts {
        column.values().append_value(text);
    }
    column.append(true);
    Some(texts.iter().map(|text| text.len()).sum())
}

fn put_object(
    column: &mut StringBuilder,
    object: &serde_json::Map<String, serde_json::Value>,
) -> usize {
    if object.is_empty() {
        column.append_null();
        return 0;
    }
    // Names are texts and values come from JSON: this cannot fail, and if it did, nothing is hidden.
    let text = serde_json::to_string(object).unwrap_or_default();
    column.append_value(&text);
    text.len()
}

fn json(value: &Value) -> serde_json::Value {
    match value {
        Value::Null => serde_json::Value::Null,
        Value::Boolean(value) => (*value).into(),
        Value::Number(number) => number.clone().into(),
        Value::Text(text) => text.as_str().into(),
        Value::List(items) => items.iter().map(json).collect(),
    }
}
