use memchr::memmem;

use crate::csv::Table;
use crate::format::Format;
use crate::otlp;
use crate::text::{self, Profile};

/// The mark of UTF-8, which some programs of Windows write first.
const MARK: &[u8] = b"\xef\xbb\xbf";
/// Lines of text that may tell the format.
const LINES_LOOKED_AT: usize = 5;

impl Format {
    /// The format of a log by its first bytes (64 KiB are plenty) and its name, which decides where
    /// the bytes leave a choice.
    pub fn detect(head: &[u8], name: &str) -> Self {
        #[cfg(feature = "evtx")]
        if head.starts_with(crate::evtx::MAGIC) {
            return Self::Evtx;
        }
        let head = head.strip_prefix(MARK).unwrap_or(head).trim_ascii_start();
        if head.starts_with(b"__CURSOR=") {
            return Self::JournalExport;
        }
        match head.first() {
            Some(b'{') if otlp::is_otlp(head) => Self::Otlp,
            Some(b'{') => json(head),
            Some(b'[') if begins_array(head) => Self::Documents,
            _ => table(head, name).map_or_else(|| Self::Text(text_profile(head, name)), Self::Csv),
        }
    }
}

/// A table by its name, where the first line is a header (PostgreSQL's csvlog has none).
fn table(head: &[u8], name: &str) -> Option<Table> {
    let name = name.to_ascii_lowercase();
    let is_named = [".csv", ".tsv", ".csv.gz", ".csv.zst", ".tsv.gz", ".tsv.zst"];
    if !is_named.iter().any(|ending| name.ends_with(ending)) {
        return None;
    }
    Table::of_header(head, None).ok().filter(Table::is_likely)
}

/// Objects in lines, when the first line holds one; over several lines otherwise.
fn json(head: &[u8]) -> Format {
    let (line, rest) = match memchr::memchr(b'\n', head) {
        Some(end) => head.split_at(end),
        None => (head, &[][..]),
    };
    let line = line.trim_ascii_end();
    let has = |key: &str| memmem::find(line, key.as_bytes()).is_some();
    // A first line that is cut or damaged has whole ones behind it.
    let is_open = !rest.is_empty() && !line.ends_with(b"}");
    if is_open && !rest.trim_ascii_start().starts_with(b"{") {
        return Format::Documents;
    }
    let is_journal = has("\"__REALTIME_TIMESTAMP\"") && has("\"__CURSOR\"");
    if is_journal { Format::JournalJson } else { Format::Ndjson }
}

/// `[` and an object: a log line may begin with a time in brackets.
fn begins_array(head: &[u8]) -> bool {
    let behind = head.get(1..).unwrap_or_default().trim_ascii_start();
    behind.first().is_none_or(|first| matches!(first, b'{' | b']'))
}

fn text_profile(head: &[u8], name: &str) -> Profile {
    // The first lines may be left over from before a rotation.
    let lines =
        head.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).take(LINES_LOOKED_AT);
    let lines: Vec<_> = lines.map(String::from_utf8_lossy).collect();
    let any = |is: fn(&str) -> bool| lines.iter().any(|line| is(line.trim_end()));
    if any(text::is_auditd) {
        Profile::auditd()
    } else if any(text::is_access) {
        Profile::access(name)
    } else {
        // A name that promises an access log whose first line is none promises too much.
        let named = Profile::of_path(name);
        let fits = named.format == text::Format::Syslog
            || lines.iter().any(|line| text::is_written_as(line.trim_end(), &named));
        if fits { named } else { Profile::of_path("") }
    }
}

#[cfg(test)]
mod tests;
