/// Looks for a piece of text in others, without regard to case.
///
/// Where the piece is ASCII, nothing is copied; else both are put into small letters first, as
/// Vietnamese has capitals too.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Finder {
    needle: String,
    is_ascii: bool,
    /// Where in the needle its most seldom byte is, by which it is looked for.
    rarest: usize,
}

impl Finder {
    /// For this piece of text.
    pub fn new(needle: &str) -> Self {
        let is_ascii = needle.is_ascii();
        let needle = needle.to_lowercase();
        let bytes = needle.bytes().enumerate();
        let rarest = bytes.min_by_key(|(_, byte)| frequency(*byte)).map_or(0, |(at, _)| at);
        Self { needle, is_ascii, rarest }
    }

    /// Whether the text has the piece anywhere.
    pub fn is_in(&self, text: &str) -> bool {
        self.search(text, |_, _, _| true)
    }

    /// Whether the text has the piece as whole words: no letter, digit or `_` touches its ends,
    /// where its ends are such themselves.
    pub fn is_word_in(&self, text: &str) -> bool {
        let first = self.needle.chars().next();
        let last = self.needle.chars().next_back();
        let has_dots = self.needle.contains('.');
        self.search(text, |text, begin, end| {
            let before = text.get(..begin).unwrap_or_default();
            let after = text.get(end..).unwrap_or_default();
            !goes_on(first, has_dots, before.chars().rev())
                && !goes_on(last, has_dots, after.chars())
        })
    }

    /// Whether the text is the piece.
    pub fn is(&self, text: &str) -> bool {
        if self.is_ascii {
            text.eq_ignore_ascii_case(&self.needle)
        } else {
            text.to_lowercase() == self.needle
        }
    }

    /// Whether the text begins with the piece.
    pub fn is_begin_of(&self, text: &str) -> bool {
        if self.is_ascii {
            let head = text.as_bytes().get(..self.needle.len());
            head.is_some_and(|head| head.eq_ignore_ascii_case(self.needle.as_bytes()))
        } else {
            text.to_lowercase().starts_with(&self.needle)
        }
    }

    /// Whether the text ends with the piece.
    pub fn is_end_of(&self, text: &str) -> bool {
        if self.is_ascii {
            let from = text.len().checked_sub(self.needle.len());
            let tail = from.and_then(|from| text.as_bytes().get(from..));
            tail.is_some_and(|tail| tail.eq_ignore_ascii_case(self.needle.as_bytes()))
        } else {
            text.to_lowercase().ends_with(&self.needle)
        }
    }

    fn search(&self, text: &str, is_good: impl Fn(&str, usize, usize) -> bool) -> bool {
        if !self.is_ascii {
            let lower = text.to_lowercase();
            return lower
                .match_indices(&self.needle)
                .any(|(at, found)| is_good(&lower, at, at + found.len()));
        }
        let needle = self.needle.as_bytes();
        let Some(rarest) = needle.get(self.rarest) else { return true };
        // Where the rarest byte can be while the needle is within the text.
        let last = (text.len() + self.rarest).checked_sub(needle.len());
        let Some(bytes) = last.and_then(|last| text.as_bytes().get(self.rarest..=last)) else {
            return false;
        };
        memchr::memchr2_iter(*rarest, rarest.to_ascii_uppercase(), bytes).any(|at| {
            let end = at + needle.len();
            let part = text.as_bytes().get(at..end);
            part.is_some_and(|part| part.eq_ignore_ascii_case(needle)) && is_good(text, at, end)
        })
    }
}

/// How often a byte is in lines of logs, roughly: higher is more often.
fn frequency(byte: u8) -> usize {
    const SELDOM_FIRST: &[u8] =
        b"`~^|{}<>!$&@*+;#%?'qzjxkvwybgpfhumcldtnrsoaie9876543()[]_,21:-0/\\=\". ";
    SELDOM_FIRST.iter().position(|known| *known == byte).unwrap_or(0)
}

/// Whether the word at this end of the piece goes on beyond it. `192.0.2.7` goes on in
/// `192.0.2.7.5`: an address is one word.
fn goes_on(end: Option<char>, has_dots: bool, mut beyond: impl Iterator<Item = char>) -> bool {
    let Some(end) = end.filter(|end| is_word(*end)) else { return false };
    match beyond.next() {
        Some('.') if has_dots && end.is_ascii_digit() => {
            beyond.find(|next| *next != '.').is_some_and(|next| next.is_ascii_digit())
        }
        Some(next) => is_word(next),
        None => false,
    }
}

