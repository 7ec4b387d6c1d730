//! Lines that belong together become one record: stack traces, statements over several lines, the
//! records of one audit event, parts of what a container wrote.
//!
//! Promises: every line is in exactly one record, in order (but the end mark of an audit event that
//! had ended by itself: it says nothing); records come out in the order of their
//! first lines. Several that overlap (audit records of two processors) come out together, when the
//! last of them is whole: so how far a log has been read is always one place, the line
//! [`Joiner::held`] names, and reading goes on there after a crash without loss or repetition. What
//! waits is bounded in lines and bytes; at the bound, and when told to [`Joiner::flush`], it comes
//! out as it is.
//!
//! Pure: whoever reads knows the time and calls `flush` when a log was quiet.

mod audit;
mod rule;

pub use rule::Rule;

/// Most lines that wait together.
pub const LINES_MAX: usize = 256;
/// Most bytes that wait together, and so the longest record.
pub const BYTES_MAX: usize = soc_event::limits::TEXT_BYTES_MAX;
/// Most records that wait together.
pub const RECORDS_MAX: usize = 64;

/// Puts the lines of one log together.
#[derive(Clone, Debug)]
pub struct Joiner {
    rule: Rule,
    waiting: Vec<Waiting>,
    lines: usize,
    bytes: usize,
    /// The event whose end mark was not waited for: that mark is left out.
    ended: Option<String>,
}

/// One record as it comes out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Joined {
    /// The lines, a line feed between them.
    pub text: String,
    /// What the first line was pushed with.
    pub place: u64,
    /// Whether a line of it was already cut.
    pub is_cut: bool,
}

#[derive(Clone, Debug)]
struct Waiting {
    key: String,
    joined: Joined,
    is_open: bool,
}

/// What a line is to the records that wait.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    /// A record of its own.
    Whole,
    /// The first of a record, which ends when another begins.
    First,
    /// Goes on with the last record, and ends it or not.
    Next { ends: bool },
    /// Belongs to the record of this name; ends it or not.
    Of { key: String, ends: bool },
    /// Belongs to the record of this name if one is open, else is one of its own.
    Own { key: String },
    /// Adds nothing to the record of this name, but says that it is whole.
    End { key: String },
}

impl Joiner {
    /// For a log whose lines belong together by this rule.
    pub fn new(rule: Rule) -> Self {
        Self { rule, waiting: Vec::new(), lines: 0, bytes: 0, ended: None }
    }

    /// How lines belong together.
    pub fn rule(&self) -> &Rule {
        &self.rule
    }

    /// The place of the first line that has not come out.
    pub fn held(&self) -> Option<u64> {
        self.waiting.first().map(|waiting| waiting.joined.place)
    }

    /// Takes the next line; `place` is whatever the caller wants to know it by.
    pub fn push(&mut self, line: &str, place: u64, is_cut: bool, out: &mut dyn FnMut(Joined)) {
        let is_open = self.waiting.last().is_some_and(|last| last.is_open);
        let last = self.waiting.last().map(|last| last.joined.text.as_str());
        let part = self.rule.part(line, last.filter(|_| is_open));
        if self.lines >= LINES_MAX || self.bytes.saturating_add(line.len()) >= BYTES_MAX {
            self.flush(out);
        }
        let added = Joined { text: line.to_owned(), place, is_cut };
        match part {
            Part::Whole => self.add(String::new(), added, false),
            Part::First => {
                self.flush(out);
                self.add(String::new(), added, true);
            }
            Part::Next { ends } => match self.waiting.last_mut().filter(|last| last.is_open) {
                Some(last) => {
                    last.go_on(&added, ends);
                    self.count(line);
                }
                None => self.add(String::new(), added, false),
            },
            Part::Of { key, ends } => self.of(key, added, ends, out),
            Part::Own { key } => {
                let is_whole = !self.is_open(&key);
                self.of(key, added, is_whole, out);
            }
            Part::End { key } => self.end(key, added),
        }
        if self.waiting.iter().all(|waiting| !waiting.is_open) {
            self.flush(out);
        }
    }

    /// Hands over what waits, whole or not.
    pub fn flush(&mut self, out: &mut dyn FnMut(Joined)) {
        for waiting in self.waiting.drain(..) {
            out(waiting.joined);
        }
        (self.lines, self.bytes) = (0, 0);
    }

    fn is_open(&self, key: &str) -> bool {
        self.waiting.iter().any(|waiting| waiting.is_open && waiting.key == key)
    }

    fn of(&mut self, key: String, added: Joined, ends: bool, out: &mut dyn FnMut(Joined)) {
        let found = self.waiting.iter_mut().find(|waiting| waiting.is_open && waiting.key == key);
        if let Some(waiting) = found {
            waiting.go_on(&added, ends);
            if ends {
                self.ended = Some(key);
            }
            return self.count(&added.text);
        }
        for waiting in self.waiting.iter_mut().filter(|held| audit::is_past(&held.key, &key)) {
            waiting.is_open = false;
        }
        if self.waiting.iter().all(|waiting| !waiting.is_open) {
            self.flush(out);
        }
        if self.waiting.len() >= RECORDS_MAX {
            self.flush(out);
        }
        self.add(key, added, !ends);
    }

    /// An end without a record: the record ended by itself, or is not known.
    fn end(&mut self, key: String, added: Joined) {
        let found = self.waiting.iter_mut().find(|waiting| waiting.key == key);
        match found {
            Some(waiting) => {
                waiting.is_open = false;
                waiting.go_on(&added, true);
                self.count(&added.text);
            }
            None if self.ended.as_ref() == Some(&key) => {}
            None => self.add(key, added, false),
        }
    }

    fn add(&mut self, key: String, joined: Joined, is_open: bool) {
        self.count(&joined.text);
        if !is_open && !key.is_empty() {
            self.ended = Some(key.clone());
        }
        self.waiting.push(Waiting { key, joined, is_open });
    }

    fn count(&mut self, line: &str) {
        self.lines += 1;
        self.bytes = self.bytes.saturating_add(line.len() + 1);
    }
}

impl Waiting {
    fn go_on(&mut self, added: &Joined, ends: bool) {
        self.joined.text.push('\n');
        self.joined.text.push_str(&added.text);
        self.joined.is_cut |= added.is_cut;
        self.is_open &= !ends;
    }
}

#[cfg(test)]
mod tests;
