use super::{COLUMNS_MAX, Error, ROWS_MAX, Row, is_formula};

/// Says that what follows is UTF-8; spreadsheets look for it.
const MARK: &str = "\u{feff}";

pub(super) fn read(file: &[u8]) -> Result<Vec<Row>, Error> {
    let text = std::str::from_utf8(file).map_err(|_| Error::Encoding)?;
    let text = text.strip_prefix(MARK).unwrap_or(text);
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter(text))
        .has_headers(false)
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let mut rows = Vec::new();
    let mut lines = Lines { text, at: 0, line: 1 };
    for record in reader.records() {
        let record = record.map_err(|error| Error::Damaged(error.to_string()))?;
        let line = lines.of(record.position().map_or(0, csv::Position::byte));
        if rows.len() >= ROWS_MAX || record.len() > COLUMNS_MAX {
            return Err(Error::TooLarge);
        }
        let cells = record.iter().map(|cell| plain(cell).to_owned()).collect();
        rows.push(Row { line, cells });
    }
    Ok(rows)
}

/// Counts lines; the reader's own count leaves out empty ones before a row.
struct Lines<'t> {
    text: &'t str,
    at: usize,
    line: usize,
}

impl Lines<'_> {
    /// The line of the row that is read from this byte on.
    fn of(&mut self, byte: u64) -> usize {
        let byte = usize::try_from(byte).unwrap_or(usize::MAX);
        let rest = self.text.get(byte..).unwrap_or_default();
        let blank = rest.len().saturating_sub(rest.trim_start_matches(['\r', '\n']).len());
        let start = byte.saturating_add(blank);
        let passed = self.text.get(self.at..start).unwrap_or_default();
        self.line = self.line.saturating_add(passed.matches('\n').count());
        self.at = start;
        self.line
    }
}

/// Offices whose decimal sign is the comma get semicolons from their spreadsheets.
fn delimiter(text: &str) -> u8 {
    let (mut is_quoted, mut counts) = (false, [(b',', 0_usize), (b';', 0), (b'\t', 0)]);
    for byte in text.bytes() {
        match byte {
            b'"' => is_quoted = !is_quoted,
            b'\n' if !is_quoted => break,
            _ if is_quoted => {}
            _ => {
                if let Some((_, count)) = counts.iter_mut().find(|(sign, _)| *sign == byte) {
                    *count += 1;
                }
            }
        }
    }
    counts.iter().rev().max_by_key(|(_, count)| *count).map_or(b',', |(sign, _)| *sign)
}

/// What [`write`] put before it is taken away again.
fn plain(cell: &str) -> &str {
    match cell.strip_prefix('\'') {
        Some(rest) if is_formula(rest) || rest.starts_with('\'') => rest,
        _ => cell,
    }
}

pub(super) fn write(rows: &[Vec<String>]) -> Result<Vec<u8>, Error> {
    let failed = |error: &dyn std::fmt::Display| Error::Write(error.to_string());
    let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(MARK.as_bytes().to_vec());
    for row in rows {
        let cells = row.iter().map(|cell| {
            // Without the spaces around it, as it is read again.
            let cell = cell.trim();
            let is_taken_for_more = is_formula(cell) || cell.starts_with('\'');
            if is_taken_for_more { format!("'{cell}") } else { cell.to_owned() }
        });
        writer.write_record(cells).map_err(|error| failed(&error))?;
    }
    writer.into_inner().map_err(|error| failed(&error))
}
