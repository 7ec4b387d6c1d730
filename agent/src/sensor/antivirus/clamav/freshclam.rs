//! The updater's log: when signatures were last fetched, and whether fetching fails.

use jiff::tz::TimeZone;
use soc_event::Timestamp;

use super::tail;
use crate::sensor::Root;
use crate::sensor::antivirus::claim::{Claim, Origin, Updates};
use crate::sensor::antivirus::detection::ctime;

/// A server may be away for an hour; a day without one success is a failure.
const GRACE_MICROS: i64 = 24 * 3_600 * 1_000_000;

/// How fetching signatures goes.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Updater {
    pub(super) updates: Option<Claim<Updates>>,
    /// When they were last fetched or found to be the newest.
    pub(super) updated: Option<Claim<Timestamp>>,
}

impl Updater {
    /// Reads the end of the log.
    pub(super) fn read(root: &Root, log: &str, zone: &TimeZone, now: Timestamp) -> Option<Self> {
        let (text, at) = tail(&root.path(log))?;
        let origin = Origin::new(format!("file {log}"), at);
        Some(History::of(&text, zone).conclude(&origin, now))
    }
}

/// The attempts of a log, in short.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct History {
    succeeded: Option<Timestamp>,
    /// The first failure after the last success.
    failing_since: Option<Timestamp>,
}

impl History {
    /// Each attempt begins with `ClamAV update process started`; a failed one says so at its end,
    /// one that succeeded in part names what is up to date before.
    fn of(text: &str, zone: &TimeZone) -> Self {
        let mut history = Self::default();
        let mut good = None;
        for line in text.lines() {
            let Some((time, message)) = line.split_once(" -> ") else { continue };
            let Some(time) = ctime(time, zone) else { continue };
            match Said::of(message) {
                Said::Begins => history.succeed(good.take()),
                Said::IsCurrent => good = Some(time),
                Said::Failed => {
                    good = None;
                    history.failing_since = history.failing_since.or(Some(time));
                }
                Said::Else => {}
            }
        }
        history.succeed(good);
        history
    }

    fn succeed(&mut self, time: Option<Timestamp>) {
        if time.is_some() {
            *self = Self { succeeded: time, failing_since: None };
        }
    }

    fn conclude(self, origin: &Origin, now: Timestamp) -> Updater {
        let updates = match self.failing_since {
            Some(since) if since.plus_micros(GRACE_MICROS) <= now => Some(Updates::Failing),
            Some(_) => Some(Updates::Retrying),
            None => self.succeeded.map(|_| Updates::Working),
        };
        Updater {
            updates: updates.map(|updates| origin.claims(updates)),
            updated: self.succeeded.map(|time| origin.claims(time)),
        }
    }
}

enum Said {
    Begins,
    IsCurrent,
    Failed,
    Else,
}

impl Said {
    /// Source: ClamAV 1.4 `freshclam/freshclam.c`, `libfreshclam/libfreshclam_internal.c`; older
    /// versions write `!` for `ERROR: ` and `^` for `WARNING: `.
    fn of(message: &str) -> Self {
        let error = message.strip_prefix("ERROR: ").or_else(|| message.strip_prefix('!'));
        let warning = message.strip_prefix("WARNING: ").or_else(|| message.strip_prefix('^'));
        let is_current = ["up-to-date", "updated (version: "];
        match (error, warning) {
            (Some(error), _) if error.starts_with("Update failed") => Self::Failed,
            (Some(error), _) if error.starts_with("Database update process failed") => Self::Failed,
            (None, Some(warning)) if warning.starts_with("You are on cool-down") => Self::Failed,
            (None, Some(warning)) if warning.contains("forbidden from downloading") => Self::Failed,
            (None, None) if message.starts_with("ClamAV update process started") => Self::Begins,
            (None, None) if is_current.iter().any(|it| message.contains(it)) => Self::IsCurrent,
            _ => Self::Else,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines of freshclam 1.4.6 without a server, and with signatures of one's own.
    const FAILED: &str = "\
Fri Nov 20 16:50:37 2026 -> --------------------------------------
Fri Nov 20 16:50:37 2026 -> ClamAV update process started at Fri Nov 20 16:50:37 2026
Fri Nov 20 16:50:37 2026 -> WARNING: DNS Update Info disabled. Falling back to HTTP mode.
Fri Nov 20 16:50:47 2026 -> ERROR: remote_cvdhead: Download failed (7) Fri Nov 20 16:50:47 2026 -> ERROR:  Message: Couldn't connect to server
Fri Nov 20 16:50:47 2026 -> Giving up on http://127.0.0.1:9...
Fri Nov 20 16:50:47 2026 -> ERROR: Update failed for database: daily
Fri Nov 20 16:50:47 2026 -> ERROR: Database update process failed: HTTP GET failed
Fri Nov 20 16:50:47 2026 -> ERROR: Update failed.
";
    const UPDATED: &str = "\
Sat Nov 21 16:50:47 2026 -> ClamAV update process started at Sat Nov 21 16:50:47 2026
Sat Nov 21 16:50:47 2026 -> WARNING: Can't query current.cvd.clamav.net
Sat Nov 21 16:50:47 2026 -> Downloading test.ndb [100%]
Sat Nov 21 16:50:47 2026 -> test.ndb updated (version: custom database, sigs: 1)
";

    #[test]
    fn a_day_of_failures_is_failing_and_one_success_ends_it() {
        let check = |text: &str, now: &str, updates: Option<Updates>, updated: Option<&str>| {
            let origin = Origin::new("test", "2026-11-22T00:00:00Z".parse().unwrap());
            let found = History::of(text, &TimeZone::UTC).conclude(&origin, now.parse().unwrap());
            assert_eq!(found.updates.map(|it| it.value), updates, "{text}");
            let time = found.updated.map(|it| it.value.to_string());
            assert_eq!(time.as_deref(), updated, "{text}");
        };
        let good = Some("2026-11-21T16:50:47.000000Z");
        check("", "2026-11-22T10:00:00Z", None, None);
        check(FAILED, "2026-11-20T17:00:00Z", Some(Updates::Retrying), None);
        check(FAILED, "2026-11-21T16:50:47Z", Some(Updates::Failing), None);
        let both = [FAILED, UPDATED].concat();
        check(&both, "2026-11-23T10:00:00Z", Some(Updates::Working), good);
        let again = [&both, &FAILED.replace("Fri Nov 20", "Sun Nov 22")].map(|it| &**it).concat();
        check(&again, "2026-11-22T20:00:00Z", Some(Updates::Retrying), good);
        check(&again, "2026-11-23T20:00:00Z", Some(Updates::Failing), good);
        let old = "Sat Nov 21 08:00:00 2026 -> daily.cvd is up to date (version: 1)\n\
                   Sat Nov 21 09:00:00 2026 -> ^You are on cool-down until after: 2026-11-22\n";
        check(old, "2026-11-21T10:00:00Z", Some(Updates::Retrying), None);
        let part = "Sat Nov 21 08:00:00 2026 -> daily.cvd database is up-to-date (version: 1)\n\
                    Sat Nov 21 08:00:01 2026 -> !Update failed.\n";
        check(part, "2026-11-21T10:00:00Z", Some(Updates::Retrying), None);
    }
}
