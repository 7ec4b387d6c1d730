use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use crate::record::NO_SLOT;
use crate::view::Slot;

/// A key of an object at its place among other objects, by number.
pub(crate) type Node = usize;

/// The keys events were seen with and the slots their paths have, so that a path is made once.
///
/// Programs write the same keys in the same order: each key remembers which one followed it, and
/// usually one comparison is all that is needed.
#[derive(Debug)]
pub(crate) struct Keys {
    nodes: Vec<Known>,
    by_hash: HashMap<u64, Node, BuildHasherDefault<Hashed>>,
    slots: HashMap<String, Slot>,
}

#[derive(Debug)]
struct Known {
    parent: Node,
    /// `"key":` as it stands in the text.
    quoted: Box<[u8]>,
    path: Box<str>,
    slot: Slot,
    /// Which key was seen behind it, and which at the beginning of its object.
    next: Node,
    child: Node,
}

/// The object around everything.
pub(crate) const ROOT: Node = 0;
/// Keys that are remembered; the others are looked up each time.
const NODES_MAX: usize = 8_192;
/// Bytes of a path that is remembered.
const PATH_BYTES_MAX: usize = 1_024;

impl Keys {
    /// `slots` are the names rules have for fields.
    pub fn new(slots: HashMap<String, Slot>) -> Self {
        let root = Known {
            parent: ROOT,
            quoted: Box::default(),
            path: Box::default(),
            slot: NO_SLOT,
            next: ROOT,
            child: ROOT,
        };
        Self { nodes: vec![root], by_hash: HashMap::default(), slots }
    }

    /// The key that was seen behind `before`, or first in `parent`; whether the text begins with it.
    #[inline]
    pub fn guess(&self, parent: Node, before: Option<Node>, text: &[u8]) -> Option<(Node, usize)> {
        let guess = match before {
            Some(before) => self.nodes.get(before)?.next,
            None => self.nodes.get(parent)?.child,
        };
        let known = self.nodes.get(guess)?;
        let fits = guess != ROOT && known.parent == parent && text.starts_with(&known.quoted);
        fits.then_some((guess, known.quoted.len()))
    }

    /// The key with this text, remembered to follow `before`. `None`: too many are remembered.
    pub fn find(&mut self, parent: Node, before: Option<Node>, key: &str) -> Option<Node> {
        let hash = hash(parent, key.as_bytes());
        let node = match self.by_hash.get(&hash) {
            Some(node) if self.is(*node, parent, key) => *node,
            Some(_) => return None,
            None => self.add(parent, key, hash)?,
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
        if self.nodes.len() >= NODES_MAX {
            return None;
        }
        let known = Known {
            parent,
            quoted: format!("\"{key}\":").into_bytes().into(),
            slot: self.slot(&path),
            path: path.into(),
            next: ROOT,
            child: ROOT,
        };
        self.nodes.push(known);
        self.by_hash.insert(hash, self.nodes.len() - 1);
        Some(self.nodes.len() - 1)
    }

    fn path_below(&self, parent: Node, key: &str) -> Option<String> {
        let above = &self.nodes.get(parent)?.path;
        let key = super::unescaped(key);
        let path = if parent == ROOT { key.into_owned() } else { format!("{above}.{key}") };
        (path.len() <= PATH_BYTES_MAX).then_some(path)
    }

    /// The slot of a field by its name.
    pub fn slot(&self, name: &str) -> Slot {
        if let Some(slot) = self.slots.get(name) {
            return *slot;
        }
        if name.contains(' ') {
            return self.slots.get(&name.replace(' ', "")).copied().unwrap_or(NO_SLOT);
        }
        NO_SLOT
    }

    #[inline]
    pub fn slot_of(&self, node: Node) -> Slot {
        self.nodes.get(node).map_or(NO_SLOT, |known| known.slot)
    }
}

fn hash(parent: Node, key: &[u8]) -> u64 {
    crate::program::key_of(key) ^ crate::program::mix(parent as u64)
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
