use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use soc_rules::{Problem, Severity, Source};

use super::{Config, Site};

/// Largest rule file that is read.
const FILE_BYTES_MAX: u64 = 1024 * 1024;
/// Most rule files; more are not looked at, and that is said.
const FILES_MAX: usize = 20_000;
/// Deepest folder below a configured one.
const DEPTH_MAX: usize = 16;

/// A file as it was found; another stamp means it has changed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Stamp {
    path: PathBuf,
    modified: Option<SystemTime>,
    bytes: u64,
}

/// All files the rules in force are made of, as they were found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) rules: Vec<Stamp>,
    pub(super) site: FoundSite,
}

/// The same of what a site adds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct FoundSite {
    /// In the order they were named.
    pub(super) pipelines: Vec<Stamp>,
    pub(super) logsources: Vec<Stamp>,
    pub(super) placeholders: Vec<Stamp>,
    pub(super) lists: Vec<Stamp>,
}

/// A file as it was read.
#[derive(Debug)]
pub struct File {
    path: String,
    text: String,
}

impl File {
    #[cfg(test)]
    pub(super) fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned() }
    }

    /// How problems name it.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// All of it.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// For the rules crate.
    pub fn source(&self) -> Source<'_> {
        Source { path: &self.path, text: &self.text }
    }
}

/// Files that somebody named, or that are in folders somebody named.
#[derive(Debug)]
pub struct Collected {
    /// Rules.
    pub rules: Vec<File>,
    /// Tests of rules.
    pub tests: Vec<File>,
    /// What could not be read.
    pub problems: Vec<Problem>,
}

/// Reads rules and tests that are named, and those in folders that are named. The tests beside a
/// named rule come with it.
pub fn collect(paths: &[PathBuf]) -> Collected {
    let (mut stamps, mut problems) = (Vec::new(), Vec::new());
    for path in paths {
        if path.is_dir() {
            scan_folder(path, 0, is_yaml, &mut stamps, &mut problems);
            continue;
        }
        let beside = path.with_extension("test.yml");
        let beside = Some(beside).filter(|beside| !is_test(path) && beside.is_file());
        for path in beside.into_iter().chain([path.clone()]) {
            match stamp(path) {
                Ok(stamp) => stamps.extend(stamp),
                Err(problem) => problems.push(problem),
            }
        }
    }
    stamps.sort();
    stamps.dedup();
    let (files, unreadable) = read(&stamps);
    problems.extend(unreadable);
    let (tests, rules) = files.into_iter().partition(|file| is_test(Path::new(&file.path)));
    Collected { rules, tests, problems }
}

/// All files, in a fixed order, and what could not be looked at.
pub(super) fn scan(config: &Config) -> (Found, Vec<Problem>) {
    let mut problems = Vec::new();
    let mut rules = Vec::new();
    for folder in &config.folders {
        scan_folder(folder, 0, is_rule, &mut rules, &mut problems);
    }
    let rules = in_order(rules, &mut problems);
    let found = Found { rules, site: scan_site(&config.site, &mut problems) };
    (found, problems)
}

/// The same of what a site adds.
pub(super) fn scan_site(site: &Site, problems: &mut Vec<Problem>) -> FoundSite {
    let mut scan = |paths: &[PathBuf], is_wanted: fn(&Path) -> bool| -> Vec<Stamp> {
        paths.iter().flat_map(|path| scan_path(path, is_wanted, problems)).collect()
    };
    FoundSite {
        pipelines: scan(&site.pipelines, is_yaml),
        logsources: scan(&site.logsources, is_yaml),
        placeholders: scan(site.placeholders.as_slice(), |_| true),
        lists: scan(&site.lists, is_list),
    }
}

/// A file that is named, or those in a folder that is named.
fn scan_path(path: &Path, is_wanted: fn(&Path) -> bool, problems: &mut Vec<Problem>) -> Vec<Stamp> {
    let mut stamps = Vec::new();
    if path.is_dir() {
        scan_folder(path, 0, is_wanted, &mut stamps, problems);
        return in_order(stamps, problems);
    }
    match stamp(path.to_owned()) {
        Ok(stamp) => stamps.extend(stamp),
        Err(problem) => problems.push(problem),
    }
    stamps
}

