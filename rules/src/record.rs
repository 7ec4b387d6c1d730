//! One event in memory that is used again for the next: all texts behind each other in one buffer,
//! and folded in a second one, so that reading an event allocates nothing.
//!
//! A value of a JSON line stays where it stands in the line, with its escapes, until a rule
//! compares it ([`Record::settle`]): most never are.

mod unescape;

use crate::json::{NO_TARGETS, Targets};
use crate::limits;
use crate::pattern::{Held, Kind, Number, fold};
use crate::view::{Slot, Values};
use unescape::unescape;

/// The event.
#[derive(Debug, Default)]
pub(crate) struct Record {
    /// The JSON line, if it is one, and behind it what was unescaped or copied.
    text: String,
    /// The same in lower case; for the line byte by byte.
    folded: String,
    /// Whether all of the line is ASCII.
    ascii: bool,
    values: Vec<Stored>,
    /// By slot: the event it was filled for, the first and the last value.
    slots: Vec<Chain>,
    /// By slot: the last event in which the field held nothing: null, a list, an object.
    bare: Vec<u32>,
    /// By what names a field: the last event in which it was met.
    met: Vec<u32>,
    /// The fields of this event that hold nothing, by what names them.
    bare_nodes: Vec<usize>,
    event: u32,
}

#[derive(Clone, Copy, Debug, Default)]
struct Chain {
    event: u32,
    first: u32,
    last: u32,
    depth: u32,
}

/// One value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stored {
    /// See [`Place`].
    pub node: usize,
    /// See [`Place`].
    pub depth: u32,
    /// See [`Place`].
    pub in_list: bool,
    /// `usize::MAX`: no rule asks for the field.
    pub slot: Slot,
    text: Span,
    folded: Span,
    pub kind: Kind,
    /// Still as JSON has it: with backslashes, or not folded because it is not ASCII.
    form: Form,
    /// Another value of the same field counts; as a text it is still there.
    pub dropped: bool,
    /// Stands a second time under another name.
    pub echo: bool,
    /// The next value of the field; itself when it is the last.
    next: u32,
}

impl Stored {
    /// Whether the index reads it with JSON's escapes.
    #[inline]
    pub fn is_escaped(&self) -> bool {
        self.form == Form::Escaped
    }
}

/// How far a value is from being compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Settled,
    Escaped,
    Unfolded,
}

#[derive(Clone, Copy, Debug, Default)]
struct Span {
    begin: u32,
    end: u32,
}

/// Where a value stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    /// Which field it is, by what names it.
    pub node: usize,
    /// What the field fills.
    pub targets: Targets,
    /// In how many objects; the outer one of two values with one name counts.
    pub depth: u32,
    /// Whether it is one of several.
    pub in_list: bool,
}

/// A text of a JSON line, between its quotes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quoted {
    pub begin: usize,
    pub end: usize,
    /// It holds a backslash.
    pub escaped: bool,
    /// It holds an escape that is more than a backslash before a backslash or a quote.
    pub rewritten: bool,
}

/// Added to the depth of what answers to a name that is not its own: whatever has the name counts.
const BEHIND_ALL_OTHERS: u32 = 1_000;
/// No field any rule asks for.
pub(crate) const NO_SLOT: Slot = usize::MAX;

impl Record {
    /// With room for so many slots.
    pub fn new(slots: usize) -> Self {
        let (chains, bare) = (vec![Chain::default(); slots], vec![0; slots]);
        Self { slots: chains, bare, ..Self::default() }
    }

    /// Forgets the event, and gives back what an unusually large one needed.
    pub fn clear(&mut self) {
        self.text.clear();
        self.folded.clear();
        if self.text.capacity() > limits::RECORD_BYTES_KEPT {
            self.text.shrink_to(limits::RECORD_BYTES_KEPT);
            self.folded.shrink_to(limits::RECORD_BYTES_KEPT);
        }
        self.values.clear();
        self.bare_nodes.clear();
        self.event = self.event.wrapping_add(1);
        if self.event == 0 {
            self.slots.fill(Chain::default());
            self.bare.fill(0);
            self.met.fill(0);
            self.event = 1;
        }
        self.ascii = true;
    }

