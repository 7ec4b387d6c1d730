use soc_event::Fields;

use super::{pam, put};

/// `(root) CMD (run-parts /etc/cron.hourly)`. The account stands first and exists.
pub(super) fn fill(text: &str, fields: &mut Fields) {
    if command(text, fields).is_none() {
        pam::fill(text, fields);
    }
}

fn command(text: &str, fields: &mut Fields) -> Option<()> {
    let (user, rest) = text.strip_prefix('(')?.split_once(") ")?;
    if let Some(command) = rest.strip_prefix("CMD (").and_then(|rest| rest.strip_suffix(')')) {
        put(fields, "event.action", "cron");
        put(fields, "process.command_line", command);
    }
    put(fields, "user.name", user);
    Some(())
}
