//! Templates as people read them.

use super::place;
use super::signature::{Part, What, bytes};
use crate::limits::TEXT_BYTES_MAX;

/// What stands for data.
const DATA: &str = "<*>";

/// The line with `<*>` for its data, blanks as they were.
pub(super) fn of(line: &str, parts: &[Part]) -> String {
    let mut text = String::new();
    for part in parts {
        if !part.glued && !text.is_empty() {
            text.push(' ');
        }
        if part.what == What::Variable {
            text.push_str(DATA);
        } else {
            text.push_str(&String::from_utf8_lossy(bytes(line.as_bytes(), part)));
        }
        if text.len() >= TEXT_BYTES_MAX {
            break;
        }
    }
    cut(&text, TEXT_BYTES_MAX).to_owned()
}

/// The same text when the n-th part of its key turned out to be data.
pub(super) fn of_key(text: &str, key: &[u8], position: usize) -> String {
    let mut at = 0;
    for (number, part) in place::parts(key).enumerate() {
        let Ok(part) = std::str::from_utf8(part) else { return text.to_owned() };
        let part = if matches!(part, "\0" | "\u{1}") { DATA } else { part };
        let rest = text.get(at..).unwrap_or_default();
        let Some(found) = rest.find(part) else { return text.to_owned() };
        let start = at + found;
        at = start + part.len();
        if number == position {
            let before = text.get(..start).unwrap_or_default();
            return format!("{before}{DATA}{}", text.get(at..).unwrap_or_default());
        }
    }
    text.to_owned()
}

/// At most so many bytes of a text, whole letters.
pub(crate) fn cut(text: &str, bytes_max: usize) -> &str {
    let mut end = bytes_max.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}
