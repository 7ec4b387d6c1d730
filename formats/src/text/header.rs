use jiff::civil::DateTime;
use soc_event::Timestamp;

use super::Moment;

/// What stands before the message of a syslog line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header<'a> {
    /// When, as the line claims.
    pub time: Option<Timestamp>,
    /// Facility × 8 + severity, where the line carries it.
    pub priority: Option<u8>,
    /// The host, as the line claims.
    pub host: Option<&'a str>,
    /// The program, without path and without the PAM module old systems append.
    pub program: Option<&'a str>,
    /// The process.
    pub pid: Option<u32>,
    /// The rest.
    pub message: &'a str,
}

/// Longest text taken for a program, host or time; longer is message. Source: RFC 5424 allows 255
/// for a host, 48 for a program.
const WORD_BYTES_MAX: usize = 255;

/// The header of a line in one of the three formats, `None` when it has none.
pub(super) fn parse<'a>(line: &'a str, moment: Moment<'_>) -> Option<Header<'a>> {
    let (priority, rest) = priority(line);
    if priority.is_some()
        && let Some(rest) = rest.strip_prefix("1 ")
        && let Some(header) = rfc5424(rest)
    {
        return Some(Header { priority, ..header });
    }
    let (time, rest) = iso(rest).or_else(|| rfc3164(rest, moment))?;
    let (host, rest) = host(rest);
    let (program, pid, message) = tag(rest);
    Some(Header { time: Some(time), priority, host, program, pid, message })
}

/// `<34>` and the rest. Source: RFC 3164, section 4.1.1.
fn priority(line: &str) -> (Option<u8>, &str) {
    let value = || {
        let (digits, rest) = line.strip_prefix('<')?.split_once('>')?;
        let value = digits.parse().ok().filter(|value| *value <= 191)?;
        Some((value, rest))
    };
    value().map_or((None, line), |(value, rest)| (Some(value), rest))
}

/// `TIMESTAMP HOST APP PROCID MSGID SD MSG`. Source: RFC 5424, section 6.
fn rfc5424(rest: &str) -> Option<Header<'_>> {
    let (time, rest) = rest.split_once(' ')?;
    let (host, rest) = rest.split_once(' ')?;
    let (program, rest) = rest.split_once(' ')?;
    let (process, rest) = rest.split_once(' ')?;
    let (_, rest) = rest.split_once(' ')?;
    let message = after_structured_data(rest)?;
    let message = message.strip_prefix('\u{feff}').unwrap_or(message);
    let given = |word: &'_ str| word != "-" && word.len() <= WORD_BYTES_MAX;
    Some(Header {
        time: if time == "-" { None } else { Some(time.parse().ok()?) },
        priority: None,
        host: Some(host).filter(|host| given(host)),
        program: Some(base_name(program)).filter(|program| given(program)),
        pid: process.parse().ok(),
        message,
    })
}

/// What follows `-` or `[id name="value"]…`; inside values `\"`, `\\` and `\]` are escaped.
fn after_structured_data(rest: &str) -> Option<&str> {
    let mut rest = match rest.strip_prefix('-') {
        Some(rest) => return Some(rest.strip_prefix(' ').unwrap_or(rest)),
        None if rest.starts_with('[') => rest,
        None => return None,
    };
    while rest.starts_with('[') {
        let (mut quoted, mut escaped, mut end) = (false, false, None);
        for (index, byte) in rest.bytes().enumerate() {
            match byte {
                _ if escaped => escaped = false,
                b'\\' if quoted => escaped = true,
                b'"' => quoted = !quoted,
                b']' if !quoted => {
                    end = Some(index);
                    break;
                }
                _ => {}
            }
        }
        rest = rest.get(end? + 1..)?;
    }
    Some(rest.strip_prefix(' ').unwrap_or(rest))
}

