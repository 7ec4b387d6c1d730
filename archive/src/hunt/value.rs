use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{
    DataType, Field, Schema, TimeUnit, TimestampMicrosecondType, TimestampNanosecondType,
    UInt64Type,
};
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::common::DataFusionError;
use serde_json::Value;
use soc_event::Timestamp;

use super::{Error, field};

/// Rows as JSON: one list of values a row, in the order of the columns. Times are RFC 3339 in UTC.
pub fn json(batch: &RecordBatch) -> Vec<Vec<Value>> {
    let row = |row| batch.columns().iter().map(|column| value(column, row)).collect();
    (0..batch.num_rows()).map(row).collect()
}

/// What a column holds, in a word for people: `text`, `number`, `time`, `boolean`, `list`, `other`.
pub fn kind(held: &DataType) -> &'static str {
    match held {
        DataType::Utf8 | DataType::Utf8View | DataType::LargeUtf8 => "text",
        DataType::Boolean => "boolean",
        DataType::Timestamp(..) => "time",
        DataType::List(_) => "list",
        held if held.is_numeric() => "number",
        _ => "other",
    }
}

/// What a column of a small table holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cell {
    /// Text.
    Text,
    /// Whole numbers.
    Number,
    /// Moments, given as microseconds since 1970.
    Time,
}

/// A small table of rows in JSON: `hosts`, `alerts`. Cells that are missing are null.
///
/// # Errors
/// [`Error::Failed`]: two columns have the same name, for example.
pub fn table(columns: &[(&str, Cell)], rows: &[Vec<Value>]) -> Result<RecordBatch, Error> {
    let cells = |at: usize| rows.iter().map(move |row| row.get(at).cloned());
    let arrays = columns.iter().enumerate().map(|(at, (_, cell))| {
        Ok(match cell {
            Cell::Text => field::array(cells(at), &DataType::Utf8View)?,
            Cell::Number => field::array(cells(at), &DataType::Int64)?,
            Cell::Time => cast(&field::array(cells(at), &DataType::Int64)?, &moment())?,
        })
    });
    let arrays: Result<Vec<ArrayRef>, DataFusionError> = arrays.collect();
    let fields = columns.iter().map(|(name, cell)| {
        let held = match cell {
            Cell::Text => DataType::Utf8View,
            Cell::Number => DataType::Int64,
            Cell::Time => moment(),
        };
        Field::new(*name, held, true)
    });
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let batch = arrays.and_then(|arrays| Ok(RecordBatch::try_new(schema, arrays)?));
    batch.map_err(|error| Error::Failed(error.to_string()))
}

fn moment() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

fn value(column: &ArrayRef, row: usize) -> Value {
    if column.is_null(row) {
        return Value::Null;
    }
    match column.data_type() {
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            time(column.as_primitive::<TimestampMicrosecondType>().value(row))
        }
        DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            time(column.as_primitive::<TimestampNanosecondType>().value(row).div_euclid(1000))
        }
        DataType::UInt64 => column.as_primitive::<UInt64Type>().value(row).into(),
        DataType::Utf8View => column.as_string_view().value(row).into(),
        DataType::Utf8 => column.as_string::<i32>().value(row).into(),
        DataType::Int64 | DataType::Float64 | DataType::Boolean | DataType::List(_) => {
            field::value_at(column, row).unwrap_or(Value::Null)
        }
        _ => displayed(column, row),
    }
}

fn time(micros: i64) -> Value {
    Timestamp::from_micros(micros).to_string().into()
}

fn displayed(column: &ArrayRef, row: usize) -> Value {
    let options = FormatOptions::default().with_display_error(true);
    let Ok(formatter) = ArrayFormatter::try_new(column.as_ref(), &options) else {
        return Value::Null;
    };
    let text = formatter.value(row).to_string();
    let is_number = column.data_type().is_numeric();
    let number = || serde_json::from_str::<serde_json::Number>(&text).ok();
    match is_number.then(number).flatten() {
        Some(number) => Value::Number(number),
        None => Value::String(text),
    }
}
