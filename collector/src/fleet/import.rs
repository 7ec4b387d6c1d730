//! Agencies from a table: `code,name,parent`, one a line. All mistakes are told; with any, nothing
//! is imported.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use super::agency::{check_code, check_name};
use super::{Error, Fleet};

/// What is wrong with one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Which line, from 1.
    pub line: usize,
    /// What is wrong.
    pub what: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

/// Nothing was imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// These lines have to be mended first.
    #[error("{} mistakes:\n{}", .0.len(), .0.iter().map(|m| format!("  {m}\n")).collect::<String>())]
    Mistakes(Vec<Mistake>),
    /// The database failed.
    #[error(transparent)]
    Fleet(#[from] Error),
}

/// One line of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Row {
    line: usize,
    code: String,
    name: String,
    parent: Option<String>,
}

impl Fleet {
    /// Adds the agencies of a table, and renames or moves those whose code is there already; says
    /// how many lines that were.
    ///
    /// # Errors
    /// [`ImportError::Mistakes`] with all of them; then nothing has changed.
    pub async fn import_agencies(&self, csv: &str) -> Result<usize, ImportError> {
        let (rows, mut mistakes) = parse(csv);
        let mut transaction = self.0.store.write().await.map_err(Error::from)?;
        let existing: Vec<(String, Option<String>)> = sqlx::query_as(
            "SELECT below.code, above.code FROM agency AS below
             LEFT JOIN agency AS above ON above.id = below.parent",
        )
        .fetch_all(&mut *transaction)
        .await
        .map_err(Error::from)?;
        mistakes.extend(check_tree(&rows, existing));
        if !mistakes.is_empty() {
            mistakes.sort_by_key(|mistake| mistake.line);
            return Err(ImportError::Mistakes(mistakes));
        }
        for row in &rows {
            let insert = "INSERT INTO agency (code, name) VALUES (?, ?)
                          ON CONFLICT (code) DO UPDATE SET name = excluded.name";
            let insert = sqlx::query(insert).bind(&row.code).bind(&row.name);
            insert.execute(&mut *transaction).await.map_err(Error::from)?;
        }
        for row in &rows {
            let place = "UPDATE agency SET parent = (SELECT id FROM agency WHERE code = ?)
                         WHERE code = ?";
            let place = sqlx::query(place).bind(&row.parent).bind(&row.code);
            place.execute(&mut *transaction).await.map_err(Error::from)?;
        }
        transaction.commit().await.map_err(Error::from)?;
        Ok(rows.len())
    }
}

/// Reads the table; pure.
fn parse(csv: &str) -> (Vec<Row>, Vec<Mistake>) {
    let (mut rows, mut mistakes) = (Vec::new(), Vec::new());
    let mut lines = csv.strip_prefix('\u{feff}').unwrap_or(csv).lines().zip(1..);
    match lines.next().map(|(header, _)| fields(header)) {
        Some(Ok(header)) if header == ["code", "name", "parent"] => {}
        _ => {
            let what = "the first line has to be code,name,parent".to_owned();
            return (rows, vec![Mistake { line: 1, what }]);
        }
    }
    for (text, line) in lines.filter(|(text, _)| !text.trim().is_empty()) {
        match row(text, line) {
            Ok(row) => rows.push(row),
            Err(what) => mistakes.push(Mistake { line, what }),
        }
    }
    (rows, mistakes)
}

fn row(text: &str, line: usize) -> Result<Row, String> {
    let fields = fields(text)?;
    let [code, name, parent] = fields.as_slice() else {
        return Err(format!("{} fields instead of 3", fields.len()));
    };
    check_code(code)?;
    check_name(name)?;
    let parent = (!parent.is_empty()).then(|| parent.clone());
    Ok(Row { line, code: code.clone(), name: name.clone(), parent })
}

