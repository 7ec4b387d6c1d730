//! What stays of a line when its data is taken out: the key by which lines are of one template.
//!
//! Every rule here is one that holds for logs as such: a word with a digit is data; what follows
//! `=` is a value; the name behind `user` is a name; a list is one variable, however long; a number
//! with its unit is one. None knows a program.

use super::token::{Kind, Token, cut};
use super::word;

/// One part of a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// Of the first line: where it begins,
    pub start: u32,
    /// and where it ends.
    pub end: u32,
    /// No blank stands before it.
    pub glued: bool,
    /// What it is.
    pub what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    Word,
    Mark(u8),
    Variable,
}

/// In a key: a variable, by its looks or by what stands before it.
pub(super) const VARIABLE: u8 = 0;
/// In a key: a place that turned out to be a variable.
pub(super) const PLACE: u8 = 1;
/// In a key: between parts.
pub(super) const BETWEEN: u8 = b' ';

/// Most words a value may have in a list of `key=several words, key=…`.
const VALUE_WORDS_MAX: usize = 6;

/// Reused from line to line.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    tokens: Vec<Token>,
    pub parts: Vec<Part>,
    /// The parts as bytes.
    pub key: Vec<u8>,
}

impl Scratch {
    /// Makes parts and key of a line.
    pub fn read(&mut self, line: &[u8]) {
        cut(line, &mut self.tokens);
        let reader = Reader { line, tokens: &self.tokens, parts: &mut self.parts, at: 0 };
        let has_text = reader.read();
        if !has_text {
            self.shape(line);
        }
        self.write_key(line, has_text);
    }

    /// A line of nothing but data: its words with letters have to do.
    fn shape(&mut self, line: &[u8]) {
        self.parts.clear();
        for token in &self.tokens {
            let has_letter = text(line, token).iter().any(|byte| word::is_letter(*byte));
            let what = match token.kind {
                Kind::Mark(mark) => What::Mark(mark),
                _ if has_letter => What::Word,
                _ => What::Variable,
            };
            push(&mut self.parts, part(token, what));
        }
    }

    fn write_key(&mut self, line: &[u8], has_text: bool) {
        self.key.clear();
        for part in &self.parts {
            match part.what {
                What::Variable => self.key.push(VARIABLE),
                What::Mark(mark) => self.key.push(mark),
                What::Word if has_text => self.key.extend_from_slice(bytes(line, part)),
                What::Word => word::without_numbers(bytes(line, part), &mut self.key),
            }
            self.key.push(BETWEEN);
        }
    }
}

/// The bytes of a part in its line.
pub(super) fn bytes<'a>(line: &'a [u8], part: &Part) -> &'a [u8] {
    slice(line, part.start, part.end)
}

fn text<'a>(line: &'a [u8], token: &Token) -> &'a [u8] {
    slice(line, token.start, token.end)
}

fn slice(line: &[u8], start: u32, end: u32) -> &[u8] {
    let at = |place: u32| usize::try_from(place).unwrap_or(usize::MAX);
    line.get(at(start)..at(end)).unwrap_or_default()
}

fn part(token: &Token, what: What) -> Part {
    Part { start: token.start, end: token.end, glued: token.glued, what }
}

struct Reader<'a> {
    line: &'a [u8],
    tokens: &'a [Token],
    parts: &'a mut Vec<Part>,
    at: usize,
}

impl<'a> Reader<'a> {
    /// Reads all tokens; whether a word with a letter stayed.
    fn read(mut self) -> bool {
        self.parts.clear();
        let mut has_text = false;
        // Whether the word before was taken for a name, so that it introduces none itself.
        let mut was_name = false;
        while let Some(token) = self.token(self.at) {
            self.at += 1;
            let is_name = match token.kind {
                Kind::Mark(mark) => {
                    push(self.parts, part(token, What::Mark(mark)));
                    if mark == b'=' {
                        self.value(&mut has_text);
                    }
                    false
                }
                Kind::Data | Kind::Number => {
                    push(self.parts, part(token, What::Variable));
                    false
                }
                Kind::Text if self.is_unit(token) => false,
                Kind::Text if !was_name && self.is_name(token) => {
                    push(self.parts, part(token, What::Variable));
                    true
                }
                Kind::Text if self.is_endpoint(token) => {
                    push(self.parts, part(token, What::Variable));
                    false
                }
                Kind::Text => {
                    has_text |= self.text(token).iter().any(|byte| word::is_letter(*byte));
                    push(self.parts, part(token, What::Word));
                    false
                }
            };
            was_name = is_name;
        }
        has_text
    }

