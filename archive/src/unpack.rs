//! A file becomes rows again, exactly, or columns of it batches.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use bytes::Bytes;
use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, ListArray, StringArray,
    UInt32Array, UInt64Array,
};
use datafusion::arrow::datatypes::{Schema, TimestampMicrosecondType, UInt32Type, UInt64Type};
use datafusion::arrow::record_batch::RecordBatch;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::file::metadata::ParquetMetaData;
use sha2::{Digest, Sha256};
use soc_event::{
    AgentId, Epoch, Event, EventId, Fields, Kind, Lane, Logsource, Sequence, Timestamp, Value,
};

use crate::layout::{self, Layout};
use crate::{ColumnType, Error, Row, message};

/// Rows decoded at a time: bounds what one long text, said once and meant often, can unfold to.
const ROWS_AT_ONCE: usize = 1024;

/// Whether these are the bytes that were written.
///
/// # Errors
/// [`Error::Damaged`] says by how much they differ from what was noted.
pub fn verify(file: &[u8], sha256: &[u8; 32]) -> Result<(), Error> {
    let found: [u8; 32] = Sha256::digest(file).into();
    if found == *sha256 {
        return Ok(());
    }
    let (is, was) = (hex(&found), hex(sha256));
    Err(Error::Damaged(format!("its SHA-256 is {is}, was {was}")))
}

/// All rows of a file, in its order.
///
/// # Errors
/// [`Error::Damaged`]: this is no file of ours, or no longer. The iterator says the same and ends.
pub fn unpack(file: Bytes) -> Result<Rows, Error> {
    let batches = read(file, None, ROWS_AT_ONCE)?;
    Ok(Rows { batches, waiting: Vec::new().into_iter(), is_over: false })
}

/// Batches of at most `rows` rows of a file, in its order, of all columns or of those named;
/// names that the file does not have are left out, and the order of columns is the file's. Columns
/// are as they stand: a message may be in its line only ([`layout::MESSAGE_AT`]).
///
/// # Errors
/// [`Error::Damaged`]: this is no file of ours, or no longer. The iterator says the same and ends.
pub fn read(file: Bytes, columns: Option<&[&str]>, rows: usize) -> Result<Batches, Error> {
    let reader = guarded(|| {
        let builder = ParquetRecordBatchReaderBuilder::try_new(file)?;
        let schema = builder.schema().clone();
        layout_of(builder.metadata(), &schema)?;
        let mask = match columns {
            None => ProjectionMask::all(),
            Some(names) => {
                let places = schema.fields().iter().enumerate();
                let roots = places.filter(|(_, field)| names.contains(&field.name().as_str()));
                ProjectionMask::roots(builder.parquet_schema(), roots.map(|(place, _)| place))
            }
        };
        Ok(builder.with_projection(mask).with_batch_size(rows.max(1)).build()?)
    })?;
    Ok(Batches { reader: Some(reader) })
}

/// The layout of a file.
///
/// # Errors
/// [`Error::Damaged`]: it has none of ours.
pub(crate) fn layout_of(facts: &ParquetMetaData, schema: &Schema) -> Result<Layout, Error> {
    let mut footer = facts.file_metadata().key_value_metadata().into_iter().flatten();
    let version = footer.find(|pair| pair.key == layout::KEY);
    match version.and_then(|pair| pair.value.as_deref()) {
        Some(layout::VERSION | layout::VERSION_BEFORE) => Layout::of_schema(schema),
        _ => Err(Error::Damaged("not an archive of this program's layouts".to_owned())),
    }
}

/// Columns of a file, batch by batch; ends behind the first error.
pub struct Batches {
    reader: Option<ParquetRecordBatchReader>,
}

impl Iterator for Batches {
    type Item = Result<RecordBatch, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let reader = self.reader.as_mut()?;
        let next = guarded(|| Ok(reader.next().transpose()?)).transpose();
        if !matches!(next, Some(Ok(_))) {
            self.reader = None;
        }
        next
    }
}

/// Rows of a file, in its order; ends behind the first error.
pub struct Rows {
    batches: Batches,
    waiting: std::vec::IntoIter<Row>,
    is_over: bool,
}

impl Iterator for Rows {
    type Item = Result<Row, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(row) = self.waiting.next() {
                return Some(Ok(row));
            }
            if self.is_over {
                return None;
            }
            match self.batches.next()?.and_then(|batch| rows_of(&batch)) {
                Ok(rows) => self.waiting = rows.into_iter(),
                Err(error) => {
                    self.is_over = true;
                    return Some(Err(error));
                }
            }
        }
    }
}

