//! The header of a line whose format nobody declared: time, host, level, component.
//!
//! Logs of any program begin alike: a time, then a few words about where the line comes from, then
//! the message. [`message`] finds where the message begins without knowing the program. A line
//! without a time, or a level behind numbers, has no header: nothing is cut from plain messages.

/// Words looked at before it is given up to find a header's end.
const WORDS_MAX: usize = 12;
/// Longest group in brackets that belongs to a header.
const BRACKETS_BYTES_MAX: usize = 200;
/// Words between time and component: the host, or a program of two words.
const COMPONENT_WORDS_MAX: usize = 3;
/// Fields of a line parted by `|`.
const FIELDS_MAX: usize = 4;

/// What the line says, without what stands before it.
pub fn message(line: &str) -> &str {
    let Some((rest, has_time)) = after_time(line) else { return line };
    if let Some(rest) = rest.strip_prefix('|') {
        return after_fields(rest);
    }
    let (rest, has_level) = match after_level(rest, has_time) {
        Some(rest) => (rest, true),
        None if has_time => (rest, false),
        None => return line,
    };
    let message = after_component(rest, has_level).unwrap_or(rest).trim_start();
    if message.is_empty() { line } else { message }
}

/// Behind the words that are dates, times and numbers; and whether there was a time of the day.
/// Nothing when there is neither that nor a number.
fn after_time(line: &str) -> Option<(&str, bool)> {
    let (mut rest, mut has_time, mut taken) = (line.trim_start(), false, 0);
    while taken < WORDS_MAX {
        let (word, behind) = first_word(rest);
        let (word, behind) = match word.find('|') {
            Some(bar) if has_clock(word.get(..bar)?) => rest.split_at(bar),
            _ => (word, behind),
        };
        let is_time = has_clock(word);
        if !(is_time || is_number(word) || is_calendar(word) || (word == "-" && taken == 0)) {
            break;
        }
        // Two words with a time, date and clock, are plenty: what follows may be the message.
        has_time |= is_time;
        taken += 1;
        rest = behind.trim_start_matches(' ');
    }
    (taken > 0).then_some((rest, has_time))
}

/// The first word, or group in brackets, and what is behind it.
fn first_word(text: &str) -> (&str, &str) {
    let end = group(text).unwrap_or_else(|| text.find(' ').unwrap_or(text.len()));
    text.split_at(end)
}

/// How long the group in brackets is with which the text begins; groups may hold groups.
fn group(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, byte) in text.bytes().enumerate().take(BRACKETS_BYTES_MAX) {
        match byte {
            b'[' => depth += 1,
            b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return (at > 0).then_some(at + 1);
        }
    }
    None
}

/// `10:16:42`, anywhere in it; also `10.16.42` behind a date. Addresses look like it, and are none.
fn has_clock(word: &str) -> bool {
    let bytes = word.as_bytes();
    let at = |place: Option<usize>| place.and_then(|place| bytes.get(place)).copied();
    bytes.windows(8).enumerate().any(|(start, part)| {
        let [h1, h2, mark, m1, m2, other, s1, s2] = *part else { return false };
        let before = at(start.checked_sub(1));
        let begins = match mark {
            b':' => before.is_none_or(|byte| byte == b'T' || byte == b'_' || is_sign(byte)),
            _ => mark == b'.' && before == Some(b'-'),
        };
        let ends = match at(start.checked_add(8)) {
            // Only milliseconds follow a colon: in an address there are more groups of two.
            Some(b':') => at(start.checked_add(11)).is_some_and(|byte| byte.is_ascii_digit()),
            byte => byte.is_none_or(|byte| !byte.is_ascii_alphanumeric() || byte == b'Z'),
        };
        begins
            && ends
            && mark == other
            && two_digits(h1, h2).is_some_and(|hour| hour < 24)
            && two_digits(m1, m2).is_some_and(|minute| minute < 60)
            && two_digits(s1, s2).is_some_and(|second| second < 61)
    })
}

/// A byte that may stand between a date and a clock.
fn is_sign(byte: u8) -> bool {
    byte.is_ascii_punctuation() && byte != b':' && byte != b'.' || byte == b' '
}

