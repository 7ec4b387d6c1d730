use soc_event::{Event, Value};

use super::filter::severity;

/// What is done with accounts, rights and programs: told whatever came of it.
const ACTIONS: [&str; 22] = [
    "ssh_login",
    "sudo",
    "su",
    "login",
    "logout",
    "host_started",
    "host_shutdown",
    "mail_login",
    "mail_rejected",
    "database_login",
    "web_login",
    "user_created",
    "user_deleted",
    "user_changed",
    "group_changed",
    "group_member_added",
    "package_installed",
    "package_upgraded",
    "package_removed",
    "package_transaction",
    "cron_changed",
    "account_locked",
];
/// Errors and worse.
const SEVERITY_ERROR: u8 = 3;
/// Parts of a request nobody sends who wants to see a page, in lower case.
const ATTACKS: [&str; 16] = [
    "../",
    "..%2f",
    "%2e%2e",
    "<script",
    "%3cscript",
    "union select",
    "union+select",
    "union%20select",
    "/etc/passwd",
    "${jndi:",
    "%24%7bjndi",
    "wp-config",
    "/.env",
    "/.git/",
    "cmd=",
    "base64_decode",
];

/// Whether a line is worth sending where only findings are: what was done with accounts, rights and
/// packages, everything that failed, errors and worse, records of the audit that somebody asked
/// for (a `key`) or that say something is odd, and requests that failed on the server, were not
/// allowed, or look like an attack.
pub(super) fn is_finding(event: &Event) -> bool {
    let action = event.text("event.action");
    action.is_some_and(|action| ACTIONS.contains(&action))
        || event.text("event.outcome") == Some("failure")
        || severity(event).is_some_and(|severity| severity <= SEVERITY_ERROR)
        || is_audit_finding(event)
        || is_web_finding(event)
}

fn is_audit_finding(event: &Event) -> bool {
    if event.logsource.service.as_deref() != Some("auditd") {
        return false;
    }
    let is_asked_for = match event.fields.get("key") {
        Some(Value::Text(key)) => key != "(null)",
        Some(Value::List(_)) => true,
        _ => false,
    };
    let odd = ["ANOM_", "AVC", "SECCOMP", "USER_", "CRED_", "ADD_", "DEL_", "GRP_", "INTEGRITY_"];
    let is_odd = |kind: &str| odd.iter().any(|start| kind.starts_with(start));
    is_asked_for
        || match event.fields.get("type") {
            Some(Value::Text(kind)) => is_odd(kind),
            Some(Value::List(kinds)) => kinds.iter().filter_map(Value::as_text).any(is_odd),
            _ => false,
        }
}

fn is_web_finding(event: &Event) -> bool {
    if event.logsource.category.as_deref() != Some("webserver") {
        return false;
    }
    let status = event.fields.get("sc-status").and_then(Value::as_i64).unwrap_or_default();
    if status >= 500 || status == 401 || status == 403 {
        return true;
    }
    let names = ["url.original", "user_agent.original", "http.request.referrer"];
    names.iter().filter_map(|name| event.text(name)).any(|text| {
        let text = text.to_ascii_lowercase();
        ATTACKS.iter().any(|attack| text.contains(attack))
    })
}
