use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use hashbrown::HashTable;

use super::Correlation;
use super::entry::bytes_allocated;
use super::held::{Held, Opened};
use super::signal::Key;

/// The groups of one correlation in one scope, in slots that lists and the index refer to by number.
#[derive(Default)]
pub(super) struct Table {
    index: HashTable<u32>,
    hasher: RandomState,
    slots: Vec<Slot>,
    free: Vec<u32>,
    shares: HashMap<u32, Share>,
    bytes: u64,
    /// Slots whose group changed since it was written down, or that did.
    listed: Vec<u32>,
}

/// A place for a group; a free one has an empty key and no host.
pub(super) struct Slot {
    pub key: Key,
    pub held: Held,
    /// When it last changed, in changes of the correlator.
    pub touched: u64,
    newest_us: i64,
    /// Who began it.
    pub host: u32,
    before: u32,
    after: u32,
    bytes: u32,
    rank: Rank,
    is_listed: bool,
    changed: bool,
    /// Whether there is a row of state of it.
    written: bool,
}

/// What goes first when room is needed.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Rank {
    #[default]
    OfOne,
    OfSeveral,
}

/// The groups one host began, the least recently changed first.
#[derive(Default)]
struct Share {
    of_one: List,
    of_several: List,
    bytes: u64,
}

struct List {
    first: u32,
    last: u32,
    length: u32,
}

/// A group that was taken out.
pub(super) struct Removed {
    pub key: Key,
    pub held: Held,
    pub host: u32,
    pub slot: u32,
    /// Whether a row of state has to go as well.
    pub written: bool,
}

const NONE: u32 = u32::MAX;
/// A slot, and its places in the index and in the list of changes.
const SLOT_BYTES: u64 = 112;

impl Default for List {
    fn default() -> Self {
        Self { first: NONE, last: NONE, length: 0 }
    }
}

impl Share {
    fn list(&mut self, rank: Rank) -> &mut List {
        match rank {
            Rank::OfOne => &mut self.of_one,
            Rank::OfSeveral => &mut self.of_several,
        }
    }

    /// Groups of one event as long as they are more than a fifth of the others: a flood must not push
    /// out what has begun to show, nor what has begun to show every new beginning.
    fn first_to_go(&self) -> Option<u32> {
        let one = self.of_one.length > self.of_several.length / 5;
        let slot = if one { self.of_one.first } else { self.of_several.first };
        (slot != NONE).then_some(slot)
    }
}

impl Table {
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    pub fn is_empty(&self) -> bool {
        self.index.is_empty() && self.listed.is_empty()
    }

    pub fn get(&self, slot: u32) -> Option<&Slot> {
        let slot = self.slots.get(at(slot))?;
        (slot.host != NONE).then_some(slot)
    }

    pub fn find(&self, key: &Key) -> Option<u32> {
        let same = |slot: &u32| self.slots.get(at(*slot)).is_some_and(|slot| slot.key == *key);
        self.index.find(self.hasher.hash_one(key), same).copied()
    }

    /// All slots that hold a group.
    pub fn occupied(&self) -> impl Iterator<Item = u32> {
        let used = |(number, slot): (usize, &Slot)| {
            (slot.host != NONE).then(|| u32::try_from(number).unwrap_or(NONE))
        };
        self.slots.iter().enumerate().filter_map(used)
    }

