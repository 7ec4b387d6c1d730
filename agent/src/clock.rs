//! What time it is, on a machine whose clock may be years wrong.
//!
//! Three witnesses: the system's clock, the time this program was built, and the time last learned
//! from the collector. Certificates are judged by the latest of the three ([`JudgedClock::judged`]);
//! questions that must not be answered by a clock running years ahead (when to renew) are asked of
//! the collector's time alone ([`JudgedClock::collector_now`]). Knows neither disk nor network: who
//! learns the time tells it, who wants it kept stores [`JudgedClock::learned`].

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::time_provider::TimeProvider;
use rustls_pki_types::UnixTime;
use soc_event::Timestamp;

use crate::sensor::{Clock, SystemClock};

/// Time since the machine started, counted through sleep.
pub type Elapsed = Arc<dyn Fn() -> Duration + Send + Sync>;

/// The time as far as it can be known.
pub struct JudgedClock {
    system: Arc<dyn Clock>,
    elapsed: Elapsed,
    build: Timestamp,
    learned: Mutex<Learned>,
}

#[derive(Clone, Copy, Default)]
struct Learned {
    /// Told by the collector in an earlier run: it is at least this late.
    earlier: Option<Timestamp>,
    /// Told in this run, and [`Elapsed`] at that moment.
    fresh: Option<(Timestamp, Duration)>,
    /// System clock minus the collector's.
    offset_us: Option<i64>,
}

impl JudgedClock {
    /// A clock of these witnesses.
    pub fn new(system: Arc<dyn Clock>, elapsed: Elapsed, build: Timestamp) -> Self {
        Self { system, elapsed, build, learned: Mutex::default() }
    }

    /// The clock of this machine and this program.
    pub fn of_this_machine() -> Self {
        Self::new(Arc::new(SystemClock), Arc::new(since_boot), build_time())
    }

    /// The system's clock, right or wrong.
    pub fn system(&self) -> Timestamp {
        self.system.now()
    }

    /// The latest of system time, build time and the collector's time: by it certificates are
    /// judged.
    pub fn judged(&self) -> Timestamp {
        let known = self.collector_now().or(self.read().earlier);
        self.system().max(self.build).max(known.unwrap_or(self.build))
    }

    /// The collector's time now, if it told it since this process started.
    pub fn collector_now(&self) -> Option<Timestamp> {
        let (told, at) = self.read().fresh?;
        let since = (self.elapsed)().saturating_sub(at);
        Some(told.plus_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX)))
    }

    /// The time by which to judge how old a certificate is: the collector's if it was ever told,
    /// else [`Self::judged`].
    pub fn for_renewal(&self) -> Timestamp {
        let read = self.read();
        self.collector_now().or(read.earlier).unwrap_or_else(|| self.judged())
    }

    /// The system's clock minus the collector's, in microseconds, as last measured.
    pub fn offset_us(&self) -> Option<i64> {
        self.read().offset_us
    }

    /// The collector said it was `told` in an answer that took `round_trip`.
    pub fn learn(&self, told: Timestamp, round_trip: Duration) {
        let half = i64::try_from(round_trip.as_micros() / 2).unwrap_or(0);
        let now = told.plus_micros(half);
        let offset = self.system().as_micros().saturating_sub(now.as_micros());
        let at = (self.elapsed)();
        self.write(|learned| {
            learned.fresh = Some((now, at));
            learned.offset_us = Some(offset);
        });
    }

    /// An earlier run had been told this time.
    pub fn remember(&self, earlier: Timestamp) {
        self.write(|learned| learned.earlier = learned.earlier.max(Some(earlier)));
    }

    /// What the next run should [`Self::remember`].
    pub fn learned(&self) -> Option<Timestamp> {
        self.collector_now().max(self.read().earlier)
    }

    fn read(&self) -> Learned {
        *self.learned.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, change: impl FnOnce(&mut Learned)) {
        change(&mut self.learned.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl std::fmt::Debug for JudgedClock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JudgedClock").field("judged", &self.judged()).finish_non_exhaustive()
    }
}

impl TimeProvider for JudgedClock {
    fn current_time(&self) -> Option<UnixTime> {
        Some(unix_time(self.judged()))
    }
}

/// The moment as rustls wants it; before 1970 it is 1970.
pub fn unix_time(moment: Timestamp) -> UnixTime {
    let seconds = u64::try_from(moment.as_micros() / 1_000_000).unwrap_or(0);
    UnixTime::since_unix_epoch(Duration::from_secs(seconds))
}

/// When this program was built.
pub fn build_time() -> Timestamp {
    let seconds: i64 = env!("SOC_BUILD_SECONDS").parse().unwrap_or(0);
    Timestamp::from_micros(seconds.saturating_mul(1_000_000))
}

/// Time since the machine started, sleep included.
pub fn since_boot() -> Duration {
    elapsed_of(rustix::time::ClockId::Boottime)
}

/// Time since the machine started, sleep not included.
pub fn awake_since_boot() -> Duration {
    elapsed_of(rustix::time::ClockId::Monotonic)
}

fn elapsed_of(clock: rustix::time::ClockId) -> Duration {
    let time = rustix::time::clock_gettime(clock);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or(0))
}

#[cfg(test)]
mod tests;
