use soc_event::{Event, Timestamp, Value};

use super::{Moment, put};

mod assembly;
mod syscall;

/// Linux audit records, one a line, as `auditd` writes them: `type=SYSCALL
/// msg=audit(1364481363.243:24287): arch=c000003e syscall=59 … comm="id" exe="/usr/bin/id"`, also
/// with `node=…` in front, and what log enrichment adds behind a group separator (`SYSCALL=execve`).
///
/// A text of one record is an event of its own; one of several lines is one event of all its records
/// (see `assembly`; a `Joiner` puts them together). Of a name that comes twice the first
/// stands: the kernel writes before programs do. Where the kernel quotes or, when it had to, writes
/// hexadecimal digits instead, the text is given back; registers (`a0` of `SYSCALL`) stay as they are.
///
/// Source: audit-userspace, `auparse/typetab.h`; the kernel's `audit_log_untrustedstring`.
pub(super) fn fill(text: &str, moment: Moment<'_>, event: &mut Event) -> bool {
    let lines: Option<Vec<Line<'_>>> = text.split('\n').map(Line::parse).collect();
    let Some(lines) = lines else { return false };
    match lines.as_slice() {
        [line] => {
            head(line, moment, event);
            record(line.kind, line.body, event);
        }
        several => assembly::fill(several, moment, event),
    }
    assembly::conclude(event);
    true
}

/// The event a record belongs to, `SYSCALL` and `1364481363.243:24287`; `None` for other lines.
pub(crate) fn key(text: &str) -> Option<(&str, &str)> {
    Line::parse(text).map(|line| (line.kind, line.stamp))
}

/// What all records of an event say.
fn head(line: &Line<'_>, moment: Moment<'_>, event: &mut Event) {
    if let Some(time) = line.time.filter(|time| moment.believes(*time)) {
        event.time = time;
    }
    if let Some(node) = line.node {
        put(&mut event.fields, "host.name", node);
    }
    put(&mut event.fields, "msg", format!("audit({})", line.stamp));
}

/// The fields of a record without its head.
pub(super) fn record(kind: &str, body: &str, event: &mut Event) {
    put(&mut event.fields, "message", body);
    put(&mut event.fields, "type", kind);
    // Enriched names come behind the group separator.
    let (said, added) = body.split_once('\u{1d}').unwrap_or((body, ""));
    pairs(kind, said, event);
    pairs(kind, added, event);
}

/// Whether a line is such a record.
pub(super) fn is_record(text: &str) -> bool {
    Line::parse(text).is_some()
}

/// A record, taken apart.
struct Line<'a> {
    node: Option<&'a str>,
    kind: &'a str,
    /// Seconds and number: `1364481363.243:24287`.
    stamp: &'a str,
    time: Option<Timestamp>,
    body: &'a str,
}

impl<'a> Line<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let (node, rest) = match text.strip_prefix("node=") {
            Some(rest) => rest.split_once(' ').map(|(node, rest)| (Some(node), rest))?,
            None => (None, text),
        };
        let (kind, rest) = rest.strip_prefix("type=")?.split_once(' ')?;
        let (stamp, body) = rest.strip_prefix("msg=audit(")?.split_once("):")?;
        let (time, serial) = stamp.split_once(':')?;
        serial.bytes().all(|byte| byte.is_ascii_digit()).then_some(())?;
        Some(Self { node, kind, stamp, time: clock(time), body: body.trim_start() })
    }
}

/// `1364481363.243`
fn clock(text: &str) -> Option<Timestamp> {
    let (seconds, millis) = text.split_once('.')?;
    let (seconds, millis): (i64, i64) = (seconds.parse().ok()?, millis.parse().ok()?);
    let micros = seconds.checked_mul(1_000_000)?.checked_add(millis.checked_mul(1_000)?)?;
    Some(Timestamp::from_micros(micros))
}

