use std::path::Path;

use soc_event::Timestamp;
use soc_formats::text::{self, Moment, Profile};

use super::follower::is_compressed;
use super::set::zone;
use super::{BUFFER_BYTES, Config, Seen, pattern};
use crate::sensor::{Clock, Root, read};

/// See [`super::observe`].
pub(super) fn observe(root: &Root, config: &Config, clock: &dyn Clock) -> Vec<Seen> {
    let zone = zone(root);
    let moment = Moment::live(clock.now(), &zone);
    let mut seen: Vec<Seen> = Vec::new();
    for source in &config.files {
        for path in pattern::expand(root, &source.path) {
            if !seen.iter().any(|seen| seen.path == path) && !is_compressed(Path::new(&path)) {
                seen.push(look(root, &path, &source.profile(&path), moment));
            }
        }
    }
    seen
}

fn look(root: &Root, path: &str, profile: &Profile, moment: Moment<'_>) -> Seen {
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
            let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
            for line in lines {
                seen.count(&text::line(&String::from_utf8_lossy(line), profile, moment), moment);
            }
        }
        Err(error) => seen.problem = Some(error.to_string()),
    }
    seen
}

impl Seen {
    fn count(&mut self, event: &soc_event::Event, moment: Moment<'_>) {
        self.lines += 1;
        let has = |name: &str| event.fields.contains_key(name);
        self.lines_parsed += u64::from(has("process.name") || has("host.name") || has("sc-status"));
        if event.text("event.outcome") == Some("failure") {
            let count = event.fields.get("event.count").and_then(soc_event::Value::as_i64);
            let count = count.and_then(|count| u64::try_from(count).ok()).unwrap_or(1);
            match event.text("event.action") {
                Some("ssh_login") => self.logins_failed += count,
                Some("sudo" | "su") => self.switches_failed += count,
                _ => {}
            }
        }
        let time: Timestamp = event.time;
        if time != moment.now {
            self.last = Some(time);
        }
    }
}

/// Size of a file and its last 64 KiB, from the beginning of a line.
fn last_bytes(path: &Path) -> std::io::Result<(u64, Vec<u8>)> {
    use std::os::unix::fs::FileExt;
    let (file, metadata) = read::open(path)?;
    let from = metadata.len().saturating_sub(BUFFER_BYTES as u64);
    let mut bytes = vec![0; BUFFER_BYTES];
    let count = file.read_at(&mut bytes, from)?;
    bytes.truncate(count);
    if from > 0 {
        let start = bytes.iter().position(|byte| *byte == b'\n').map_or(0, |place| place + 1);
        bytes.drain(..start);
    }
    Ok((metadata.len(), bytes))
}
