//! All detections as one program, to be asked about many events.
//!
//! For most events nearly all rules can be ruled out by what their values do not hold. Of each rule
//! a few predicates are chosen of which one must be true for the rule to match (its anchors); an
//! index per field finds the anchors an event may make true in one pass over its values. Only the
//! rules behind those are asked, and what a predicate answered once is remembered for the event.
//!
//! The index is a filter: what it finds is compared by the same code the plain engine uses, so the
//! two can differ only where the index misses something. A property test looks for that.

mod anchor;
mod ends;
mod field;
mod grams;
mod memo;
mod needle;
mod route;
mod table;
mod written;

use std::collections::BTreeMap;

pub(crate) use memo::{Bits, Memo, Remembered};
pub(crate) use route::Route;

use crate::detection::{Detection, Matcher, Predicates};
use crate::pattern::Number;
use crate::view::Slot;
use anchor::Anchors;
use field::{FieldDraft, FieldIndex};
use grams::Frequencies;
use needle::Needle;

/// The compiled index.
#[derive(Debug, Default)]
pub(crate) struct Program {
    /// By slot.
    fields: Vec<Option<Box<FieldIndex>>>,
    keywords: Option<Box<FieldIndex>>,
    /// By predicate: where its rules begin in `rules`; one more at the end.
    begins: Vec<u32>,
    /// Rules whose anchor a predicate is.
    rules: Vec<u32>,
    /// Rules without anchors: to be asked about every event of their logsource.
    unanchored: Vec<usize>,
    /// By predicate: its slot.
    slots: Vec<Option<Slot>>,
    /// The predicates the index finds: what it has not found of them is not true.
    indexed: Bits,
    /// The predicates that are true where the index finds them.
    proven: Bits,
}

impl Program {
    /// Compiles. `slots` is the number of slots.
    pub fn new(detections: &[Option<Detection>], predicates: &Predicates, slots: usize) -> Self {
        let mut uses = vec![0; predicates.len()];
        detections.iter().flatten().for_each(|detection| detection.count(&mut uses));
        let anchors = Anchors::new(predicates, &uses);
        let mut behind: BTreeMap<usize, Vec<u32>> = BTreeMap::new();
        let mut unanchored = Vec::new();
        for (rule, detection) in detections.iter().enumerate() {
            let Some(detection) = detection else { continue };
            match anchors.choose(&detection.demands()) {
                Some(set) => {
                    for predicate in set {
                        behind.entry(predicate).or_default().push(narrow(rule));
                    }
                }
                None => unanchored.push(rule),
            }
        }
        let mut program = Self {
            unanchored,
            slots: predicates.iter().map(|compared| compared.slot).collect(),
            proven: proven(predicates),
            ..Self::default()
        };
        program.index(&anchors, &behind, slots);
        program.list(&behind, predicates.len());
        program
    }

    fn index(&mut self, anchors: &Anchors, behind: &BTreeMap<usize, Vec<u32>>, slots: usize) {
        let mut frequencies = Frequencies::default();
        let mut drafts: BTreeMap<Option<Slot>, FieldDraft> = BTreeMap::new();
        for predicate in 0..self.slots.len() {
            for needle in anchors.needles(predicate) {
                if let Needle::Part(text) | Needle::End(text) | Needle::Whole(text) = needle {
                    frequencies.count(text.as_bytes());
                }
            }
        }
        self.indexed = Bits::new(self.slots.len());
        for (predicate, slot) in self.slots.iter().enumerate() {
            let needles = anchors.needles(predicate);
            let is_found = !needles.is_empty() && needles.iter().all(FieldDraft::finds);
            if is_found {
                self.indexed.insert(predicate);
            }
            if is_found || behind.contains_key(&predicate) {
                let draft = drafts.entry(*slot).or_default();
                needles.iter().for_each(|needle| draft.add(needle, narrow(predicate)));
            }
        }
        self.fields = (0..slots).map(|_| None).collect();
        for (slot, draft) in drafts {
            let index = Box::new(draft.finish(&frequencies));
            match slot {
                None => self.keywords = Some(index),
                Some(slot) => {
                    if let Some(place) = self.fields.get_mut(slot) {
                        *place = Some(index);
                    }
                }
            }
        }
    }

    fn list(&mut self, behind: &BTreeMap<usize, Vec<u32>>, predicates: usize) {
        for predicate in 0..predicates {
            self.begins.push(narrow(self.rules.len()));
            self.rules.extend(behind.get(&predicate).into_iter().flatten());
        }
        self.begins.push(narrow(self.rules.len()));
    }

    /// The rules whose anchor a predicate is.
    #[inline]
    pub fn rules_of(&self, predicate: u32) -> &[u32] {
        let at = predicate as usize;
        match self.begins.get(at..at + 2) {
            Some([first, last]) => self.rules.get(*first as usize..*last as usize).unwrap_or(&[]),
            _ => &[],
        }
    }

    /// Adds the predicates of a field that may be true of a value, given folded; see
    /// [`FieldIndex::search`].
    #[inline]
    pub fn search(&self, slot: Slot, text: &[u8], is_escaped: bool, hits: &mut Vec<u32>) {
        if let Some(Some(index)) = self.fields.get(slot) {
            index.search(text, is_escaped, hits);
        }
    }

    /// Whether a predicate the index found is true without being compared.
    #[inline]
    pub fn proves(&self, predicate: usize) -> bool {
        self.proven.contains(predicate)
    }

    /// Whether a number is looked for in a field.
    #[inline]
    pub fn knows_numbers(&self, slot: Slot) -> bool {
        matches!(self.fields.get(slot), Some(Some(index)) if index.knows_numbers())
    }

    /// Adds the predicates that may be true of a number.
    pub fn search_number(&self, slot: Slot, number: Number, hits: &mut Vec<u32>) {
        if let Some(Some(index)) = self.fields.get(slot) {
            index.search_number(number, hits);
        }
    }

    /// Adds the keywords that may stand in a text.
    pub fn search_keywords(&self, text: &[u8], is_escaped: bool, hits: &mut Vec<u32>) {
        if let Some(index) = &self.keywords {
            index.search_parts(text, is_escaped, hits);
        }
    }
}

/// The predicates that are nothing but what is looked for.
fn proven(predicates: &Predicates) -> Bits {
    let mut proven = Bits::new(predicates.len());
    for (number, compared) in predicates.iter().enumerate() {
        if matches!(&compared.matcher, Matcher::Tests(tests) if tests.iter().all(needle::is_all)) {
            proven.insert(number);
        }
    }
    proven
}

fn narrow(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
