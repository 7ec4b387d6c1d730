use std::collections::VecDeque;
use std::time::{Duration, Instant};

use soc_formats::Joiner;
use soc_formats::join::{Joined, Rule};

use super::Line;
use super::position::FileId;

/// A record that may go on is handed over when nothing came for so long.
const WAIT: Duration = Duration::from_secs(1);

/// Puts the lines of one log together, and knows where in which file each waiting line begins.
#[derive(Debug)]
pub(super) struct Joining {
    joiner: Joiner,
    places: VecDeque<Place>,
    next: u64,
    last: Option<Instant>,
}

/// Where a line begins.
#[derive(Clone, Copy, Debug)]
struct Place {
    number: u64,
    file: FileId,
    offset: u64,
}

impl Joining {
    pub(super) fn new(rule: Rule) -> Self {
        Self { joiner: Joiner::new(rule), places: VecDeque::new(), next: 0, last: None }
    }

    /// Takes a line; hands over what is whole, with the offset at which it begins.
    pub(super) fn push(
        &mut self,
        line: Line<'_>,
        text: &str,
        now: Instant,
        out: &mut dyn FnMut(Joined, u64),
    ) {
        let (file, offset, number) = (line.file, line.offset, self.next);
        self.next += 1;
        self.last = Some(now);
        self.places.push_back(Place { number, file, offset });
        let places = &self.places;
        self.joiner.push(text, number, line.is_cut, &mut |joined| {
            let offset = offset_of(places, joined.place);
            out(joined, offset);
        });
        self.forget();
    }

    /// Hands over what waits when nothing came for long; whether there was anything.
    pub(super) fn flush_quiet(&mut self, now: Instant, out: &mut dyn FnMut(Joined, u64)) -> bool {
        let is_quiet = self.last.is_some_and(|last| now.saturating_duration_since(last) >= WAIT);
        if !is_quiet || self.places.is_empty() {
            return false;
        }
        let places = &self.places;
        self.joiner.flush(&mut |joined| {
            let offset = offset_of(places, joined.place);
            out(joined, offset);
        });
        self.places.clear();
        true
    }

    /// How lines belong together.
    pub(super) fn rule(&self) -> &Rule {
        self.joiner.rule()
    }

    /// Whether lines wait for others.
    pub(super) fn is_waiting(&self) -> bool {
        !self.places.is_empty()
    }

    /// Where the first line of a file begins that has not been handed over.
    pub(super) fn held(&self, file: FileId) -> Option<u64> {
        self.places.iter().find(|place| place.file == file).map(|place| place.offset)
    }

    fn forget(&mut self) {
        let held = self.joiner.held().unwrap_or(self.next);
        while self.places.front().is_some_and(|place| place.number < held) {
            self.places.pop_front();
        }
    }
}

fn offset_of(places: &VecDeque<Place>, number: u64) -> u64 {
    places.iter().find(|place| place.number == number).map_or(0, |place| place.offset)
}
