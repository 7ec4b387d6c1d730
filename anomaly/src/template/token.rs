//! A line cut into words and marks.

use crate::limits::{LINE_BYTES_MAX, TOKENS_MAX, WORD_BYTES_MAX};

/// A word or a mark of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token {
    /// First byte in the line.
    pub start: u32,
    /// Byte behind the last.
    pub end: u32,
    /// No blank stands before it.
    pub glued: bool,
    /// What it is.
    pub kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// One of the marks that part words (`=` `:` `,` `;` `|`, quotes, brackets), or a sign that stands
    /// alone (`-` `#` `+` `~`).
    Mark(u8),
    /// A word that means the same in every line.
    Text,
    /// A word that is data by its looks: it holds a digit, is a path, an address, …
    Data,
    /// A word of digits only.
    Number,
}

/// What a byte is to the cutter.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Blank,
    /// Parts words, also in a path.
    Hard,
    /// `=` and `:`, which belong to a path or address they stand in.
    Soft,
    Digit,
    Word,
}

const CLASSES: [Class; 256] = {
    let mut classes = [Class::Word; 256];
    let mut byte = 0;
    while byte < 256 {
        #[expect(clippy::cast_possible_truncation, reason = "the loop ends at 255")]
        let value = byte as u8;
        classes[byte] = match value {
            0..=b' ' | 0x7f => Class::Blank,
            b'0'..=b'9' => Class::Digit,
            b'=' | b':' => Class::Soft,
            b'"' | b'\'' | b'(' | b')' | b'[' | b']' | b'{' | b'}' | b'<' | b'>' | b',' | b';'
            | b'|' => Class::Hard,
            _ => Class::Word,
        };
        byte += 1;
    }
    classes
};

fn class(byte: u8) -> Class {
    CLASSES.get(usize::from(byte)).copied().unwrap_or(Class::Word)
}

/// Cuts a line; what is beyond the limits is left out.
pub(super) fn cut(line: &[u8], tokens: &mut Vec<Token>) {
    tokens.clear();
    let line = line.get(..LINE_BYTES_MAX).unwrap_or(line);
    let (mut at, mut glued) = (0, false);
    while let Some(byte) = line.get(at).copied() {
        if tokens.len() == TOKENS_MAX {
            return;
        }
        let (end, kind) = match class(byte) {
            Class::Blank => {
                at += 1;
                glued = false;
                continue;
            }
            Class::Hard | Class::Soft => (at + 1, Kind::Mark(byte)),
            Class::Digit | Class::Word => match address(line, at) {
                Some(end) => (end, Kind::Data),
                None => word(line, at),
            },
        };
        let position = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        tokens.push(Token { start: position(at), end: position(end), glued, kind });
        (at, glued) = (end, true);
    }
}

/// Where the address or time of the day ends that begins here: groups of hexadecimal digits parted by
/// colons, of IPv6, Ethernet and clocks.
fn address(line: &[u8], start: usize) -> Option<usize> {
    let (mut colons, mut digits, mut end) = (0, 0, start);
    for byte in line.get(start..)? {
        match byte {
            b':' => colons += 1,
            b'0'..=b'9' => digits += 1,
            b'a'..=b'f' | b'A'..=b'F' => {}
            _ => break,
        }
        end += 1;
    }
    let run = line.get(start..end)?;
    let ends = line.get(end).is_none_or(|next| !next.is_ascii_alphabetic() && *next != b'_');
    let is_open = run.ends_with(b":") && !run.ends_with(b"::");
    (colons > 1 && digits > 0 && ends && !is_open).then_some(end)
}

/// What is gathered about a word while it is read.
#[derive(Default)]
struct Looks {
    digits: usize,
    others: usize,
    slashes: usize,
    dots: usize,
    not_hex: bool,
    strange: bool,
    url: bool,
}

/// Where the word that begins here ends, and what it is.
fn word(line: &[u8], start: usize) -> (usize, Kind) {
    let mut looks = Looks::default();
    let first = line.get(start).copied().unwrap_or_default();
    let mut is_path = first == b'/';
    let mut at = start;
    while let Some(byte) = line.get(at).copied() {
        match class(byte) {
            Class::Blank | Class::Hard => break,
            Class::Soft if is_path => {}
            Class::Soft if byte == b':' && line.get(at + 1..at + 3) == Some(b"//") => {
                is_path = true;
                looks.url = true;
            }
            Class::Soft => break,
            Class::Digit => looks.digits += 1,
            Class::Word => looks.add(byte),
        }
        at += 1;
    }
    let text = line.get(start..at).unwrap_or_default();
    (at, looks.judge(first, text))
}

impl Looks {
    fn add(&mut self, byte: u8) {
        self.others += 1;
        match byte {
            b'/' => self.slashes += 1,
            b'.' => self.dots += 1,
            b'@' | b'\\' => self.strange = true,
            b'a'..=b'f' | b'A'..=b'F' | b'-' => return,
            _ => {}
        }
        self.not_hex = true;
    }

    fn judge(&self, first: u8, text: &[u8]) -> Kind {
        if text.len() == 1 && matches!(first, b'-' | b'#' | b'+' | b'~') {
            return Kind::Mark(first);
        }
        if self.digits > 0 {
            return if self.others == 0 { Kind::Number } else { Kind::Data };
        }
        let is_path = self.url || self.slashes > 1 || (first == b'/' && text.len() > 1);
        let is_hex = !self.not_hex && text.len() >= 8;
        let is_data = self.strange
            || is_path
            || is_hex
            || text.len() > WORD_BYTES_MAX
            || is_calendar(text)
            || (self.dots > 1 && is_qualified(text));
        if is_data { Kind::Data } else { Kind::Text }
    }
}

/// `Mon`, `Jul`: words of a date. `May` is none, it is a verb as well.
fn is_calendar(text: &[u8]) -> bool {
    const NAMES: [&[u8]; 18] = [
        b"Jan", b"Feb", b"Mar", b"Apr", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec",
        b"Mon", b"Tue", b"Wed", b"Thu", b"Fri", b"Sat", b"Sun",
    ];
    (3..=4).contains(&text.len()) && NAMES.contains(&text.strip_suffix(b".").unwrap_or(text))
}

/// `mail.example.vn`, `org.example.Task`: a name with its domain. Names of failures are text: they
/// say what happened.
fn is_qualified(text: &[u8]) -> bool {
    let name = text.strip_suffix(b".").unwrap_or(text);
    let is_failure =
        [&b"Exception"[..], b"Error", b"Throwable"].iter().any(|end| name.ends_with(end));
    let mut parts = name.split(|byte| *byte == b'.');
    name.first().is_some_and(u8::is_ascii_lowercase)
        && !is_failure
        && parts.clone().count() > 2
        && parts.all(|part| !part.is_empty())
}
