//! Time that a wrong clock cannot bend.
//!
//! Two things are told apart. *Age* is for how long was watched: it only grows, by what the counter
//! since boot says, so no clock can age what was learned. *The hour of the week* needs a clock; one
//! that jumps is not followed until somebody who knows better confirms it, or it has been steady
//! for a day.

use serde::{Deserialize, Serialize};

/// What time it is, as far as the caller knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Which start of the machine it is, as a number that no other start has.
    pub boot: u64,
    /// Seconds since the machine started, never falling.
    pub elapsed_s: u64,
    /// Seconds since 1970 in the host's zone, by the host's clock or better.
    pub local_s: i64,
    /// The time comes from the collector, not from the host's own clock.
    pub is_confirmed: bool,
}

/// Longest time between two looks that counts as watched.
const WATCHED_S_MAX: u64 = 20 * 60;
/// A clock that differs by more has jumped.
const JUMP_S: i64 = 5 * 60;
/// After so long a clock that jumped ahead is believed: ours may have been the wrong one.
const STEADY_AHEAD_S: u64 = 24 * 3600;
/// After so long one that fell back is: time does not, so it is most likely wrong.
const STEADY_BACK_S: u64 = 7 * 24 * 3600;
/// A machine that was off for longer has probably a wrong clock.
const OFF_S_MAX: i64 = 60 * 24 * 3600;

/// Keeps both times.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Clock {
    /// Seconds watched, in all runs.
    pub age_s: u64,
    /// Seconds since 1970, as believed.
    local_s: i64,
    /// Counter at the last look, and of which start of the machine.
    last_s: u64,
    boot: u64,
    /// Somebody looked in this run.
    #[serde(skip)]
    has_begun: bool,
    /// Whether the hour of the week is known.
    is_sure: bool,
    /// The clock that is not believed: how far ahead of ours, and since which age.
    other: Option<(i64, u64)>,
}

/// What a look at the clock brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Passed {
    /// Time went on.
    Watched,
    /// Nobody looked for a while, or the hour is another than thought: what was counted in this
    /// hour says nothing.
    Gap,
}

impl Clock {
    pub fn look(&mut self, now: Now) -> Passed {
        let is_same_start = self.boot == now.boot && now.elapsed_s >= self.last_s;
        let passed = now.elapsed_s.saturating_sub(self.last_s);
        let has_begun = std::mem::replace(&mut self.has_begun, true);
        (self.last_s, self.boot) = (now.elapsed_s, now.boot);
        if !is_same_start || (!has_begun && self.local_s == 0) {
            return self.begin(now);
        }
        let is_watched = passed <= WATCHED_S_MAX;
        if has_begun && is_watched {
            self.age_s = self.age_s.saturating_add(passed);
        }
        self.local_s = self.local_s.saturating_add(i64::try_from(passed).unwrap_or(i64::MAX));
        let has_jumped = self.follow(now);
        if has_begun && is_watched && !has_jumped { Passed::Watched } else { Passed::Gap }
    }

    /// The hour of the week so many seconds ago, 0 for Monday 00:00, if it is known.
    pub fn hour_of_week(&self, ago_s: u64) -> Option<usize> {
        let then = self.local_s.checked_sub_unsigned(ago_s)?;
        // 1970 began on a Thursday.
        let hours = then.div_euclid(3600).checked_add(72)?;
        usize::try_from(hours.rem_euclid(168)).ok().filter(|_| self.is_sure)
    }

    /// The first look since the machine started: a clock before the last run's end, or very far behind it, is wrong.
    fn begin(&mut self, now: Now) -> Passed {
        let since = now.local_s.saturating_sub(self.local_s);
        let is_first = self.local_s == 0;
        let is_plausible = is_first || (-JUMP_S..=OFF_S_MAX).contains(&since);
        self.is_sure = now.is_confirmed || is_plausible;
        if self.is_sure {
            self.local_s = now.local_s;
        } else {
            self.other = Some((since, self.age_s));
        }
        Passed::Gap
    }

