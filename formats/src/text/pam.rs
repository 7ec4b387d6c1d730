use std::net::IpAddr;

use soc_event::Fields;

use super::put;

/// What PAM modules say in the name of many programs.
pub(super) fn fill(text: &str, fields: &mut Fields) {
    let said = match text.strip_prefix("pam_").and_then(|rest| rest.split_once("): ")) {
        Some((_, said)) => said,
        None => text,
    };
    let _ = failure(said, fields).or_else(|| session(said, fields));
}

/// `authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=192.0.2.7  user=root`: read
/// from the left, because only the last value is chosen by the stranger.
fn failure(said: &str, fields: &mut Fields) -> Option<()> {
    let (_, rest) = said.split_once("authentication failure; logname=")?;
    let (_, rest) = rest.split_once(" rhost=")?;
    let (host, rest) = rest.split_once(' ').unwrap_or((rest, ""));
    source(host, fields);
    if let Some(user) = rest.trim_start().strip_prefix("user=").filter(|user| !user.is_empty()) {
        put(fields, "user.name", user);
    }
    Some(())
}

/// `session opened for user root(uid=0) by bob(uid=1000)`
fn session(said: &str, fields: &mut Fields) -> Option<()> {
    let rest = said
        .strip_prefix("session opened for user ")
        .or_else(|| said.strip_prefix("session closed for user "))?;
    let (user, by) = rest.split_once(" by ").unwrap_or((rest, ""));
    let (user, by) = (account(user), account(by));
    if by.is_empty() {
        put(fields, "user.name", user);
    } else {
        put(fields, "user.name", by);
        put(fields, "user.effective.name", user);
    }
    Some(())
}

fn account(text: &str) -> &str {
    text.split('(').next().unwrap_or(text)
}

/// A peer: an address, or the name a resolver gave, which whoever owns the address chose.
pub(super) fn source(host: &str, fields: &mut Fields) {
    if host.parse::<IpAddr>().is_ok() {
        put(fields, "source.ip", host);
    } else if !host.is_empty() {
        put(fields, "source.domain", host);
    }
}