/// `key=value key="value" msg='key=value …'`; words that are no pair are passed over.
fn pairs(kind: &str, text: &str, event: &mut Event) {
    let mut rest = text;
    while let Some((key, behind)) = next_key(rest) {
        let (value, after) = match behind.as_bytes().first() {
            Some(b'"') => {
                let inner = behind.get(1..).unwrap_or_default();
                let (value, after) = inner.split_once('"').unwrap_or((inner, ""));
                keep(kind, key, Value::Text(value.to_owned()), event);
                (None, after)
            }
            Some(b'\'') => {
                // What a program says; it may hold anything but the end of the line.
                let inner = behind.get(1..).unwrap_or_default();
                let (said, after) = inner.rsplit_once('\'').unwrap_or((inner, ""));
                pairs(kind, said, event);
                (None, after)
            }
            _ => {
                let (value, after) = behind.split_once(' ').unwrap_or((behind, ""));
                (Some(value.trim_end_matches(',')), after)
            }
        };
        // `SADDR={ saddr_fam=inet … }`: the pairs inside count for themselves.
        if let Some(value) = value.filter(|value| *value != "{") {
            keep(kind, key, decoded(kind, key, value), event);
        }
        rest = after;
    }
}

/// The next `key=` and what is behind it.
fn next_key(text: &str) -> Option<(&str, &str)> {
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches([' ', ',']);
        let end = rest.find(['=', ' '])?;
        let (word, behind) = rest.split_at_checked(end)?;
        match behind.strip_prefix('=') {
            Some(value) if is_key(word) => return Some((word, value)),
            Some(value) => rest = value,
            None => rest = behind,
        }
    }
}

fn is_key(word: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b"_-[]".contains(&byte);
    !word.is_empty() && word.bytes().all(known)
}

fn keep(kind: &str, key: &str, value: Value, event: &mut Event) {
    // A long argument comes in parts: a1[0]=… a1[1]=…, after a1_len=….
    let part = key.split_once('[').filter(|_| kind == "EXECVE");
    if let Some((argument, _)) = part {
        let value = value.as_text().unwrap_or_default().to_owned();
        match event.fields.get_mut(argument) {
            Some(Value::Text(held)) => held.push_str(&value),
            _ => put(&mut event.fields, argument, value),
        }
    } else if key == "key" || !event.fields.contains_key(key) {
        put(&mut event.fields, key, value);
    }
}

/// An unquoted value: the text its hexadecimal digits stand for, where the kernel writes text so.
fn decoded(kind: &str, key: &str, value: &str) -> Value {
    let bytes = if is_text(kind, key) { unhex(value) } else { None };
    let Some(bytes) = bytes else { return value.into() };
    let text = String::from_utf8_lossy(&bytes);
    match key {
        // The arguments end with NULs; rules expect what a shell shows.
        "proctitle" => text.trim_end_matches('\0').replace('\0', " ").into(),
        // Several keys of one rule.
        "key" if text.contains('\u{1}') => text.split('\u{1}').collect::<Vec<_>>().into(),
        _ => text.into_owned().into(),
    }
}

/// Whether a field holds text that may be written in hexadecimal.
fn is_text(kind: &str, key: &str) -> bool {
    const NAMES: [&str; 22] = [
        "acct",
        "cgroup",
        "cmd",
        "comm",
        "cwd",
        "data",
        "device",
        "dir",
        "exe",
        "file",
        "grp",
        "key",
        "name",
        "new-disk",
        "ocomm",
        "old-disk",
        "path",
        "proctitle",
        "root_dir",
        "sw",
        "vm",
        "watch",
    ];
    let is_argument = || {
        let digits = key.strip_prefix('a').map(|rest| rest.split('[').next().unwrap_or(rest));
        digits.is_some_and(|digits| {
            !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
        })
    };
    NAMES.contains(&key) || (kind == "EXECVE" && is_argument())
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        // Only capitals: what is small is a word somebody wrote.
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    };
    let pairs = text.as_bytes().chunks(2);
    if text.is_empty() {
        return None;
    }
    pairs.map(|pair| Some(digit(*pair.first()?)? << 4 | digit(*pair.get(1)?)?)).collect()
}
