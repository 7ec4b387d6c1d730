use std::collections::HashMap;
use std::ops::Range;

use super::group::Entry;
use super::{Correlation, Kind};

/// The first window of the correlation's timespan in which it fires, and the number that made it
/// fire. `entries` are in order of time.
pub(super) fn find(correlation: &Correlation, entries: &[Entry]) -> Option<(Range<usize>, u64)> {
    let span = correlation.timespan_us;
    match &correlation.kind {
        Kind::EventCount { at_least } => {
            slide(entries, span, &mut Sum::default(), &|sum| (sum.0 >= *at_least).then_some(sum.0))
        }
        Kind::ValueCount { at_least } => slide(entries, span, &mut Values::default(), &|values| {
            let distinct = u64::try_from(values.0.len()).unwrap_or(u64::MAX);
            (distinct >= *at_least).then_some(distinct)
        }),
        Kind::Temporal(condition) => {
            let mut members = Members(vec![0; correlation.members.len()]);
            let range = slide(entries, span, &mut members, &|members| {
                let seen = |number: usize| members.0.get(number).is_some_and(|count| *count > 0);
                condition.holds(&seen).then_some(0)
            });
            range.map(|(range, _)| (range.clone(), occurrences(entries, range)))
        }
        Kind::Ordered => {
            let range = ordered(entries, correlation.members.len(), span)?;
            Some((range.clone(), occurrences(entries, range)))
        }
    }
}

fn occurrences(entries: &[Entry], range: Range<usize>) -> u64 {
    let window = entries.get(range).unwrap_or(&[]);
    window.iter().fold(0, |sum, entry| sum.saturating_add(entry.weight))
}

/// What is known about a window, kept up to date while the window moves.
trait Content<'e> {
    fn enter(&mut self, entry: &'e Entry);
    fn leave(&mut self, entry: &'e Entry);
}

#[derive(Default)]
struct Sum(u64);

impl<'e> Content<'e> for Sum {
    fn enter(&mut self, entry: &'e Entry) {
        self.0 = self.0.saturating_add(entry.weight);
    }

    fn leave(&mut self, entry: &'e Entry) {
        self.0 = self.0.saturating_sub(entry.weight);
    }
}

#[derive(Default)]
struct Values<'e>(HashMap<&'e str, u32>);

impl<'e> Content<'e> for Values<'e> {
    fn enter(&mut self, entry: &'e Entry) {
        if let Some(value) = &entry.value {
            *self.0.entry(value).or_default() += 1;
        }
    }

    fn leave(&mut self, entry: &'e Entry) {
        let Some(value) = entry.value.as_deref() else { return };
        if let Some(count) = self.0.get_mut(value) {
            *count -= 1;
            if *count == 0 {
                self.0.remove(value);
            }
        }
    }
}

struct Members(Vec<u32>);

impl<'e> Content<'e> for Members {
    fn enter(&mut self, entry: &'e Entry) {
        for (number, count) in self.0.iter_mut().enumerate() {
            *count += u32::from(entry.is_of(number));
        }
    }

    fn leave(&mut self, entry: &'e Entry) {
        for (number, count) in self.0.iter_mut().enumerate() {
            *count -= u32::from(entry.is_of(number));
        }
    }
}

fn slide<'e, C: Content<'e>>(
    entries: &'e [Entry],
    span_us: i64,
    content: &mut C,
    fires: &dyn Fn(&C) -> Option<u64>,
) -> Option<(Range<usize>, u64)> {
    let mut start = 0;
    for (end, entry) in entries.iter().enumerate() {
        content.enter(entry);
        while let Some(first) = entries.get(start)
            && entry.time_us.saturating_sub(first.time_us) > span_us
        {
            content.leave(first);
            start += 1;
        }
        if let Some(count) = fires(content) {
            return Some((start..end + 1, count));
        }
    }
    None
}

/// The members one after the other within the span; in the range is all that happened in the span
/// before the last of them.
///
/// For each member the latest possible start of a chain that ends with it is enough to know: the
/// later a chain started, the easier it fits. One event is one link.
fn ordered(entries: &[Entry], members: usize, span_us: i64) -> Option<Range<usize>> {
    let mut order: Vec<usize> = (0..entries.len()).collect();
    order.sort_by_key(|number| {
        entries.get(*number).map(|e| (e.time_us, e.members.trailing_zeros()))
    });
    let mut starts: Vec<Option<i64>> = vec![None; members];
    for number in order {
        let entry = entries.get(number)?;
        for position in (0..members).rev().filter(|position| entry.is_of(*position)) {
            let start = match position.checked_sub(1) {
                None => Some(entry.time_us),
                Some(before) => starts.get(before).copied().flatten(),
            };
            let fits = |start: &i64| entry.time_us.saturating_sub(*start) <= span_us;
            let Some(start) = start.filter(fits) else { continue };
            if position + 1 == members {
                return Some(around(entries, entry.time_us, span_us));
            }
            if let Some(slot) = starts.get_mut(position) {
                *slot = (*slot).max(Some(start));
            }
        }
    }
    None
}

fn around(entries: &[Entry], end_us: i64, span_us: i64) -> Range<usize> {
    let earliest = end_us.saturating_sub(span_us);
    let start = entries.partition_point(|entry| entry.time_us < earliest);
    let end = entries.partition_point(|entry| entry.time_us <= end_us);
    start..end
}