/// Splits one line. Source: RFC 4180, without line breaks inside of quotes.
fn fields(line: &str) -> Result<Vec<String>, String> {
    let mut fields = Vec::new();
    let mut rest = line;
    loop {
        let (field, after) = match rest.trim_start().strip_prefix('"') {
            Some(quoted) => quoted_field(quoted)?,
            None => match rest.split_once(',') {
                Some((field, after)) => (field.to_owned(), Some(after)),
                None => (rest.to_owned(), None),
            },
        };
        fields.push(field.trim().to_owned());
        match after {
            Some(after) => rest = after,
            None => return Ok(fields),
        }
    }
}

/// A field after its opening quote, and what is after the next comma.
fn quoted_field(text: &str) -> Result<(String, Option<&str>), String> {
    let mut field = String::new();
    let mut rest = text;
    loop {
        let (part, after) = rest.split_once('"').ok_or("a quote is not closed")?;
        field.push_str(part);
        if let Some(doubled) = after.strip_prefix('"') {
            field.push('"');
            rest = doubled;
            continue;
        }
        let after = after.trim_start();
        return match after.strip_prefix(',') {
            Some(next) => Ok((field, Some(next))),
            None if after.is_empty() => Ok((field, None)),
            None => Err("text after a closing quote".to_owned()),
        };
    }
}

/// Codes twice, parents that are nowhere, and circles.
fn check_tree(rows: &[Row], existing: Vec<(String, Option<String>)>) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    let mut first: HashMap<&str, usize> = HashMap::new();
    let mut above: BTreeMap<String, Option<String>> = existing.into_iter().collect();
    for row in rows {
        if let Some(line) = first.insert(&row.code, row.line) {
            let what = format!("the code {:?} is on line {line} already", row.code);
            mistakes.push(Mistake { line: row.line, what });
        }
        above.insert(row.code.clone(), row.parent.clone());
    }
    for row in rows {
        let Some(parent) = &row.parent else { continue };
        let what = if !above.contains_key(parent) {
            format!("no agency has the code {parent:?}")
        } else if is_in_circle(&row.code, &above) {
            format!("{:?} would be below itself", row.code)
        } else {
            continue;
        };
        mistakes.push(Mistake { line: row.line, what });
    }
    mistakes
}

fn is_in_circle(code: &str, above: &BTreeMap<String, Option<String>>) -> bool {
    let mut at = code;
    for _ in 0..above.len() {
        match above.get(at).and_then(Option::as_deref) {
            Some(parent) if parent == code => return true,
            Some(parent) => at = parent,
            None => return false,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_may_be_quoted_and_hold_commas_and_quotes() {
        let check = |line, expected: &[&str]| assert_eq!(fields(line).unwrap(), expected, "{line}");
        check("a,b,c", &["a", "b", "c"]);
        check("a,\"b, \"\"c\"\"\",", &["a", "b, \"c\"", ""]);
        check(" a , \"b\" ,c", &["a", "b", "c"]);
        assert!(fields("a,\"b").is_err());
        assert!(fields("a,\"b\"c").is_err());
    }

    #[test]
    fn every_mistake_is_told_with_its_line() {
        let csv =
            "code,name,parent\nA,Sở A,\nA,again,\nB C,name,\nD,,\nE,e,NONE\nF,f,G\nG,g,F\nH,h\n";
        let (rows, mut mistakes) = parse(csv);
        mistakes.extend(check_tree(&rows, Vec::new()));
        let mut lines: Vec<usize> = mistakes.iter().map(|mistake| mistake.line).collect();
        lines.sort_unstable();
        assert_eq!(lines, [3, 4, 5, 6, 7, 8, 9]);
    }

    #[test]
    fn a_table_without_its_header_is_refused() {
        assert_eq!(parse("A,Sở A,\n").1.len(), 1);
        assert_eq!(parse("").1.len(), 1);
        assert_eq!(parse("\u{feff}code,name,parent\r\nA,a,\r\n").1, []);
    }
}
