use std::hash::{Hash, Hasher};

use crate::limits;

/// A match that waits for others.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    pub time_us: i64,
    /// Tells entries of the same time apart: the event's id; for a match of a correlation its first
    /// event's id and as which member.
    pub id: Box<str>,
    /// A bit for each member it is a match of.
    pub members: u64,
    /// How many occurrences it stands for.
    pub weight: u64,
    /// What is counted or calculated with.
    pub value: Value,
    /// When it arrived, in changes of the correlator.
    pub arrived: u64,
    pub late: bool,
    /// More, for few.
    pub more: Option<Box<More>>,
}

/// What only matches of correlations have, and events of correlations that pass fields on.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct More {
    /// When the first event happened, and the ids of the events; none for an event.
    pub of_match: Option<(i64, Vec<String>)>,
    /// Values of [`super::Correlation::carried`].
    pub carried: Vec<Option<String>>,
}

/// Nothing, the hash of a value, or an amount.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Value(pub [u64; 2]);

impl Value {
    /// The amount it was made of.
    pub fn amount(self) -> i128 {
        let [high, low] = self.0;
        i128::from_be_bytes(joined(high, low))
    }

    pub fn bytes(self) -> [u8; 16] {
        let [high, low] = self.0;
        joined(high, low)
    }
}

impl Hash for Value {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let [high, low] = self.0;
        state.write_u64(high ^ low);
    }
}

fn joined(high: u64, low: u64) -> [u8; 16] {
    (u128::from(high) << 64 | u128::from(low)).to_be_bytes()
}

impl From<[u8; 16]> for Value {
    #[allow(clippy::cast_possible_truncation, reason = "two halves")]
    fn from(bytes: [u8; 16]) -> Self {
        let whole = u128::from_be_bytes(bytes);
        Self([(whole >> 64) as u64, whole as u64])
    }
}

impl From<i128> for Value {
    fn from(amount: i128) -> Self {
        amount.to_be_bytes().into()
    }
}

impl Entry {
    /// Entries are ordered by time, those of one time by id: shorter ones first, so that numbers
    /// written out stand as they count.
    pub fn order(&self) -> (i64, usize, &str) {
        (self.time_us, self.id.len(), &self.id)
    }

    /// Whether it is a match of the member at this position.
    pub fn is_of(&self, position: usize) -> bool {
        u32::try_from(position).is_ok_and(|bit| self.members.checked_shr(bit).unwrap_or(0) & 1 == 1)
    }

    pub fn first_us(&self) -> i64 {
        let of_match = self.more.as_ref().and_then(|more| more.of_match.as_ref());
        of_match.map_or(self.time_us, |(first_us, _)| *first_us)
    }

    /// Bytes it takes, with what grows with the number of entries.
    pub fn bytes(&self) -> u64 {
        let more = self.more.as_ref().map_or(0, |more| {
            let ids = more.of_match.iter().flat_map(|(_, ids)| ids).map(|id| 24 + allocated(id));
            let carried = more.carried.iter().map(|text| 24 + text.as_deref().map_or(0, allocated));
            64 + ids.sum::<u64>() + carried.sum::<u64>()
        });
        ENTRY_BYTES + allocated(&self.id) + more
    }
}

/// An entry with room for the growth of its list.
const ENTRY_BYTES: u64 = 120;

/// Bytes an allocator takes for a text.
pub(super) fn allocated(text: &str) -> u64 {
    bytes_allocated(text.len())
}

/// Bytes an allocator takes for so many.
pub(super) fn bytes_allocated(length: usize) -> u64 {
    if length == 0 {
        return 0;
    }
    u64::try_from(length).unwrap_or(u64::MAX).saturating_add(23).max(32) & !15
}

/// The ids of the evidence, the first and the last ones when there are too many.
pub(super) fn ids(evidence: &[Entry]) -> Vec<String> {
    let mut ids: Vec<String> = Vec::new();
    for entry in evidence {
        match entry.more.as_ref().and_then(|more| more.of_match.as_ref()) {
            Some((_, of_match)) => of_match.iter().for_each(|id| add(&mut ids, id)),
            None => add(&mut ids, &entry.id),
        }
    }
    if ids.len() > limits::EVIDENCE_MAX {
        ids.drain(limits::EVIDENCE_MAX / 2..ids.len() - limits::EVIDENCE_MAX / 2);
    }
    ids
}

fn add(ids: &mut Vec<String>, id: &str) {
    if ids.iter().any(|known| known == id) {
        return;
    }
    ids.push(id.to_owned());
    if ids.len() > 2 * limits::EVIDENCE_MAX {
        ids.drain(limits::EVIDENCE_MAX / 2..ids.len() - limits::EVIDENCE_MAX / 2);
    }
}