fn in_order(mut stamps: Vec<Stamp>, problems: &mut Vec<Problem>) -> Vec<Stamp> {
    // This is done again and again: as bytes paths are compared at once, not part by part.
    stamps.sort_unstable_by(|a, b| a.path.as_os_str().cmp(b.path.as_os_str()));
    stamps.dedup_by(|a, b| a.path.as_os_str() == b.path.as_os_str());
    if stamps.len() > FILES_MAX {
        let what = format!("{} rule files; only the first {FILES_MAX} are used", stamps.len());
        problems.push(problem(Path::new("rules"), what));
        stamps.truncate(FILES_MAX);
    }
    stamps
}

pub(super) fn read(stamps: &[Stamp]) -> (Vec<File>, Vec<Problem>) {
    let (mut files, mut problems) = (Vec::new(), Vec::new());
    for Stamp { path, .. } in stamps {
        match read_file(path) {
            Ok(text) => files.push(File { path: path.to_string_lossy().into_owned(), text }),
            Err(what) => problems.push(problem(path, what)),
        }
    }
    (files, problems)
}

fn read_file(path: &Path) -> Result<String, String> {
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(|error| error.to_string())?;
    let read = file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes);
    let read = read.map_err(|error| error.to_string())?;
    if u64::try_from(read).unwrap_or(u64::MAX) > FILE_BYTES_MAX {
        return Err(format!("larger than {FILE_BYTES_MAX} bytes"));
    }
    String::from_utf8(bytes).map_err(|error| format!("not UTF-8: {error}"))
}

fn scan_folder(
    folder: &Path,
    depth: usize,
    is_wanted: fn(&Path) -> bool,
    stamps: &mut Vec<Stamp>,
    problems: &mut Vec<Problem>,
) {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => {
            problems.push(problem(folder, format!("cannot be looked at: {error}")));
            return;
        }
    };
    for entry in entries {
        match entry.and_then(|entry| Ok((entry.path(), entry.file_type()?))) {
            Ok((path, kind)) if kind.is_dir() && depth < DEPTH_MAX => {
                scan_folder(&path, depth + 1, is_wanted, stamps, problems);
            }
            // A link to a file is followed, a link to a folder is not: it could be a circle.
            Ok((path, kind)) if !kind.is_dir() && is_wanted(&path) => match stamp(path) {
                Ok(stamp) => stamps.extend(stamp),
                Err(problem) => problems.push(problem),
            },
            Ok(_) => {}
            Err(error) => problems.push(problem(folder, error.to_string())),
        }
    }
}

fn stamp(path: PathBuf) -> Result<Option<Stamp>, Problem> {
    let data = std::fs::metadata(&path).map_err(|error| problem(&path, error.to_string()))?;
    let stamp = Stamp { path, modified: data.modified().ok(), bytes: data.len() };
    Ok(data.is_file().then_some(stamp))
}

/// Rules, but not their tests, and nothing an editor keeps beside them.
fn is_rule(path: &Path) -> bool {
    is_yaml(path) && !is_test(path)
}

fn is_list(path: &Path) -> bool {
    let name = name(path);
    name.ends_with(".txt") && !name.starts_with('.')
}

fn is_yaml(path: &Path) -> bool {
    let name = name(path);
    (name.ends_with(".yml") || name.ends_with(".yaml")) && !name.starts_with('.')
}

fn is_test(path: &Path) -> bool {
    let name = name(path);
    name.ends_with(".test.yml") || name.ends_with(".test.yaml")
}

fn name(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}

fn problem(path: &Path, what: String) -> Problem {
    Problem {
        path: path.to_string_lossy().into_owned(),
        line: None,
        column: None,
        rule: None,
        what,
        hint: None,
        severity: Severity::Error,
    }
}