    /// A new group, empty until it is closed; the caller has asked whether there is one.
    pub fn begin(&mut self, key: Key, host: u32) -> u32 {
        let number = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::free());
            u32::try_from(self.slots.len() - 1).unwrap_or(NONE)
        });
        let hash = self.hasher.hash_one(&key);
        if let Some(slot) = self.slots.get_mut(at(number)) {
            (slot.key, slot.host) = (key, host);
        }
        let (slots, hasher) = (&self.slots, &self.hasher);
        let rehash = |slot: &u32| slots.get(at(*slot)).map_or(0, |slot| hasher.hash_one(&slot.key));
        self.index.insert_unique(hash, number, rehash);
        number
    }

    /// Takes a group out of its slot to work with; it has to be closed again.
    pub fn open(&mut self, slot: u32, correlation: &Correlation) -> Option<Box<Opened>> {
        let slot = self.slots.get_mut(at(slot)).filter(|slot| slot.host != NONE)?;
        Some(std::mem::take(&mut slot.held).open(correlation))
    }

    /// Puts a group back that has not changed.
    pub fn put_back(&mut self, slot: u32, opened: Box<Opened>) {
        if let Some(slot) = self.slots.get_mut(at(slot)) {
            slot.held = Held::rest(opened);
        }
    }

    /// Puts a group back that changed.
    pub fn close(&mut self, number: u32, opened: Box<Opened>, touched: u64) {
        self.unlink(number);
        let Some(slot) = self.slots.get_mut(at(number)) else { return };
        slot.rank = if opened.group.entries.len() > 1 { Rank::OfSeveral } else { Rank::OfOne };
        slot.newest_us = opened.group.newest_us();
        slot.touched = touched;
        slot.changed = true;
        slot.held = Held::rest(opened);
        let key = bytes_allocated(slot.key.bytes().len());
        let bytes = SLOT_BYTES.saturating_add(key).saturating_add(slot.held.bytes());
        slot.bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        if !std::mem::replace(&mut slot.is_listed, true) {
            self.listed.push(number);
        }
        self.link(number);
    }

    /// Notes that a group is as written down.
    pub fn restored(&mut self, number: u32) {
        if let Some(slot) = self.slots.get_mut(at(number)) {
            (slot.changed, slot.written) = (false, true);
        }
    }

    /// The groups that changed since the last call.
    pub fn take_changed(&mut self, mut show: impl FnMut(&Slot)) {
        for number in std::mem::take(&mut self.listed) {
            let Some(slot) = self.slots.get_mut(at(number)) else { continue };
            slot.is_listed = false;
            if slot.host != NONE && std::mem::replace(&mut slot.changed, false) {
                slot.written = true;
                show(slot);
            }
        }
    }

    /// Takes a group out for good.
    pub fn remove(&mut self, number: u32) -> Option<Removed> {
        self.get(number)?;
        self.unlink(number);
        let slot = self.slots.get_mut(at(number))?;
        let hash = self.hasher.hash_one(&slot.key);
        if let Ok(found) = self.index.find_entry(hash, |other| *other == number) {
            found.remove();
        }
        let is_listed = slot.is_listed;
        let gone = std::mem::replace(slot, Slot { is_listed, ..Slot::free() });
        self.free.push(number);
        let Slot { key, held, host, written, .. } = gone;
        Some(Removed { key, held, host, slot: number, written })
    }

    /// Of the groups this host began, those least recently changed whose newest event is older than a
    /// moment; at most two.
    pub fn expired(&self, host: u32, before_us: i64) -> Vec<u32> {
        let share = self.shares.get(&host);
        let firsts = share.map_or([NONE; 2], |s| [s.of_one.first, s.of_several.first]);
        let old = |slot: &u32| self.get(*slot).is_some_and(|slot| slot.newest_us < before_us);
        firsts.into_iter().filter(old).collect()
    }

    /// Takes out groups of the hosts that hold most until no more than `bytes` are held.
    pub fn evict<'n>(
        &mut self,
        bytes: u64,
        name: &dyn Fn(u32) -> &'n str,
        mut show: impl FnMut(Removed),
    ) {
        while self.bytes > bytes {
            let Some((host, enough)) = self.greatest(name) else { return };
            while self.bytes > bytes
                && let Some(share) = self.shares.get(&host).filter(|share| share.bytes > enough)
                && let Some(removed) = share.first_to_go().and_then(|slot| self.remove(slot))
            {
                show(removed);
            }
        }
    }

    /// The host that holds most, and how little it may hold before another is asked: hosts are
    /// looked through once for many groups.
    fn greatest<'n>(&self, name: &dyn Fn(u32) -> &'n str) -> Option<(u32, u64)> {
        let rank = |(host, share): (&u32, &Share)| (share.bytes, *host);
        let mut held: Vec<(u64, u32)> = self.shares.iter().map(rank).collect();
        held.sort_unstable_by(|a, b| b.0.cmp(&a.0).then_with(|| name(a.1).cmp(name(b.1))));
        let (_, host) = *held.first()?;
        let second = held.get(1).map_or(0, |(bytes, _)| *bytes);
        Some((host, second - second / 8))
    }

    fn link(&mut self, number: u32) {
        let Some((host, rank, bytes)) = self.place(number) else { return };
        let share = self.shares.entry(host).or_default();
        share.bytes += u64::from(bytes);
        self.bytes += u64::from(bytes);
        let list = share.list(rank);
        let last = std::mem::replace(&mut list.last, number);
        list.length += 1;
        if last == NONE {
            list.first = number;
        }
        if let Some(slot) = self.slots.get_mut(at(last)) {
            slot.after = number;
        }
        if let Some(slot) = self.slots.get_mut(at(number)) {
            (slot.before, slot.after) = (last, NONE);
        }
    }

    /// A slot that was never closed has no bytes and is in no list.
    fn unlink(&mut self, number: u32) {
        let Some((host, rank, bytes)) = self.place(number).filter(|(_, _, bytes)| *bytes > 0)
        else {
            return;
        };
        let Some(slot) = self.slots.get_mut(at(number)) else { return };
        slot.bytes = 0;
        let (before, after) = (slot.before, slot.after);
        if let Some(slot) = self.slots.get_mut(at(before)) {
            slot.after = after;
        }
        if let Some(slot) = self.slots.get_mut(at(after)) {
            slot.before = before;
        }
        self.bytes -= u64::from(bytes);
        let Some(share) = self.shares.get_mut(&host) else { return };
        share.bytes -= u64::from(bytes);
        let list = share.list(rank);
        list.length -= 1;
        if list.first == number {
            list.first = after;
        }
        if list.last == number {
            list.last = before;
        }
        if share.of_one.length == 0 && share.of_several.length == 0 {
            self.shares.remove(&host);
        }
    }

    fn place(&self, number: u32) -> Option<(u32, Rank, u32)> {
        self.slots.get(at(number)).map(|slot| (slot.host, slot.rank, slot.bytes))
    }
}

impl Slot {
    fn free() -> Self {
        Self {
            key: Key::default(),
            held: Held::default(),
            touched: 0,
            newest_us: i64::MIN,
            host: NONE,
            before: NONE,
            after: NONE,
            bytes: 0,
            rank: Rank::OfOne,
            is_listed: false,
            changed: false,
            written: false,
        }
    }
}

fn at(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
