//! Learns what is normal on one machine and says what is not.
//!
//! [`Detector::see`] takes each line, [`Detector::tick`] lets time pass where no line comes. What is
//! learned is what was watched: time comes as [`Now`], whose counter since boot decides how old
//! something is, so that no clock ages or blinds anything. One cause is told once: of one line the
//! anomaly that says most, of one log at most one excess within `QUIET_S`.
//!
//! Nothing is judged before the log was watched for [`Settings::warmup_s`]; a log that brings new
//! templates or values several times a day is not judged by that (`PACE_MAX`).

mod judge;
mod saved;
mod values;

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use crate::anomaly::{Anomaly, AnomalyId, Field, Kind};
use crate::clock::{Clock, Now, Passed};
use crate::limits::{
    NAME_BYTES_MAX, NEW_AN_HOUR_MAX, SOURCES_MAX, TOLD_AN_HOUR_MAX, TOLD_MAX, VALUES_MAX,
};
use crate::novelty::{Ration, Values};
use crate::series::SLOTS;
use crate::source::Source;
use crate::template::key;
use crate::template::text::cut;

pub use saved::{Saved, Unusable};

/// Length of the parts of an hour in which lines are counted.
const SLOT_S: u64 = 300;
/// Parts of an hour that have to be watched to learn it: one may begin late.
const HOUR_SLOTS_LEAST: u32 = 11;
/// New things a day beyond which new things are what is normal.
const PACE_MAX: f64 = 1.0;
/// A template unseen for so long has gone, in watched seconds.
const RETURN_S: u64 = 14 * 24 * 3600;
/// The same anomaly is told again after so long at the earliest.
const AGAIN_S: u64 = 24 * 3600;
/// One excess, and one lack, of a log is told within so long.
const QUIET_S: u64 = 3 * 3600;

/// What an operator may decide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How long a log is watched before anything about it is judged, in seconds.
    pub warmup_s: u64,
    /// What is normal, whatever it looks like.
    pub normal: HashSet<AnomalyId>,
}

/// Three days.
impl Default for Settings {
    fn default() -> Self {
        Self { warmup_s: 3 * 24 * 3600, normal: HashSet::new() }
    }
}

/// One line of a log, as far as it is understood.
#[derive(Clone, Copy, Debug, Default)]
pub struct Line<'a> {
    /// Which log: `/var/log/auth.log`.
    pub source: &'a str,
    /// The program that wrote it.
    pub program: Option<&'a str>,
    /// What it says, without the header.
    pub message: &'a str,
    /// The whole line, for people.
    pub raw: &'a str,
    /// It was written just now; what is read late counts for no rate.
    pub is_fresh: bool,
    /// How many lines it stands for.
    pub count: u32,
    /// It says that something failed or was refused.
    pub is_failure: bool,
    /// Who got in or was allowed to do something.
    pub user: Option<&'a str>,
    /// From where somebody got in.
    pub address: Option<IpAddr>,
    /// The user has all rights, or was allowed to use them; remembered from then on.
    pub is_administrator: bool,
    /// A program and the one it started.
    pub pair: Option<(&'a str, &'a str)>,
}

/// Learns and judges.
#[derive(Debug)]
pub struct Detector {
    settings: Settings,
    clock: Clock,
    sources: Vec<Source>,
    values: HashMap<Field, Values>,
    /// Users who were seen with all rights.
    administrators: Values,
    /// When each anomaly was told last.
    told: HashMap<AnomalyId, u64>,
    /// Sources that gave way.
    forgotten: u64,
    /// Anomalies not told because an operator called them normal.
    hushed: u64,
    /// Anomalies not told because too many were told in the hour.
    untold: u64,
    ration: Ration,
    slot_began: u64,
    /// Slots watched without a gap, at most an hour's.
    slots_watched: usize,
    /// The hour that runs, and how many of its slots were watched.
    hour: Option<usize>,
    hour_slots: u32,
    text: String,
}

