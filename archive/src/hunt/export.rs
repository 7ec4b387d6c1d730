use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use serde_json::{Map, Value};

use super::json;
use crate::Error;

/// How an answer is saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// RFC 4180, in UTF-8 with its mark, that spreadsheets open without running anything.
    Csv,
    /// One object a line.
    Json,
    /// Parquet, zstd.
    Parquet,
}

/// Makes a file of an answer, piece by piece.
pub struct Export {
    format: Format,
    columns: Vec<String>,
    parquet: Option<(ArrowWriter<Shared>, Shared)>,
}

/// Rows of a row group of a saved Parquet file.
const GROUP_ROWS_MAX: usize = 65_536;

impl Export {
    /// Begins a file and gives its first bytes.
    ///
    /// # Errors
    /// [`Error::Columns`]: the columns cannot be in Parquet.
    pub fn new(format: Format, schema: &SchemaRef) -> Result<(Self, Bytes), Error> {
        let columns: Vec<String> = schema.fields().iter().map(|f| f.name().clone()).collect();
        let (parquet, begin) = match format {
            Format::Csv => {
                let head: Vec<Value> = columns.iter().map(|name| name.as_str().into()).collect();
                (None, Bytes::from(format!("\u{feff}{}", csv_line(&head))))
            }
            Format::Json => (None, Bytes::new()),
            Format::Parquet => {
                let properties = WriterProperties::builder()
                    .set_compression(Compression::ZSTD(ZstdLevel::try_new(3)?))
                    .set_max_row_group_row_count(Some(GROUP_ROWS_MAX))
                    .build();
                let shared = Shared::default();
                let writer =
                    ArrowWriter::try_new(shared.clone(), Arc::clone(schema), Some(properties))?;
                (Some((writer, shared)), Bytes::new())
            }
        };
        Ok((Self { format, columns, parquet }, begin))
    }

    /// More rows, and the bytes that are ready.
    ///
    /// # Errors
    /// [`Error::Columns`].
    pub fn push(&mut self, batch: &RecordBatch) -> Result<Bytes, Error> {
        if let Some((writer, shared)) = &mut self.parquet {
            writer.write(batch)?;
            return Ok(shared.take());
        }
        let lines = json(batch).into_iter().map(|row| match self.format {
            Format::Csv => csv_line(&row),
            _ => self.json_line(row),
        });
        Ok(lines.collect::<String>().into())
    }

    /// The end of the file.
    ///
    /// # Errors
    /// [`Error::Columns`].
    pub fn finish(self) -> Result<Bytes, Error> {
        let Some((writer, shared)) = self.parquet else { return Ok(Bytes::new()) };
        writer.close()?;
        Ok(shared.take())
    }

    fn json_line(&self, row: Vec<Value>) -> String {
        let object: Map<String, Value> = self.columns.iter().cloned().zip(row).collect();
        format!("{}\n", Value::Object(object))
    }
}

/// A row as a line of CSV, with its line end.
pub fn csv_line(row: &[Value]) -> String {
    let cells: Vec<String> = row.iter().map(csv_cell).collect();
    cells.join(",") + "\r\n"
}

/// Texts that a spreadsheet would take for a formula begin with `'`. Numbers cannot be formulas.
/// Source: OWASP, "CSV Injection".
fn csv_cell(value: &Value) -> String {
    let text = match value {
        Value::Null => return String::new(),
        Value::Number(number) => return number.to_string(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let is_formula = text.trim_start().starts_with(['=', '+', '-', '@'])
        || text.starts_with(['\t', '\r', '\n', '＝', '＋', '－', '＠']);
    let text = if is_formula { format!("'{text}") } else { text };
    if text.contains(['"', ',', ';', '\n', '\r', '\t']) || is_formula {
        return format!("\"{}\"", text.replace('"', "\"\""));
    }
    text
}

/// Bytes that one writes and another takes away.
#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Shared {
    fn take(&self) -> Bytes {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner)).into()
    }
}

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_no_formulas_and_stay_one_cell() {
        let check = |value: Value, expected: &str| assert_eq!(csv_cell(&value), expected);
        check("plain".into(), "plain");
        check("=1+1".into(), "\"'=1+1\"");
        check(" @SUM(A1)".into(), "\"' @SUM(A1)\"");
        check("-2".into(), "\"'-2\"");
        check((-2).into(), "-2");
        check("\tx".into(), "\"'\tx\"");
        check("a,\"b\"".into(), "\"a,\"\"b\"\"\"");
        check("a\nb".into(), "\"a\nb\"");
        check(Value::Null, "");
        check(serde_json::json!(["a", "b"]), "\"[\"\"a\"\",\"\"b\"\"]\"");
    }
}
