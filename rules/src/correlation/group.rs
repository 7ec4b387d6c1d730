use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::limits;

/// What one correlation knows about one group. As a row of state: JSON of this.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Group {
    /// When it last changed, in changes of the correlator; the least recent is evicted first.
    #[serde(rename = "t")]
    pub touched: u64,
    /// In order of time, then of key.
    #[serde(rename = "e")]
    pub entries: Vec<Entry>,
    /// Spans of time that were told already.
    #[serde(rename = "f", default)]
    pub fired: Vec<(i64, i64)>,
}

/// A match that waits for others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Entry {
    #[serde(rename = "t")]
    pub time_us: i64,
    /// Earlier than `time_us` when the match is one of a correlation.
    #[serde(rename = "s")]
    pub first_us: i64,
    /// Tells entries of the same time apart: the event's id, and for a correlation its rule.
    #[serde(rename = "k")]
    pub key: String,
    /// Ids of events, when they are not just the key.
    #[serde(rename = "i", default, skip_serializing_if = "Vec::is_empty")]
    pub ids: Vec<String>,
    /// A bit for each member it is a match of.
    #[serde(rename = "m")]
    pub members: u64,
    /// How many occurrences it stands for.
    #[serde(rename = "n")]
    pub weight: u64,
    /// What `value_count` counts.
    #[serde(rename = "v", default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// When it arrived, in changes of the correlator.
    #[serde(rename = "a")]
    pub arrived: u64,
}

impl Entry {
    /// Whether it is a match of the member at this position.
    pub fn is_of(&self, position: usize) -> bool {
        u32::try_from(position).is_ok_and(|bit| self.members.checked_shr(bit).unwrap_or(0) & 1 == 1)
    }
}

/// Spans of time that are remembered as told.
const FIRED_MAX: usize = 16;

impl Group {
    /// Takes a match in. False when it changes nothing: it belongs to what was told already, or is
    /// known.
    pub fn add(&mut self, entry: Entry) -> bool {
        let time = entry.time_us;
        if self.fired.iter().any(|(first, last)| (*first..=*last).contains(&time)) {
            return false;
        }
        let place = self.entries.binary_search_by(|known| {
            (known.time_us, known.key.as_str()).cmp(&(time, entry.key.as_str()))
        });
        match place {
            Err(place) => {
                self.entries.insert(place, entry);
                true
            }
            Ok(place) => self.entries.get_mut(place).is_some_and(|known| {
                let before = known.members;
                known.members |= entry.members;
                known.members != before
            }),
        }
    }

    /// Forgets what happened before a moment.
    pub fn forget(&mut self, before_us: i64) {
        self.entries.retain(|entry| entry.time_us >= before_us);
        self.fired.retain(|(_, last)| *last >= before_us);
    }

    /// Gives up what arrived first until at most `max` remain; how many were given up.
    pub fn shrink(&mut self, max: usize) -> u64 {
        let mut evicted = 0;
        while self.entries.len() > max {
            let oldest = self.entries.iter().enumerate().min_by_key(|(_, entry)| entry.arrived);
            let Some(place) = oldest.map(|(place, _)| place) else { break };
            self.entries.remove(place);
            evicted += 1;
        }
        evicted
    }

    /// Uses up the evidence of a window.
    pub fn fire(&mut self, range: Range<usize>) -> Vec<Entry> {
        let evidence: Vec<Entry> = self.entries.drain(range).collect();
        if let (Some(first), Some(last)) = (evidence.first(), evidence.last()) {
            self.fired.push((first.time_us, last.time_us));
        }
        if self.fired.len() > FIRED_MAX {
            self.fired.remove(0);
        }
        evidence
    }

    /// Whether nothing is left to know.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.fired.is_empty()
    }
}

/// The ids of the evidence, the first and the last ones when there are too many.
pub(super) fn ids(evidence: &[Entry]) -> Vec<String> {
    let mut ids: Vec<String> = Vec::new();
    for entry in evidence {
        let of_entry = if entry.ids.is_empty() {
            std::slice::from_ref(&entry.key)
        } else {
            entry.ids.as_slice()
        };
        for id in of_entry {
            if !ids.contains(id) {
                ids.push(id.clone());
            }
        }
        if ids.len() > 2 * limits::EVIDENCE_MAX {
            ids.drain(limits::EVIDENCE_MAX / 2..ids.len() - limits::EVIDENCE_MAX / 2);
        }
    }
    if ids.len() > limits::EVIDENCE_MAX {
        ids.drain(limits::EVIDENCE_MAX / 2..ids.len() - limits::EVIDENCE_MAX / 2);
    }
    ids
}
