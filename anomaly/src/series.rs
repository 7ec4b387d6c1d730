//! How many a time: a count followed through the hours of the week.
//!
//! Of each of the 168 hours the last four counts are kept, so that what is normal is what was there
//! at this time, not a mean that one bad day moves. Hours nobody watched are left out instead of
//! being zero. A count takes a byte: steps of nine per cent, exact below eight.

use serde::{Deserialize, Serialize};

const HOURS: usize = 168;
/// Counts kept of an hour of the week.
const WEEKS: usize = 4;
/// Parts of an hour in which is counted.
pub(crate) const SLOTS: usize = 12;
/// Counts needed before anything is judged.
const COUNTS_LEAST: usize = 6;

/// A count over time.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Series {
    /// `HOURS` times `WEEKS` counts, latest first; 0 is none.
    hours: Vec<u8>,
    /// Counted in the hour that runs.
    hour: u32,
    /// Counted in the last slots, the one that runs first.
    #[serde(skip)]
    slots: [u32; SLOTS],
}

/// What is normal at an hour of the week.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Normal {
    pub median: f64,
    /// The second largest: one bad day is not normal.
    pub high: f64,
    /// The second smallest.
    pub low: f64,
    /// Whether days like this one were seen, so that few can be told from many.
    pub knows_the_day: bool,
}

impl Default for Series {
    fn default() -> Self {
        Self { hours: vec![0; HOURS * WEEKS], hour: 0, slots: [0; SLOTS] }
    }
}

impl Series {
    pub fn count(&mut self, more: u32) {
        self.hour = self.hour.saturating_add(more);
        if let Some(slot) = self.slots.first_mut() {
            *slot = slot.saturating_add(more);
        }
    }

    /// Counted in so many last slots.
    pub fn last(&self, slots: usize) -> u32 {
        self.slots.iter().take(slots).fold(0, |sum, count| sum.saturating_add(*count))
    }

    pub fn next_slot(&mut self) {
        self.slots.rotate_right(1);
        if let Some(slot) = self.slots.first_mut() {
            *slot = 0;
        }
    }

    /// The hour is over: learned if it was watched from its beginning to its end.
    pub fn next_hour(&mut self, hour: usize, is_whole: bool) {
        let count = std::mem::take(&mut self.hour);
        let bucket = self.hours.chunks_exact_mut(WEEKS).nth(hour);
        if let Some(bucket) = bucket.filter(|_| is_whole) {
            bucket.rotate_right(1);
            if let Some(latest) = bucket.first_mut() {
                *latest = encode(count);
            }
        }
    }

    /// What was counted lately says nothing, because not all was seen.
    pub fn forget_lately(&mut self) {
        self.slots = [0; SLOTS];
        self.hour = 0;
    }

    /// What is normal around this hour of the week; nothing while too little is known.
    pub fn normal(&self, hour: usize) -> Option<Normal> {
        let same: Vec<f64> = self.around(hour).collect();
        let is_known = same.len() >= COUNTS_LEAST + WEEKS;
        let (counts, knows_the_day) = if is_known {
            (same, true)
        } else {
            let is_weekend = |day: usize| day >= 5;
            let today = hour / 24;
            let like_today = |day: &usize| is_weekend(*day) == is_weekend(today);
            let of_day = |day: usize| self.around(day * 24 + hour % 24);
            let alike: Vec<f64> = (0..7).filter(like_today).flat_map(of_day).collect();
            if alike.len() >= COUNTS_LEAST {
                (alike, true)
            } else {
                ((0..7).flat_map(of_day).collect(), false)
            }
        };
        Normal::of(counts, knows_the_day)
    }

