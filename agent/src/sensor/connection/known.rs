//! Where each program has connected to before: hashes only, so many for each of so many programs.

use sha2::{Digest, Sha256};

use crate::sensor::{Position, Positions};

/// Most destinations of a program that fit into a position.
pub(super) const DESTINATIONS_MAX: u64 = 400;
/// Programs that are remembered; the one not seen for longest is forgotten.
const PROGRAMS_MAX: usize = 64;
const HASH_BYTES: usize = 8;
/// Days of learning and the day it was last counted.
const DAYS: &str = "connection days";

type Hash = [u8; HASH_BYTES];

/// What a destination is to a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meeting {
    /// It was there before, or it is not said of this program any more.
    Known,
    /// It is new, and learning is not over.
    Learned,
    /// It is new.
    New,
    /// The program has been to too many: from now on nothing is said of it.
    Wide,
}

#[derive(Debug)]
struct Program {
    name: Hash,
    /// Grows with every use of any.
    used: u64,
    is_wide: bool,
    destinations: Vec<Hash>,
    is_changed: bool,
}

/// What was learned.
#[derive(Debug)]
pub(super) struct Known {
    learning_days: u64,
    destinations_max: usize,
    /// On how many days it has learned, and the last of them as days since 1970.
    days: u64,
    last_day: i64,
    are_days_changed: bool,
    uses: u64,
    programs: Vec<Program>,
    /// Programs that had to be forgotten.
    pub(super) forgotten: u64,
}

impl Known {
    /// As it was committed last.
    pub(super) fn read(
        positions: &dyn Positions,
        learning_days: u64,
        destinations_max: u64,
    ) -> Self {
        let days = positions
            .position(DAYS)
            .and_then(|bytes| Some((number(&bytes, 0)?, number(&bytes, 8)?)));
        let (days, last_day) = days.unwrap_or((0, u64::MAX));
        let stored = (0..PROGRAMS_MAX).filter_map(|slot| positions.position(&source(slot)));
        Self {
            learning_days,
            destinations_max: usize::try_from(destinations_max).unwrap_or(usize::MAX),
            days,
            last_day: last_day.cast_signed(),
            are_days_changed: false,
            uses: 0,
            programs: stored.filter_map(|bytes| parse(&bytes)).collect(),
            forgotten: 0,
        }
    }

    /// Whether it only learns.
    pub(super) fn is_learning(&self) -> bool {
        self.days < self.learning_days
    }

    /// A day on which it learned, told after an hour of running at the earliest.
    pub(super) fn day(&mut self, day: i64) {
        if day != self.last_day && self.is_learning() {
            (self.days, self.last_day, self.are_days_changed) = (self.days + 1, day, true);
        }
    }

    /// A program connects.
    pub(super) fn meet(&mut self, program: &str, destination: &str) -> Meeting {
        let is_learning = self.is_learning();
        self.uses += 1;
        let (name, uses, most) = (hash(program), self.uses, self.destinations_max);
        let slot = self.slot(name);
        let Some(program) = self.programs.get_mut(slot) else { return Meeting::Known };
        program.used = uses;
        let destination = hash(destination);
        if program.is_wide || program.destinations.contains(&destination) {
            return Meeting::Known;
        }
        program.is_changed = true;
        if program.destinations.len() >= most {
            program.is_wide = true;
            program.destinations = Vec::new();
            return Meeting::Wide;
        }
        program.destinations.push(destination);
        if is_learning { Meeting::Learned } else { Meeting::New }
    }

    fn slot(&mut self, name: Hash) -> usize {
        if let Some(slot) = self.programs.iter().position(|program| program.name == name) {
            return slot;
        }
        let new =
            Program { name, used: 0, is_wide: false, destinations: Vec::new(), is_changed: true };
        if self.programs.len() < PROGRAMS_MAX {
            self.programs.push(new);
            return self.programs.len() - 1;
        }
        self.forgotten += 1;
        let oldest = self.programs.iter().enumerate().min_by_key(|(_, program)| program.used);
        let slot = oldest.map_or(0, |(slot, _)| slot);
        if let Some(place) = self.programs.get_mut(slot) {
            *place = new;
        }
        slot
    }

    /// What has changed since the last call.
    pub(super) fn changes(&mut self) -> Vec<Position> {
        let mut positions = Vec::new();
        if std::mem::take(&mut self.are_days_changed) {
            let bytes = [self.days.to_le_bytes(), self.last_day.to_le_bytes()].concat();
            positions.push(Position { source: DAYS.to_owned(), bytes });
        }
        for (slot, program) in self.programs.iter_mut().enumerate() {
            if std::mem::take(&mut program.is_changed) {
                positions.push(Position { source: source(slot), bytes: program.bytes() });
            }
        }
        positions
    }
}

impl Program {
    // | bytes | what                        |
    // |-------|-----------------------------|
    // | 8     | hash of the program's path  |
    // | 1     | whether it is wide          |
    // | 8 …   | hashes of destinations      |
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.name.to_vec();
        bytes.push(u8::from(self.is_wide));
        bytes.extend(self.destinations.iter().flatten());
        bytes
    }
}

fn parse(bytes: &[u8]) -> Option<Program> {
    let name = *bytes.first_chunk::<HASH_BYTES>()?;
    let is_wide = *bytes.get(HASH_BYTES)? != 0;
    let rest = bytes.get(HASH_BYTES + 1..)?.chunks_exact(HASH_BYTES);
    let destinations = rest.filter_map(|chunk| chunk.first_chunk().copied()).collect();
    Some(Program { name, used: 0, is_wide, destinations, is_changed: false })
}

fn source(slot: usize) -> String {
    format!("connection known {slot}")
}

fn number(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk().copied().map(u64::from_le_bytes)
}

fn hash(text: &str) -> Hash {
    let mut short = [0; HASH_BYTES];
    short.iter_mut().zip(Sha256::digest(text)).for_each(|(to, from)| *to = from);
    short
}