/// Letters, digits and `_`: what words are made of.
pub fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// A pattern with `*` (any text, also none) and `?` (one character), without regard to case.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Glob {
    parts: Vec<char>,
}

impl Glob {
    /// From a pattern; `\` takes a `*`, `?` or `\` as it is.
    pub fn new(pattern: &str) -> Self {
        let mut parts = Vec::new();
        let mut characters = pattern.chars();
        while let Some(character) = characters.next() {
            match character {
                '*' => parts.push(ANY),
                '?' => parts.push(ONE),
                '\\' => parts.extend(characters.next().into_iter().flat_map(char::to_lowercase)),
                other => parts.extend(other.to_lowercase()),
            }
        }
        Self { parts }
    }

    /// Whether the whole text is like the pattern. Time: at most the product of both lengths.
    pub fn is(&self, text: &str) -> bool {
        let text: Vec<char> = text.chars().flat_map(char::to_lowercase).collect();
        let (mut at, mut part) = (0, 0);
        // Where the last `*` was, and what it stands for until now.
        let mut back: Option<(usize, usize)> = None;
        while let Some(character) = text.get(at) {
            match self.parts.get(part) {
                Some(&ANY) => {
                    back = Some((part, at));
                    part += 1;
                }
                Some(wanted) if *wanted == ONE || wanted == character => {
                    at += 1;
                    part += 1;
                }
                _ => {
                    let Some((star, begun)) = back else { return false };
                    back = Some((star, begun + 1));
                    at = begun + 1;
                    part = star + 1;
                }
            }
        }
        self.parts.get(part..).unwrap_or_default().iter().all(|part| *part == ANY)
    }
}

// No text has these: they are for private use, and a pattern that has them means itself by them
// only where somebody wrote them on purpose.
const ANY: char = '\u{10fffe}';
const ONE: char = '\u{10ffff}';

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_whole_and_case_is_nothing() {
        let check = |needle: &str, text: &str, anywhere: bool, whole: bool| {
            let finder = Finder::new(needle);
            assert_eq!(finder.is_in(text), anywhere, "{needle} in {text}");
            assert_eq!(finder.is_word_in(text), whole, "{needle} as a word in {text}");
        };
        check("root", "user ROOT logged in", true, true);
        check("root", "chroot and rooted", true, false);
        check("root", "chroot root", true, true);
        check("accepted password", "sshd: Accepted password for", true, true);
        check("10.0.0.1", "from 10.0.0.12", true, false);
        check("10.0.0.1", "version 10.0.0.1.5", true, false);
        check("10.0.0.1", "from 10.0.0.1.", true, true);
        check("/etc/", "open /etc/passwd", true, true);
        check("đăng nhập", "Lỗi ĐĂNG NHẬP của", true, true);
        check("x", "", false, false);
    }

    #[test]
    fn a_piece_is_found_by_its_rarest_byte_wherever_that_is() {
        let texts = ["", "q", "xq", "a Zebra", "zebr", "=z=Zebra", "zebrazebra", "a.b-0 zEbRa"];
        for needle in ["q", "zebra", "ebra", "a z", "zebraz", "b-0 ", "=", "bra"] {
            for text in texts {
                let plain = text.to_lowercase().contains(needle);
                assert_eq!(Finder::new(needle).is_in(text), plain, "{needle} in {text}");
            }
        }
    }

    #[test]
    fn patterns_have_stars_and_question_marks() {
        let check = |pattern: &str, text: &str, expected: bool| {
            assert_eq!(Glob::new(pattern).is(text), expected, "{pattern} {text}");
        };
        check("web*", "WEB-01", true);
        check("*\\system32\\*", "C:\\Windows", false);
        check("*\\\\cmd.exe", "C:\\Windows\\cmd.exe", true);
        check("a?c", "abc", true);
        check("a?c", "ac", false);
        check("a\\*c", "abc", false);
        check("a\\*c", "A*C", true);
        check("*a*b*c*", "xxaxxbxxcxx", true);
        check("", "", true);
        check("", "x", false);
    }
}
