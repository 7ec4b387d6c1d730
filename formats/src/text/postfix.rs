use std::net::IpAddr;

use soc_event::Fields;

use super::once::once;
use super::put;

/// What Postfix's daemons say, `program` being `postfix/smtpd` and its like.
///
/// Names of peers come from DNS, but Postfix replaces those with other characters than a name may
/// have, so the bracket behind a name is Postfix's own. Addresses of mail, greetings and names that
/// log in may hold anything: they are read up to the mark that follows, and left out where that mark
/// stands twice.
///
/// Source: Postfix `smtpd/smtpd.c`, `smtpd_sasl_glue.c`, `global/log_adhoc.c`, `qmgr/qmgr_active.c`.
pub(super) fn fill(program: &str, text: &str, fields: &mut Fields) {
    let (level, text) = match text.split_once(": ") {
        Some((level @ ("warning" | "error" | "fatal" | "panic"), rest)) => (level, rest),
        _ => ("info", text),
    };
    if level != "info" {
        put(fields, "log.level", level);
    }
    let _ = sasl_failure(text, fields)
        .or_else(|| peer(text, fields))
        .or_else(|| reject(text, fields))
        .or_else(|| queued(program, text, fields));
}

/// `mail.example[192.0.2.7]: SASL LOGIN authentication failed: reason, sasl_username=bob`
fn sasl_failure(text: &str, fields: &mut Fields) -> Option<()> {
    let (client, rest) = text.split_once("]: SASL ")?;
    let (method, rest) = rest.split_once(" authentication failed: ")?;
    let (_, address) = client.rsplit_once('[')?;
    let address: IpAddr = address.parse().ok()?;
    put(fields, "event.action", "mail_login");
    put(fields, "event.outcome", "failure");
    put(fields, "source.ip", address.to_string());
    put(fields, "mail.sasl.method", method);
    if let Some((_, user)) = rest.split_once(", sasl_username=") {
        put(fields, "user.name", user);
    }
    Some(())
}

/// `connect from unknown[192.0.2.7]`, `lost connection after AUTH from …`, `disconnect from … quit=1`
fn peer(text: &str, fields: &mut Fields) -> Option<()> {
    let words = ["connect from ", "disconnect from ", "lost connection after ", "timeout after "];
    let word = words.iter().find(|word| text.starts_with(**word))?;
    let rest = text.strip_prefix(word)?;
    let rest = if word.ends_with("after ") { rest.split_once(" from ")?.1 } else { rest };
    client(rest, fields).map(drop)
}

/// The peer at the start of a text, and what is behind it.
fn client<'a>(text: &'a str, fields: &mut Fields) -> Option<&'a str> {
    let (name, rest) = text.split_once('[')?;
    let (address, rest) = rest.split_once(']')?;
    let address: IpAddr = address.parse().ok()?;
    put(fields, "source.ip", address.to_string());
    if name != "unknown" && !name.is_empty() {
        put(fields, "source.domain", name);
    }
    Some(rest)
}

/// `NOQUEUE: reject: RCPT from h[192.0.2.7]: 554 5.7.1 <…>: Relay access denied; from=<…> to=<…> proto=…`
fn reject(text: &str, fields: &mut Fields) -> Option<()> {
    let (id, rest) = text.split_once(": reject: ")?;
    let (_, rest) = rest.split_once(" from ")?;
    let rest = client(rest, fields)?.strip_prefix(": ")?;
    put(fields, "event.action", "mail_rejected");
    put(fields, "event.outcome", "failure");
    queue_id(id, fields);
    if let Some(code) = rest.get(..3).and_then(|code| code.parse::<u16>().ok()) {
        put(fields, "mail.response.code", code);
    }
    if let Some((_, envelope)) = once(rest, "; from=<") {
        let (from, behind) = once(envelope, "> to=<").unwrap_or((envelope, ""));
        if let Some((to, _)) = once(behind, "> proto=") {
            put(fields, "email.from.address", from);
            put(fields, "email.to.address", to);
        }
    }
    Some(())
}

/// Lines that begin with the id of a message.
fn queued(program: &str, text: &str, fields: &mut Fields) -> Option<()> {
    let (id, rest) = text.split_once(": ")?;
    is_queue_id(id).then_some(())?;
    queue_id(id, fields);
    if let Some(rest) = rest.strip_prefix("client=") {
        let rest = client(rest, fields)?;
        if let Some((_, user)) = once(rest, ", sasl_username=") {
            put(fields, "event.action", "mail_login");
            put(fields, "event.outcome", "success");
            put(fields, "user.name", user.split(", ").next().unwrap_or(user));
        }
    } else if let Some(rest) = rest.strip_prefix("from=<") {
        let (from, rest) = once(rest, ">, size=")?;
        put(fields, "email.from.address", from);
        if let Ok(bytes) = rest.split(',').next().unwrap_or_default().parse::<u64>() {
            put(fields, "email.size.bytes", bytes);
        }
    } else if let Some(rest) = rest.strip_prefix("to=<") {
        delivery(program, rest, fields)?;
    } else if let Some(id) = rest.strip_prefix("message-id=") {
        put(fields, "email.message_id", id.trim_matches(['<', '>']));
    }
    Some(())
}

/// `v@far.example>, relay=mx.far.example[192.0.2.9]:25, delay=0.1, …, dsn=2.0.0, status=sent (250 …)`
fn delivery(program: &str, rest: &str, fields: &mut Fields) -> Option<()> {
    let (to, rest) = once(rest, ">, relay=").or_else(|| {
        let (to, rest) = once(rest, ">, orig_to=<")?;
        Some((to, once(rest, ">, relay=")?.1))
    })?;
    put(fields, "email.to.address", to);
    put(fields, "event.action", "mail_delivery");
    put(fields, "mail.transport", program.rsplit('/').next().unwrap_or(program));
    // What the other server answered comes last, in brackets, and may hold anything.
    let (relay, rest) = rest.split_once(", delay=")?;
    put(fields, "mail.relay", relay);
    let (_, rest) = rest.split_once(", dsn=")?;
    let (dsn, rest) = rest.split_once(", status=")?;
    let status = rest.split(' ').next().unwrap_or(rest);
    put(fields, "mail.dsn", dsn);
    put(fields, "mail.status", status);
    put(fields, "event.outcome", if status == "sent" { "success" } else { "failure" });
    Some(())
}

fn queue_id(id: &str, fields: &mut Fields) {
    if is_queue_id(id) {
        put(fields, "email.local_id", id);
    }
}

/// Short ids are hexadecimal, long ones have letters without vowels. Source: postconf(5),
/// `enable_long_queue_ids`.
fn is_queue_id(word: &str) -> bool {
    let is_short = word.bytes().all(|b| b.is_ascii_digit() || (b'A'..=b'F').contains(&b));
    let is_long = word.bytes().all(|byte| byte.is_ascii_alphanumeric()) && word.len() >= 10;
    (5..=24).contains(&word.len()) && (is_short || is_long)
}
