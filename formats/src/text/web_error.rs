use std::net::IpAddr;

use soc_event::{Event, Fields};

use super::once::once;
use super::{Moment, clock, put};

/// Error logs of Apache and nginx.
///
/// `[Sun Nov 22 16:49:21.103513 2026] [auth_basic:error] [pid 7:tid 8] [client 192.0.2.7:4] AH01617: …`
/// and `2026/11/22 16:47:50 [error] 7#8: *3 …, client: 192.0.2.7, server: …, request: "…"`.
///
/// Apache writes the address before anything a stranger says. nginx writes it behind, and decodes
/// the path it quotes before it, so the address is only taken where nothing else looks like one.
///
/// Source: Apache `ErrorLogFormat`; nginx `ngx_http_log_error_handler`.
pub(super) fn fill(text: &str, moment: Moment<'_>, event: &mut Event) -> bool {
    apache(text, moment, event).or_else(|| nginx(text, moment, event)).is_some()
}

fn apache(text: &str, moment: Moment<'_>, event: &mut Event) -> Option<()> {
    let (time, rest) = bracketed(text)?;
    let time = clock::asctime(time, moment.zone)?;
    let (level, rest) = bracketed(rest)?;
    let (module, level) = level.split_once(':').map_or((None, level), |(m, l)| (Some(m), l));
    is_level(level).then_some(())?;
    let (pid, rest) = match rest.strip_prefix("[pid ") {
        Some(rest) => rest.split_once("] ").map(|(pid, rest)| (Some(pid), rest))?,
        None => (None, rest),
    };
    event.time = if moment.believes(time) { time } else { event.time };
    let fields = &mut event.fields;
    put(fields, "log.level", level);
    if let Some(module) = module.filter(|module| !module.is_empty()) {
        put(fields, "log.logger", module);
    }
    if let Some(pid) = pid.and_then(|pid| pid.split(':').next()?.parse::<u32>().ok()) {
        put(fields, "process.pid", pid);
    }
    let rest = behind_status(rest);
    let message = match rest.strip_prefix("[client ").and_then(|rest| rest.split_once("] ")) {
        Some((peer, message)) => {
            apache_peer(peer, fields);
            message
        }
        None => rest,
    };
    put(fields, "message", message);
    if let Some((code, said)) = message.split_once(": ").filter(|(code, _)| is_code(code)) {
        put(fields, "event.code", code);
        apache_login(code, said, fields);
    }
    Some(())
}

/// `(111)Connection refused: ` stands between the process and the client.
fn behind_status(rest: &str) -> &str {
    let status = || {
        let (number, text) = rest.strip_prefix('(')?.split_once(')')?;
        number.bytes().all(|byte| byte.is_ascii_digit()).then_some(())?;
        let (said, behind) = text.split_once(": ")?;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b" /-".contains(&byte);
        said.bytes().all(plain).then_some(behind)
    };
    status().unwrap_or(rest)
}

/// `192.0.2.7:45488`, `[2001:db8::1]:45488` without its first bracket's sense, or an address alone.
fn apache_peer(peer: &str, fields: &mut Fields) {
    if let Ok(address) = peer.parse::<IpAddr>() {
        return put(fields, "source.ip", address.to_string());
    }
    let Some((address, port)) = peer.rsplit_once(':') else { return };
    let address = address.trim_matches(['[', ']']);
    if let (Ok(address), Ok(port)) = (address.parse::<IpAddr>(), port.parse::<u16>()) {
        put(fields, "source.ip", address.to_string());
        put(fields, "source.port", port);
    }
}

fn apache_login(code: &str, said: &str, fields: &mut Fields) {
    let user = match code {
        "AH01617" => once(said, ": authentication failure for \"").map(|(user, _)| user),
        "AH01618" | "AH01790" => once(said, " not found: ").map(|(user, _)| user),
        _ => return,
    };
    failed_login(user.and_then(|user| user.strip_prefix("user ")), fields);
}

fn failed_login(user: Option<&str>, fields: &mut Fields) {
    put(fields, "event.action", "web_login");
    put(fields, "event.outcome", "failure");
    if let Some(user) = user {
        put(fields, "user.name", user.trim_matches('`').trim_matches('\''));
    }
}

fn nginx(text: &str, moment: Moment<'_>, event: &mut Event) -> Option<()> {
    let (time, rest) = text.split_once(" [")?;
    let bytes = time.as_bytes();
    (bytes.get(4) == Some(&b'/') && bytes.get(7) == Some(&b'/')).then_some(())?;
    let time = clock::local(&time.replace('/', "-"), moment.zone)?;
    let (level, rest) = rest.split_once("] ")?;
    is_level(level).then_some(())?;
    let (process, rest) = rest.split_once(": ")?;
    let (pid, _) = process.split_once('#')?;
    let pid: u32 = pid.parse().ok()?;
    event.time = if moment.believes(time) { time } else { event.time };
    let fields = &mut event.fields;
    put(fields, "log.level", level);
    put(fields, "process.pid", pid);
    let message = match rest.strip_prefix('*').and_then(|rest| rest.split_once(' ')) {
        Some((_, message)) => message,
        None => rest,
    };
    put(fields, "message", message);
    if let Some((_, behind)) = once(message, ", client: ") {
        let address = behind.split(',').next().unwrap_or(behind);
        if let Ok(address) = address.parse::<IpAddr>() {
            put(fields, "source.ip", address.to_string());
        }
    }
    nginx_login(message, fields);
    Some(())
}

/// `user "bob": password mismatch, client: …`, `user "bob" was not found in "…", client: …`.
fn nginx_login(message: &str, fields: &mut Fields) {
    let Some(rest) = message.strip_prefix("user \"") else { return };
    let marks = ["\": password mismatch, ", "\" was not found in \""];
    let Some(mark) = marks.iter().find(|mark| rest.contains(**mark)) else { return };
    failed_login(once(rest, mark).map(|(user, _)| user), fields);
}

fn bracketed(text: &str) -> Option<(&str, &str)> {
    text.strip_prefix('[')?.split_once("] ")
}

/// Source: Apache's and nginx's levels; Apache has `trace1` to `trace8`.
fn is_level(word: &str) -> bool {
    let known = ["emerg", "alert", "crit", "error", "warn", "notice", "info", "debug"];
    known.contains(&word) || word.strip_prefix("trace").is_some_and(|rest| rest.len() == 1)
}

fn is_code(word: &str) -> bool {
    word.strip_prefix("AH")
        .is_some_and(|rest| rest.len() == 5 && rest.bytes().all(|byte| byte.is_ascii_digit()))
}
