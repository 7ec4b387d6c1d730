/// Appends to `text` what its own range `begin..end`, the inside of a JSON string, stands for. What
/// is no escape stays as it is; half a pair of surrogates becomes U+FFFD.
///
/// Source: RFC 8259, section 7.
pub(super) fn unescape(text: &mut String, begin: usize, end: usize) {
    let mut at = begin;
    text.reserve(end.saturating_sub(begin));
    while at < end {
        let rest = text.as_bytes().get(at..end).unwrap_or(&[]);
        let plain = memchr::memchr(b'\\', rest).unwrap_or(rest.len());
        text.extend_from_within_checked(at, at + plain);
        at += plain;
        if at < end {
            at += escape(text, at, end);
        }
    }
}

trait ExtendFromWithin {
    fn extend_from_within_checked(&mut self, begin: usize, end: usize);
}

impl ExtendFromWithin for String {
    fn extend_from_within_checked(&mut self, begin: usize, end: usize) {
        if self.is_char_boundary(begin) && self.is_char_boundary(end) && begin < end {
            self.extend_from_within(begin..end);
        }
    }
}

/// Appends what the escape at `at` stands for; how many bytes it has.
fn escape(text: &mut String, at: usize, end: usize) -> usize {
    let single = match text.as_bytes().get(at + 1).filter(|_| at + 1 < end) {
        Some(b'u') => return unicode(text, at, end),
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(b'n') => '\n',
        Some(b'r') => '\r',
        Some(b't') => '\t',
        Some(same @ (b'\\' | b'"' | b'/')) => char::from(*same),
        _ => {
            text.push('\\');
            return 1;
        }
    };
    text.push(single);
    2
}

fn unicode(text: &mut String, at: usize, end: usize) -> usize {
    let Some(first) = unit(text, at, end) else {
        text.push('\\');
        return 1;
    };
    if let Some(c) = char::from_u32(first) {
        text.push(c);
        return 6;
    }
    let second = unit(text, at + 6, end).filter(|unit| (0xDC00..0xE000).contains(unit));
    if let (0xD800..0xDC00, Some(second)) = (first, second) {
        let code = 0x1_0000 + ((first - 0xD800) << 10 | (second - 0xDC00));
        text.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
        return 12;
    }
    text.push(char::REPLACEMENT_CHARACTER);
    6
}

/// The number in `\u1234`.
fn unit(text: &str, at: usize, end: usize) -> Option<u32> {
    let digits = text.get(at..at + 6).filter(|_| at + 6 <= end)?.strip_prefix("\\u")?;
    digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then_some(())?;
    u32::from_str_radix(digits, 16).ok()
}
