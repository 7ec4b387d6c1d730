use std::io::{self, Write};

use serde_json::{Map, Value};

/// How an answer is written on the command line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Columns for people.
    #[default]
    Table,
    /// One object a line.
    Json,
    /// RFC 4180.
    Csv,
}

/// Widest cell of a table, in characters.
const CELL_MAX: usize = 200;

/// Writes an answer as its lines come: rows to one side, everything else to the other.
pub struct Teller<'a> {
    format: Format,
    rows: &'a mut (dyn Write + Send),
    notes: &'a mut (dyn Write + Send),
    columns: Vec<String>,
    widths: Vec<usize>,
    has_failed: bool,
    has_ended: bool,
}

impl<'a> Teller<'a> {
    /// Nothing was told yet.
    pub fn new(
        format: Format,
        rows: &'a mut (dyn Write + Send),
        notes: &'a mut (dyn Write + Send),
    ) -> Self {
        let (columns, widths) = (Vec::new(), Vec::new());
        Self { format, rows, notes, columns, widths, has_failed: false, has_ended: false }
    }

    /// A line of the answer, as the API has it. Readers that have gone are no reason to stop.
    pub fn line(&mut self, line: &str) {
        let Ok(Value::Object(line)) = serde_json::from_str(line) else { return };
        let _ = match line.get("type").and_then(Value::as_str) {
            Some("waiting") => writeln!(self.notes, "waiting: other hunts are before this one"),
            Some("begin") => self.begin(&line),
            Some("rows") => self.some(&line),
            Some("end") => self.end(&line),
            Some("error") => self.error(&line),
            _ => Ok(()),
        };
    }

    /// Whether it ended, and not with an error.
    pub fn is_good(&self) -> bool {
        self.has_ended && !self.has_failed
    }

    fn begin(&mut self, line: &Map<String, Value>) -> io::Result<()> {
        let columns = line.get("columns").and_then(Value::as_array);
        let name = |column: &Value| Some(column.get("name")?.as_str()?.to_owned());
        self.columns = columns.into_iter().flatten().filter_map(name).collect();
        for note in line.get("notes").and_then(Value::as_array).into_iter().flatten() {
            writeln!(self.notes, "note: {}", note.as_str().unwrap_or_default())?;
        }
        if self.format == Format::Csv {
            let head: Vec<Value> = self.columns.iter().map(|name| name.as_str().into()).collect();
            self.rows.write_all(soc_archive::hunt::csv_line(&head).as_bytes())?;
        }
        Ok(())
    }

    fn some(&mut self, line: &Map<String, Value>) -> io::Result<()> {
        let rows = line.get("rows").and_then(Value::as_array).into_iter().flatten();
        let rows: Vec<&Vec<Value>> = rows.filter_map(Value::as_array).collect();
        if self.format == Format::Table && self.widths.is_empty() {
            self.head(&rows)?;
        }
        for row in rows {
            match self.format {
                Format::Table => self.table_row(row)?,
                Format::Csv => {
                    self.rows.write_all(soc_archive::hunt::csv_line(row).as_bytes())?;
                }
                Format::Json => {
                    let cells = self.columns.iter().cloned().zip(row.iter().cloned());
                    let object = Value::Object(cells.collect());
                    writeln!(self.rows, "{object}")?;
                }
            }
        }
        self.rows.flush()
    }

    /// Columns are as wide as the first rows want them.
    fn head(&mut self, rows: &[&Vec<Value>]) -> io::Result<()> {
        let widest = |at: usize| {
            let cells = rows.iter().filter_map(|row| row.get(at));
            cells.map(|cell| shown(cell).chars().count()).max().unwrap_or(0)
        };
        let columns = self.columns.iter().enumerate();
        self.widths = columns.map(|(at, name)| widest(at).max(name.chars().count())).collect();
        let head: Vec<Value> = self.columns.iter().map(|name| name.as_str().into()).collect();
        self.table_row(&head)
    }

    fn table_row(&mut self, row: &[Value]) -> io::Result<()> {
        let cells = row.iter().zip(&self.widths).map(|(cell, width)| {
            let text = shown(cell);
            if cell.is_number() { format!("{text:>width$}") } else { format!("{text:<width$}") }
        });
        let line = cells.collect::<Vec<_>>().join("  ");
        writeln!(self.rows, "{}", line.trim_end())
    }

    fn end(&mut self, line: &Map<String, Value>) -> io::Result<()> {
        self.has_ended = true;
        let text = |name: &str| line.get(name).map(Value::to_string).unwrap_or_default();
        let seconds = line.get("seconds").and_then(Value::as_f64).unwrap_or(0.0);
        writeln!(self.notes, "{} rows in {seconds:.2} s", text("rows"))?;
        if line.get("is_cut") == Some(&Value::Bool(true)) {
            writeln!(self.notes, "there are more rows: --limit takes more, or ask for less")?;
        }
        let completeness = line.get("completeness").cloned().unwrap_or_default();
        let plain = |name: &str| completeness[name].as_str().unwrap_or_default().to_owned();
        writeln!(
            self.notes,
            "from {} to {}: {} files, {} events not yet in files",
            plain("from"),
            plain("to"),
            completeness["files"],
            completeness["unarchived_events"]
        )?;
        for file in completeness["missing"].as_array().into_iter().flatten() {
            let text = |name: &str| file[name].as_str().unwrap_or_default().to_owned();
            writeln!(self.notes, "missing: {}: {}", text("path"), text("reason"))?;
        }
        Ok(())
    }

    fn error(&mut self, line: &Map<String, Value>) -> io::Result<()> {
        self.has_failed = true;
        let detail = line.get("detail").and_then(Value::as_str).unwrap_or_default();
        match line.get("position").and_then(Value::as_u64) {
            Some(position) => {
                let place = position.saturating_add(1);
                writeln!(self.notes, "soc-collector: character {place}: {detail}")
            }
            None => writeln!(self.notes, "soc-collector: {detail}"),
        }
    }
}

/// On one line, and without what would steer a terminal.
fn shown(cell: &Value) -> String {
    let text = match cell {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let text: String = text.chars().take(CELL_MAX).collect();
    crate::visible::visible(&text).to_string()
}
