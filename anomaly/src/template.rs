//! Template mining: which lines say the same thing, with other data.
//!
//! [`Miner::add`] takes a line and names its template, once and for good: online, one pass, one
//! configuration for all logs. The data is taken out of a line by what it looks like and by what
//! stands before it (`signature`), so most lines need one look into a table. Places where words
//! without digits vary are noticed when enough values were seen, and become variables then.
//!
//! Promises: total, any bytes of a line give a template; memory is bounded by
//! [`crate::limits::TEMPLATES_MAX`] or the number given; the id of a template is the same on every
//! machine and in every run ([`TemplateId`]).

pub(crate) mod key;
mod place;
mod signature;
pub(crate) mod text;
mod token;
mod word;

use std::collections::HashMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::limits;
use key::Hash;
use signature::Scratch;

/// What a template is known by: a fingerprint of its constant words, the same everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TemplateId(pub u64);

/// 16 hexadecimal digits.
impl fmt::Display for TemplateId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// One template.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Template {
    /// Its name.
    pub id: TemplateId,
    /// For people: `Failed password for <*> from <*> port <*> ssh2`.
    pub text: String,
    /// Lines that were of it.
    pub count: u64,
    /// When the last one came, in the unit given to [`Miner::add`].
    pub last: u64,
    /// The longest time between two of them, in that unit.
    pub gap_max: u64,
    /// Parts that are always the same, data left out; bytes as `signature` writes them.
    key: Vec<u8>,
}

/// What became of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mined {
    /// Its template.
    pub id: TemplateId,
    /// Lines of it before this one; nothing for a new template.
    pub before: u64,
    /// When the one before came, in the unit given to [`Miner::add`].
    pub last: u64,
    /// The longest time between two lines of it before this one, in that unit.
    pub gap_max: u64,
    /// A template of its kind was known before: only a word changed, in a place where words change.
    pub is_variant: bool,
}

/// Finds templates.
#[derive(Debug)]
pub struct Miner {
    templates: Vec<Template>,
    /// From the hash of a key to its template. Keys that were joined to a template have entries,
    /// too; what an entry says is compared before it is believed.
    by_key: HashMap<u64, u32, std::hash::BuildHasherDefault<Hash>>,
    templates_max: usize,
    forgotten: u64,
    scratch: Scratch,
}

impl Default for Miner {
    fn default() -> Self {
        Self::new(limits::TEMPLATES_MAX)
    }
}

impl Miner {
    /// A miner that keeps at most so many templates (at least one).
    pub fn new(templates_max: usize) -> Self {
        Self {
            templates: Vec::new(),
            by_key: HashMap::default(),
            templates_max: templates_max.max(1),
            forgotten: 0,
            scratch: Scratch::default(),
        }
    }

    /// A miner that knows these templates; those beyond its bound are left out.
    pub fn with(templates_max: usize, templates: impl IntoIterator<Item = Template>) -> Self {
        let mut miner = Self::new(templates_max);
        for template in templates.into_iter().take(miner.templates_max) {
            miner.insert(template);
        }
        miner
    }

    /// The template of a line. `now` is any count that does not fall: it is kept as
    /// [`Template::last`] and decides what is forgotten first.
    pub fn add(&mut self, line: &str, now: u64) -> Mined {
        self.scratch.read(line.as_bytes());
        let hash = key::hash(&self.scratch.key);
        let found = self.look_up(hash);
        let (index, is_variant) = match found {
            Some(index) => (Some(index), false),
            None => (self.join(), true),
        };
        if let Some((index, template)) =
            index.and_then(|index| Some((index, self.templates.get_mut(index)?)))
        {
            let Template { id, count: before, last, gap_max, .. } = *template;
            let mined = Mined { id, before, last, gap_max, is_variant };
            template.count = before.saturating_add(1);
            template.last = now;
            template.gap_max = gap_max.max(now.saturating_sub(last));
            if found.is_none() {
                self.remember(hash, index);
            }
            return mined;
        }
        let id = TemplateId(hash);
        let text = text::of(line, &self.scratch.parts);
        let key = self.scratch.key.clone();
        self.insert(Template { id, text, count: 1, last: now, gap_max: 0, key });
        Mined { id, before: 0, last: now, gap_max: 0, is_variant: false }
    }

