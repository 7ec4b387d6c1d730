//! What a site adds to its rules: pipelines, logsources, values for placeholders.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

use soc_rules::{Logsources, Options, Pipelines, Problem, Severity};

use super::files::{self, File, FoundSite};

/// Where a site keeps what it adds to its rules.
#[derive(Clone, Debug, Default, PartialEq, Eq, clap::Args)]
pub struct Site {
    /// Pipelines as pySigma writes them, files or folders; of equal priority in this order.
    #[arg(long = "pipeline", num_args = 1.., value_name = "PATH")]
    pub pipelines: Vec<PathBuf>,
    /// Logsources besides those shipped, files or folders.
    #[arg(long, num_args = 1.., value_name = "PATH")]
    pub logsources: Vec<PathBuf>,
    /// Values for the placeholders of rules: TOML, `name = ["value", …]`.
    #[arg(long, value_name = "FILE")]
    pub placeholders: Option<PathBuf>,
    /// Lists of values for placeholders, files or folders of `NAME.txt`: one value a line.
    #[arg(long, num_args = 1.., value_name = "PATH")]
    pub lists: Vec<PathBuf>,
}

impl Site {
    /// Reads and compiles it as it is now; what is broken is left out and told.
    pub fn load(&self) -> (Options, Vec<Problem>) {
        let mut problems = Vec::new();
        let found = files::scan_site(self, &mut problems);
        (load(&found, &mut problems), problems)
    }
}

/// The same of files that were found.
pub(super) fn load(found: &FoundSite, problems: &mut Vec<Problem>) -> Options {
    let mut read = |stamps| {
        let (files, unreadable) = files::read(stamps);
        problems.extend(unreadable);
        files
    };
    let (pipelines, logsources) = (read(&found.pipelines), read(&found.logsources));
    let (placeholders, lists) = (read(&found.placeholders), read(&found.lists));
    let (pipelines, broken) = Pipelines::load(pipelines.iter().map(File::source));
    problems.extend(broken);
    let (logsources, broken) = Logsources::load(logsources.iter().map(File::source));
    problems.extend(broken);
    let mut values = BTreeMap::new();
    for file in &placeholders {
        match of_placeholders(file) {
            Ok(more) => values.extend(more),
            Err(problem) => problems.push(problem),
        }
    }
    for file in &lists {
        match of_list(file) {
            Ok((name, of_list)) => values.entry(name).or_default().extend(of_list),
            Err(problem) => problems.push(problem),
        }
    }
    Options { placeholders: values, logsources, pipelines }
}

/// One value a line, each once; empty lines and those that begin with `#` say nothing. The file's
/// name, without `.txt`, is the placeholder's.
fn of_list(file: &File) -> Result<(String, Vec<String>), Problem> {
    let stem = Path::new(file.path()).file_stem().and_then(|stem| stem.to_str());
    let is_name = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    let name = stem.filter(|stem| !stem.is_empty() && stem.chars().all(is_name));
    let name = name.ok_or_else(|| Problem {
        path: file.path().to_owned(),
        line: None,
        column: None,
        rule: None,
        what: "the name of a list is made of letters, digits, '_', '-' and '.'".into(),
        hint: Some("call it bad-addresses.txt, and use %bad-addresses% in rules".into()),
        severity: Severity::Error,
    })?;
    // An editor on Windows may begin a file with a mark and end its lines with two characters.
    let lines = file.text().trim_start_matches('\u{feff}').lines().map(str::trim);
    let mut values: Vec<String> = Vec::new();
    let mut seen = HashSet::new();
    for line in lines.filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if seen.insert(line) {
            values.push(line.to_owned());
        }
    }
    Ok((name.to_owned(), values))
}

/// `servers = ["srv-01", "srv-02"]`
fn of_placeholders(file: &File) -> Result<BTreeMap<String, Vec<String>>, Problem> {
    toml::from_str(file.text()).map_err(|error| {
        let place = error.span().map(|span| place(file.text(), span.start));
        Problem {
            path: file.path().to_owned(),
            line: place.map(|(line, _)| line),
            column: place.map(|(_, column)| column),
            rule: None,
            what: format!("the file of placeholders cannot be read: {}", error.message()),
            hint: Some("write: name = [\"value\", \"another\"]".into()),
            severity: Severity::Error,
        }
    })
}

/// Line and column, from 1.
fn place(text: &str, at: usize) -> (u32, u32) {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (u32::try_from(line).unwrap_or(u32::MAX), u32::try_from(column).unwrap_or(u32::MAX))
}