    fn token(&self, at: usize) -> Option<&'a Token> {
        self.tokens.get(at)
    }

    fn text(&self, token: &Token) -> &'a [u8] {
        text(self.line, token)
    }

    /// A unit behind a number belongs to it: `5 ms`, `512 KB`.
    fn is_unit(&self, token: &Token) -> bool {
        self.parts.last().is_some_and(|last| last.what == What::Variable)
            && word::is_unit(self.text(token))
    }

    /// A name with dots and a port: `example.vn:443`.
    fn is_endpoint(&self, token: &Token) -> bool {
        let follows = |ahead: usize| self.token(self.at + ahead).filter(|next| next.glued);
        follows(0).is_some_and(|next| next.kind == Kind::Mark(b':'))
            && follows(1).is_some_and(|next| next.kind == Kind::Number)
            && self.text(token).contains(&b'.')
    }

    /// `user alice from`, `for root from`: the word before it promises a name, what follows does
    /// not make it a sentence.
    fn is_name(&self, token: &Token) -> bool {
        let Some(before) = self.at.checked_sub(2).and_then(|at| self.token(at)) else {
            return false;
        };
        if before.kind != Kind::Text {
            return false;
        }
        let (name, before) = (self.text(token), self.text(before));
        let introduces = word::introduces_name(before);
        if !introduces && !before.eq_ignore_ascii_case(b"for") {
            return false;
        }
        let next = self.token(self.at);
        let before_preposition = next.is_some_and(|next| word::is_preposition(self.text(next)));
        if word::is_preposition(name) || (word::is_participle(name) && !before_preposition) {
            return false;
        }
        before_preposition || (introduces && next.is_none_or(|next| next.kind != Kind::Text))
    }

    /// What follows `=`: a value, unless it is a word of a fixed set.
    fn value(&mut self, has_text: &mut bool) {
        let Some(token) = self.token(self.at) else { return };
        // `logname= uid=0`: no value at all. `a = b` has one.
        let spaced = self.at.checked_sub(1).and_then(|at| self.token(at));
        if !token.glued && spaced.is_none_or(|mark| mark.glued) {
            return;
        }
        match token.kind {
            Kind::Mark(quote @ (b'"' | b'\'')) => {
                let closes = |token: &Token| token.kind == Kind::Mark(quote);
                let rest = self.tokens.get(self.at + 1..).unwrap_or_default();
                let end =
                    rest.iter().position(closes).map_or(self.tokens.len(), |end| self.at + end + 2);
                return self.variable_until(token, end);
            }
            Kind::Mark(b'(' | b'[' | b'{' | b'<') => {
                let end = self.closing(self.at);
                return self.variable_until(token, end);
            }
            Kind::Mark(_) => return,
            Kind::Text if word::is_choice(self.text(token)) => {
                *has_text = true;
                push(self.parts, part(token, What::Word));
                self.at += 1;
                return;
            }
            Kind::Text | Kind::Data | Kind::Number => {}
        }
        let mut end = self.at + 1;
        let opens =
            |token: &Token| token.glued && matches!(token.kind, Kind::Mark(b'(' | b'[' | b'{'));
        if self.token(end).is_some_and(opens) {
            end = self.closing(end);
        }
        self.variable_until(token, self.rest_of_value(end));
    }

    /// In `name=View Lock, ws=…` the value reaches to the comma.
    fn rest_of_value(&self, end: usize) -> usize {
        let rest = self.tokens.get(end..).unwrap_or_default();
        let is_mark = |token: &Token| matches!(token.kind, Kind::Mark(_));
        let Some(words) = rest.iter().take(VALUE_WORDS_MAX).position(is_mark) else { return end };
        let kind = |ahead: usize| rest.get(words + ahead).map(|token| token.kind);
        let goes_on = kind(0) == Some(Kind::Mark(b',')) && kind(2) == Some(Kind::Mark(b'='));
        if goes_on { end + words } else { end }
    }

    fn variable_until(&mut self, first: &Token, end: usize) {
        let last = self.token(end.saturating_sub(1)).unwrap_or(first);
        push(self.parts, Part { end: last.end, ..part(first, What::Variable) });
        self.at = end.min(self.tokens.len());
    }

    /// Behind the bracket that closes the one here; the end of the line where none does.
    fn closing(&self, open: usize) -> usize {
        let mut depth = 0_usize;
        for (index, token) in self.tokens.iter().enumerate().skip(open) {
            match token.kind {
                Kind::Mark(b'(' | b'[' | b'{' | b'<') => depth += 1,
                Kind::Mark(b')' | b']' | b'}' | b'>') => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth == 0 {
                return index + 1;
            }
        }
        self.tokens.len()
    }
}

/// Adds a part; a list of variables, or a variable with a remark in brackets, is one variable.
fn push(parts: &mut Vec<Part>, part: Part) {
    parts.push(part);
    loop {
        let variable = |back: usize| {
            let at = parts.len().checked_sub(back);
            at.and_then(|at| parts.get(at)).is_some_and(|part| part.what == What::Variable)
        };
        let mark = |back: usize| {
            let part = parts.len().checked_sub(back).and_then(|at| parts.get(at));
            match part.map(|part| part.what) {
                Some(What::Mark(mark)) => mark,
                _ => 0,
            }
        };
        let joins = |mark: u8| matches!(mark, b',' | b';' | b':' | b'|' | b'>' | b'<' | b'-');
        let keep = if variable(1) && variable(2) {
            parts.len() - 1
        } else if variable(1) && joins(mark(2)) && variable(3) {
            parts.len() - 2
        } else if variable(1) && matches!(mark(2), b'<' | b'-' | b'#' | b'+' | b'~') {
            // `<1 sec` and `# 3` are numbers as well.
            let last = parts.pop();
            if let (Some(sign), Some(last)) = (parts.last_mut(), last) {
                *sign = Part { end: last.end, what: What::Variable, ..*sign };
            }
            continue;
        } else if mark(1) == b')' && variable(2) && mark(3) == b'(' && variable(4) {
            parts.len() - 3
        } else if mark(1) == b')' && mark(2) == b'(' && variable(3) {
            parts.len() - 2
        } else {
            return;
        };
        let end = parts.last().map(|part| part.end);
        parts.truncate(keep);
        if let (Some(end), Some(last)) = (end, parts.last_mut()) {
            last.end = end;
        }
    }
}
