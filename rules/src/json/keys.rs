use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState};

use crate::limits;
use crate::record::NO_SLOT;
use crate::ruleset::Ruleset;
use crate::view::Slot;

/// A key of an object at its place among other objects, by number.
pub(crate) type Node = usize;

/// The keys events were seen with and the slots their paths have, so that a path is made once.
///
/// Programs write the same keys in the same order: each key remembers which one followed it, and
/// usually one comparison is all that is needed.
pub(crate) struct Keys {
    nodes: Vec<Known>,
    by_hash: HashMap<u64, Node, BuildHasherDefault<Hashed>>,
    /// Nobody who makes up keys can know what they come to.
    random: RandomState,
    slots: HashMap<String, Slot>,
    ruleset: Option<Ruleset>,
    /// The name asked for last that is no JSON.
    named: Option<Node>,
}

/// The slots a field fills.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Targets {
    /// Of its own name.
    pub own: Slot,
    /// Of another name it answers to, where nothing has that name.
    pub other: Slot,
}

/// Fields no rule asks for fill none.
pub(crate) const NO_TARGETS: Targets = Targets { own: NO_SLOT, other: NO_SLOT };

#[derive(Debug)]
struct Known {
    parent: Node,
    /// `"key":` as it stands in the text.
    quoted: Box<[u8]>,
    path: Box<str>,
    targets: Targets,
    /// Written without escapes.
    is_plain: bool,
    /// Which key was seen behind it, and which at the beginning of its object.
    next: Node,
    child: Node,
}

/// The object around everything.
pub(crate) const ROOT: Node = 0;
/// Above names that are no JSON.
const NAMES: Node = 1;
/// Keys that are remembered from one event to the next; beyond, all are learned anew.
const NODES_KEPT: usize = 8_192;

impl Keys {
    /// For the fields of these rules.
    pub fn new(ruleset: &Ruleset) -> Self {
        let names = ruleset.names().iter().enumerate();
        let mut keys = Self::of_no_rules();
        keys.slots = names.map(|(slot, name)| (name.clone(), slot)).collect();
        keys.ruleset = Some(ruleset.clone());
        keys
    }

    /// Only for the paths.
    pub fn of_no_rules() -> Self {
        let top = |parent| Known {
            parent,
            quoted: Box::default(),
            path: Box::default(),
            targets: NO_TARGETS,
            is_plain: true,
            next: ROOT,
            child: ROOT,
        };
        Self {
            nodes: vec![top(ROOT), top(NAMES)],
            by_hash: HashMap::default(),
            random: RandomState::new(),
            slots: HashMap::new(),
            ruleset: None,
            named: None,
        }
    }

    /// Before an event.
    pub fn begin(&mut self) {
        if self.nodes.len() > NODES_KEPT {
            self.nodes.truncate(NAMES + 1);
            self.nodes.iter_mut().for_each(|top| (top.next, top.child) = (ROOT, ROOT));
            self.by_hash.clear();
            self.named = None;
        }
    }

    /// The key that was seen behind `before`, or first in `parent`; whether the text begins with it.
    #[inline]
    pub fn guess(&self, parent: Node, before: Option<Node>, text: &[u8]) -> Option<(Node, usize)> {
        let guess = match before {
            Some(before) => self.nodes.get(before)?.next,
            None => self.nodes.get(parent)?.child,
        };
        let known = self.nodes.get(guess)?;
        let fits = guess != ROOT && known.parent == parent && begins(text, &known.quoted);
        fits.then_some((guess, known.quoted.len()))
    }

    /// The key with this text, remembered to follow `before`. `None`: an event has too many.
    pub fn find(&mut self, parent: Node, before: Option<Node>, key: &str) -> Option<Node> {
        let mut hash = self.random.hash_one((parent, key));
        let node = loop {
            match self.by_hash.get(&hash) {
                Some(node) if self.is(*node, parent, key) => break *node,
                Some(_) => hash = hash.wrapping_add(1),
                None => break self.add(parent, key, hash)?,
            }
        };
        let place = match before {
            Some(before) => self.nodes.get_mut(before).map(|known| &mut known.next),
            None => self.nodes.get_mut(parent).map(|known| &mut known.child),
        };
        if let Some(place) = place {
            *place = node;
        }
        Some(node)
    }

