use soc_event::{Event, Fields, Value};

use super::{Moment, clock, header, put};

/// `2026-11-22 16:45:01 upgrade nginx:amd64 1.22.1-8 1.22.1-9`. Source: dpkg(1), `--log`.
pub(super) fn dpkg(text: &str, moment: Moment<'_>, event: &mut Event) -> bool {
    dpkg_line(text, moment, event).is_some()
}

fn dpkg_line(text: &str, moment: Moment<'_>, event: &mut Event) -> Option<()> {
    let (time, rest) = text.split_at_checked(19)?;
    let time = clock::local(time, moment.zone)?;
    let message = rest.strip_prefix(' ')?;
    event.time = if moment.believes(time) { time } else { event.time };
    let fields = &mut event.fields;
    put(fields, "message", message);
    let mut words = message.split(' ');
    let action = match words.next()? {
        "install" => "package_installed",
        "upgrade" => "package_upgraded",
        "remove" | "purge" => "package_removed",
        _ => return Some(()),
    };
    let (package, old, new) = (words.next()?, words.next()?, words.next()?);
    let (name, architecture) = package.split_once(':').unwrap_or((package, ""));
    put(fields, "event.action", action);
    put(fields, "package.name", name);
    if !architecture.is_empty() {
        put(fields, "package.architecture", architecture);
    }
    let given = |version: &&str| *version != "<none>";
    let (version, previous) = if action == "package_removed" { (old, new) } else { (new, old) };
    if let Some(version) = Some(version).filter(given) {
        put(fields, "package.version", version);
    }
    if let Some(previous) = Some(previous).filter(given) {
        put(fields, "package.previous_version", previous);
    }
    Some(())
}

/// A block of apt's `history.log`: `Start-Date: …`, `Commandline: …`, `Requested-By: …`, `Install: …`,
/// `Upgrade: …`, `Remove: …`, `End-Date: …`. Source: apt `apt-pkg/deb/dpkgpm.cc`.
pub(super) fn apt(text: &str, moment: Moment<'_>, event: &mut Event) -> bool {
    let (mut known, fields) = (false, &mut event.fields);
    for line in text.lines() {
        let Some((key, value)) = line.split_once(": ") else { continue };
        known = true;
        match key {
            "Start-Date" | "End-Date" => {
                let time = clock::local(&value.replacen("  ", " ", 1), moment.zone);
                if let Some(time) = time.filter(|time| moment.believes(*time)) {
                    event.time = time;
                }
            }
            "Commandline" => put(fields, "process.command_line", value),
            "Requested-By" => requested_by(value, fields),
            "Error" => put(fields, "error.message", value),
            "Install" | "Reinstall" => list("package.installed", value, fields),
            "Upgrade" | "Downgrade" => list("package.upgraded", value, fields),
            "Remove" | "Purge" => list("package.removed", value, fields),
            _ => known = false,
        }
    }
    if known {
        put(fields, "message", text);
        put(fields, "event.action", "package_transaction");
        let outcome = if fields.contains_key("error.message") { "failure" } else { "success" };
        put(fields, "event.outcome", outcome);
    }
    known
}

/// `bob (1000)`
fn requested_by(value: &str, fields: &mut Fields) {
    let (name, id) = value.split_once(" (").unwrap_or((value, ""));
    put(fields, "user.name", name);
    if let Some(id) = id.strip_suffix(')') {
        put(fields, "user.id", id);
    }
}

/// `nginx:amd64 (1.22.1-9, automatic), libc6:amd64 (2.36-9, 2.36-10)`: names and versions as they are.
fn list(field: &str, value: &str, fields: &mut Fields) {
    let packages = value.split("), ").map(|package| package.trim_end_matches(')'));
    let packages = packages.map(|package| Value::from(package.replacen(" (", " ", 1)));
    put(fields, field, Value::List(packages.take(soc_event::limits::LIST_MAX).collect()));
}

/// `2026-11-22T10:15:23+0700 SUBDEBUG Installed: nginx-1:1.20.1-1.el9.x86_64` of dnf's
/// `dnf.rpm.log`, and `Nov 22 10:15:23 Installed: nginx-1.20.1-1.el7.x86_64` of `yum.log`.
pub(super) fn dnf(text: &str, moment: Moment<'_>, event: &mut Event) -> bool {
    dnf_line(text, moment, event).is_some()
}

fn dnf_line(text: &str, moment: Moment<'_>, event: &mut Event) -> Option<()> {
    let (time, rest) = match text.split_once(' ') {
        Some((word, rest)) if word.contains('T') => (clock::any(word, moment.zone)?, rest),
        _ => header::rfc3164(text, moment)?,
    };
    event.time = if moment.believes(time) { time } else { event.time };
    let fields = &mut event.fields;
    let levels = ["SUBDEBUG ", "DEBUG ", "INFO ", "WARNING ", "ERROR ", "CRITICAL ", "DDEBUG "];
    let message = match levels.iter().find(|level| rest.starts_with(**level)) {
        Some(level) => {
            put(fields, "log.level", level.trim().to_ascii_lowercase());
            rest.strip_prefix(level)?
        }
        None => rest,
    };
    put(fields, "message", message);
    let Some((word, package)) = message.split_once(": ") else { return Some(()) };
    let action = match word {
        "Installed" | "Install" | "Reinstall" | "Reinstalled" => "package_installed",
        // The other of the two, `Upgraded`, is the old version that goes.
        "Upgrade" | "Updated" | "Downgrade" => "package_upgraded",
        "Erase" | "Erased" | "Removed" => "package_removed",
        _ => return Some(()),
    };
    let (rest, architecture) = package.rsplit_once('.')?;
    let (rest, release) = rest.rsplit_once('-')?;
    let (name, version) = rest.rsplit_once('-')?;
    put(fields, "event.action", action);
    put(fields, "package.name", name);
    put(fields, "package.version", format!("{version}-{release}"));
    put(fields, "package.architecture", architecture);
    Some(())
}
