use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use datafusion::arrow::array::{
    ArrayRef, RecordBatch, StringViewArray, TimestampMicrosecondArray, UInt64Array,
};
use datafusion::arrow::datatypes::{DataType, Field, SchemaRef};
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;
use soc_event::Timestamp;

use super::{everything, field, schema};
use crate::{Agencies, Row};

/// Events that are in no file yet. What it gives is the same however often it is read.
pub trait Tail: Send + Sync {
    /// Reads from the beginning: number of the agency (0 none) and event, in order.
    ///
    /// # Errors
    /// Each item may be why the rest cannot be read.
    fn rows(&self) -> Box<dyn Iterator<Item = Result<(i64, Row), String>> + Send>;
}

/// Rows in memory.
impl Tail for Vec<(i64, Row)> {
    fn rows(&self) -> Box<dyn Iterator<Item = Result<(i64, Row), String>> + Send> {
        Box::new(self.clone().into_iter().map(Ok))
    }
}

/// Events made into columns at once.
const ROWS_AT_ONCE: usize = 4096;

/// The tail as a part of the table, of the agencies that may be seen.
pub struct TailPart {
    /// The columns asked for.
    pub schema: SchemaRef,
    /// Where it is read.
    pub tail: Arc<dyn Tail>,
    /// Whose events.
    pub agencies: Agencies,
    /// From when (included) until when (not).
    pub range: (Timestamp, Timestamp),
    /// How many there were, at the most, in one reading.
    pub seen: Arc<AtomicU64>,
}

impl fmt::Debug for TailPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TailPart")
    }
}

impl PartitionStream for TailPart {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let (agencies, range) = (self.agencies.clone(), self.range);
        let is_asked = move |item: &Result<(i64, Row), String>| match item {
            Ok((agency, row)) => {
                let time = row.event.time;
                agencies.hold(*agency) && time >= range.0 && time < range.1
            }
            Err(_) => true,
        };
        let batches = Batches {
            rows: Box::new(self.tail.rows().filter(is_asked)),
            schema: Arc::clone(&self.schema),
            read: 0,
            seen: Arc::clone(&self.seen),
        };
        let stream = futures::stream::iter(batches);
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), stream))
    }
}

struct Batches {
    rows: Box<dyn Iterator<Item = Result<(i64, Row), String>> + Send>,
    schema: SchemaRef,
    read: u64,
    seen: Arc<AtomicU64>,
}

impl Iterator for Batches {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        let rows = self.rows.by_ref().take(ROWS_AT_ONCE);
        let rows: Result<Vec<Row>, String> = rows.map(|item| item.map(|(_, row)| row)).collect();
        match rows {
            Err(why) => {
                let why = format!("the newest events cannot be read: {why}");
                Some(Err(DataFusionError::Execution(why)))
            }
            Ok(rows) if rows.is_empty() => None,
            Ok(rows) => {
                self.read += u64::try_from(rows.len()).unwrap_or(u64::MAX);
                self.seen.fetch_max(self.read, Ordering::Relaxed);
                Some(batch(&rows, &self.schema))
            }
        }
    }
}

/// Events as columns of the table.
pub fn batch(rows: &[Row], schema: &SchemaRef) -> Result<RecordBatch> {
    let columns = schema.fields().iter().map(|field| column(rows, field));
    let columns = columns.collect::<Result<Vec<_>>>()?;
    let options =
        datafusion::arrow::array::RecordBatchOptions::new().with_row_count(Some(rows.len()));
    Ok(RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)?)
}

fn column(rows: &[Row], field: &Field) -> Result<ArrayRef> {
    let texts = |text: &dyn Fn(&Row) -> Option<String>| -> ArrayRef {
        Arc::new(rows.iter().map(text).collect::<StringViewArray>())
    };
    let numbers = |number: &dyn Fn(&Row) -> u64| -> ArrayRef {
        Arc::new(rows.iter().map(|row| Some(number(row))).collect::<UInt64Array>())
    };
    Ok(match field.name().as_str() {
        "time" => times(rows, |row| row.event.time),
        "received" => times(rows, |row| row.received),
        "agency" => texts(&|row| Some(row.agency.to_string())),
        "host" => texts(&|row| Some(row.host.to_string())),
        "agent" => texts(&|row| Some(row.id.agent.to_string())),
        "kind" => texts(&|row| Some(row.event.kind.to_string())),
        "product" => texts(&|row| row.event.logsource.product.clone()),
        "category" => texts(&|row| row.event.logsource.category.clone()),
        "service" => texts(&|row| row.event.logsource.service.clone()),
        "raw" => texts(&|row| row.event.raw.clone()),
        "position" => numbers(&|row| row.position),
        "epoch" => numbers(&|row| row.id.epoch.0),
        "lane" => texts(&|row| Some(row.id.lane.as_str().to_owned())),
        "sequence" => numbers(&|row| row.id.sequence.0),
        "rest" => texts(&|row| rest(row)),
        "unknown" => texts(&|row| object(&row.event.unknown)),
        schema::EVERYTHING => texts(&|row| Some(everything::of(&row.host, &row.event))),
        name => {
            let name = schema::field_of(name).unwrap_or(name);
            let value = |row: &Row| serde_json::to_value(row.event.fields.get(name)?).ok();
            let wanted: &DataType = field.data_type();
            field::array(rows.iter().map(value), wanted)?
        }
    })
}

/// In memory no field has a column of its own, so all of them are the rest.
fn rest(row: &Row) -> Option<String> {
    let is_empty = row.event.fields.is_empty();
    (!is_empty).then(|| serde_json::to_string(&row.event.fields).ok()).flatten()
}

fn object(keys: &serde_json::Map<String, serde_json::Value>) -> Option<String> {
    (!keys.is_empty()).then(|| serde_json::to_string(keys).ok()).flatten()
}

fn times(rows: &[Row], time: impl Fn(&Row) -> Timestamp) -> ArrayRef {
    let column: TimestampMicrosecondArray =
        rows.iter().map(|row| Some(time(row).as_micros())).collect();
    Arc::new(column.with_timezone("UTC"))
}
