use std::time::Duration;

/// So much at once, and so much more a second.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bucket {
    most: f64,
    per_second: f64,
    left: f64,
    at: Duration,
}

impl Bucket {
    /// A full one.
    pub(super) fn new(most: u32, per_second: f64) -> Self {
        Self { most: f64::from(most), per_second, left: f64::from(most), at: Duration::ZERO }
    }

    /// Takes one, where there is one.
    pub(super) fn take(&mut self, at: Duration) -> bool {
        let passed = at.saturating_sub(self.at).as_secs_f64();
        self.left = (self.left + passed * self.per_second).min(self.most);
        self.at = self.at.max(at);
        let has = self.left >= 1.0;
        if has {
            self.left -= 1.0;
        }
        has
    }
}
