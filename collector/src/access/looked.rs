//! What operators looked at that is not of agencies they are bound to: on record once a day.

use std::collections::HashSet;

use super::{Access, Caller, Deed, Error, Operator};

const DAY_US: i64 = 86_400 * 1_000_000;
/// Pairs of who and what that are remembered; beyond it a look may be on record twice.
const REMEMBERED_MAX: usize = 100_000;

/// Whose looks of a day are on record already.
#[derive(Debug, Default)]
pub(super) struct Looked {
    day: i64,
    seen: HashSet<(String, String)>,
}

impl Looked {
    /// Whether it is the first look of this day.
    fn is_first(&mut self, day: i64, who: &str, subject: &str) -> bool {
        if day != self.day || self.seen.len() >= REMEMBERED_MAX {
            *self = Self { day, seen: HashSet::new() };
        }
        self.seen.insert((who.to_owned(), subject.to_owned()))
    }
}

impl Access {
    /// Writes down that somebody who sees all agencies looked at something of one of them.
    ///
    /// # Errors
    /// When the database fails; then it is not to be shown.
    pub async fn looked_at(
        &self,
        operator: &Operator,
        caller: &Caller,
        subject: &str,
    ) -> Result<(), Error> {
        let day = self.clock.now().as_micros().div_euclid(DAY_US);
        let is_first = |looked: &mut Looked| looked.is_first(day, &caller.who, subject);
        if operator.whole && is_first(&mut super::locked(&self.looked)) {
            let deed = Deed::new(&caller.who, &caller.address, "looked at", subject);
            self.record(&deed).await?;
        }
        Ok(())
    }
}
