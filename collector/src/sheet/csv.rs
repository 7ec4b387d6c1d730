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
    for record in reader.records() {
        let record = record.map_err(|error| Error::Damaged(error.to_string()))?;
        let line = record.position().map_or(0, csv::Position::line);
        if rows.len() >= ROWS_MAX || record.len() > COLUMNS_MAX {
            return Err(Error::TooLarge);
        }
        let cells = record.iter().map(|cell| plain(cell).to_owned()).collect();
        rows.push(Row { line: usize::try_from(line).unwrap_or(usize::MAX), cells });
    }
    Ok(rows)
}

/// Offices whose decimal sign is the comma get semicolons from their spreadsheets.
fn delimiter(text: &str) -> u8 {
    let header = text.lines().next().unwrap_or_default();
    let count = |sign: char| header.matches(sign).count();
    let signs = [(',', b','), (';', b';'), ('\t', b'\t')];
    signs.into_iter().rev().max_by_key(|(sign, _)| count(*sign)).map_or(b',', |(_, byte)| byte)
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
            if is_formula(cell) || cell.starts_with('\'') {
                format!("'{cell}")
            } else {
                cell.clone()
            }
        });
        writer.write_record(cells).map_err(|error| failed(&error))?;
    }
    writer.into_inner().map_err(|error| failed(&error))
}
