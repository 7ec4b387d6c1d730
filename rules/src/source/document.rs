use super::place;
use crate::problem::{Fault, Problem, Severity};

/// One YAML document of a file and where it stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Document<'a> {
    pub path: &'a str,
    pub text: &'a str,
    /// Line of the file its text begins at, from 1.
    pub first_line: u32,
}

impl Document<'_> {
    /// The line of the first thing said in it.
    pub fn line(&self) -> u32 {
        let said = |line: &str| !line.trim().is_empty() && !line.trim_start().starts_with('#');
        let skipped = self.text.lines().position(said).unwrap_or(0);
        self.first_line + u32::try_from(skipped).unwrap_or(0)
    }

    /// Places a fault by the keys that lead to it.
    pub fn problem(&self, fault: Fault, rule: Option<&str>, severity: Severity) -> Problem {
        let (line, column) = place::find(self.text, &fault.at, fault.offset);
        let line = self.first_line + line;
        self.problem_at(fault, rule, severity, (Some(line), Some(column)))
    }

    /// A problem at a position that is known already.
    pub fn problem_at(
        &self,
        fault: Fault,
        rule: Option<&str>,
        severity: Severity,
        (line, column): (Option<u32>, Option<u32>),
    ) -> Problem {
        Problem {
            path: self.path.to_owned(),
            line,
            column,
            rule: rule.map(|rule| cut(rule.to_owned())),
            what: cut(fault.what),
            hint: fault.hint.map(cut),
            severity,
        }
    }
}

/// What rules say is quoted in messages; enough is enough.
const SAID_BYTES_MAX: usize = 500;

fn cut(mut text: String) -> String {
    if text.len() > SAID_BYTES_MAX {
        text.truncate(text.floor_char_boundary(SAID_BYTES_MAX));
        text.push('…');
    }
    text
}

/// Cuts a file at its markers `---`, which YAML allows at the start of a line only there.
pub(crate) fn split<'a>(path: &'a str, text: &'a str) -> Vec<Document<'a>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut documents = Vec::new();
    let (mut start, mut first_line) = (0, 1);
    let mut at = 0;
    for (line, content) in (1_u32..).zip(text.split_inclusive('\n')) {
        if is_marker(content) {
            push(&mut documents, path, &text[start..at], first_line);
            (start, first_line) = (at + 3, line);
        }
        at += content.len();
    }
    push(&mut documents, path, &text[start..], first_line);
    documents
}

fn is_marker(line: &str) -> bool {
    line.strip_prefix("---")
        .is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']))
}

fn push<'a>(documents: &mut Vec<Document<'a>>, path: &'a str, text: &'a str, first_line: u32) {
    let says = |line: &str| {
        let line = line.trim();
        !line.is_empty() && !line.starts_with('#') && !line.starts_with('%') && line != "..."
    };
    if text.lines().any(says) {
        documents.push(Document { path, text, first_line });
    }
}
