use std::net::IpAddr;

use jiff::civil::DateTime;
use soc_event::{Event, Timestamp};

use super::header::month_number;
use super::{Moment, put};

/// The common and combined log formats of Apache and nginx, also with `host:port ` before them:
/// `192.0.2.7 - bob [22/Nov/2026:10:16:42 +0700] "GET /?q=1 HTTP/1.1" 200 512 "referrer" "agent"`.
///
/// Both servers escape a quote inside of quotes, and the address comes from the kernel; a user
/// name may hold anything but a quote, so the time is looked for from the first quote backwards.
pub(super) fn fill(text: &str, moment: Moment<'_>, event: &mut Event) -> bool {
    access(text, moment, event).is_some()
}

fn access(text: &str, moment: Moment<'_>, event: &mut Event) -> Option<()> {
    let (before, request, rest) = quoted(text)?;
    let (who, time) = before.trim_end().strip_suffix(']')?.rsplit_once(" [")?;
    let (ip, user) = client(who)?;
    let mut rest_words = rest.trim_start().splitn(3, ' ');
    let status: u16 = rest_words.next()?.parse().ok()?;
    let bytes: Option<u64> = rest_words.next()?.parse().ok();
    let tail = rest_words.next().unwrap_or_default();

    if let Some(time) = clock(time).filter(|time| moment.believes(*time)) {
        event.time = time;
    }
    put(&mut event.fields, "message", text);
    put(&mut event.fields, "source.ip", ip);
    put(&mut event.fields, "c-ip", ip);
    if let Some(user) = user {
        put(&mut event.fields, "user.name", unescape(user));
    }
    put(&mut event.fields, "http.response.status_code", status);
    put(&mut event.fields, "sc-status", status);
    if let Some(bytes) = bytes {
        put(&mut event.fields, "http.response.body.bytes", bytes);
    }
    fill_request(request, event);
    fill_tail(tail, event);
    Some(())
}

/// Address and user of `ip ident user`; one word more in front is the virtual host.
fn client(who: &str) -> Option<(&str, Option<&str>)> {
    let is_address = |word: &str| word.parse::<IpAddr>().is_ok();
    let (first, rest) = who.split_once(' ')?;
    let (ip, rest) = if is_address(first) { (first, rest) } else { rest.split_once(' ')? };
    is_address(ip).then_some(())?;
    let (_, user) = rest.split_once(' ')?;
    Some((ip, Some(user).filter(|user| *user != "-")))
}

/// `GET /path?query HTTP/1.1`; what is no such line, a TLS hello for one, is kept as the URL.
fn fill_request(request: &str, event: &mut Event) {
    let fields = &mut event.fields;
    let method = request.split_once(' ').filter(|(method, _)| is_method(method));
    let Some((method, rest)) = method else {
        put(fields, "url.original", unescape(request));
        return;
    };
    let (url, version) = match rest.rsplit_once(" HTTP/") {
        Some((url, version)) => (url, Some(version)),
        None => (rest, None),
    };
    let url = unescape(url);
    let (stem, query) = url.split_once('?').unwrap_or((&url, ""));
    put(fields, "http.request.method", method);
    put(fields, "cs-method", method);
    put(fields, "cs-uri-stem", stem);
    put(fields, "cs-uri-query", query);
    put(fields, "url.original", url);
    if let Some(version) = version {
        put(fields, "http.version", version);
    }
}

fn is_method(word: &str) -> bool {
    !word.is_empty() && word.len() <= 32 && word.bytes().all(|byte| byte.is_ascii_alphabetic())
}

fn fill_tail(tail: &str, event: &mut Event) {
    let Some((_, referrer, rest)) = quoted(tail) else { return };
    if referrer != "-" {
        put(&mut event.fields, "http.request.referrer", unescape(referrer));
    }
    if let Some((_, agent, _)) = quoted(rest).filter(|(_, agent, _)| *agent != "-") {
        let agent = unescape(agent);
        put(&mut event.fields, "cs-user-agent", agent.as_str());
        put(&mut event.fields, "user_agent.original", agent);
    }
}

/// Splits at the first pair of quotes: before, inside, after.
fn quoted(text: &str) -> Option<(&str, &str, &str)> {
    let start = unescaped_quote(text)?;
    let (before, rest) = (text.get(..start)?, text.get(start + 1..)?);
    let end = unescaped_quote(rest)?;
    Some((before, rest.get(..end)?, rest.get(end + 1..)?))
}

fn unescaped_quote(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.bytes().position(|byte| {
        let found = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        found
    })
}

/// Undoes `\"`, `\\`, `\t`, `\n`, `\r` and `\xHH`.
fn unescape(text: &str) -> String {
    if !text.contains('\\') {
        return text.to_owned();
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        let (value, after) = match (byte, after.split_first()) {
            (b'\\', Some((b'x', after))) => match hex(after) {
                Some((value, after)) => (value, after),
                None => (b'\\', rest.get(1..).unwrap_or_default()),
            },
            (b'\\', Some((b'n', after))) => (b'\n', after),
            (b'\\', Some((b't', after))) => (b'\t', after),
            (b'\\', Some((b'r', after))) => (b'\r', after),
            (b'\\', Some((quoted @ (b'"' | b'\\'), after))) => (*quoted, after),
            _ => (*byte, after),
        };
        bytes.push(value);
        rest = after;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hex(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let (digits, rest) = bytes.split_at_checked(2)?;
    let digits = std::str::from_utf8(digits).ok()?;
    digits.bytes().all(|digit| digit.is_ascii_hexdigit()).then_some(())?;
    Some((u8::from_str_radix(digits, 16).ok()?, rest))
}

/// `22/Nov/2026:10:16:42 +0700`
fn clock(text: &str) -> Option<Timestamp> {
    let (local, zone) = text.split_once(' ')?;
    let (date, time) = local.split_once(':')?;
    let mut date = date.split('/');
    let day = date.next()?.parse().ok()?;
    let month = month_number(date.next()?)?;
    let year = date.next()?.parse().ok()?;
    let mut time = time.split(':').map(|part| part.parse::<i8>().ok());
    let (hour, minute, second) = (time.next()??, time.next()??, time.next()??);
    let moment = DateTime::new(year, month, day, hour, minute, second, 0).ok()?;
    let utc = moment.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp();
    let offset_us = offset_minutes(zone)?.checked_mul(60_000_000)?;
    Some(Timestamp::from_micros(utc.as_microsecond().checked_sub(offset_us)?))
}

fn offset_minutes(zone: &str) -> Option<i64> {
    let (sign, digits) = match zone.split_at_checked(1)? {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => return None,
    };
    let (hours, minutes) = digits.split_at_checked(2)?;
    let (hours, minutes): (i64, i64) = (hours.parse().ok()?, minutes.parse().ok()?);
    (0..=15).contains(&hours).then_some(sign * (hours * 60 + minutes))
}
