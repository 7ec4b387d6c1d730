use std::net::IpAddr;

use soc_event::Fields;

use super::put;

/// What Drupal's syslog module writes, `|` between its parts: address of the site, time, channel, IP,
/// page, referrer, user id, link, message. Page and referrer are a stranger's: where they hold a `|`
/// themselves, only what stands before them is taken.
///
/// Source: Drupal core `syslog.settings.yml`, `format`.
pub(super) fn fill(text: &str, fields: &mut Fields) -> bool {
    drupal(text, fields).is_some()
}

fn drupal(text: &str, fields: &mut Fields) -> Option<()> {
    let mut parts = text.splitn(5, '|');
    let (site, time) = (parts.next()?, parts.next()?);
    let (channel, address, rest) = (parts.next()?, parts.next()?, parts.next()?);
    time.parse::<i64>().ok()?;
    put(fields, "url.domain", site.split("://").last().unwrap_or(site));
    put(fields, "log.logger", channel);
    if address.parse::<IpAddr>().is_ok() {
        put(fields, "source.ip", address);
    }
    let rest: Vec<&str> = rest.split('|').collect();
    let [page, referrer, user, _, message] = rest.as_slice() else { return Some(()) };
    put(fields, "url.original", *page);
    if !referrer.is_empty() {
        put(fields, "http.request.referrer", *referrer);
    }
    put(fields, "user.id", *user);
    put(fields, "message", *message);
    if channel == "user" {
        login(message, fields);
    }
    Some(())
}

/// `Login attempt failed for bob.`, `Login attempt failed from 192.0.2.7.`, `Session opened for bob.`
fn login(message: &str, fields: &mut Fields) {
    let said = message.strip_suffix('.').unwrap_or(message);
    let (user, outcome) = if let Some(user) = said.strip_prefix("Login attempt failed for ") {
        (Some(user), "failure")
    } else if said.starts_with("Login attempt failed from ") {
        (None, "failure")
    } else if let Some(user) = said.strip_prefix("Session opened for ") {
        (Some(user), "success")
    } else {
        return;
    };
    put(fields, "event.action", "web_login");
    put(fields, "event.outcome", outcome);
    if let Some(user) = user {
        put(fields, "user.name", user);
    }
}
