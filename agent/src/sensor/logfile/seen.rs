use std::path::Path;

use soc_event::Timestamp;
use soc_formats::Joiner;
use soc_formats::join::{Joined, Rule};
use soc_formats::text::{self, Moment, Profile};
use soc_formats::utmp::{Book, Layout};

use super::follower::is_compressed;
use super::record::Kind;
use super::set::zone;
use super::{BUFFER_BYTES, Config, Seen};
use crate::sensor::pattern;
use crate::sensor::{Clock, Root, read};

/// See [`super::observe`].
pub(super) fn observe(root: &Root, config: &Config, clock: &dyn Clock) -> Vec<Seen> {
    let zone = zone(root);
    let moment = Moment::live(clock.now(), &zone);
    let mut seen: Vec<Seen> = Vec::new();
    for source in &config.files {
        for path in pattern::expand(root, &source.path) {
            if !seen.iter().any(|seen| seen.path == path) && !is_compressed(Path::new(&path)) {
                seen.push(look(root, &path, Kind::of(source, root, &path), moment));
            }
        }
    }
    seen
}

fn look(root: &Root, path: &str, kind: Kind, moment: Moment<'_>) -> Seen {
    let mut seen = Seen {
        path: path.to_owned(),
        bytes: None,
        problem: None,
        lines: 0,
        lines_parsed: 0,
        logins_failed: 0,
        switches_failed: 0,
        last: None,
    };
    match last_bytes(&root.path(path)) {
        Ok((size, bytes)) => {
            seen.bytes = Some(size);
            match kind {
                Kind::Logins(book, layout) => seen.logins(&bytes, size, (book, layout), moment),
                Kind::Lines(profile) => seen.lines(&bytes, (&profile, Rule::Single), moment),
                Kind::Joined(profile, joining) => {
                    seen.lines(&bytes, (&profile, joining.rule().clone()), moment);
                }
            }
        }
        Err(error) => seen.problem = Some(error.to_string()),
    }
    seen
}

impl Seen {
    /// From the beginning of a line on.
    fn lines(&mut self, bytes: &[u8], (profile, rule): (&Profile, Rule), moment: Moment<'_>) {
        let is_whole = self.bytes.is_some_and(|size| size <= bytes.len() as u64);
        let start = bytes.iter().position(|byte| *byte == b'\n').map_or(0, |place| place + 1);
        let bytes = bytes.get(if is_whole { 0 } else { start }..).unwrap_or_default();
        let mut joiner = Joiner::new(rule);
        let mut out = |joined: Joined| {
            self.count(&text::line(&joined.text, profile, moment), moment);
        };
        for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            joiner.push(&String::from_utf8_lossy(line), 0, false, &mut out);
        }
        joiner.flush(&mut out);
    }

    /// From the beginning of a record on.
    fn logins(
        &mut self,
        bytes: &[u8],
        size: u64,
        (book, layout): (Book, Layout),
        moment: Moment<'_>,
    ) {
        // What is read ends where the file ends, perhaps in the middle of a record.
        let begun = usize::try_from(size % layout.bytes() as u64).unwrap_or_default();
        let whole = bytes.len().saturating_sub(begun);
        let bytes = bytes.get(whole % layout.bytes()..whole).unwrap_or_default();
        for record in bytes.chunks_exact(layout.bytes()) {
            let record = layout.record(record);
            if let Some(event) = record.and_then(|record| record.event(book, moment)) {
                self.count(&event, moment);
            }
        }
    }

    fn count(&mut self, event: &soc_event::Event, moment: Moment<'_>) {
        self.lines += 1;
        self.lines_parsed += u64::from(!event.fields.contains_key(text::UNPARSED));
        if event.text("event.outcome") == Some("failure") {
            let count = event.fields.get("event.count").and_then(soc_event::Value::as_i64);
            let count = count.and_then(|count| u64::try_from(count).ok()).unwrap_or(1);
            match event.text("event.action") {
                Some("sudo" | "su") => self.switches_failed += count,
                // ssh_login, login, mail_login, database_login, web_login
                Some(action) if action.ends_with("login") => self.logins_failed += count,
                _ => {}
            }
        }
        let time: Timestamp = event.time;
        if time != moment.now {
            self.last = Some(time);
        }
    }
}

/// Size of a file and its last 64 KiB.
fn last_bytes(path: &Path) -> std::io::Result<(u64, Vec<u8>)> {
    use std::os::unix::fs::FileExt;
    let (file, metadata) = read::open_beneath(path)?;
    let from = metadata.len().saturating_sub(BUFFER_BYTES as u64);
    let mut bytes = vec![0; BUFFER_BYTES];
    let count = file.read_at(&mut bytes, from)?;
    bytes.truncate(count);
    Ok((metadata.len(), bytes))
}
