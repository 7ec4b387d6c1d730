//! Values that were there before, and how often new ones come.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

const DAY_S: f64 = 86_400.0;
/// How long a new value counts in [`Pace`], in days.
const MEMORY_DAYS: f64 = 4.0;
/// New things within an hour are one episode: a new program brings many at once.
const EPISODE_S: u64 = 3600;
/// In the first day everything is new; it says nothing about the days to come.
const FIRST_DAY_S: u64 = 86_400;

/// How often something new comes.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Pace {
    /// When the last episode began.
    last: u64,
    /// Episodes a day, at that time.
    a_day: f64,
}

impl Pace {
    /// Something new came from a log first heard at `began`; to be called after [`Self::a_day`] was
    /// asked.
    pub fn note(&mut self, age_s: u64, began: u64) {
        let is_same = self.a_day > 0.0 && age_s.saturating_sub(self.last) < EPISODE_S;
        if age_s.saturating_sub(began) < FIRST_DAY_S || is_same {
            return;
        }
        self.a_day = self.a_day(age_s) + 1.0 / MEMORY_DAYS;
        self.last = age_s;
    }

    /// Episodes a day as they came lately.
    pub fn a_day(&self, age_s: u64) -> f64 {
        let days = seconds(age_s.saturating_sub(self.last)) / DAY_S;
        self.a_day * (-days / MEMORY_DAYS).exp()
    }
}

/// So many an hour and no more.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Ration {
    began: u64,
    taken: u32,
}

impl Ration {
    /// Takes one of at most `most` within the hour; false when there is none left.
    pub fn take(&mut self, most: u32, age_s: u64) -> bool {
        if age_s.saturating_sub(self.began) >= 3600 {
            (self.began, self.taken) = (age_s, 0);
        }
        let is_left = self.taken < most;
        self.taken += u32::from(is_left);
        is_left
    }
}

fn seconds(seconds: u64) -> f64 {
    u32::try_from(seconds).map_or(f64::from(u32::MAX), f64::from)
}

/// Values of one field.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Values {
    /// When each was seen last, by its hash.
    seen: HashMap<u64, u64>,
    pub pace: Pace,
    /// New ones told.
    pub ration: Ration,
}

impl Values {
    /// Notes a value; whether it is new.
    pub fn note(&mut self, value: u64, age_s: u64, values_max: usize) -> bool {
        if self.seen.insert(value, age_s).is_some() {
            return false;
        }
        if self.seen.len() > values_max {
            let others = self.seen.iter().filter(|(known, _)| **known != value);
            let oldest = others.min_by_key(|(_, age)| **age).map(|(known, _)| *known);
            oldest.and_then(|oldest| self.seen.remove(&oldest));
        }
        true
    }

    pub fn contains(&self, value: u64) -> bool {
        self.seen.contains_key(&value)
    }

    pub fn len(&self) -> usize {
        self.seen.len()
    }
}
