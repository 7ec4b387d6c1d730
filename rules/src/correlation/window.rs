use std::collections::VecDeque;
use std::ops::Range;

use super::Correlation;
use super::condition::Condition;
use super::entry::Entry;
use super::tally::{Tally, chain_order};

type Entries = VecDeque<Entry>;

/// The window that ends with the newest entry of a group.
#[derive(Clone, Debug)]
pub(super) struct Trail {
    /// Its first entry.
    start: usize,
    tally: Tally,
}

impl Trail {
    /// From what the entries say.
    pub fn of(correlation: &Correlation, entries: &Entries) -> Self {
        let mut tally = Tally::new(correlation);
        let newest = entries.back().map_or(i64::MIN, |entry| entry.time_us);
        let start = from(entries, newest.saturating_sub(correlation.timespan_us));
        enter_all(&mut tally, correlation, entries, start..entries.len());
        Self { start, tally }
    }

    /// Moves on to an entry that was put behind all others. The window, when it fires.
    pub fn follow(&mut self, correlation: &Correlation, entries: &Entries) -> Option<Range<usize>> {
        let newest = entries.back()?;
        let before = entries.len().checked_sub(2).and_then(|place| entries.get(place));
        let tied = before.is_some_and(|before| before.time_us == newest.time_us);
        if tied && matches!(correlation.condition, Condition::Ordered(_)) {
            *self = Self::of(correlation, entries);
        } else {
            self.tally.enter(correlation, newest);
            while let Some(first) = entries.get(self.start)
                && newest.time_us.saturating_sub(first.time_us) > correlation.timespan_us
            {
                self.tally.leave(first);
                self.start += 1;
            }
        }
        self.tally.fires(correlation).then_some(self.start..entries.len())
    }

    /// Follows entries that were forgotten, which were older than any window that still counts.
    pub fn forgot(&mut self, gone: usize) {
        self.start = self.start.saturating_sub(gone);
    }
}

/// The first window that holds this entry and fires: the plain way, for an entry that came late.
pub(super) fn around(
    correlation: &Correlation,
    entries: &Entries,
    place: usize,
) -> Option<Range<usize>> {
    let time = entries.get(place)?.time_us;
    let span = correlation.timespan_us;
    if matches!(correlation.condition, Condition::Ordered(_)) {
        return ordered(correlation, entries, time);
    }
    let mut tally = Tally::new(correlation);
    let mut start = from(entries, time.saturating_sub(span));
    for (end, entry) in entries.iter().enumerate().skip(start) {
        tally.enter(correlation, entry);
        while let Some(first) = entries.get(start)
            && entry.time_us.saturating_sub(first.time_us) > span
        {
            tally.leave(first);
            start += 1;
        }
        if start > place {
            return None;
        }
        if end >= place && tally.fires(correlation) {
            return Some(start..end + 1);
        }
    }
    None
}

/// The first chain near a moment; in the range is all that happened in the span before its end.
fn ordered(correlation: &Correlation, entries: &Entries, time_us: i64) -> Option<Range<usize>> {
    let span = correlation.timespan_us;
    let (first, last) = (time_us.saturating_sub(span), time_us.saturating_add(span));
    let mut near: Vec<&Entry> =
        entries.range(from(entries, first)..).take_while(|entry| entry.time_us <= last).collect();
    near.sort_by_key(|entry| chain_order(entry));
    let mut tally = Tally::new(correlation);
    for entry in near {
        tally.enter(correlation, entry);
        if tally.fires(correlation) {
            let start = from(entries, entry.time_us.saturating_sub(span));
            let end = entries.partition_point(|other| other.time_us <= entry.time_us);
            return Some(start..end);
        }
    }
    None
}

/// Whether a window as a whole fires.
pub(super) fn judge(correlation: &Correlation, entries: &Entries, range: Range<usize>) -> bool {
    let mut tally = Tally::new(correlation);
    enter_all(&mut tally, correlation, entries, range);
    tally.fires(correlation)
}

fn enter_all(tally: &mut Tally, correlation: &Correlation, entries: &Entries, range: Range<usize>) {
    if matches!(tally, Tally::Chains(_)) {
        let mut sorted: Vec<&Entry> = entries.range(range).collect();
        sorted.sort_by_key(|entry| chain_order(entry));
        sorted.into_iter().for_each(|entry| tally.enter(correlation, entry));
    } else {
        entries.range(range).for_each(|entry| tally.enter(correlation, entry));
    }
}

/// The first entry at or after a moment.
fn from(entries: &Entries, time_us: i64) -> usize {
    entries.partition_point(|entry| entry.time_us < time_us)
}
