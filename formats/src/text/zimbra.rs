use std::net::IpAddr;

use soc_event::{Event, Fields};

use super::once::once;
use super::{Moment, clock, put};

/// Zimbra's `mailbox.log` and `audit.log`: log4j lines
/// `2026-11-22 10:15:23,456 WARN  [qtp1-12:https://…] [name=…;oip=192.0.2.7;ua=…;] security - cmd=Auth; account=…;`
///
/// The context in the second brackets names the address before the program of the client, which may
/// say what it likes; so what stands behind `ua=` is not looked at.
///
/// Source: Zimbra `ZimbraLog`, "Log files" of the administrator's guide.
pub(super) fn fill(text: &str, moment: Moment<'_>, event: &mut Event) -> bool {
    line(text, moment, event).is_some()
}

fn line(text: &str, moment: Moment<'_>, event: &mut Event) -> Option<()> {
    let (time, rest) = text.split_at_checked(23)?;
    let time = clock::local(time, moment.zone)?;
    let (level, rest) = rest.strip_prefix(' ')?.split_once(' ')?;
    let levels = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"];
    levels.contains(&level).then_some(())?;
    let (_thread, rest) = rest.trim_start().strip_prefix('[')?.split_once("] ")?;
    let (context, rest) = rest.strip_prefix('[')?.split_once("] ")?;
    let (logger, message) = rest.split_once(" - ")?;
    event.time = if moment.believes(time) { time } else { event.time };
    let fields = &mut event.fields;
    put(fields, "log.level", level.to_ascii_lowercase());
    put(fields, "log.logger", logger);
    put(fields, "message", message);
    let trusted = context.split("ua=").next().unwrap_or(context);
    let of = |key: &str| trusted.split(';').find_map(|pair| pair.strip_prefix(key));
    // The original address where a proxy stands in between, as Zimbra judged it itself.
    let address = of("oip=").or_else(|| of("ip=")).and_then(|ip| ip.parse::<IpAddr>().ok());
    if let Some(address) = address {
        put(fields, "source.ip", address.to_string());
    }
    if let Some(name) = of("name=") {
        put(fields, "user.name", name);
    }
    if logger == "security" {
        authentication(message, fields);
    }
    Some(())
}

/// `cmd=Auth; account=bob@example.vn; protocol=soap; error=authentication failed for […], …;`
fn authentication(message: &str, fields: &mut Fields) {
    let Some(rest) = message.strip_prefix("cmd=Auth; ").or(message.strip_prefix("cmd=AdminAuth; "))
    else {
        return;
    };
    put(fields, "event.action", "mail_login");
    let failed = message.contains("; error=");
    put(fields, "event.outcome", if failed { "failure" } else { "success" });
    let account = rest.strip_prefix("account=");
    match account.and_then(|rest| once(rest, "; protocol=")) {
        Some((account, _)) => put(fields, "user.name", account),
        None => drop(fields.remove("user.name")),
    }
}
