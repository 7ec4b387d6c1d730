//! Tells the journal which exceptions end soon: a rule that ships with the collector turns that
//! into an alert. Killed between telling and noting it, it is told twice and counted on that alert.

use soc_event::{Event, Timestamp, kind};

use super::exception::REVIEW_US;
use super::{Error, Tuning};

/// Told at once.
const TOLD_MAX: i64 = 100;

#[derive(sqlx::FromRow)]
struct Expiring {
    id: i64,
    rule: Option<String>,
    owner: String,
    why: String,
    hidden: i64,
    until: i64,
}

impl Tuning {
    pub(super) async fn tell_expiring(&self) -> Result<(), Error> {
        let now = self.clock.now();
        let due: Vec<Expiring> = sqlx::query_as(
            "SELECT id, rule, owner, why, hidden, until FROM exception
             WHERE until > ? AND until <= ? AND ended_at IS NULL AND told IS NOT until
             ORDER BY until, id LIMIT ?",
        )
        .bind(now.as_micros())
        .bind(now.plus_micros(REVIEW_US).as_micros())
        .bind(TOLD_MAX)
        .fetch_all(self.store.pool())
        .await?;
        if due.is_empty() {
            return Ok(());
        }
        self.journal.append_own(due.iter().map(|one| event(one, now)).collect()).await?;
        for one in due {
            sqlx::query("UPDATE exception SET told = ? WHERE id = ?")
                .bind(one.until)
                .bind(one.id)
                .execute(self.store.pool())
                .await?;
        }
        Ok(())
    }
}

fn event(one: &Expiring, now: Timestamp) -> Event {
    Event::own(now, kind::EXCEPTION_EXPIRING)
        .with("exception.id", one.id)
        .with("exception.owner", one.owner.as_str())
        .with("exception.why", one.why.as_str())
        .with("exception.until", Timestamp::from_micros(one.until).to_string())
        .with("exception.hidden", one.hidden)
        .with("rule.id", one.rule.as_deref().unwrap_or_default())
}
