//! Whether the agent does worse than before. Pure: two reports and the time between them.

use std::time::Duration;

use crate::status::{Report, SensorState};

/// So many failures of one sensor more than before are a crash loop.
const RESTARTS_MAX: u32 = 3;
/// So many measurements above its caps are no accident.
const EXCEEDED_MAX: u64 = 6;

/// What a trial has shown so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is not over yet.
    Undecided,
    /// As good as before.
    Good,
    /// Worse, and why.
    Worse(String),
}

/// Judges by how the agent was when the trial began, and how it is now.
pub(super) fn judge(before: &Report, now: &Report, elapsed: Duration, lasts: Duration) -> Verdict {
    let is_over = elapsed >= lasts;
    for (name, sensor) in &now.sensors {
        let earlier = before.sensors.get(name);
        let failures = sensor.restarts - earlier.map_or(0, |old| old.restarts).min(sensor.restarts);
        let failed_before = earlier.is_some_and(|old| old.state == SensorState::Failed);
        let is_down = is_over && sensor.state == SensorState::Failed && failures > 0;
        if !failed_before && (failures >= RESTARTS_MAX || is_down) {
            let why = sensor.why.clone().unwrap_or_default();
            return Verdict::Worse(format!("the sensor {name} failed {failures} times: {why}"));
        }
    }
    let exceeded = now.own.exceeded.saturating_sub(before.own.exceeded);
    if exceeded >= EXCEEDED_MAX && before.own.exceeded == 0 {
        return Verdict::Worse("the agent used more than its caps allow".to_owned());
    }
    if is_over && before.uplink.connected && now.uplink.batches == before.uplink.batches {
        return Verdict::Worse("the collector has acknowledged nothing since".to_owned());
    }
    if is_over { Verdict::Good } else { Verdict::Undecided }
}

#[cfg(test)]
mod tests {
    use soc_event::RunId;

    use super::*;
    use crate::status::{Board, SensorReport};

    const LASTS: Duration = Duration::from_secs(300);

    fn report(restarts: u32, state: SensorState, batches: u64, exceeded: u64) -> Report {
        let board = Board::new(RunId(1));
        board.change(|report| {
            let entry = SensorReport { restarts, ..SensorReport::of(state) };
            report.sensors.insert("tiny".into(), entry);
            (report.uplink.connected, report.uplink.batches) = (true, batches);
            report.own.exceeded = exceeded;
        });
        board.report()
    }

    #[test]
    fn worse_is_what_was_better_before() {
        use SensorState::{Failed, Running};
        let before = report(1, Running, 5, 0);
        let check = |now: &Report, seconds: u64, expected: &str| {
            let verdict = judge(&before, now, Duration::from_secs(seconds), LASTS);
            assert!(format!("{verdict:?}").contains(expected), "{verdict:?}, not {expected}");
        };
        check(&report(1, Running, 5, 0), 10, "Undecided");
        check(&report(3, Running, 5, 0), 10, "Undecided");
        check(&report(4, Running, 5, 0), 10, "tiny failed 3 times");
        check(&report(2, Failed, 9, 0), 300, "tiny failed 1 times");
        check(&report(1, Running, 5, 6), 10, "caps");
        check(&report(1, Running, 5, 0), 300, "acknowledged nothing");
        check(&report(1, Running, 6, 0), 300, "Good");
    }

    #[test]
    fn what_failed_before_is_not_the_configurations_fault() {
        let before = report(7, SensorState::Failed, 5, 3);
        let now = report(99, SensorState::Failed, 6, 99);
        assert_eq!(judge(&before, &now, LASTS, LASTS), Verdict::Good);
    }
}