/// The Parquet reader checks much, but not all: what makes it panic is a damaged file, too.
pub(crate) fn guarded<T>(work: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Err(Error::Columns(error))) => Err(Error::Damaged(error.to_string())),
        Ok(Err(Error::Arrow(error))) => Err(Error::Damaged(error.to_string())),
        Ok(result) => result,
        Err(_) => Err(Error::Damaged("its columns contradict each other".to_owned())),
    }
}

/// The rows of a batch that has all columns of a layout, in order.
///
/// # Errors
/// [`Error::Damaged`] names the column that is missing or what in it cannot be.
pub fn rows_of(batch: &RecordBatch) -> Result<Vec<Row>, Error> {
    let layout = Layout::of_schema(&batch.schema())?;
    let fixed = Fixed::of(batch)?;
    let first = layout::FIXED.len();
    let own: Vec<Own<'_>> = layout
        .columns()
        .iter()
        .zip(batch.columns().iter().skip(first))
        .filter_map(|((name, kind), array)| Own::of(name, *kind, array))
        .collect();
    let mut last = Last::default();
    (0..batch.num_rows()).map(|place| fixed.row(place, &own, &mut last)).collect()
}

/// The columns that every file has.
struct Fixed<'a> {
    time: &'a [i64],
    received: &'a [i64],
    agency: &'a StringArray,
    host: &'a StringArray,
    agent: &'a StringArray,
    kind: &'a StringArray,
    product: &'a StringArray,
    category: &'a StringArray,
    service: &'a StringArray,
    raw: &'a StringArray,
    position: &'a UInt64Array,
    epoch: &'a UInt64Array,
    lane: &'a StringArray,
    sequence: &'a UInt64Array,
    rest: &'a StringArray,
    unknown: &'a StringArray,
    message_at: Option<&'a UInt32Array>,
}

/// Texts of the row before: neighbours share them.
#[derive(Default)]
struct Last {
    agency: Arc<str>,
    host: Arc<str>,
    agent: Option<(String, AgentId)>,
}

impl<'a> Fixed<'a> {
    fn of(batch: &'a RecordBatch) -> Result<Self, Error> {
        let column = |name: &str| -> Result<&'a ArrayRef, Error> {
            batch.column_by_name(name).ok_or_else(|| strange(name))
        };
        let text = |name: &str| -> Result<&'a StringArray, Error> {
            column(name)?.as_string_opt::<i32>().ok_or_else(|| strange(name))
        };
        let number = |name: &str| -> Result<&'a UInt64Array, Error> {
            column(name)?.as_primitive_opt::<UInt64Type>().ok_or_else(|| strange(name))
        };
        let moment = |name: &str| -> Result<&'a [i64], Error> {
            let array = column(name)?.as_primitive_opt::<TimestampMicrosecondType>();
            Ok(array.ok_or_else(|| strange(name))?.values())
        };
        Ok(Self {
            time: moment("time")?,
            received: moment("received")?,
            agency: text("agency")?,
            host: text("host")?,
            agent: text("agent")?,
            kind: text("kind")?,
            product: text("product")?,
            category: text("category")?,
            service: text("service")?,
            raw: text("raw")?,
            position: number("position")?,
            epoch: number("epoch")?,
            lane: text("lane")?,
            sequence: number("sequence")?,
            rest: text(layout::REST)?,
            unknown: text(layout::UNKNOWN)?,
            message_at: column(layout::MESSAGE_AT)
                .ok()
                .and_then(|at| at.as_primitive_opt::<UInt32Type>()),
        })
    }

    fn row(&self, place: usize, own: &[Own<'_>], last: &mut Last) -> Result<Row, Error> {
        let id = EventId {
            agent: self.agent(place, last)?,
            epoch: Epoch(self.epoch.value(place)),
            lane: lane(self.lane.value(place))?,
            sequence: Sequence(self.sequence.value(place)),
        };
        let event = Event {
            time: Timestamp::from_micros(self.time.get(place).copied().unwrap_or_default()),
            kind: Kind::from_name(self.kind.value(place)),
            logsource: Logsource {
                product: owned(self.product, place),
                category: owned(self.category, place),
                service: owned(self.service, place),
            },
            fields: self.fields(place, own)?,
            raw: owned(self.raw, place),
            unknown: object(self.unknown, place, layout::UNKNOWN)?,
        };
        let received = self.received.get(place).copied().unwrap_or_default();
        Ok(Row {
            position: self.position.value(place),
            received: Timestamp::from_micros(received),
            agency: shared(&mut last.agency, self.agency.value(place)),
            host: shared(&mut last.host, self.host.value(place)),
            id,
            event,
        })
    }

    fn agent(&self, place: usize, last: &mut Last) -> Result<AgentId, Error> {
        let text = self.agent.value(place);
        if let Some((known, id)) = &last.agent
            && known == text
        {
            return Ok(*id);
        }
        let id: AgentId = text.parse().map_err(Error::Damaged)?;
        last.agent = Some((text.to_owned(), id));
        Ok(id)
    }

    fn fields(&self, place: usize, own: &[Own<'_>]) -> Result<Fields, Error> {
        let mut fields: Fields = own
            .iter()
            .filter_map(|column| Some((column.name.to_owned(), column.value(place)?)))
            .collect();
        if let Some(message) = self.message(place)?
            && fields.insert(layout::MESSAGE.to_owned(), message.into()).is_some()
        {
            return Err(Error::Damaged("a message in its column and in its line".to_owned()));
        }
        for (name, value) in object(self.rest, place, layout::REST)? {
            let value = value_of(value).ok_or_else(|| strange(layout::REST))?;
            if fields.insert(name, value).is_some() {
                return Err(Error::Damaged("a field in its column and in rest".to_owned()));
            }
        }
        Ok(fields)
    }

    /// The message that is kept in its line.
    fn message(&self, place: usize) -> Result<Option<&'a str>, Error> {
        let Some(at) = self.message_at.filter(|at| at.is_valid(place)) else { return Ok(None) };
        let raw = self.raw.is_valid(place).then(|| self.raw.value(place));
        let found = raw.and_then(|raw| message::cut(raw, at.value(place)));
        found.map(Some).ok_or_else(|| strange(layout::MESSAGE_AT))
    }
}

