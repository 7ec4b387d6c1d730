use soc_event::Fields;

use super::{pam, put};

/// `bob : TTY=pts/0 ; PWD=/home/bob ; USER=root ; COMMAND=/usr/bin/id`; a refusal has its reason
/// first: `bob : 3 incorrect password attempts ; TTY=…`. Source: sudo `lib/eventlog/eventlog.c`.
pub(super) fn fill(text: &str, fields: &mut Fields) {
    if sudo(text.trim_start(), fields).is_none() {
        pam::fill(text, fields);
    }
}

fn sudo(text: &str, fields: &mut Fields) -> Option<()> {
    let (user, rest) = text.split_once(" : ")?;
    put(fields, "event.action", "sudo");
    put(fields, "user.name", user);
    if let Some(command) = rest.strip_prefix("(command continued) ") {
        put(fields, "process.command_line", command);
        return Some(());
    }
    let refused = !["TTY=", "HOST=", "CHROOT=", "PWD="].iter().any(|key| rest.starts_with(key));
    put(fields, "event.outcome", if refused { "failure" } else { "success" });
    if let Some((_, command)) = rest.split_once(" ; COMMAND=") {
        put(fields, "process.command_line", command);
    }
    if let Some(target) = target(rest) {
        put(fields, "user.effective.name", target);
    }
    Some(())
}

/// The account in `USER=`. Folder and command are chosen by whoever calls sudo and may contain
/// ` ; USER=`: then nobody can tell which is true, and none is named.
fn target(rest: &str) -> Option<&str> {
    let (_, after) = rest.split_once(" ; USER=")?;
    if after.contains(" ; USER=") {
        return None;
    }
    after.split(" ; ").next()
}
