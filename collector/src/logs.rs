//! Log files: found, unpacked, told by their first bytes, and cut into blocks of whole records.
//!
//! One reader for all who read logs (`rules eval`, `import`): what one can read the other can. A log
//! may be packed (gzip, zstd); `-` is standard input. Memory does not grow with a log: a block is
//! what was read at once, 1 MiB, or one record where that is longer.
//!
//! Never: keeps anything, knows what an event is for.

mod block;
mod reader;
mod source;

use std::path::{Path, PathBuf};

use soc_event::Timestamp;
use soc_formats::Format;
use soc_formats::csv::Table;

pub(crate) use block::{Block, Log, Skipped};
pub(crate) use reader::Reader;
pub(crate) use source::{Source, ended, read_head};

/// How much is read at once.
pub(crate) const BLOCK_BYTES: usize = 1024 * 1024;
/// How standard input is called.
pub(crate) const STANDARD_INPUT: &str = "-";
/// The column to name when no column of a table says when.
const NO_TIME_COLUMN: &str = "none";

/// What is known about logs before they are opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hints {
    /// How they are written, by a name of [`Format::names`]; else their first bytes tell.
    pub format: Option<String>,
    /// What is between the cells of tables, else the header tells.
    pub delimiter: Option<u8>,
    /// The column of tables that says when; `none`: no column does, the file's own time has to do.
    pub time_column: Option<String>,
}

impl Hints {
    /// The format of a log that begins so and is called so.
    ///
    /// # Errors
    /// When it cannot be read as it is said to be.
    pub(crate) fn format(&self, head: &[u8], name: &str) -> Result<Format, String> {
        let format = match &self.format {
            Some(named) => Format::named(named, head, name)?,
            None => Format::detect(head, unpacked_name(name)),
        };
        let Format::Csv(table) = format else { return Ok(format) };
        let table = match self.delimiter {
            Some(delimiter) => Table::of_header(head, Some(delimiter))?,
            None => table,
        };
        let table = match self.time_column.as_deref() {
            Some(NO_TIME_COLUMN) => Table { time: None, ..table },
            Some(column) => table.with_time(column)?,
            None => table,
        };
        Ok(Format::Csv(table))
    }

    /// The same for whoever keeps events, where a wrong time would stay: a table must say when.
    ///
    /// # Errors
    /// As [`Self::format`], and for a table without a column of times.
    pub(crate) fn lasting_format(&self, head: &[u8], name: &str) -> Result<Format, String> {
        let format = self.format(head, name)?;
        match &format {
            Format::Csv(Table { time: None, columns, .. }) if self.time_column.is_none() => {
                Err(format!(
                    "no column is known to hold times; name one with --time-column ({}), or say \
                     --time-column {NO_TIME_COLUMN} for the time of the file",
                    columns.join(", ")
                ))
            }
            _ => Ok(format),
        }
    }
}

/// The name without the ending that says how a log is packed.
fn unpacked_name(name: &str) -> &str {
    [".gz", ".zst"].iter().find_map(|ending| name.strip_suffix(ending)).unwrap_or(name)
}

/// Files of these paths: folders with everything below them, patterns (`*.evtx`) with what they
/// match, in the order of their names. What cannot be read is told with why.
pub fn find(paths: &[PathBuf]) -> (Vec<PathBuf>, Vec<String>) {
    let (mut files, mut problems) = (Vec::new(), Vec::new());
    for path in paths {
        match std::fs::symlink_metadata(path) {
            _ if path.as_os_str() == STANDARD_INPUT => files.push(path.clone()),
            Ok(_) => add(path, 0, &mut files, &mut problems),
            Err(error) => match matching(path) {
                Some(found) if !found.is_empty() => {
                    found.iter().for_each(|path| add(path, 0, &mut files, &mut problems));
                }
                Some(_) => problems.push(format!("{}: nothing matches", path.display())),
                None => problems.push(format!("{}: {error}", path.display())),
            },
        }
    }
    (files, problems)
}

/// Deepest folder that is looked into.
const FOLDERS_MAX: usize = 32;

fn add(path: &Path, depth: usize, files: &mut Vec<PathBuf>, problems: &mut Vec<String>) {
    let mut told = |error: std::io::Error| problems.push(format!("{}: {error}", path.display()));
    let data = match std::fs::metadata(path) {
        Ok(data) => data,
        Err(error) => return told(error),
    };
    if !data.is_dir() {
        return files.push(path.to_owned());
    }
    let entries = match std::fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) => return told(error),
    };
    let mut inside: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    inside.sort();
    for inner in inside {
        // Links within a folder may lead in a circle; what was named itself was meant.
        let is_link = inner.symlink_metadata().is_ok_and(|data| data.is_symlink());
        let is_regular = inner.metadata().is_ok_and(|data| data.is_dir() || data.is_file());
        if is_regular && !is_link && depth < FOLDERS_MAX {
            add(&inner, depth + 1, files, problems);
        }
    }
}

/// What a pattern matches in its folder; none where the last part of the path is no pattern.
fn matching(path: &Path) -> Option<Vec<PathBuf>> {
    let pattern = path.file_name()?.to_str()?;
    if !pattern.contains(['*', '?']) {
        return None;
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let entries = std::fs::read_dir(folder.unwrap_or(Path::new("."))).ok()?;
    let fits = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str());
        name.is_some_and(|name| is_like(name.as_bytes(), pattern.as_bytes()))
    };
    let mut found: Vec<PathBuf> =
        entries.flatten().map(|entry| entry.path()).filter(fits).collect();
    found.sort();
    Some(found)
}

/// `*` is anything, `?` one byte.
fn is_like(name: &[u8], pattern: &[u8]) -> bool {
    let (mut at, mut of, mut star) = (0, 0, None);
    while let Some(byte) = name.get(at) {
        match pattern.get(of) {
            Some(b'*') => {
                star = Some((of, at));
                of += 1;
            }
            Some(wanted) if wanted == byte || *wanted == b'?' => {
                (at, of) = (at + 1, of + 1);
            }
            _ => match star {
                // The star takes one byte more.
                Some((place, taken)) => {
                    star = Some((place, taken + 1));
                    (at, of) = (taken + 1, place + 1);
                }
                None => return false,
            },
        }
    }
    pattern.get(of..).is_none_or(|rest| rest.iter().all(|byte| *byte == b'*'))
}

/// For what has no log: files that could not be opened at the end of all.
fn no_log(now: Timestamp) -> Log {
    Log { name: String::new(), format: Format::Ndjson, ended: now }
}

#[cfg(test)]
mod tests;