    /// Takes in the line whose parts are added next.
    pub fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.folded.push_str(line);
        self.folded.make_ascii_lowercase();
        self.ascii = line.is_ascii();
    }

    /// Adds a text of the line.
    pub fn add_quoted(&mut self, place: Place, quoted: Quoted) {
        let span = Span { begin: narrow(quoted.begin), end: narrow(quoted.end) };
        let foreign = !self.ascii && !self.slice(span).is_ascii();
        let form = match (quoted.escaped, foreign) {
            (true, _) => Form::Escaped,
            (false, true) => Form::Unfolded,
            (false, false) => Form::Settled,
        };
        self.push(place, span, span, Kind::Text, form);
        // The index reads the folded line: what looks different there is settled at once.
        if quoted.rewritten || foreign {
            let added = if self.values.last().is_some_and(|value| value.echo) { 2 } else { 1 };
            for number in self.values.len() - added..self.values.len() {
                self.settle_one(number);
            }
        }
    }

    /// Adds a value that stands in no line.
    pub fn add(&mut self, place: Place, text: &str, kind: Kind) {
        let (text, folded) = self.append(text);
        self.push(place, text, folded, kind, Form::Settled);
    }

    /// Meets a field; false when this event had it before.
    pub fn meet(&mut self, node: usize) -> bool {
        if node >= self.met.len() {
            self.met.resize(node + 1, 0);
        }
        let event = self.event;
        self.met.get_mut(node).is_some_and(|met| std::mem::replace(met, event) != event)
    }

    /// Whether this event has met a field.
    pub fn has_met(&self, node: usize) -> bool {
        self.met.get(node) == Some(&self.event)
    }

    /// Adds a value in whose place no other of its field counts; no keyword is looked for in it.
    pub fn set_field(&mut self, targets: Targets, text: &str) {
        self.add_at(0, targets, text, Kind::Text);
    }

    /// Adds a value of a field whose texts are added apart: no keyword is looked for in it.
    pub fn add_field(&mut self, targets: Targets, text: &str, kind: Kind) {
        self.add_at(1, targets, text, kind);
    }

    fn add_at(&mut self, depth: u32, targets: Targets, text: &str, kind: Kind) {
        let before = self.values.len();
        self.add(Place { node: 0, targets, depth, in_list: true }, text, kind);
        self.values.iter_mut().skip(before).for_each(|value| value.echo = true);
    }

    /// Notes a field that is there, whatever it holds.
    pub fn note(&mut self, node: usize, targets: Targets) {
        self.bare_nodes.push(node);
        for slot in [targets.own, targets.other] {
            if let Some(event) = self.bare.get_mut(slot) {
                *event = self.event;
            }
        }
    }

    /// The fields that were noted.
    pub fn noted(&self) -> &[usize] {
        &self.bare_nodes
    }

    /// Adds a text that keywords are looked for in, and nothing else.
    pub fn add_text(&mut self, text: &str) {
        let place = Place { node: 0, targets: NO_TARGETS, depth: 1, in_list: true };
        self.add(place, text, Kind::Text);
    }

    /// Adds a number that stands in the line as it is written in decimal.
    pub fn add_number(&mut self, place: Place, begin: usize, end: usize, number: i64) {
        let span = Span { begin: narrow(begin), end: narrow(end) };
        self.push(place, span, span, Kind::Number(Number::Integer(number)), Form::Settled);
    }

    fn push(&mut self, place: Place, text: Span, folded: Span, kind: Kind, form: Form) {
        let Place { node, targets: Targets { own, other }, depth, in_list } = place;
        let (dropped, echo, next) = (false, false, 0);
        let mut stored = Stored {
            node,
            depth,
            in_list,
            slot: own,
            text,
            folded,
            kind,
            form,
            dropped,
            echo,
            next,
        };
        self.store(stored, depth);
        if other != NO_SLOT {
            (stored.slot, stored.echo) = (other, true);
            self.store(stored, depth + BEHIND_ALL_OTHERS);
        }
    }

    fn store(&mut self, mut stored: Stored, depth: u32) {
        stored.next = narrow(self.values.len());
        stored.dropped = !self.link(stored.slot, depth, stored.in_list, stored.next);
        self.values.push(stored);
    }

    /// Makes a value one of its field; false when another counts.
    fn link(&mut self, slot: Slot, depth: u32, in_list: bool, number: u32) -> bool {
        let event = self.event;
        let Some(chain) = self.slots.get_mut(slot) else { return true };
        let fresh = Chain { event, first: number, last: number, depth };
        if chain.event != event {
            *chain = fresh;
            return true;
        }
        if depth > chain.depth {
            return false;
        }
        let before = *chain;
        if in_list && depth == chain.depth {
            chain.last = number;
            if let Some(last) = self.values.get_mut(before.last as usize) {
                last.next = number;
            }
            return true;
        }
        *chain = fresh;
        self.drop_chain(before);
        true
    }

    fn drop_chain(&mut self, chain: Chain) {
        let mut at = chain.first;
        while let Some(value) = self.values.get_mut(at as usize) {
            value.dropped = true;
            if value.next == at {
                return;
            }
            at = value.next;
        }
    }

    /// All values, each once, readable.
    pub fn each_value(&mut self, visit: &mut dyn FnMut(&Stored, &str)) {
        self.settle(None);
        for value in self.values.iter().filter(|value| !value.echo) {
            visit(value, self.slice(value.text));
        }
    }

    /// All values with their folded text as the index reads it.
    pub fn searched(&self) -> impl Iterator<Item = (&Stored, &[u8])> {
        self.values.iter().map(|value| (value, self.bytes(value.folded)))
    }

    /// The number a value is or spells.
    pub fn number(&self, value: &Stored) -> Option<Number> {
        match value.kind {
            Kind::Number(number) => Some(number),
            // No number has a backslash.
            Kind::Text if value.form != Form::Escaped => Number::parse(self.slice(value.text)),
            Kind::Text | Kind::Boolean(_) => None,
        }
    }

    /// Lets the values of one field answer for another that is empty; whether it does.
    pub fn alias(&mut self, empty: Slot, other: Slot) -> bool {
        if self.is_present(other)
            && let Some(event) = self.bare.get_mut(empty)
        {
            *event = self.event;
        }
        if self.has(empty) || !self.has(other) {
            return false;
        }
        let chain = self.slots.get(other).copied().unwrap_or_default();
        if let Some(place) = self.slots.get_mut(empty) {
            *place = chain;
        }
        true
    }

    /// The values of one field, with their folded text as the index reads it.
    pub fn searched_in(&self, slot: Slot) -> impl Iterator<Item = (&Stored, &[u8])> {
        let mut at = self.chain(slot).map(|chain| chain.first);
        std::iter::from_fn(move || {
            let number = at?;
            let value = self.values.get(number as usize)?;
            at = (value.next != number).then_some(value.next);
            Some((value, self.bytes(value.folded)))
        })
    }

    /// The first value of a field as text.
    pub fn first(&mut self, slot: Slot) -> Option<&str> {
        let number = self.chain(slot)?.first as usize;
        self.settle_one(number);
        self.values.get(number).map(|value| self.slice(value.text))
    }

    fn chain(&self, slot: Slot) -> Option<Chain> {
        self.slots.get(slot).copied().filter(|chain| chain.event == self.event)
    }

    /// Whether a field is there and not null.
    pub fn has(&self, slot: Slot) -> bool {
        self.chain(slot).is_some()
    }

    /// Makes the values of a field, or all texts, readable; how many bytes they have.
    pub fn settle(&mut self, slot: Option<Slot>) -> usize {
        let Some(slot) = slot else {
            let all = 0..self.values.len();
            return all.map(|number| self.settle_one(number)).sum();
        };
        let Some(chain) = self.chain(slot) else { return 0 };
        let (mut at, mut bytes) = (chain.first, 0);
        loop {
            bytes += self.settle_one(at as usize);
            match self.values.get(at as usize) {
                Some(value) if value.next != at => at = value.next,
                _ => return bytes,
            }
        }
    }

    fn settle_one(&mut self, number: usize) -> usize {
        let Some(value) = self.values.get(number) else { return 0 };
        let Stored { text, form, .. } = *value;
        let (text, folded) = match form {
            Form::Settled => return text.len(),
            Form::Escaped => {
                let begin = self.text.len();
                unescape(&mut self.text, text.begin as usize, text.end as usize);
                self.fold_from(begin)
            }
            Form::Unfolded => {
                let folded = fold(self.slice(text)).into_owned();
                (text, self.append_folded(&folded))
            }
        };
        if let Some(value) = self.values.get_mut(number) {
            (value.text, value.folded, value.form) = (text, folded, Form::Settled);
        }
        text.len()
    }

    fn append(&mut self, text: &str) -> (Span, Span) {
        let begin = self.text.len();
        self.text.push_str(text);
        self.fold_from(begin)
    }

    /// Folds what stands behind `begin`.
    fn fold_from(&mut self, begin: usize) -> (Span, Span) {
        let text = Span { begin: narrow(begin), end: narrow(self.text.len()) };
        let added = self.text.get(begin..).unwrap_or("");
        if !added.is_ascii() {
            let folded = fold(added).into_owned();
            return (text, self.append_folded(&folded));
        }
        let from = self.folded.len();
        self.folded.push_str(added);
        if let Some(added) = self.folded.get_mut(from..) {
            added.make_ascii_lowercase();
        }
        (text, Span { begin: narrow(from), end: narrow(self.folded.len()) })
    }

    fn append_folded(&mut self, folded: &str) -> Span {
        let begin = narrow(self.folded.len());
        self.folded.push_str(folded);
        Span { begin, end: narrow(self.folded.len()) }
    }

    fn slice(&self, span: Span) -> &str {
        self.text.get(span.range()).unwrap_or("")
    }

    fn bytes(&self, span: Span) -> &[u8] {
        self.folded.as_bytes().get(span.range()).unwrap_or(&[])
    }

    fn held(&self, value: &Stored) -> Held<'_> {
        let folded = self.folded.get(value.folded.range()).unwrap_or("");
        Held { text: self.slice(value.text), folded, kind: value.kind }
    }
}

