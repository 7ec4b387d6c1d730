//! A workbook with one sheet of texts, its first row bold and standing still.

use std::fmt::Write as _;
use std::io::Write as _;

use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};

use crate::sheet::Error;

const TYPES: &str = r#"<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/><Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/><Override PartName="/xl/worksheets/sheet1.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/><Override PartName="/xl/styles.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.styles+xml"/></Types>"#;
const RELATIONS: &str = r#"<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>"#;
const OF_BOOK: &str = r#"<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="rId2" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/styles" Target="styles.xml"/></Relationships>"#;
/// Format 0 is plain text, 1 is bold; `@` (49) keeps what is typed as text.
const STYLES: &str = r#"<styleSheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><fonts count="2"><font><sz val="11"/><name val="Calibri"/></font><font><b/><sz val="11"/><name val="Calibri"/></font></fonts><fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill></fills><borders count="1"><border/></borders><cellStyleXfs count="1"><xf/></cellStyleXfs><cellXfs count="2"><xf numFmtId="49" fontId="0" applyNumberFormat="1"/><xf numFmtId="49" fontId="1" applyNumberFormat="1" applyFont="1"/></cellXfs></styleSheet>"#;
const HEAD: &str = r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?>"#;
const SHEET: &str = r#"<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetViews><sheetView workbookViewId="0"><pane ySplit="1" topLeftCell="A2" state="frozen"/></sheetView></sheetViews><sheetFormatPr defaultRowHeight="15" defaultColWidth="22"/><sheetData>"#;
/// Day of the archive: 1 January 1980, so that the same table is the same file.
const DAY: u16 = 33;

pub(in crate::sheet) fn write(name: &str, rows: &[Vec<String>]) -> Result<Vec<u8>, Error> {
    let book = format!(
        r#"{HEAD}<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="{}" sheetId="1" r:id="rId1"/></sheets></workbook>"#,
        escaped(name)
    );
    pack(&[
        ("[Content_Types].xml", &format!("{HEAD}{TYPES}")),
        ("_rels/.rels", &format!("{HEAD}{RELATIONS}")),
        ("xl/workbook.xml", &book),
        ("xl/_rels/workbook.xml.rels", &format!("{HEAD}{OF_BOOK}")),
        ("xl/styles.xml", &format!("{HEAD}{STYLES}")),
        ("xl/worksheets/sheet1.xml", &sheet(rows)),
    ])
    .ok_or_else(|| Error::Write("it would be too large".to_owned()))
}

fn sheet(rows: &[Vec<String>]) -> String {
    let mut text = format!("{HEAD}{SHEET}");
    for (line, row) in (1_usize..).zip(rows) {
        let style = usize::from(line == 1);
        let _ = write!(text, r#"<row r="{line}">"#);
        for cell in row {
            let cell = escaped(cell);
            let _ = write!(
                text,
                r#"<c t="inlineStr" s="{style}"><is><t xml:space="preserve">{cell}</t></is></c>"#
            );
        }
        text.push_str("</row>");
    }
    text.push_str("</sheetData></worksheet>");
    text
}

/// As text of XML 1.0, which has no room for most control characters.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\r' => escaped.push_str("&#13;"),
            '\t' | '\n' => escaped.push(letter),
            '\u{fffe}' | '\u{ffff}' => {}
            letter if u32::from(letter) < 0x20 => {}
            letter => escaped.push(letter),
        }
    }
    escaped
}

/// The layout is in [`super::archive`].
fn pack(parts: &[(&str, &str)]) -> Option<Vec<u8>> {
    let (mut file, mut list) = (Vec::new(), Vec::new());
    for (name, content) in parts {
        let at = u32::try_from(file.len()).ok()?;
        let mut crc = Crc::new();
        crc.update(content.as_bytes());
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(content.as_bytes()).ok()?;
        let packed = encoder.finish().ok()?;
        let mut about = Vec::new();
        // Version 2.0, no flags, deflated, midnight.
        for two in [20, 0, 8, 0, DAY] {
            about.extend(u16::to_le_bytes(two));
        }
        for four in
            [crc.sum(), u32::try_from(packed.len()).ok()?, u32::try_from(content.len()).ok()?]
        {
            about.extend(four.to_le_bytes());
        }
        about.extend(u16::try_from(name.len()).ok()?.to_le_bytes());
        about.extend([0, 0]);
        file.extend(b"PK\x03\x04");
        file.extend(&about);
        file.extend(name.as_bytes());
        file.extend(&packed);
        list.extend(b"PK\x01\x02");
        list.extend(u16::to_le_bytes(20));
        list.extend(&about);
        // No comment, first disk, no attributes.
        list.extend([0; 10]);
        list.extend(at.to_le_bytes());
        list.extend(name.as_bytes());
    }
    let (at, length) = (u32::try_from(file.len()).ok()?, u32::try_from(list.len()).ok()?);
    let count = u16::try_from(parts.len()).ok()?.to_le_bytes();
    file.extend(&list);
    file.extend(b"PK\x05\x06");
    file.extend([0; 4]);
    file.extend(count);
    file.extend(count);
    file.extend(length.to_le_bytes());
    file.extend(at.to_le_bytes());
    file.extend([0, 0]);
    Some(file)
}
