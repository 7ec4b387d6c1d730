use soc_event::Fields;

use super::{pam, put};

/// What `su` of util-linux says, `(to root) bob on pts/0`, and that of shadow,
/// `Successful su for root by bob`; a refusal begins with `FAILED`.
pub(super) fn fill(text: &str, fields: &mut Fields) {
    match switch(text) {
        Some((user, target, succeeded)) => {
            put(fields, "event.action", "su");
            put(fields, "event.outcome", if succeeded { "success" } else { "failure" });
            put(fields, "user.name", user);
            put(fields, "user.effective.name", target);
        }
        None => pam::fill(text, fields),
    }
}

/// Who, whom, and whether it was allowed.
fn switch(text: &str) -> Option<(&str, &str, bool)> {
    let (succeeded, rest) = match text.strip_prefix("FAILED SU ") {
        Some(rest) => (false, rest),
        None => (true, text),
    };
    if let Some(rest) = rest.strip_prefix("(to ") {
        let (before, _) = rest.rsplit_once(" on ")?;
        let (target, user) = before.rsplit_once(") ")?;
        return Some((user, target, succeeded));
    }
    let (succeeded, rest) = match text.strip_prefix("FAILED su for ") {
        Some(rest) => (false, rest),
        None => (true, text.strip_prefix("Successful su for ")?),
    };
    let (target, user) = rest.rsplit_once(" by ")?;
    Some((user, target, succeeded))
}
