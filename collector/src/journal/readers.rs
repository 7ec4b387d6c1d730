use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::Position;

/// How far each reader is; retention stops at the lowest.
#[derive(Debug, Default)]
pub(super) struct Readers(Mutex<HashMap<String, Position>>);

impl Readers {
    /// A reader that has not yet said how far it is holds everything.
    pub(super) fn add(&self, reader: &str) {
        let mut readers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        readers.entry(reader.to_owned()).or_default();
    }

    pub(super) fn remove(&self, reader: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(reader);
    }

    pub(super) fn set(&self, reader: &str, position: Position) {
        let mut readers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        readers.insert(reader.to_owned(), position);
    }

    pub(super) fn each(&self, mut visit: impl FnMut(&str, Position)) {
        let readers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        readers.iter().for_each(|(reader, position)| visit(reader, *position));
    }

    pub(super) fn lowest(&self) -> Option<Position> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).values().min().copied()
    }
}