fn two_digits(tens: u8, ones: u8) -> Option<u8> {
    let digit = |byte: u8| byte.is_ascii_digit().then(|| byte - b'0');
    Some(digit(tens)? * 10 + digit(ones)?)
}

/// Digits and signs only: a date, a process, a thread.
fn is_number(word: &str) -> bool {
    let word = word.trim_matches(['[', ']', ',']);
    word.bytes().any(|byte| byte.is_ascii_digit())
        && word.bytes().all(|byte| byte.is_ascii_digit() || b".,:-/+TZ".contains(&byte))
        && word.bytes().filter(|byte| *byte == b'.' || *byte == b':').count() < 3
}

/// `Jul`, `Mon`.
fn is_calendar(word: &str) -> bool {
    const NAMES: [&str; 19] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec", "Mon",
        "Tue", "Wed", "Thu", "Fri", "Sat", "Sun",
    ];
    NAMES.contains(&word.trim_matches(['[', ',']))
}

fn is_level(word: &str) -> bool {
    const LEVELS: [&str; 20] = [
        "TRACE", "DEBUG", "INFO", "NOTICE", "WARN", "WARNING", "ERROR", "SEVERE", "CRITICAL",
        "FATAL", "ALERT", "EMERG", "VERBOSE", "PANIC", "D", "I", "W", "E", "V", "F",
    ];
    let word = word.trim_matches(['[', ']', ':', ',', '<', '>']);
    // One letter is a level only as a capital.
    let is = |level: &str| {
        if level.len() == 1 { word == level } else { word.eq_ignore_ascii_case(level) }
    };
    LEVELS.iter().any(|level| is(level))
}

/// Behind the level, where one comes soon. Without a time before it, it has to come at once.
fn after_level(text: &str, has_time: bool) -> Option<&str> {
    let mut rest = text;
    let words = if has_time { COMPONENT_WORDS_MAX + 2 } else { 1 };
    for _ in 0..words {
        let (word, behind) = first_word(rest);
        rest = behind.trim_start();
        if is_level(word) {
            return Some(rest);
        }
        // A sentence has begun.
        if word.ends_with(':') || word.is_empty() {
            return None;
        }
    }
    None
}

/// Behind the fields of a line parted by bars.
fn after_fields(text: &str) -> &str {
    let mut rest = text;
    for _ in 0..FIELDS_MAX {
        match rest.split_once('|') {
            Some((field, behind)) if !field.contains(' ') => rest = behind,
            _ => break,
        }
    }
    rest
}

/// Behind `host program[12]:`, `Component:`, `name -`, `[thread] Class:`, `class [request]`.
fn after_component(text: &str, has_level: bool) -> Option<&str> {
    let mut rest = text.strip_prefix("- ").unwrap_or(text).trim_start();
    if has_level && rest.starts_with('[') {
        // A group in brackets is of the header only when the header goes on behind it.
        let behind = first_word(rest).1.trim_start();
        return behind.strip_prefix("- ").or_else(|| tag(behind));
    }
    if has_level {
        if let Some(message) = tag(rest) {
            return Some(message);
        }
        let (word, behind) = first_word(rest);
        let behind = behind.trim_start();
        // `some.class [request 1] message`
        if word.contains('.') && behind.starts_with('[') {
            return Some(first_word(behind).1);
        }
        return None;
    }
    for _ in 0..COMPONENT_WORDS_MAX {
        if let Some(message) = tag(rest) {
            return Some(message);
        }
        let (_, behind) = first_word(rest);
        rest = behind.trim_start();
        if let Some(message) = rest.strip_prefix("- ") {
            return Some(message);
        }
    }
    None
}

/// What is behind `program:`, `program[12]:`, `program(part)[12]:` where the text begins with one.
fn tag(text: &str) -> Option<&str> {
    let end = text.find(' ').unwrap_or(text.len());
    let (word, message) = text.split_at(end);
    let name = word.strip_suffix(':')?;
    name.bytes().any(|byte| byte.is_ascii_alphanumeric()).then_some(message)
}

#[cfg(test)]
mod tests;
