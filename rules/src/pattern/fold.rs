use std::borrow::Cow;
use std::ops::Range;

/// Lower case, one character for one character, so that positions can be mapped back.
pub(crate) fn fold(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase()) {
        return Cow::Borrowed(text);
    }
    if text.is_ascii() {
        return Cow::Owned(text.to_ascii_lowercase());
    }
    Cow::Owned(text.chars().map(fold_char).collect())
}

fn fold_char(c: char) -> char {
    let mut lower = c.to_lowercase();
    match (lower.next(), lower.next()) {
        (Some(single), None) => single,
        _ => c,
    }
}

/// The bytes of `original` that became `range` of `folded`.
pub(crate) fn unfold(original: &str, folded: &str, range: Range<usize>) -> Range<usize> {
    if original.is_ascii() {
        return range;
    }
    let position = |end: usize| {
        let chars = folded.get(..end).map_or(0, |before| before.chars().count());
        original.char_indices().nth(chars).map_or(original.len(), |(at, _)| at)
    };
    position(range.start)..position(range.end)
}
