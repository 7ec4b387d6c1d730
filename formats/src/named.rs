//! Formats by the names people give them.

use crate::csv::Table;
use crate::format::Format;
use crate::text::{self, Profile};

/// What people may call a format, and what it is.
const NAMES: [(&str, Named); 19] = [
    ("json", Named::Json),
    ("ndjson", Named::Ndjson),
    ("otlp", Named::Otlp),
    ("csv", Named::Csv),
    ("evtx", Named::Evtx),
    ("journal-export", Named::JournalExport),
    ("journal-json", Named::JournalJson),
    ("syslog", Named::Text(text::Format::Syslog)),
    ("auditd", Named::Text(text::Format::Auditd)),
    ("access", Named::Text(text::Format::Access)),
    ("web-error", Named::Text(text::Format::WebError)),
    ("postgres", Named::Text(text::Format::Postgres)),
    ("postgres-csv", Named::Text(text::Format::PostgresCsv)),
    ("mysql", Named::Text(text::Format::Mysql)),
    ("zimbra", Named::Text(text::Format::Zimbra)),
    ("docker", Named::Text(text::Format::Docker)),
    ("dpkg", Named::Text(text::Format::Dpkg)),
    ("apt", Named::Text(text::Format::Apt)),
    ("plain", Named::Text(text::Format::Plain)),
];

#[derive(Clone, Copy)]
enum Named {
    Json,
    Ndjson,
    Otlp,
    Csv,
    Evtx,
    JournalExport,
    JournalJson,
    Text(text::Format),
}

impl Format {
    /// What [`Format::named`] takes.
    pub fn names() -> impl Iterator<Item = &'static str> {
        NAMES.iter().map(|(name, _)| *name)
    }

    /// The format of this name, for a log that begins so and is called so.
    ///
    /// # Errors
    /// A name nobody knows, or a log that cannot be of this format.
    pub fn named(name: &str, head: &[u8], path: &str) -> Result<Self, String> {
        let known = NAMES.iter().find(|(known, _)| *known == name).map(|(_, named)| *named);
        let Some(named) = known else {
            let names: Vec<_> = Self::names().collect();
            return Err(format!("no format is called {name:?}; there are {}", names.join(", ")));
        };
        match named {
            Named::Json => Ok(Self::Documents),
            Named::Ndjson => Ok(Self::Ndjson),
            Named::Otlp => Ok(Self::Otlp),
            Named::Csv => Table::of_header(head, None).map(Self::Csv),
            Named::JournalExport => Ok(Self::JournalExport),
            Named::JournalJson => Ok(Self::JournalJson),
            Named::Text(format) => Ok(Self::Text(profile(format, path))),
            Named::Evtx => evtx(head),
        }
    }

    /// What it is called.
    pub fn name(&self) -> &'static str {
        let text = |format: &text::Format| {
            let found = NAMES
                .iter()
                .find(|(_, named)| matches!(named, Named::Text(known) if known == format));
            found.map_or("text", |(name, _)| *name)
        };
        match self {
            Self::Ndjson => "ndjson",
            Self::Documents => "json",
            Self::JournalJson => "journal-json",
            Self::JournalExport => "journal-export",
            #[cfg(feature = "evtx")]
            Self::Evtx => "evtx",
            Self::Otlp => "otlp",
            Self::Csv(_) => "csv",
            Self::Text(profile) => text(&profile.format),
        }
    }
}

#[cfg(feature = "evtx")]
fn evtx(head: &[u8]) -> Result<Format, String> {
    let is_log = head.starts_with(crate::evtx::MAGIC);
    if is_log { Ok(Format::Evtx) } else { Err("not a Windows event log".to_owned()) }
}

#[cfg(not(feature = "evtx"))]
fn evtx(_: &[u8]) -> Result<Format, String> {
    Err("this program does not read Windows event logs".to_owned())
}

/// Of lines in this format, with what the path says besides.
fn profile(format: text::Format, path: &str) -> Profile {
    let of_path = Profile::of_path(path);
    match format {
        text::Format::Access => Profile::access(path),
        text::Format::WebError => Profile::web_error(path),
        text::Format::Auditd => Profile::auditd(),
        _ if of_path.format == format => of_path,
        format => {
            // A path that is typical for the format.
            let typical = match format {
                text::Format::Postgres => "/postgresql/postgresql.log",
                text::Format::PostgresCsv => "/postgresql/postgresql.csv",
                text::Format::Mysql => "/mysql/error.log",
                text::Format::Zimbra => "/zimbra/mailbox.log",
                text::Format::Docker => "/containers/x-json.log",
                text::Format::Dpkg => "dpkg.log",
                text::Format::Apt => "history.log",
                _ => "",
            };
            Profile { format, ..Profile::of_path(typical) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_a_format_of_that_name() {
        for name in Format::names() {
            let head: &[u8] = if name == "evtx" { b"ElfFile\0" } else { b"time,b\n" };
            match Format::named(name, head, "x") {
                Ok(format) => assert_eq!(format.name(), name),
                Err(why) => assert!(name == "evtx" && !cfg!(feature = "evtx"), "{name}: {why}"),
            }
        }
        assert!(Format::named("xml", b"", "x").unwrap_err().contains("syslog"));
    }
}
