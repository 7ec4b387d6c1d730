//! One log: its templates, its rate, its failures.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::limits::{SAMPLE_BYTES_MAX, SAMPLES_MAX, SOURCE_SERIES_MAX, SOURCE_TEMPLATES_MAX};
use crate::novelty::{Pace, Ration};
use crate::series::Series;
use crate::template::text::cut;
use crate::{Miner, Template, TemplateId};

/// Lines a template needs, and lines an hour, before its rate is followed.
const FOLLOWED_LINES_LEAST: u64 = 30;
const FOLLOWED_AN_HOUR_LEAST: u64 = 2;

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Source {
    pub name: String,
    pub miner: Miner,
    /// When its first line came; all times are ages, in seconds.
    pub began: u64,
    /// When its last line came.
    pub last: u64,
    /// The longest time without a line.
    pub gap_max: u64,
    pub lines: u64,
    /// How often new templates come.
    pub pace: Pace,
    pub all: Series,
    pub failures: Series,
    pub followed: HashMap<TemplateId, Followed>,
    /// It was told to be silent and has not spoken since.
    pub is_silent: bool,
    /// When too many lines were told last: one cause, one anomaly.
    pub excess: Option<u64>,
    /// When too few were.
    pub lack: Option<u64>,
    /// New templates told.
    pub ration: Ration,
    #[serde(skip)]
    pub recent: Samples,
    #[serde(skip)]
    pub recent_failures: Samples,
}

/// A template whose rate is followed.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Followed {
    pub series: Series,
    #[serde(skip)]
    pub recent: Samples,
}

impl Source {
    pub fn new(name: &str, age_s: u64) -> Self {
        Self {
            name: name.to_owned(),
            miner: Miner::new(SOURCE_TEMPLATES_MAX),
            began: age_s,
            last: age_s,
            gap_max: 0,
            lines: 0,
            pace: Pace::default(),
            all: Series::default(),
            failures: Series::default(),
            followed: HashMap::new(),
            is_silent: false,
            excess: None,
            lack: None,
            ration: Ration::default(),
            recent: Samples::default(),
            recent_failures: Samples::default(),
        }
    }

    /// Notes that a line came.
    pub fn heard(&mut self, age_s: u64) {
        self.gap_max = self.gap_max.max(age_s.saturating_sub(self.last));
        self.last = age_s;
        self.lines = self.lines.saturating_add(1);
        self.is_silent = false;
    }

    /// How long it is known, in seconds.
    pub fn known_s(&self, age_s: u64) -> u64 {
        age_s.saturating_sub(self.began)
    }

    pub fn each_series(&mut self, mut change: impl FnMut(&mut Series)) {
        change(&mut self.all);
        change(&mut self.failures);
        self.followed.values_mut().for_each(|followed| change(&mut followed.series));
    }

    /// Looks which templates come often enough to follow their rate, and which are gone.
    pub fn choose_followed(&mut self, age_s: u64) {
        let hours = self.known_s(age_s) / 3600 + 1;
        let often = |template: &&Template| {
            template.count >= FOLLOWED_LINES_LEAST
                && template.count / hours >= FOLLOWED_AN_HOUR_LEAST
        };
        let mut often: Vec<_> = self.miner.templates().iter().filter(often).collect();
        often.sort_by_key(|template| std::cmp::Reverse(template.count));
        for template in often {
            if self.followed.len() >= SOURCE_SERIES_MAX {
                break;
            }
            self.followed.entry(template.id).or_default();
        }
        let miner = &self.miner;
        self.followed.retain(|id, _| miner.template(*id).is_some());
    }

    /// Whether what was read from a file has the right shape.
    pub fn is_sound(&self) -> bool {
        let followed = self.followed.values().all(|followed| followed.series.is_sound());
        self.all.is_sound() && self.failures.is_sound() && followed
    }
}

/// The last lines of something.
#[derive(Debug, Default)]
pub(crate) struct Samples {
    lines: Vec<String>,
    next: usize,
}

impl Samples {
    pub fn add(&mut self, line: &str) {
        let line = cut(line, SAMPLE_BYTES_MAX);
        match self.lines.get_mut(self.next) {
            Some(place) => {
                place.clear();
                place.push_str(line);
            }
            None => self.lines.push(line.to_owned()),
        }
        self.next = (self.next + 1) % SAMPLES_MAX;
    }

    /// Oldest first.
    pub fn get(&self) -> Vec<String> {
        let (late, early) = self.lines.split_at(self.next.min(self.lines.len()));
        early.iter().chain(late).cloned().collect()
    }
}