/// `2026-11-22T10:16:42.123456+00:00 ` as rsyslog writes since Debian 12.
fn iso(rest: &str) -> Option<(Timestamp, &str)> {
    let (word, rest) = rest.split_once(' ')?;
    if word.len() > 40 || !word.as_bytes().first()?.is_ascii_digit() {
        return None;
    }
    Some((word.parse().ok()?, rest))
}

/// `Nov 22 10:16:42 `: no year and no zone, so the host's zone, and the last year in which the
/// time is not in the future. Source: RFC 3164, section 4.1.2.
pub(super) fn rfc3164<'a>(rest: &'a str, moment: Moment<'_>) -> Option<(Timestamp, &'a str)> {
    let (month, rest) = rest.split_once(' ')?;
    let (day, rest) = rest.trim_start_matches(' ').split_once(' ')?;
    let (time, rest) = rest.split_once(' ')?;
    let date = (month_number(month)?, day.parse().ok()?);
    Some((nearest(date, clock_time(time)?, moment)?, rest))
}

/// 1 to 12 from `Jan` to `Dec`.
pub(super) fn month_number(name: &str) -> Option<i8> {
    const NAMES: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let index = NAMES.iter().position(|known| *known == name)?;
    i8::try_from(index + 1).ok()
}

fn clock_time(text: &str) -> Option<(i8, i8, i8)> {
    let mut parts = text.split(':');
    let mut next = || parts.next().filter(|part| part.len() == 2)?.parse().ok();
    let time = (next()?, next()?, next()?);
    parts.next().is_none().then_some(time)
}

fn nearest(
    (month, day): (i8, i8),
    (hour, minute, second): (i8, i8, i8),
    moment: Moment<'_>,
) -> Option<Timestamp> {
    let now = jiff::Timestamp::from_microsecond(moment.now.as_micros()).ok()?;
    let year = now.to_zoned(moment.zone.clone()).year();
    let in_year = |year: i16| {
        let local = DateTime::new(year, month, day, hour, minute, second, 0).ok()?;
        let zoned = local.to_zoned(moment.zone.clone()).ok()?;
        Some(Timestamp::from_micros(zoned.timestamp().as_microsecond()))
    };
    let tomorrow = moment.now.plus_micros(86_400_000_000);
    // Four years back, for lines of the 29th of February.
    let years = (year.saturating_sub(4)..=year.saturating_add(1)).rev();
    years.filter_map(in_year).find(|time| *time <= tomorrow)
}

/// The host, unless the next word is already the program's tag, as on the local socket.
fn host(rest: &str) -> (Option<&str>, &str) {
    match rest.split_once(' ') {
        Some((word, after))
            if !word.is_empty() && word.len() <= WORD_BYTES_MAX && !is_tag(word) =>
        {
            (Some(word), after)
        }
        _ => (None, rest),
    }
}

fn is_tag(word: &str) -> bool {
    word.ends_with(':') && (word.contains('[') || !word.contains("::"))
}

/// `program[pid]: message`. Source: RFC 3164, section 4.1.3.
fn tag(rest: &str) -> (Option<&str>, Option<u32>, &str) {
    let found = || {
        let end = rest.find([':', '[', ' '])?;
        let (program, after) = rest.split_at_checked(end)?;
        let (pid, after) = match after.strip_prefix('[') {
            Some(after) => {
                let (pid, after) = after.split_once(']')?;
                (pid.parse().ok(), after)
            }
            None => (None, after),
        };
        let message = after.strip_prefix(':')?;
        let program = base_name(program);
        let fits = !program.is_empty() && program.len() <= WORD_BYTES_MAX;
        fits.then(|| (program, pid, message.strip_prefix(' ').unwrap_or(message)))
    };
    found().map_or((None, None, rest), |(program, pid, message)| (Some(program), pid, message))
}

/// `cron` of `/usr/sbin/cron`, `sshd` of `sshd(pam_unix)`.
fn base_name(program: &str) -> &str {
    let program = program.split('(').next().filter(|name| !name.is_empty()).unwrap_or(program);
    if program.starts_with('/') { program.rsplit('/').next().unwrap_or(program) } else { program }
}
