//! How long to wait before trying again: longer each time, never the same on two machines.
//!
//! Pure but for the randomness it is given; whoever waits does the waiting.

use std::time::Duration;

/// Pauses that grow from `first` by doubling up to `most`, each moved by up to a quarter either way
/// so that ten thousand agents do not come back in the same second.
#[derive(Clone, Debug)]
pub struct Backoff {
    first: Duration,
    most: Duration,
    failures: u32,
}

impl Backoff {
    /// Pauses between these two.
    pub fn new(first: Duration, most: Duration) -> Self {
        Self { first, most, failures: 0 }
    }

    /// It worked: the next failure starts from the first pause again.
    pub fn reset(&mut self) {
        self.failures = 0;
    }

    /// Failures since the last success.
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// It failed: how long to wait now.
    pub fn pause(&mut self) -> Duration {
        self.pause_at(rand::random())
    }

    /// The same with the chance given: 0 is the shortest, 1 the longest.
    pub fn pause_at(&mut self, chance: f64) -> Duration {
        let doubled = self.first.saturating_mul(1_u32 << self.failures.min(20));
        self.failures = self.failures.saturating_add(1);
        doubled.min(self.most).mul_f64(0.75 + chance.clamp(0.0, 1.0) / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_most_and_start_again_after_success() {
        let mut backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(300));
        let pauses: Vec<u64> = (0..12).map(|_| backoff.pause_at(0.5).as_millis() as u64).collect();
        assert_eq!(&pauses[..4], &[500, 1000, 2000, 4000]);
        assert_eq!(&pauses[10..], &[300_000, 300_000]);
        backoff.reset();
        assert_eq!(backoff.pause_at(0.5), Duration::from_millis(500));
    }

    #[test]
    fn chance_moves_a_pause_by_a_quarter() {
        let pause = |chance| Backoff::new(Duration::from_secs(4), Duration::MAX).pause_at(chance);
        assert_eq!(pause(0.0), Duration::from_secs(3));
        assert_eq!(pause(1.0), Duration::from_secs(5));
    }

    #[test]
    fn any_number_of_failures_is_survived() {
        let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(300));
        for _ in 0..200 {
            assert!(backoff.pause() <= Duration::from_secs(375));
        }
    }
}
