use serde::Deserialize;

use super::{Part, audit};
use crate::text::{self, Format};

/// How lines belong together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// Every line is a record.
    #[default]
    Single,
    /// A line that begins with a blank goes on with the one before: PostgreSQL, and most programs.
    Indented,
    /// A line that does not begin with a time goes on with the one before: Java, MariaDB.
    Timed,
    /// A line that does not begin so goes on with the one before; `#` is a digit, `?` any character:
    /// `[####-##-##`.
    First(String),
    /// Records of Linux's audit, by the event they name.
    Audit,
    /// Cells in quotes may hold line feeds.
    Csv,
    /// From `Start-Date:` to `End-Date:`.
    Apt,
    /// Parts of a line in JSON, by stream, and lines that begin with a blank.
    Docker,
}

impl Rule {
    /// How lines of a format belong together.
    pub fn of(format: Format) -> Self {
        match format {
            Format::Auditd => Self::Audit,
            Format::Postgres => Self::Indented,
            Format::PostgresCsv => Self::Csv,
            Format::Mysql | Format::Zimbra => Self::Timed,
            Format::Docker => Self::Docker,
            Format::Apt => Self::Apt,
            Format::Syslog
            | Format::Access
            | Format::WebError
            | Format::Dpkg
            | Format::Dnf
            | Format::Utmp
            | Format::Plain => Self::Single,
        }
    }

    /// What a line is; `open` is what stands in the last record, if that may go on.
    pub(super) fn part(&self, line: &str, open: Option<&str>) -> Part {
        let starts = |is_first: bool| match (is_first, open) {
            (true, _) => Part::First,
            (false, Some(_)) => Part::Next { ends: false },
            // The beginning was before us.
            (false, None) => Part::Whole,
        };
        match self {
            Self::Single => Part::Whole,
            Self::Indented => starts(!line.starts_with([' ', '\t'])),
            Self::Timed => starts(text::begins_with_time(line)),
            Self::First(pattern) => starts(begins_as(line, pattern)),
            Self::Audit => audit::part(line),
            Self::Csv => csv(line, open),
            Self::Apt if line.starts_with("Start-Date: ") => Part::First,
            Self::Apt if open.is_none() => Part::Whole,
            Self::Apt => Part::Next { ends: line.starts_with("End-Date: ") },
            Self::Docker => docker(line, open),
        }
    }
}

/// A record goes on while its quotes are open.
fn csv(line: &str, open: Option<&str>) -> Part {
    let quotes = |text: &str| memchr::memchr_iter(b'"', text.as_bytes()).count();
    let is_odd = quotes(line) % 2 == 1;
    match open {
        Some(_) => Part::Next { ends: is_odd },
        None if is_odd && text::begins_with_time(line) => Part::First,
        None => Part::Whole,
    }
}

/// The parts of one line of a stream, and lines behind it that begin with a blank.
fn docker(line: &str, open: Option<&str>) -> Part {
    let Some((stream, ends)) = text::docker_part(line) else { return Part::Whole };
    let last = open.and_then(|open| text::docker_part(open.rsplit('\n').next().unwrap_or(open)));
    let goes_on = last.is_some_and(|(of, ended)| {
        of == stream && (!ended || (ends && text::docker_begins_blank(line)))
    });
    if goes_on { Part::Next { ends: false } } else { Part::First }
}

fn begins_as(line: &str, pattern: &str) -> bool {
    let mut line = line.chars();
    pattern.chars().all(|wanted| match (wanted, line.next()) {
        (_, None) => false,
        ('#', Some(found)) => found.is_ascii_digit(),
        ('?', Some(_)) => true,
        (wanted, Some(found)) => wanted == found,
    })
}