impl Detector {
    /// A detector that knows nothing yet.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            clock: Clock::default(),
            sources: Vec::new(),
            values: HashMap::new(),
            administrators: Values::default(),
            told: HashMap::new(),
            forgotten: 0,
            hushed: 0,
            untold: 0,
            ration: Ration::default(),
            slot_began: 0,
            slots_watched: 0,
            hour: None,
            hour_slots: 0,
            text: String::new(),
        }
    }

    /// Other settings from now on; nothing learned is lost.
    pub fn configure(&mut self, settings: Settings) {
        self.settings = settings;
    }

    /// Learns a line and says what is unusual, now that it came.
    pub fn see(&mut self, line: &Line<'_>, now: Now) -> Vec<Anomaly> {
        let mut anomalies = self.tick(now);
        let index = self.source(cut(line.source, NAME_BYTES_MAX));
        let age_s = self.clock.age_s;
        let Some(source) = self.sources.get_mut(index) else { return anomalies };
        source.heard(age_s);
        self.text.clear();
        if let Some(program) = line.program {
            self.text.push_str(cut(program, NAME_BYTES_MAX));
            self.text.push_str(": ");
        }
        self.text.push_str(line.message);
        let mined = source.miner.add(&self.text, age_s);
        if line.is_fresh {
            let count = line.count.max(1);
            source.all.count(count);
            source.recent.add(line.raw);
            if let Some(followed) = source.followed.get_mut(&mined.id) {
                followed.series.count(count);
                followed.recent.add(line.raw);
            }
            if line.is_failure {
                source.failures.count(count);
                source.recent_failures.add(line.raw);
            }
        }
        // Both learn; only the one that says more is told. A new program says little beside its line.
        let first_seen = self.first_seen(index, line);
        let template = self.template(index, mined, line);
        let is_program = |anomaly: &Anomaly| matches!(anomaly.value, Some((Field::Program, _)));
        let told = match (first_seen, template) {
            (Some(program), Some(template)) if is_program(&program) => {
                Some(Anomaly { value: program.value, ..template })
            }
            (first_seen, template) => first_seen.or(template),
        };
        anomalies.extend(told);
        anomalies
    }

    /// Lets time pass; to be called every minute or so.
    pub fn tick(&mut self, now: Now) -> Vec<Anomaly> {
        let mut anomalies = Vec::new();
        if self.clock.look(now) == Passed::Gap {
            self.forget_lately(now);
            return anomalies;
        }
        while now.elapsed_s.saturating_sub(self.slot_began) >= SLOT_S {
            self.slot_began += SLOT_S;
            self.close_slot(&mut anomalies);
        }
        anomalies
    }

    /// Sources it knows, and how many gave way to others.
    pub fn sources(&self) -> usize {
        self.sources.len()
    }

    /// How many sources gave way to others.
    pub fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// How many anomalies were not told because they are called normal.
    pub fn hushed(&self) -> u64 {
        self.hushed
    }

    /// How many anomalies were not told because of [`crate::limits::TOLD_AN_HOUR_MAX`].
    pub fn untold(&self) -> u64 {
        self.untold
    }

    /// Marks an anomaly as told, because an earlier run told it after its state was saved.
    pub fn remember_told(&mut self, id: AnomalyId) {
        self.told.insert(id, self.clock.age_s);
    }

    /// What was counted lately is not all there was.
    fn forget_lately(&mut self, now: Now) {
        self.slot_began = now.elapsed_s;
        self.slots_watched = 0;
        self.hour_slots = 0;
        self.hour = self.clock.hour_of_week(0);
        for source in &mut self.sources {
            source.each_series(crate::series::Series::forget_lately);
        }
    }

    fn close_slot(&mut self, anomalies: &mut Vec<Anomaly>) {
        self.slots_watched = (self.slots_watched + 1).min(SLOTS);
        self.hour_slots += 1;
        // The hour that was looked back on has its middle half an hour ago.
        let judged = self.clock.hour_of_week(SLOT_S * 6).filter(|_| self.slots_watched == SLOTS);
        for index in 0..self.sources.len() {
            anomalies.extend(judge::rates(self, index, judged));
        }
        for source in &mut self.sources {
            source.each_series(crate::series::Series::next_slot);
        }
        let hour = self.clock.hour_of_week(0);
        if hour != self.hour {
            let is_whole = self.hour_slots >= HOUR_SLOTS_LEAST;
            for source in &mut self.sources {
                let ended = self.hour;
                source.each_series(|series| {
                    series.next_hour(ended.unwrap_or(0), is_whole && ended.is_some())
                });
                source.choose_followed(self.clock.age_s);
            }
            (self.hour, self.hour_slots) = (hour, 0);
        }
    }

    /// The number of a source; a new one takes the place of the one silent longest.
    fn source(&mut self, name: &str) -> usize {
        if let Some(index) = self.sources.iter().position(|source| source.name == name) {
            return index;
        }
        if self.sources.len() >= SOURCES_MAX {
            let oldest = self.sources.iter().enumerate().min_by_key(|(_, source)| source.last);
            if let Some(index) = oldest.map(|(index, _)| index) {
                self.sources.swap_remove(index);
                self.forgotten += 1;
            }
        }
        self.sources.push(Source::new(name, self.clock.age_s));
        self.sources.len() - 1
    }

    /// A value of the line that was never seen, the one that says most.
    fn first_seen(&mut self, index: usize, line: &Line<'_>) -> Option<Anomaly> {
        let age_s = self.clock.age_s;
        let (began, name) = {
            let source = self.sources.get(index)?;
            (source.began, source.name.clone())
        };
        let is_known = age_s.saturating_sub(began) >= self.settings.warmup_s;
        let user = line.user.map(|user| key::hash(cut(user, NAME_BYTES_MAX).as_bytes()));
        if let (Some(user), true) = (user, line.is_administrator) {
            self.administrators.note(user, age_s, VALUES_MAX);
        }
        let is_administrator = user.is_some_and(|user| self.administrators.contains(user));
        let mut told: Option<Anomaly> = None;
        for (field, value) in values::of(line) {
            let values = self.values.entry(field).or_default();
            let pace = values.pace.a_day(age_s);
            let known = values.len();
            if !values.note(key::hash(value.as_bytes()), age_s, VALUES_MAX) {
                continue;
            }
            // Where others come from is learned as well: they may become administrators.
            if field == Field::AdministratorNetwork && !is_administrator {
                continue;
            }
            values.pace.note(age_s, began);
            // Who is new and comes from a new network is one finding.
            let may_be_told = told.is_none() && is_known && pace <= PACE_MAX;
            if !may_be_told || !values.ration.take(NEW_AN_HOUR_MAX, age_s) {
                continue;
            }
            let id =
                AnomalyId::new(Kind::FirstSeen, &name, &format!("{}\0{value}", field.as_str()));
            if self.may_tell(id) {
                told = Some(Anomaly {
                    kind: Kind::FirstSeen,
                    id,
                    source: name.clone(),
                    expected: format!("{known} known, {pace:.2} new/day"),
                    seen: value.clone(),
                    score: (-pace).exp(),
                    samples: vec![cut(line.raw, crate::limits::SAMPLE_BYTES_MAX).to_owned()],
                    template: None,
                    value: Some((field, value)),
                });
            }
        }
        told
    }

    /// Whether the line's template is new or was gone.
    fn template(&mut self, index: usize, mined: crate::Mined, line: &Line<'_>) -> Option<Anomaly> {
        let age_s = self.clock.age_s;
        let warmup_s = self.settings.warmup_s;
        let source = self.sources.get_mut(index)?;
        let is_new = mined.before == 0;
        let absent_s = age_s.saturating_sub(mined.last);
        let has_returned = !is_new && absent_s > RETURN_S && absent_s / 2 > mined.gap_max;
        if !is_new && !has_returned {
            return None;
        }
        let pace = source.pace.a_day(age_s);
        if is_new {
            source.pace.note(age_s, source.began);
        }
        if source.known_s(age_s) < warmup_s || (is_new && pace > PACE_MAX) {
            return None;
        }
        if !source.ration.take(NEW_AN_HOUR_MAX, age_s) {
            return None;
        }
        let text = source.miner.template(mined.id)?.text.clone();
        let (name, known) = (source.name.clone(), source.miner.templates().len());
        let days = |seconds: u64| format!("{} d", seconds / 86_400);
        let (kind, expected, seen) = if is_new {
            let known = format!("{} known, {pace:.2} new/day", known.saturating_sub(1));
            (Kind::NewTemplate, known, "1".to_owned())
        } else {
            (Kind::ReturnedTemplate, format!("<= {}", days(mined.gap_max)), days(absent_s))
        };
        let id = AnomalyId::new(kind, &name, &mined.id.to_string());
        self.may_tell(id).then(|| Anomaly {
            kind,
            id,
            source: name,
            expected,
            seen,
            score: if is_new { (-pace).exp() } else { beyond(absent_s, mined.gap_max) },
            samples: vec![cut(line.raw, crate::limits::SAMPLE_BYTES_MAX).to_owned()],
            template: Some((mined.id, text)),
            value: None,
        })
    }

    /// Whether an anomaly is neither normal nor told already; if so, it counts as told.
    fn may_tell(&mut self, id: AnomalyId) -> bool {
        if self.settings.normal.contains(&id) {
            self.hushed += 1;
            return false;
        }
        let age_s = self.clock.age_s;
        let again = self.told.get(&id).is_none_or(|told| age_s.saturating_sub(*told) >= AGAIN_S);
        if again && !self.ration.take(TOLD_AN_HOUR_MAX, age_s) {
            self.untold += 1;
            return false;
        }
        if again {
            if self.told.len() >= TOLD_MAX {
                let oldest = self.told.iter().min_by_key(|(_, age)| **age).map(|(id, _)| *id);
                oldest.and_then(|oldest| self.told.remove(&oldest));
            }
            self.told.insert(id, age_s);
        }
        again
    }
}

/// The share of `seen` that is beyond the most that was normal.
fn beyond(seen: u64, most: u64) -> f64 {
    let figure = |count: u64| u32::try_from(count).map_or(f64::from(u32::MAX), f64::from);
    if seen == 0 { 0.0 } else { (1.0 - figure(most) / figure(seen)).clamp(0.0, 1.0) }
}

#[cfg(test)]
mod tests;
