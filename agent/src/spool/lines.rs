//! What the rest of the agent may know of the spool without asking its thread, and deliveries made
//! ready for the disk.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use soc_event::{Lane, Timestamp};

use super::fit::append_fitted;
use crate::sensor::{Delivery, Position};

/// Longest read position that is kept.
const POSITION_BYTES_MAX: usize = 4096;

/// Read positions and the collector's time, as last committed.
#[derive(Default)]
pub(super) struct Known(RwLock<Inner>);

#[derive(Default)]
struct Inner {
    positions: HashMap<String, Vec<u8>>,
    learned: Option<Timestamp>,
}

impl Known {
    pub(super) fn position(&self, source: &str) -> Option<Vec<u8>> {
        let inner = self.0.read().unwrap_or_else(PoisonError::into_inner);
        inner.positions.get(source).cloned()
    }

    pub(super) fn positions(&self) -> Vec<Position> {
        let inner = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let position = |(source, bytes): (&String, &Vec<u8>)| Position {
            source: source.clone(),
            bytes: bytes.clone(),
        };
        inner.positions.iter().map(position).collect()
    }

    pub(super) fn learned(&self) -> Option<Timestamp> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).learned
    }

    pub(super) fn start(&self, positions: HashMap<String, Vec<u8>>, learned: Option<Timestamp>) {
        let mut inner = self.0.write().unwrap_or_else(PoisonError::into_inner);
        *inner = Inner { positions, learned };
    }

    /// Empty bytes mean that the source is gone and its position forgotten.
    pub(super) fn committed(&self, positions: Vec<Position>) {
        let mut inner = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for Position { source, bytes } in positions {
            if bytes.is_empty() {
                inner.positions.remove(&source);
            } else {
                inner.positions.insert(source, bytes);
            }
        }
    }
}

/// Deliveries that will be committed together.
#[derive(Debug, Default)]
pub(super) struct Group {
    /// Encoded events in the order of their arrival, one behind the other.
    pub text: Vec<u8>,
    /// The lane of each, and where it ends.
    pub ends: Vec<(Lane, usize)>,
    /// The last position of each source wins.
    pub positions: Vec<Position>,
}

impl Group {
    pub(super) fn add(&mut self, delivery: Delivery) {
        for observation in delivery.observations {
            append_fitted(observation.event, &mut self.text);
            self.ends.push((observation.lane, self.text.len()));
        }
        for position in delivery.positions {
            if position.bytes.len() > POSITION_BYTES_MAX {
                tracing::error!(source = position.source, "read position too long, not kept");
                continue;
            }
            self.positions.push(position);
        }
    }

    /// Adds a line that was encoded before.
    pub(super) fn add_line(&mut self, lane: Lane, line: &[u8]) {
        self.text.extend_from_slice(line);
        self.ends.push((lane, self.text.len()));
    }

    /// The lines of a lane.
    pub(super) fn of(&self, lane: Lane) -> impl Iterator<Item = &[u8]> {
        let mut start = 0;
        self.ends.iter().filter_map(move |(of, end)| {
            let line = self.text.get(start..*end).unwrap_or_default();
            start = *end;
            (*of == lane).then_some(line)
        })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ends.is_empty() && self.positions.is_empty()
    }

    /// Enough for one transaction: more would only cost memory.
    pub(super) fn is_full(&self) -> bool {
        self.text.len() >= 256 * 1024 || self.ends.len() >= 512
    }
}
