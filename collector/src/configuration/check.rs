//! What can be said about a configuration without the machine. Pure.

use std::fmt;

use serde::Serialize;
use toml::{Table, Value};

/// Longest text of one scope: an agent takes 64 KiB of all its layers together.
const TEXT_BYTES_MAX: usize = 24 * 1024;
/// The agent's own tables, and what of them may be said from afar.
const OWN: [(&str, &[&str]); 5] = [
    ("self", &["memory_max", "cpu_max_pct"]),
    ("uplink", &["bytes_per_day", "logs_between", "backlog_bytes_per_second"]),
    ("spool", &[]),
    ("metrics", &[]),
    ("remote", &[]),
];

/// Something wrong with a text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Problem {
    /// In which line, from 1, where that is known.
    pub line: Option<usize>,
    /// What is wrong.
    pub what: String,
    /// Whether it keeps the text from being used; otherwise agents will say more.
    pub is_error: bool,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: {}", self.what),
            None => f.write_str(&self.what),
        }
    }
}

/// Everything that is wrong with a text, as far as it can be known here.
pub fn check(text: &str) -> Vec<Problem> {
    let error = |line, what: String| Problem { line, what, is_error: true };
    if text.len() > TEXT_BYTES_MAX {
        return vec![error(None, format!("longer than {TEXT_BYTES_MAX} bytes"))];
    }
    let table: Table = match text.parse() {
        Ok(table) => table,
        Err(wrong) => {
            let wrong: toml::de::Error = wrong;
            let line = wrong.span().map(|span| line_of(text, span.start));
            return vec![error(line, wrong.message().replace('\n', " "))];
        }
    };
    let mut problems = Vec::new();
    for (name, value) in &table {
        let line = line_with(text, name);
        let Some(keys) = value.as_table() else {
            problems.push(error(line, format!("{name} is not a table like [{name}]")));
            continue;
        };
        let Some((_, allowed)) = OWN.iter().find(|(own, _)| own == name) else { continue };
        if allowed.is_empty() {
            problems.push(error(line, format!("[{name}] is set on the machine itself only")));
        }
        let others =
            keys.keys().filter(|key| !allowed.is_empty() && !allowed.contains(&key.as_str()));
        problems.extend(others.map(|key| {
            error(line_with(text, key), format!("{name}.{key} is set on the machine itself only"))
        }));
    }
    texts(&Value::Table(table), &mut |path| {
        if path.starts_with('/') && path.split('/').any(|name| name == "..") {
            problems.push(error(line_with(text, path), format!("{path:?}: no path may hold ..")));
        }
    });
    problems
}

fn texts(value: &Value, tell: &mut impl FnMut(&str)) {
    match value {
        Value::String(text) => tell(text),
        Value::Array(array) => array.iter().for_each(|value| texts(value, tell)),
        Value::Table(table) => table.iter().for_each(|(_, value)| texts(value, tell)),
        _ => {}
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

/// The first line with these words, which is nearly always the right one.
fn line_with(text: &str, words: &str) -> Option<usize> {
    text.lines().position(|line| line.contains(words)).map(|index| index + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_agent_would_take_is_told_with_its_line() {
        let check = |text: &str, line: usize, expected: &str| {
            let problems = super::check(text);
            let found = problems.iter().any(|problem| {
                problem.is_error && problem.line == Some(line) && problem.what.contains(expected)
            });
            assert!(found, "{text:?}: {problems:?}");
        };
        check("[port]\npoll_ms = \n", 2, "");
        check("[port]\n[metrics]\nlisten = \"x\"\n", 2, "[metrics] is set on the machine");
        check("[uplink]\nproxy = \"x\"\n", 2, "uplink.proxy is set on the machine");
        check("\nport = 1\n", 2, "not a table");
        check("[logfile]\nfiles = [{ path = \"/var/log/../x\" }]\n", 2, "no path may hold ..");
        assert_eq!(super::check(&"#".repeat(TEXT_BYTES_MAX + 1)).len(), 1);
        assert!(super::check("[port]\npoll_ms = 2000\n[self]\ncpu_max_pct = 5\n").is_empty());
        assert!(super::check("").is_empty());
    }
}