    /// Counts of an hour and the ones beside it.
    fn around(&self, hour: usize) -> impl Iterator<Item = f64> + '_ {
        [HOURS - 1, 0, 1].into_iter().flat_map(move |shift| {
            let bucket = self.hours.chunks_exact(WEEKS).nth((hour + shift) % HOURS);
            bucket.unwrap_or_default().iter().filter(|code| **code > 0).map(|code| decode(*code))
        })
    }

    /// Whether what was read from a file has the right shape.
    pub fn is_sound(&self) -> bool {
        self.hours.len() == HOURS * WEEKS
    }
}

impl Normal {
    fn of(mut counts: Vec<f64>, knows_the_day: bool) -> Option<Self> {
        if counts.len() < COUNTS_LEAST {
            return None;
        }
        counts.sort_by(f64::total_cmp);
        let at = |place: usize| counts.get(place).copied().unwrap_or_default();
        let last = counts.len() - 1;
        Some(Self { median: at(counts.len() / 2), high: at(last - 1), low: at(1), knows_the_day })
    }

    /// The least count within an hour that is too many.
    pub fn too_many(&self) -> f64 {
        let beyond = (2.5 * self.median).max(1.4 * self.high);
        beyond.max(self.median + 5.0 * self.median.sqrt() + 12.0)
    }

    /// The largest count within an hour that is too few; below zero when none is.
    pub fn too_few(&self) -> f64 {
        if !self.knows_the_day || self.median < 20.0 || self.low < 10.0 {
            return -1.0;
        }
        let chance = self.low - 3.5 * self.low.sqrt();
        (0.3 * self.low).min(chance).min(self.median - 5.0 * self.median.sqrt())
    }

    /// Whether an hour without any is never normal.
    pub fn is_never_silent(&self) -> bool {
        self.knows_the_day && self.low >= 5.0 && self.median >= 8.0
    }
}

/// 1 and eight steps for each doubling.
fn encode(count: u32) -> u8 {
    let steps = (8.0 * (f64::from(count) + 1.0).log2()).round();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "0 to 256 by the range of the count, and it saturates"
    )]
    let steps = steps as u8;
    steps.saturating_add(1)
}

fn decode(code: u8) -> f64 {
    ((f64::from(code) - 1.0) / 8.0).exp2() - 1.0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A series that had these counts at this hour of each day.
    fn learned(hour: usize, counts: &[u32]) -> Series {
        let mut series = Series::default();
        for (day, count) in counts.iter().enumerate() {
            for shift in [23, 0, 1] {
                series.count(*count);
                series.next_hour(((day % 7) * 24 + hour + shift) % 168, true);
            }
        }
        series
    }

    #[test]
    fn counts_keep_their_size_in_a_byte() {
        for count in [0, 1, 2, 5, 10, 1000, 123_456, 1_000_000_000] {
            let kept = decode(encode(count));
            let error = (kept - f64::from(count)).abs();
            assert!(error <= 0.06 * f64::from(count) + 0.1, "{count} {kept}");
        }
    }

    #[test]
    fn five_times_as_many_is_too_many_and_a_usual_evening_is_not() {
        let normal = learned(9, &[100, 120, 90, 110, 95]).normal(9).unwrap();
        assert!(normal.too_many() < 5.0 * 90.0 && normal.too_many() > 150.0, "{normal:?}");
        assert!(normal.too_few() > 10.0 && normal.is_never_silent());
        // Once it was as much: once is no habit. Twice is.
        let once = learned(9, &[100, 500, 90, 110, 95]);
        assert!(once.normal(9).unwrap().median < 120.0);
    }

    #[test]
    fn a_first_weekend_is_not_judged_by_working_days() {
        let normal = learned(9, &[100, 120, 90, 110, 95]).normal(5 * 24 + 9).unwrap();
        assert!(!normal.knows_the_day && normal.too_few() < 0.0 && !normal.is_never_silent());
    }

    #[test]
    fn two_days_are_needed() {
        assert!(learned(9, &[100]).normal(9).is_none());
        assert!(learned(9, &[100, 100]).normal(9).is_some());
    }
}
