//! Workbooks, as far as tables need them: the texts and numbers of the first sheet.
//! Source: ECMA-376, part 1 (parts and their names: 12.3; cells: 18.3.1.4; shared strings: 18.4).

mod archive;
mod make;
mod xml;

pub(super) use make::write;

use super::{COLUMNS_MAX, Error, ROWS_MAX, Row};
use archive::Archive;
use xml::{Piece, Pieces};

/// The first sheet.
pub(super) fn read(file: &[u8]) -> Result<Vec<Row>, Error> {
    let mut archive = Archive::open(file)?;
    let sheet = first_sheet(&mut archive)?;
    let strings = match archive.part("xl/sharedStrings.xml")? {
        Some(text) => strings(&text)?,
        None => Vec::new(),
    };
    let text = archive.part(&sheet)?;
    rows(&text.ok_or_else(|| Error::Damaged("the workbook has no sheet".to_owned()))?, &strings)
}

/// Where the first sheet is, as the workbook says.
fn first_sheet(archive: &mut Archive<'_>) -> Result<String, Error> {
    let none = || Error::Damaged("it is no workbook".to_owned());
    let book = archive.part("xl/workbook.xml")?.ok_or_else(none)?;
    let relations = archive.part("xl/_rels/workbook.xml.rels")?.ok_or_else(none)?;
    let mut id = None;
    let mut pieces = Pieces::of(&book);
    while let Some(piece) = pieces.next()? {
        if let Piece::Start { name: "sheet", .. } = &piece {
            id = piece.attribute("id");
            break;
        }
    }
    let id = id.ok_or_else(none)?;
    let mut pieces = Pieces::of(&relations);
    while let Some(piece) = pieces.next()? {
        if let Piece::Start { name: "Relationship", .. } = &piece
            && piece.attribute("Id").as_deref() == Some(&id)
        {
            let target = piece.attribute("Target").ok_or_else(none)?;
            return Ok(match target.strip_prefix('/') {
                Some(absolute) => absolute.to_owned(),
                None => format!("xl/{target}"),
            });
        }
    }
    Err(none())
}

/// Texts that cells refer to by their place. How they are read aloud (`rPh`) is left out.
fn strings(text: &str) -> Result<Vec<String>, Error> {
    let (mut all, mut is_text, mut is_sound) = (Vec::new(), false, false);
    let mut pieces = Pieces::of(text);
    while let Some(piece) = pieces.next()? {
        match piece {
            Piece::Start { name: "si", .. } => all.push(String::new()),
            Piece::Start { name: "t", is_empty, .. } => is_text = !is_empty,
            Piece::End { name: "t" } => is_text = false,
            Piece::Start { name: "rPh", is_empty, .. } => is_sound = !is_empty,
            Piece::End { name: "rPh" } => is_sound = false,
            Piece::Text(part) if is_text && !is_sound => {
                if let Some(last) = all.last_mut() {
                    last.push_str(&part);
                }
            }
            _ => {}
        }
    }
    Ok(all)
}

/// A cell that is being read.
#[derive(Default)]
struct Cell {
    column: usize,
    kind: String,
    text: String,
}

fn rows(text: &str, strings: &[String]) -> Result<Vec<Row>, Error> {
    let mut rows: Vec<Row> = Vec::new();
    let (mut cell, mut is_value) = (None::<Cell>, false);
    let (mut line, mut column) = (0_usize, 0_usize);
    let mut pieces = Pieces::of(text);
    while let Some(piece) = pieces.next()? {
        match &piece {
            Piece::Start { name: "row", .. } => {
                let said = piece.attribute("r").and_then(|number| number.parse().ok());
                (line, column) = (said.unwrap_or(line.saturating_add(1)), 0);
                if rows.len() >= ROWS_MAX {
                    return Err(Error::TooLarge);
                }
                rows.push(Row { line, cells: Vec::new() });
            }
            Piece::Start { name: "c", is_empty, .. } => {
                let said = piece.attribute("r").and_then(|place| column_of(&place));
                let at = said.unwrap_or(column);
                column = at.saturating_add(1);
                let kind = piece.attribute("t").unwrap_or_default();
                cell = (!is_empty).then(|| Cell { column: at, kind, text: String::new() });
            }
            Piece::Start { name: "v" | "t", is_empty, .. } => is_value = !is_empty,
            Piece::End { name: "v" | "t" } => is_value = false,
            Piece::Text(part) if is_value => {
                if let Some(cell) = &mut cell {
                    cell.text.push_str(part);
                }
            }
            Piece::End { name: "c" } => {
                if let (Some(cell), Some(row)) = (cell.take(), rows.last_mut()) {
                    put(row, cell, strings)?;
                }
            }
            _ => {}
        }
    }
    Ok(rows)
}

fn put(row: &mut Row, Cell { column, kind, text }: Cell, strings: &[String]) -> Result<(), Error> {
    let text = match kind.as_str() {
        "s" => {
            let place: Option<usize> = text.trim().parse().ok();
            let found = place.and_then(|place| strings.get(place));
            found.ok_or_else(|| Error::Damaged("a text of a cell is missing".to_owned()))?.clone()
        }
        "b" => (text.trim() == "1").to_string(),
        "e" => String::new(),
        _ => text,
    };
    if text.trim().is_empty() {
        return Ok(());
    }
    if column >= COLUMNS_MAX {
        return Err(Error::TooLarge);
    }
    row.cells.resize(row.cells.len().max(column + 1), String::new());
    if let Some(place) = row.cells.get_mut(column) {
        text.trim().clone_into(place);
    }
    Ok(())
}

/// `B7` is in column 1.
fn column_of(place: &str) -> Option<usize> {
    let letters = place.bytes().take_while(u8::is_ascii_alphabetic);
    let mut number = 0_usize;
    for letter in letters {
        let digit = usize::from(letter.to_ascii_uppercase().checked_sub(b'A')?).checked_add(1)?;
        number = number.checked_mul(26)?.checked_add(digit)?;
    }
    number.checked_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_letters() {
        for (place, expected) in [("A1", Some(0)), ("Z9", Some(25)), ("AA3", Some(26)), ("7", None)]
        {
            assert_eq!(column_of(place), expected, "{place}");
        }
    }

    #[test]
    fn texts_of_several_pieces_numbers_and_gaps_are_read() {
        let strings = strings(
            "<sst><si><t>mã</t></si><si><r><t>Sở </t></r><r><t xml:space=\"preserve\">A &amp; &#66;</t>\
             </r><rPh><t>no</t></rPh></si></sst>",
        );
        let sheet = "<worksheet><sheetData><row r=\"1\"><c r=\"A1\" t=\"s\"><v>0</v></c></row>\
            <row r=\"4\"><c r=\"B4\" t=\"s\"><v>1</v></c><c r=\"D4\"><v>3</v></c>\
            <c t=\"inlineStr\"><is><t>x</t></is></c><c r=\"F4\"/></row></sheetData></worksheet>";
        let found = rows(sheet, &strings.unwrap()).unwrap();
        let expected = [(1, vec!["mã"]), (4, vec!["", "Sở A & B", "", "3", "x"])];
        for (row, (line, cells)) in found.iter().zip(expected) {
            assert_eq!(
                (row.line, &row.cells),
                (line, &cells.iter().map(|c| (*c).to_owned()).collect())
            );
        }
        assert!(rows("<row><c t=\"s\"><v>9</v></c></row>", &[]).is_err());
        assert!(rows("<row><c r=\"ZZZ1\"><v>9</v></c></row>", &[]).is_err());
    }
}