    /// Follows a clock that can be believed; whether our time changed by a jump.
    fn follow(&mut self, now: Now) -> bool {
        let ahead = now.local_s.saturating_sub(self.local_s);
        let is_near = is_small(ahead);
        if is_near || now.is_confirmed {
            let changes = !is_near || !self.is_sure;
            (self.local_s, self.is_sure, self.other) = (now.local_s, true, None);
            return changes;
        }
        match self.other {
            Some((known, since)) if is_small(ahead.saturating_sub(known)) => {
                let steady_s = if ahead > 0 { STEADY_AHEAD_S } else { STEADY_BACK_S };
                if self.age_s.saturating_sub(since) < steady_s {
                    return false;
                }
                (self.local_s, self.is_sure, self.other) = (now.local_s, true, None);
                true
            }
            _ => {
                self.other = Some((ahead, self.age_s));
                false
            }
        }
    }
}

fn is_small(difference_s: i64) -> bool {
    (-JUMP_S..=JUMP_S).contains(&difference_s)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A Monday, 00:00.
    const MONDAY: i64 = 1_763_942_400;

    fn at(elapsed_s: u64, local_s: i64) -> Now {
        Now { boot: 1, elapsed_s, local_s, is_confirmed: false }
    }

    fn started() -> Clock {
        let mut clock = Clock::default();
        clock.look(at(100, MONDAY));
        clock
    }

    #[test]
    fn age_is_what_was_watched() {
        let mut clock = started();
        assert_eq!(clock.look(at(400, MONDAY + 300)), Passed::Watched);
        assert_eq!((clock.age_s, clock.hour_of_week(0)), (300, Some(0)));
        // Asleep for two hours.
        assert_eq!(clock.look(at(7600, MONDAY + 7500)), Passed::Gap);
        assert_eq!((clock.age_s, clock.hour_of_week(0)), (300, Some(2)));
    }

    #[test]
    fn a_clock_that_jumps_is_not_followed_and_ages_nothing() {
        let mut clock = started();
        let years = 5 * 365 * 24 * 3600;
        for step in 1..100_u64 {
            let passed =
                clock.look(at(100 + step * 60, MONDAY + years + i64::try_from(step * 60).unwrap()));
            assert_eq!(passed, Passed::Watched);
        }
        assert_eq!((clock.age_s, clock.hour_of_week(0)), (99 * 60, Some(1)));
        let confirmed = Now { is_confirmed: true, ..at(100 + 6000, MONDAY + 10 * 3600) };
        assert_eq!(clock.look(confirmed), Passed::Gap);
        assert_eq!(clock.hour_of_week(0), Some(10));
    }

    #[test]
    fn a_new_clock_that_stays_is_believed_after_a_day() {
        let mut clock = started();
        let far = MONDAY + 40 * 3600;
        for step in 1..=(STEADY_AHEAD_S / 600) + 1 {
            clock.look(at(100 + step * 600, far + i64::try_from(step * 600).unwrap()));
        }
        assert_eq!(clock.hour_of_week(0), Some(40 + 24));
    }

    #[test]
    fn an_agent_that_starts_again_keeps_the_time_it_had() {
        let mut clock = started();
        clock.look(at(400, 1000));
        let mut clock: Clock =
            serde_json::from_str(&serde_json::to_string(&clock).unwrap()).unwrap();
        assert_eq!(clock.look(at(100 + 7200, 9000)), Passed::Gap);
        assert_eq!((clock.age_s, clock.hour_of_week(0)), (300, Some(2)));
    }

    #[test]
    fn after_a_restart_with_a_dead_battery_the_hour_is_unknown_until_confirmed() {
        let mut clock = started();
        clock.look(at(400, MONDAY + 300));
        let saved = serde_json::to_string(&clock).unwrap();
        let mut clock: Clock = serde_json::from_str(&saved).unwrap();
        let restarted = |elapsed_s, local_s| Now { boot: 2, ..at(elapsed_s, local_s) };
        clock.look(restarted(10, 1000));
        assert_eq!((clock.age_s, clock.hour_of_week(0)), (300, None));
        clock.look(restarted(20, 1010));
        assert_eq!(clock.hour_of_week(0), None);
        clock.look(Now { is_confirmed: true, ..restarted(30, MONDAY + 3700) });
        assert_eq!(clock.hour_of_week(0), Some(1));
    }
}