/// A field's column, where it has a value at all.
pub(crate) struct Own<'a> {
    pub(crate) name: &'a str,
    values: Values<'a>,
}

enum Values<'a> {
    Text(&'a StringArray),
    Integer(&'a Int64Array),
    Float(&'a Float64Array),
    Boolean(&'a BooleanArray),
    Texts(&'a ListArray),
}

impl<'a> Own<'a> {
    pub(crate) fn of(name: &'a str, kind: ColumnType, array: &'a ArrayRef) -> Option<Self> {
        if array.null_count() == array.len() {
            return None;
        }
        let values = match kind {
            ColumnType::Text => Values::Text(array.as_string_opt::<i32>()?),
            ColumnType::Integer => Values::Integer(array.as_primitive_opt()?),
            ColumnType::Float => Values::Float(array.as_primitive_opt()?),
            ColumnType::Boolean => Values::Boolean(array.as_boolean_opt()?),
            ColumnType::Texts => Values::Texts(array.as_list_opt::<i32>()?),
        };
        Some(Self { name, values })
    }

    pub(crate) fn value(&self, place: usize) -> Option<Value> {
        match self.values {
            Values::Text(array) => array.is_valid(place).then(|| array.value(place).into()),
            Values::Integer(array) => array.is_valid(place).then(|| array.value(place).into()),
            Values::Float(array) => array.is_valid(place).then(|| array.value(place).into()),
            Values::Boolean(array) => array.is_valid(place).then(|| array.value(place).into()),
            Values::Texts(array) => array.is_valid(place).then(|| texts(&array.value(place))),
        }
    }
}

pub(crate) fn texts(array: &ArrayRef) -> Value {
    let items = array.as_string_opt::<i32>().into_iter().flatten();
    Value::List(items.map(|text| text.map_or(Value::Null, Value::from)).collect())
}

fn owned(array: &StringArray, place: usize) -> Option<String> {
    array.is_valid(place).then(|| array.value(place).to_owned())
}

fn shared(last: &mut Arc<str>, text: &str) -> Arc<str> {
    if **last != *text {
        *last = text.into();
    }
    last.clone()
}

fn lane(text: &str) -> Result<Lane, Error> {
    let found = Lane::ALL.into_iter().find(|lane| lane.as_str() == text);
    found.ok_or_else(|| strange("lane"))
}

fn object(
    array: &StringArray,
    place: usize,
    name: &str,
) -> Result<serde_json::Map<String, serde_json::Value>, Error> {
    if array.is_null(place) {
        return Ok(serde_json::Map::new());
    }
    serde_json::from_str(array.value(place)).map_err(|_| strange(name))
}

pub(crate) fn value_of(value: serde_json::Value) -> Option<Value> {
    Some(match value {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Bool(value) => Value::Boolean(value),
        serde_json::Value::Number(number) => Value::Number(number),
        serde_json::Value::String(text) => Value::Text(text),
        serde_json::Value::Array(items) => {
            Value::List(items.into_iter().map(value_of).collect::<Option<_>>()?)
        }
        serde_json::Value::Object(_) => return None,
    })
}

pub(crate) fn strange(name: &str) -> Error {
    Error::Damaged(format!("column {name:?} holds what cannot be there"))
}

/// Bytes as hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