impl Values for Record {
    fn is_present(&self, slot: Slot) -> bool {
        self.has(slot) || self.bare.get(slot) == Some(&self.event)
    }

    fn each<'v>(&'v self, slot: Option<Slot>, visit: &mut dyn FnMut(Held<'v>) -> bool) -> bool {
        let Some(slot) = slot else {
            let is_text = |v: &&Stored| !v.echo && v.kind == Kind::Text;
            let texts = self.values.iter().filter(is_text);
            return texts.into_iter().any(|value| visit(self.held(value)));
        };
        let Some(chain) = self.chain(slot) else { return false };
        let mut at = chain.first;
        while let Some(value) = self.values.get(at as usize) {
            if visit(self.held(value)) {
                return true;
            }
            if value.next == at {
                return false;
            }
            at = value.next;
        }
        false
    }
}

impl Span {
    fn len(self) -> usize {
        self.end.saturating_sub(self.begin) as usize
    }

    fn range(self) -> std::ops::Range<usize> {
        self.begin as usize..self.end as usize
    }
}

/// The inside of a JSON string without its escapes.
pub(crate) fn unescaped(text: &str) -> String {
    let mut both = text.to_owned();
    unescape(&mut both, 0, text.len());
    both.split_off(text.len())
}

/// Positions fit, for an event is refused beyond [`limits::EVENT_BYTES_MAX`].
fn narrow(position: usize) -> u32 {
    u32::try_from(position).unwrap_or(u32::MAX)
}
