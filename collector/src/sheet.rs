//! Tables as offices keep them: CSV and XLSX, read into rows of texts and written from them.
//!
//! Whoever wrote a file is not believed: what unpacks to too much, has too many rows or cells that
//! are too long is refused. What is written opens in a spreadsheet as text: nothing of it is taken
//! for a formula. Never: knows what a column means.

mod csv;
mod xlsx;

/// Rows of one table, the header among them.
pub const ROWS_MAX: usize = 20_001;
/// Columns of one table.
const COLUMNS_MAX: usize = 64;
/// Longest cell, in characters.
const CELL_CHARS_MAX: usize = 8000;

/// One row with what is in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// Where it stands in the file, from 1.
    pub line: usize,
    /// Its cells, without spaces around them.
    pub cells: Vec<String>,
}

/// How a table is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// Comma-separated values in UTF-8.
    #[default]
    Csv,
    /// A workbook.
    Xlsx,
}

impl Format {
    /// The one with this word.
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "csv" => Some(Self::Csv),
            "xlsx" => Some(Self::Xlsx),
            _ => None,
        }
    }

    /// Its media type.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8",
            Self::Xlsx => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        }
    }

    /// How its files end.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Xlsx => "xlsx",
        }
    }
}

/// Why a file is no table.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is written in an old code page.
    #[error("the file is not in UTF-8: save it as \"CSV UTF-8\" or as XLSX")]
    Encoding,
    /// It is damaged, or no table at all.
    #[error("the file cannot be read as a table: {0}")]
    Damaged(String),
    /// It has more than is taken.
    #[error("the table is too large: at most {} rows and {COLUMNS_MAX} columns", ROWS_MAX - 1)]
    TooLarge,
    /// It could not be written.
    #[error("the table could not be written: {0}")]
    Write(String),
}

/// Reads a table, whichever of both it is; rows without anything in them are left out.
///
/// # Errors
/// [`Error`] says what is wrong with the file.
pub fn read(file: &[u8]) -> Result<Vec<Row>, Error> {
    let rows = if file.starts_with(b"PK\x03\x04") { xlsx::read(file)? } else { csv::read(file)? };
    let is_too_long = |cell: &String| cell.chars().count() > CELL_CHARS_MAX;
    if rows.iter().any(|row| row.cells.iter().any(is_too_long)) {
        return Err(Error::TooLarge);
    }
    Ok(rows.into_iter().filter(|row| row.cells.iter().any(|cell| !cell.is_empty())).collect())
}

/// Writes a table; the first row is the header.
///
/// # Errors
/// [`Error::Write`].
pub fn write(format: Format, name: &str, rows: &[Vec<String>]) -> Result<Vec<u8>, Error> {
    match format {
        Format::Csv => csv::write(rows),
        Format::Xlsx => xlsx::write(name, rows),
    }
}

/// Whether a spreadsheet would take a cell that begins so for a formula.
fn is_formula(cell: &str) -> bool {
    cell.starts_with(['=', '+', '-', '@', '\t', '\r'])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rows(cells: &[&[&str]]) -> Vec<Vec<String>> {
        cells.iter().map(|row| row.iter().map(|cell| (*cell).to_owned()).collect()).collect()
    }

    #[test]
    fn formulas_are_text_in_both_formats_and_come_back_as_they_were() {
        let table = rows(&[&["code", "name"], &["A", "=cmd|' /C calc'!A0"], &["B", "@SUM(1)"]]);
        let text = String::from_utf8(write(Format::Csv, "t", &table).unwrap()).unwrap();
        assert!(text.contains("'=cmd") && text.contains("'@SUM"), "{text}");
        for format in [Format::Csv, Format::Xlsx] {
            let file = write(format, "t", &table).unwrap();
            let read: Vec<_> = read(&file).unwrap().into_iter().map(|row| row.cells).collect();
            assert_eq!(read, table, "{format:?}");
        }
    }

    #[test]
    fn lines_are_those_of_the_file_and_the_sign_between_cells_is_found() {
        let read = |text: &str| read(text.as_bytes()).unwrap();
        let found = read("\u{feff}code;name\r\n\r\n A ;\"x; y\"\r\n;\r\nB;z\r\n");
        let lines: Vec<usize> = found.iter().map(|row| row.line).collect();
        assert_eq!(lines, [1, 3, 5]);
        assert_eq!(found[1].cells, ["A", "x; y"]);
        assert_eq!(read("a\tb\n1\t2\n")[1].cells, ["1", "2"]);
        assert_eq!(read("a,b\n\"1\n2\",3\n4,5\n")[2].line, 4);
    }

    #[test]
    fn what_is_no_table_is_refused() {
        assert!(matches!(read(b"code\nS\xf4 TTTT\n"), Err(Error::Encoding)));
        assert!(matches!(read(b"PK\x03\x04 no workbook"), Err(Error::Damaged(_))));
        let long = format!("code\n{}\n", "x".repeat(CELL_CHARS_MAX + 1));
        assert!(matches!(read(long.as_bytes()), Err(Error::TooLarge)));
        let many = "x\n".repeat(ROWS_MAX + 1);
        assert!(matches!(read(many.as_bytes()), Err(Error::TooLarge)));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(
            table in prop::collection::vec(
                prop::collection::vec("[a-zđơ=+@'\"',;\n]{0,6}x", 3), 1..8),
            is_csv: bool,
        ) {
            let header = ["a", "b", "c"].map(str::to_owned).to_vec();
            let table: Vec<Vec<String>> = [header].into_iter().chain(table).collect();
            let format = if is_csv { Format::Csv } else { Format::Xlsx };
            let file = write(format, "t", &table).unwrap();
            let again: Vec<_> = read(&file).unwrap().into_iter().map(|row| row.cells).collect();
            let trimmed: Vec<Vec<String>> =
                table.iter().map(|row| row.iter().map(|cell| cell.trim().to_owned()).collect()).collect();
            prop_assert_eq!(again, trimmed);
        }

        #[test]
        fn hostile_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..400), is_zip: bool) {
            let start: &[u8] = if is_zip { b"PK\x03\x04" } else { b"" };
            let _ = read(&[start, &bytes].concat());
        }
    }
}
