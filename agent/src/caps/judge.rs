//! Which sensor to do without, and when to have it back. Pure; called once a measurement.

use super::{Config, Reading};

/// So many measurements above a cap in a row are too many.
const OVER_MAX: u32 = 3;
/// After so many measurements with room to spare a sensor comes back: ten minutes.
const CALM_FIRST: u32 = 60;
/// The longest a sensor stays away: a day.
const CALM_MOST: u32 = 8640;

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Nothing,
    Shed { sensor: String, why: String },
    Restore { sensor: String },
}

#[derive(Debug)]
pub(super) struct Judge {
    over: u32,
    calm: u32,
    /// How much calm it takes; doubled with every sensor shed.
    calm_wanted: u32,
    /// Shed, the latest last.
    shed: Vec<String>,
}

impl Default for Judge {
    fn default() -> Self {
        Self { over: 0, calm: 0, calm_wanted: CALM_FIRST / 2, shed: Vec::new() }
    }
}

/// What is above its cap.
pub(super) fn excess(reading: Reading, config: &Config) -> Option<String> {
    let most = config.memory_max;
    let memory = (reading.memory > most.get())
        .then(|| format!("{} MiB of memory, cap {most}", reading.memory >> 20));
    let is_busy = reading.cpu_pct > config.cpu_max_pct as f64;
    let cpu = || format!("{:.0} % of a core, cap {} %", reading.cpu_pct, config.cpu_max_pct);
    memory.or_else(|| is_busy.then(cpu))
}

fn has_room(reading: Reading, config: &Config) -> bool {
    let most = config.memory_max.get();
    reading.memory < most - most / 5 && reading.cpu_pct < config.cpu_max_pct as f64 / 2.0
}

impl Judge {
    /// `running`: optional sensors that run, in the order in which they may be kept.
    pub(super) fn next(&mut self, reading: Reading, config: &Config, running: &[String]) -> Step {
        if let Some(why) = excess(reading, config) {
            (self.over, self.calm) = (self.over + 1, 0);
            return match running.last() {
                Some(sensor) if self.over >= OVER_MAX => self.shed(sensor.clone(), why),
                _ => Step::Nothing,
            };
        }
        self.over = 0;
        self.calm = if has_room(reading, config) { self.calm + 1 } else { 0 };
        if self.calm < self.calm_wanted {
            return Step::Nothing;
        }
        self.calm = 0;
        match self.shed.pop() {
            Some(sensor) => Step::Restore { sensor },
            None => {
                // Calm with everything on: the past is forgotten step by step.
                self.calm_wanted = (self.calm_wanted / 2).max(CALM_FIRST / 2);
                Step::Nothing
            }
        }
    }

    fn shed(&mut self, sensor: String, why: String) -> Step {
        self.over = 0;
        self.calm_wanted = self.calm_wanted.saturating_mul(2).min(CALM_MOST);
        self.shed.push(sensor.clone());
        Step::Shed { sensor, why }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALM: Reading = Reading { memory: 10 << 20, cpu_pct: 0.5 };
    const FAT: Reading = Reading { memory: 100 << 20, cpu_pct: 0.5 };
    const BUSY: Reading = Reading { memory: 10 << 20, cpu_pct: 90.0 };

    fn running() -> Vec<String> {
        vec!["anomaly".into(), "network".into()]
    }

    /// The first step that is one, and after how many measurements.
    fn until(judge: &mut Judge, reading: Reading, running: &[String]) -> Option<(u32, Step)> {
        (1..20_000).find_map(|count| match judge.next(reading, &Config::default(), running) {
            Step::Nothing => None,
            step => Some((count, step)),
        })
    }

    fn shed(sensor: &str, why: &str) -> Step {
        Step::Shed { sensor: sensor.into(), why: why.into() }
    }

    #[test]
    fn half_a_minute_above_a_cap_sheds_the_last_optional_sensor_and_calm_brings_it_back() {
        let mut judge = Judge::default();
        let why = "100 MiB of memory, cap 48 MiB";
        assert_eq!(until(&mut judge, FAT, &running()), Some((3, shed("network", why))));
        assert_eq!(until(&mut judge, FAT, &running()[..1]), Some((3, shed("anomaly", why))));
        assert_eq!(until(&mut judge, FAT, &[]), None, "nothing is left to shed");
        let (count, step) = until(&mut judge, CALM, &[]).unwrap();
        assert_eq!((count, step), (120, Step::Restore { sensor: "anomaly".into() }));
    }

    #[test]
    fn a_short_burst_is_no_reason_and_work_is_told_from_memory() {
        let mut judge = Judge::default();
        for reading in [BUSY, BUSY, CALM, FAT, FAT, CALM] {
            assert_eq!(judge.next(reading, &Config::default(), &running()), Step::Nothing);
        }
        let why = "90 % of a core, cap 25 %";
        assert_eq!(until(&mut judge, BUSY, &running()), Some((3, shed("network", why))));
    }

    #[test]
    fn what_has_to_be_shed_again_and_again_stays_away_longer_each_time() {
        let mut judge = Judge::default();
        let mut waits = Vec::new();
        for _ in 0..10 {
            until(&mut judge, FAT, &running()).unwrap();
            waits.push(until(&mut judge, CALM, &running()).unwrap().0);
        }
        assert_eq!(waits[..4], [60, 120, 240, 480]);
        assert_eq!(waits.last(), Some(&CALM_MOST));
    }
}