    fn is(&self, node: Node, parent: Node, key: &str) -> bool {
        let Some(known) = self.nodes.get(node) else { return false };
        let quoted = known.quoted.get(1..known.quoted.len().saturating_sub(2));
        known.parent == parent && quoted == Some(key.as_bytes())
    }

    fn add(&mut self, parent: Node, key: &str, hash: u64) -> Option<Node> {
        let path = self.path_below(parent, key)?;
        if self.nodes.len() >= NODES_KEPT + limits::EVENT_FIELDS_MAX {
            return None;
        }
        let known = Known {
            parent,
            quoted: format!("\"{key}\":").into_bytes().into(),
            targets: self.targets(&path),
            path: path.into(),
            is_plain: !key.contains('\\'),
            next: ROOT,
            child: ROOT,
        };
        self.nodes.push(known);
        self.by_hash.insert(hash, self.nodes.len() - 1);
        Some(self.nodes.len() - 1)
    }

    fn path_below(&self, parent: Node, key: &str) -> Option<String> {
        Some(match parent {
            NAMES => key.to_owned(),
            ROOT => super::unescaped(key).into_owned(),
            _ => format!("{}.{}", self.nodes.get(parent)?.path, super::unescaped(key)),
        })
    }

    /// The slots of a field by its name, which is no JSON; [`Keys::begin`] comes first.
    pub fn named(&mut self, name: &str) -> Targets {
        let guess = self.named.and_then(|before| Some(self.nodes.get(before)?.next));
        let fits = |guess: &Node| {
            self.nodes
                .get(*guess)
                .is_some_and(|known| known.parent == NAMES && *known.path == *name)
        };
        let found = guess.filter(fits).or_else(|| self.find(NAMES, self.named, name));
        self.named = found.or(self.named);
        match found {
            Some(node) => self.targets_of(node),
            None => self.targets(name),
        }
    }

    /// The key with this text at the top, where it was met before.
    pub fn at_top(&self, key: &str) -> Option<Node> {
        let mut hash = self.random.hash_one((ROOT, key));
        loop {
            let node = *self.by_hash.get(&hash)?;
            if self.is(node, ROOT, key) {
                return Some(node);
            }
            hash = hash.wrapping_add(1);
        }
    }

    /// Whether a key is written without escapes.
    #[inline]
    pub fn is_plain(&self, node: Node) -> bool {
        self.nodes.get(node).is_some_and(|known| known.is_plain)
    }

    /// The slot of just this name.
    pub fn slot(&self, name: &str) -> Slot {
        self.slots.get(name).copied().unwrap_or(NO_SLOT)
    }

    fn targets(&self, path: &str) -> Targets {
        let Some(ruleset) = &self.ruleset else { return NO_TARGETS };
        let others = ruleset.router().envelopes().answers_to(path);
        let other = others.iter().map(|name| self.slot(name)).find(|slot| *slot != NO_SLOT);
        Targets { own: self.slot(path), other: other.unwrap_or(NO_SLOT) }
    }

    /// The name of a field.
    pub fn path_of(&self, node: Node) -> &str {
        self.nodes.get(node).map_or("", |known| &known.path)
    }

    #[inline]
    pub fn targets_of(&self, node: Node) -> Targets {
        self.nodes.get(node).map_or(NO_TARGETS, |known| known.targets)
    }
}

/// Whether a text begins with another; keys are too short to call a library for.
#[inline]
fn begins(text: &[u8], with: &[u8]) -> bool {
    let Some(text) = text.get(..with.len()) else { return false };
    let (eights, rest) = with.as_chunks::<8>();
    let (found, left) = text.as_chunks::<8>();
    eights.iter().zip(found).all(|(a, b)| u64::from_le_bytes(*a) == u64::from_le_bytes(*b))
        && rest.iter().zip(left).all(|(a, b)| a == b)
}

/// The keys are hashes already.
#[derive(Debug, Default)]
struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().fold(self.0, |hash, byte| hash.rotate_left(8) ^ u64::from(*byte));
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}