    /// All templates, in no order.
    pub fn templates(&self) -> &[Template] {
        &self.templates
    }

    /// One template, while it is kept.
    pub fn template(&self, id: TemplateId) -> Option<&Template> {
        let known = self.by_key.get(&id.0).and_then(|index| self.get(*index));
        known
            .filter(|template| template.id == id)
            .or_else(|| self.templates.iter().find(|template| template.id == id))
    }

    /// How many templates gave way to others.
    pub fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// About how many bytes it takes.
    pub fn bytes(&self) -> usize {
        let heap = |template: &Template| template.text.capacity() + template.key.capacity();
        let texts: usize = self.templates.iter().map(heap).sum();
        let rows = self.templates.capacity() * size_of::<Template>();
        // A table is at most 7/8 full and has a byte of control a slot.
        texts + rows + self.by_key.capacity() * (size_of::<(u64, u32)>() + 1) * 8 / 7
    }

    fn get(&self, index: u32) -> Option<&Template> {
        self.templates.get(usize::try_from(index).ok()?)
    }

    fn look_up(&self, hash: u64) -> Option<usize> {
        let index = *self.by_key.get(&hash)?;
        let template = self.get(index)?;
        place::fits(&template.key, &self.scratch.key).then(|| usize::try_from(index).ok())?
    }

    /// A template that differs from this line only where words may vary.
    fn join(&mut self) -> Option<usize> {
        let found = place::find(&self.templates, &self.scratch.key)?;
        let place::Found::Variants { position, templates } = found else {
            let place::Found::Fits(index) = found else { return None };
            return Some(index);
        };
        let (first, others) = templates.split_first()?;
        let joined = self.templates.get(*first)?;
        let key = place::with_place(&joined.key, position);
        let text = text::of_key(&joined.text, &joined.key, position);
        let (mut count, mut last, mut gap_max) = (0_u64, 0, u64::MAX);
        for template in templates.iter().filter_map(|index| self.templates.get(*index)) {
            count = count.saturating_add(template.count);
            last = last.max(template.last);
            gap_max = gap_max.min(template.gap_max);
        }
        let id = TemplateId(key::hash(&key));
        if let Some(template) = self.templates.get_mut(*first) {
            *template = Template { id, text, count, last, gap_max, key };
        }
        self.remember(id.0, *first);
        for index in others.iter().rev() {
            self.remove(*index);
        }
        Some(*first)
    }

    fn insert(&mut self, template: Template) {
        if self.templates.len() >= self.templates_max {
            let oldest = self.templates.iter().enumerate();
            let oldest = oldest.min_by_key(|(_, template)| (template.count > 1, template.last));
            if let Some(index) = oldest.map(|(index, _)| index) {
                self.remove(index);
                self.forgotten += 1;
            }
        }
        self.remember(template.id.0, self.templates.len());
        self.templates.push(template);
    }

    /// Takes a template out; the last one takes its number, so entries are mended.
    fn remove(&mut self, index: usize) {
        if index >= self.templates.len() {
            return;
        }
        let removed = self.templates.swap_remove(index);
        self.by_key.remove(&removed.id.0);
        if let Some(moved) = self.templates.get(index).map(|template| template.id.0) {
            self.remember(moved, index);
        }
    }

    fn remember(&mut self, hash: u64, index: usize) {
        // Joined keys are found again when they are needed.
        if self.by_key.len() >= self.templates_max.saturating_mul(4) {
            self.by_key.clear();
            for (index, template) in self.templates.iter().enumerate() {
                self.by_key.insert(template.id.0, u32::try_from(index).unwrap_or(u32::MAX));
            }
        }
        self.by_key.insert(hash, u32::try_from(index).unwrap_or(u32::MAX));
    }
}

/// As the list of its templates.
impl Serialize for Miner {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.templates.serialize(serializer)
    }
}

/// With the bound of a source; see [`limits::SOURCE_TEMPLATES_MAX`].
impl<'de> Deserialize<'de> for Miner {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let templates = Vec::<Template>::deserialize(deserializer)?;
        Ok(Self::with(limits::SOURCE_TEMPLATES_MAX, templates))
    }
}

#[cfg(test)]
mod tests;
