use std::ops::Range;

use super::fold::fold;
use super::token::{DASHES, Token};

/// A text with wildcards, compiled.
///
/// Cut at `*` into segments; the first is found leftmost, then the next behind it, which is right
/// because a segment has a fixed number of characters. Time is bounded by text × pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Glob {
    segments: Vec<Segment>,
    at_start: bool,
    at_end: bool,
    /// Whether case counts; if not, the caller gives folded text.
    pub cased: bool,
}

/// Where in the value the pattern may stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Within {
    /// It is the whole value.
    #[default]
    Whole,
    /// Anywhere.
    Contains,
    /// At its start.
    StartsWith,
    /// At its end.
    EndsWith,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Segment {
    atoms: Vec<Atom>,
    chars: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Atom {
    Text(String),
    One,
    Dash,
}

impl Glob {
    /// Compiles pieces; `within` adds the wildcards a modifier asks for.
    pub fn new(mut tokens: Vec<Token>, within: Within, cased: bool) -> Self {
        if matches!(within, Within::Contains | Within::EndsWith) {
            tokens.insert(0, Token::Many);
        }
        if matches!(within, Within::Contains | Within::StartsWith) {
            tokens.push(Token::Many);
        }
        let at_start = tokens.first() != Some(&Token::Many);
        let at_end = tokens.last() != Some(&Token::Many);
        let runs = tokens.split(|token| *token == Token::Many);
        let segments: Vec<Segment> =
            runs.filter(|run| !run.is_empty()).map(|run| Segment::new(run, cased)).collect();
        Self { segments, at_start, at_end, cased }
    }

    /// Texts of which one must stand in what matches, and where; `None` when there are none. In
    /// folded form unless case counts.
    pub fn required(&self) -> Option<(Vec<String>, Within)> {
        let (longest, within) = self.longest()?;
        if longest.len() >= SHORT {
            return Some((vec![longest.to_owned()], within));
        }
        let last = self.segments.len().checked_sub(1)?;
        let spelled = self.segments.iter().enumerate().filter_map(|(number, segment)| {
            let ends = (self.at_start && number == 0, self.at_end && number == last);
            Some((segment.spell()?, Within::bound(ends)))
        });
        let longer = spelled.max_by_key(|(texts, _)| texts.iter().map(String::len).min());
        longer.or_else(|| Some((vec![longest.to_owned()], within)))
    }

    /// Whether it is one text without wildcards, but for those before and behind it.
    pub fn is_one_text(&self) -> bool {
        matches!(self.segments.as_slice(), [only] if matches!(only.atoms.as_slice(), [Atom::Text(_)]))
    }

    fn longest(&self) -> Option<(&str, Within)> {
        let last = self.segments.len().checked_sub(1)?;
        let mut best: Option<(&str, Within)> = None;
        for (number, segment) in self.segments.iter().enumerate() {
            let end = segment.atoms.len().saturating_sub(1);
            for (place, atom) in segment.atoms.iter().enumerate() {
                let Atom::Text(text) = atom else { continue };
                let starts = self.at_start && number == 0 && place == 0;
                let ends = self.at_end && number == last && place == end;
                let within = Within::bound((starts, ends));
                if best.is_none_or(|(known, _)| known.len() < text.len()) {
                    best = Some((text, within));
                }
            }
        }
        best
    }

    /// The bytes from the first to the last segment, when the whole text matches.
    pub fn find(&self, text: &str) -> Option<Range<usize>> {
        let Some((last, before)) = self.segments.split_last() else {
            let any = !self.at_start || !self.at_end;
            return (any || text.is_empty()).then_some(0..text.len());
        };
        let (mut start, mut cursor) = (None, 0);
        for (number, segment) in before.iter().enumerate() {
            let found = if number == 0 && self.at_start {
                0..segment.end_at(text, 0)?
            } else {
                segment.find(text, cursor)?
            };
            start = start.or(Some(found.start));
            cursor = found.end;
        }
        let must_start = before.is_empty() && self.at_start;
        let found = last.find_last(text, cursor, must_start, self.at_end)?;
        Some(start.unwrap_or(found.start)..found.end)
    }
}

/// A text this long is rare enough without what stands around it.
const SHORT: usize = 6;
/// Texts a segment may be spelled as.
const SPELLINGS_MAX: usize = 25;

impl Within {
    /// Bound to the start, to the end.
    fn bound(ends: (bool, bool)) -> Self {
        match ends {
            (true, true) => Self::Whole,
            (true, false) => Self::StartsWith,
            (false, true) => Self::EndsWith,
            (false, false) => Self::Contains,
        }
    }
}

impl Segment {
    /// All texts it stands for, if they are few.
    fn spell(&self) -> Option<Vec<String>> {
        let mut texts = vec![String::new()];
        for atom in &self.atoms {
            match atom {
                Atom::Text(text) => texts.iter_mut().for_each(|so_far| so_far.push_str(text)),
                Atom::Dash => {
                    let longer = |so_far: &String| DASHES.map(|dash| format!("{so_far}{dash}"));
                    texts = texts.iter().flat_map(longer).collect();
                }
                Atom::One => return None,
            }
        }
        (texts.len() <= SPELLINGS_MAX).then_some(texts)
    }

    fn new(tokens: &[Token], cased: bool) -> Self {
        let atom = |token: &Token| match token {
            Token::Text(text) if cased => Atom::Text(text.clone()),
            Token::Text(text) => Atom::Text(fold(text).into_owned()),
            Token::Dash => Atom::Dash,
            Token::One | Token::Many => Atom::One,
        };
        let atoms: Vec<Atom> = tokens.iter().map(atom).collect();
        let length = |atom: &Atom| match atom {
            Atom::Text(text) => text.chars().count(),
            Atom::One | Atom::Dash => 1,
        };
        let chars = atoms.iter().map(length).sum();
        Self { atoms, chars }
    }

    /// Where the segment ends if it stands at `at`.
    fn end_at(&self, text: &str, at: usize) -> Option<usize> {
        let mut rest = text.get(at..)?;
        for atom in &self.atoms {
            rest = match atom {
                Atom::Text(literal) => rest.strip_prefix(literal.as_str())?,
                Atom::One => skip(rest, |_| true)?,
                Atom::Dash => skip(rest, |c| DASHES.contains(&c))?,
            };
        }
        Some(text.len() - rest.len())
    }

    /// The leftmost place at or after `from`.
    fn find(&self, text: &str, from: usize) -> Option<Range<usize>> {
        let mut at = from;
        loop {
            if let Some(Atom::Text(literal)) = self.atoms.first() {
                at += memchr::memmem::find(text.get(at..)?.as_bytes(), literal.as_bytes())?;
            }
            if let Some(end) = self.end_at(text, at) {
                return Some(at..end);
            }
            at += text.get(at..)?.chars().next()?.len_utf8();
        }
    }

    /// The last segment: free, or bound to the text's start, its end, or both.
    fn find_last(
        &self,
        text: &str,
        from: usize,
        at_start: bool,
        at_end: bool,
    ) -> Option<Range<usize>> {
        match (at_start, at_end) {
            (false, false) => self.find(text, from),
            (true, false) => Some(0..self.end_at(text, 0)?),
            (true, true) => (self.end_at(text, 0)? == text.len()).then_some(0..text.len()),
            (false, true) => {
                let (at, _) = text.char_indices().rev().nth(self.chars.checked_sub(1)?)?;
                let fits = at >= from && self.end_at(text, at)? == text.len();
                fits.then_some(at..text.len())
            }
        }
    }
}

fn skip(text: &str, wanted: impl Fn(char) -> bool) -> Option<&str> {
    let mut letters = text.chars();
    letters.next().filter(|c| wanted(*c))?;
    Some(letters.as_str())
}
