//! Tables with a header line and a delimiter. Source: RFC 4180, with other delimiters besides.
//!
//! Every column is a field, named as in the header; an empty cell is no field. A cell that is a
//! whole number as numbers are written is a number, all others are text.

use memchr::{memchr, memchr_iter, memchr2};
use soc_event::{Event, Logsource, Timestamp, Value, kind};

use crate::fault::{Fault, Place};
use crate::format::{Found, Record, Stretch};
use crate::limits::{FIELDS_MAX, LINE_BYTES_MAX};
use crate::text::Moment;
use crate::time;

/// Delimiters that are looked for, the first of the most frequent wins.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];
/// Names of columns that say when it happened, the best first; compared without case, blanks and
/// marks.
const TIMES: [&str; 20] = [
    "timestamp",
    "time",
    "datetime",
    "dateandtime",
    "eventtime",
    "timecreated",
    "timegenerated",
    "utctime",
    "systemtime",
    "logtime",
    "createdat",
    "timestamputc",
    "starttime",
    "receivetime",
    "devicetime",
    "date",
    "ts",
    "epoch",
    "eventdate",
    "when",
];

/// What the header line of a table says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// Between two cells.
    pub delimiter: u8,
    /// The names of the columns, in order.
    pub columns: Vec<String>,
    /// The column that says when; none: all rows have the time of the file.
    pub time: Option<usize>,
}

impl Table {
    /// Reads the first line; `delimiter` where it is known.
    ///
    /// # Errors
    /// Why this is no header of a table.
    pub fn of_header(head: &[u8], delimiter: Option<u8>) -> Result<Self, String> {
        let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
        let line = head.get(..record_end(head).unwrap_or(head.len())).unwrap_or_default();
        let line = String::from_utf8_lossy(line.trim_ascii_end()).into_owned();
        let delimiter = delimiter.unwrap_or_else(|| told_delimiter(line.as_bytes()));
        let columns: Vec<String> =
            cells(&line, delimiter).into_iter().map(|cell| cell.trim().to_owned()).collect();
        if columns.len() < 2 {
            return Err("the first line names fewer than two columns".to_owned());
        }
        if columns.len() > FIELDS_MAX {
            return Err(format!("more than {FIELDS_MAX} columns"));
        }
        let time = TIMES.iter().find_map(|name| columns.iter().position(|col| plain(col) == *name));
        Ok(Self { delimiter, columns, time })
    }

    /// The same with another column of times.
    ///
    /// # Errors
    /// When there is no such column; says which there are.
    pub fn with_time(self, column: &str) -> Result<Self, String> {
        let found = self.columns.iter().position(|name| name.eq_ignore_ascii_case(column));
        match found {
            Some(time) => Ok(Self { time: Some(time), ..self }),
            None => Err(format!("there is no column {column:?}, only {}", self.columns.join(", "))),
        }
    }

    /// Whether a header looks like one of a table: names without digits alone, each once.
    pub(crate) fn is_likely(&self) -> bool {
        let is_name = |name: &String| {
            !name.is_empty()
                && name.len() <= 64
                && name.parse::<f64>().is_err()
                && !name.contains('=')
        };
        let mut names: Vec<&String> = self.columns.iter().collect();
        names.sort_unstable();
        names.dedup();
        names.len() == self.columns.len() && self.columns.iter().all(is_name)
    }
}

