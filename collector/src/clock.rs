//! What time it is: a parameter, so that tests decide.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use soc_event::Timestamp;

/// Tells the time. Cheap to clone.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

/// A clock that stands still until it is moved. Cheap to clone; clones are one clock.
#[derive(Clone, Debug)]
pub struct SetClock(Arc<AtomicI64>);

impl Clock {
    /// The clock of the system.
    pub fn system() -> Self {
        Self(Arc::new(|| Timestamp::from_system(std::time::SystemTime::now())))
    }

    /// Now.
    pub fn now(&self) -> Timestamp {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Clock").field(&self.now()).finish()
    }
}

impl SetClock {
    /// Standing at this moment.
    pub fn at(moment: Timestamp) -> Self {
        Self(Arc::new(AtomicI64::new(moment.as_micros())))
    }

    /// Moves it forward (or back, when negative).
    pub fn advance_micros(&self, micros: i64) {
        self.0.fetch_add(micros, Ordering::Relaxed);
    }

    /// The clock others are given.
    pub fn clock(&self) -> Clock {
        let this = self.clone();
        Clock(Arc::new(move || Timestamp::from_micros(this.0.load(Ordering::Relaxed))))
    }
}
