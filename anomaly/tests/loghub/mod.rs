//! Loghub's labelled logs, and how a grouping is judged by them.
#![allow(dead_code, reason = "tests and the benchmark use different parts")]

use std::collections::HashMap;
use std::path::Path;

use soc_anomaly::Miner;

/// A log whose lines are labelled.
pub struct Labelled {
    /// Whole lines.
    pub lines: Vec<String>,
    /// Their messages.
    pub contents: Vec<String>,
    /// Which event each is, by hand.
    pub events: Vec<String>,
}

impl Labelled {
    /// Reads `FOLDER/LOG/LOG_2k.log` and its table.
    pub fn read(folder: impl AsRef<Path>, log: &str) -> Result<Self, Box<dyn std::error::Error>> {
        let path = folder.as_ref().join(log).join(format!("{log}_2k.log"));
        let lines = std::fs::read(&path)?;
        let lines = String::from_utf8_lossy(&lines).lines().map(str::to_owned).collect();
        let table = std::fs::read_to_string(format!("{}_structured.csv", path.display()))?;
        let mut rows = table.lines().map(fields);
        let names = rows.next().ok_or("an empty table")?;
        let column = |name: &str| names.iter().position(|known| known == name).ok_or("no column");
        let (content, event) = (column("Content")?, column("EventId")?);
        let (mut contents, mut events) = (Vec::new(), Vec::new());
        for mut row in rows {
            events.push(row.swap_remove(event));
            contents.push(row.swap_remove(content));
        }
        Ok(Self { lines, contents, events })
    }
}

/// The fields of one line of CSV. Source: RFC 4180; these tables have no line feeds in fields.
fn fields(line: &str) -> Vec<String> {
    let (mut fields, mut quoted) = (vec![String::new()], false);
    let mut characters = line.chars().peekable();
    while let Some(character) = characters.next() {
        let Some(field) = fields.last_mut() else { break };
        match character {
            '"' if quoted && characters.peek() == Some(&'"') => {
                characters.next();
                field.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(String::new()),
            _ => field.push(character),
        }
    }
    fields
}

/// The share of lines that are grouped exactly as the labels say, a line's group being the
/// template named when the line was read; and the miner.
pub fn accuracy(lines: &[String], events: &[String], message: fn(&str) -> &str) -> (f64, Miner) {
    assert_eq!(lines.len(), events.len());
    let mut miner = Miner::default();
    let (mut ours, mut theirs) = (HashMap::new(), HashMap::new());
    for (number, (line, event)) in lines.iter().zip(events).enumerate() {
        let id = miner.add(message(line), 0).id;
        ours.entry(id).or_insert_with(Vec::new).push(number);
        theirs.entry(event).or_insert_with(Vec::new).push(number);
    }
    let groups: std::collections::HashSet<_> = ours.into_values().collect();
    let right: usize = theirs.values().filter(|group| groups.contains(*group)).map(Vec::len).sum();
    (right as f64 / lines.len() as f64, miner)
}

/// The folder of the logs, wherever it is in what was unpacked.
pub fn root(folder: &Path) -> Result<std::path::PathBuf, Box<dyn std::error::Error>> {
    if folder.join("Linux").is_dir() {
        return Ok(folder.to_owned());
    }
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.join("Linux").is_dir() {
            return Ok(path);
        }
    }
    Err("no logs in it".into())
}