/// Shows every row.
pub(crate) fn read(
    table: &Table,
    stretch: Stretch<'_>,
    moment: Moment<'_>,
    each: &mut dyn FnMut(Found<'_>),
) {
    let (mut rest, mut number) = (stretch.bytes, stretch.first);
    while !rest.is_empty() {
        let end = record_end(rest);
        let row = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
        let lines = lines_of(row);
        rest = rest.get(row.len()..).unwrap_or_default();
        let row = row.trim_ascii_end();
        let place = Place::Line(number);
        // The first line is the header.
        if number > 1 && !row.is_empty() {
            let is_open = end.is_none() && memchr_iter(b'"', row).count() % 2 == 1;
            let record = match () {
                () if row.len() > LINE_BYTES_MAX => Err(Fault::TooLong(LINE_BYTES_MAX)),
                () if is_open => Err(Fault::Incomplete),
                () => event(table, row, moment).map(|event| Record::Event(Box::new(event))),
            };
            each(Found { place, record });
        }
        number = number.saturating_add(lines);
    }
}

/// Until behind the last whole row, and how many lines these are.
pub(crate) fn whole(bytes: &[u8], is_end: bool) -> (usize, u64) {
    if is_end {
        return (bytes.len(), lines_of(bytes));
    }
    let (mut taken, mut is_quoted) = (0, false);
    let mut at = 0;
    while let Some(found) = bytes.get(at..).and_then(|rest| memchr2(b'"', b'\n', rest)) {
        at += found;
        match bytes.get(at) {
            Some(b'"') => is_quoted = !is_quoted,
            _ if !is_quoted => taken = at + 1,
            _ => {}
        }
        at += 1;
    }
    (taken, lines_of(bytes.get(..taken).unwrap_or_default()))
}

fn event(table: &Table, row: &[u8], moment: Moment<'_>) -> Result<Event, Fault> {
    let text = String::from_utf8_lossy(row);
    let cells = cells(&text, table.delimiter);
    if cells.len() != table.columns.len() {
        let (found, expected) = (cells.len(), table.columns.len());
        return Err(Fault::Damaged(format!("{found} cells where the header names {expected}")));
    }
    let time = match table.time.and_then(|at| Some((at, cells.get(at)?))) {
        None => moment.now,
        Some((at, cell)) => time::moment(cell, moment.zone).ok_or_else(|| {
            let column = table.columns.get(at).map_or("", String::as_str);
            let cell: String = cell.chars().take(64).collect();
            Fault::Damaged(format!("column {column:?}: {cell:?} is no time"))
        })?,
    };
    Ok(filled(table, time, &cells, &text))
}

fn filled(table: &Table, time: Timestamp, cells: &[String], text: &str) -> Event {
    let mut event = Event::new(time, kind::LOG, Logsource::default());
    for (index, (name, cell)) in table.columns.iter().zip(cells).enumerate() {
        let is_time = table.time == Some(index);
        if cell.is_empty() || name.is_empty() || is_time {
            continue;
        }
        event.fields.entry(name.clone()).or_insert_with(|| value(cell));
    }
    let said = |name: &str| event.text(name).map(str::to_owned);
    event.logsource = Logsource {
        product: said("product"),
        category: said("category"),
        service: said("service"),
    };
    event.raw = Some(text.to_owned());
    event
}

/// A number where writing it gives the same text again.
fn value(cell: &str) -> Value {
    match cell.parse::<i64>() {
        Ok(number) if number.to_string() == *cell => number.into(),
        _ => cell.into(),
    }
}

/// The cells of a row: a quote begins one only at its start, and doubled stands for itself.
fn cells(row: &str, delimiter: u8) -> Vec<String> {
    let (mut cells, mut rest) = (Vec::new(), row);
    loop {
        let (cell, after) = match rest.strip_prefix('"') {
            Some(quoted) => quoted_cell(quoted),
            None => (String::new(), rest),
        };
        let end = memchr(delimiter, after.as_bytes());
        let tail = after.get(..end.unwrap_or(after.len())).unwrap_or_default();
        cells.push(cell + tail);
        match end.and_then(|end| after.get(end + 1..)) {
            Some(next) => rest = next,
            None => return cells,
        }
    }
}

/// The cell behind its first quote, and what follows its last.
fn quoted_cell(mut rest: &str) -> (String, &str) {
    let mut cell = String::new();
    while let Some(end) = memchr(b'"', rest.as_bytes()) {
        cell.push_str(rest.get(..end).unwrap_or_default());
        rest = rest.get(end + 1..).unwrap_or_default();
        match rest.strip_prefix('"') {
            Some(more) => {
                cell.push('"');
                rest = more;
            }
            None => return (cell, rest),
        }
    }
    cell.push_str(rest);
    (cell, "")
}

/// Behind the line feed that ends the first row.
fn record_end(bytes: &[u8]) -> Option<usize> {
    let (mut at, mut is_quoted) = (0, false);
    loop {
        at += memchr2(b'"', b'\n', bytes.get(at..)?)?;
        match bytes.get(at)? {
            b'"' => is_quoted = !is_quoted,
            _ if !is_quoted => return Some(at + 1),
            _ => {}
        }
        at += 1;
    }
}

fn lines_of(bytes: &[u8]) -> u64 {
    let open = usize::from(bytes.last().is_some_and(|last| *last != b'\n'));
    u64::try_from(memchr_iter(b'\n', bytes).count() + open).unwrap_or(u64::MAX)
}

fn told_delimiter(line: &[u8]) -> u8 {
    let count = |delimiter: &u8| memchr_iter(*delimiter, line).count();
    // The last of equals would win, so the likeliest is asked last.
    DELIMITERS.into_iter().rev().max_by_key(count).unwrap_or(b',')
}

/// `Date and Time` and `date_and_time` are one name.
fn plain(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

#[cfg(test)]
mod tests;
