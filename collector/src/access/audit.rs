use soc_event::Timestamp;
use sqlx::SqliteConnection;

use super::Access;

/// Longest text of a deed that is kept, in characters.
const TEXT_MAX: usize = 1000;

/// Something an operator did: written in the same transaction as what it did, where there is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deed {
    who: String,
    address: String,
    action: &'static str,
    subject: String,
    detail: String,
}

/// A deed as it is shown.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, sqlx::FromRow, utoipa::ToSchema)]
pub struct DeedRow {
    /// Its place: grows by one with every deed.
    #[serde(skip)]
    pub number: i64,
    /// When.
    #[sqlx(try_from = "i64")]
    #[schema(value_type = String, format = DateTime)]
    pub at: Moment,
    /// Who.
    pub who: String,
    /// Did what: `alert acknowledged`.
    pub action: String,
    /// To what.
    pub subject: String,
    /// Whatever else is worth knowing.
    pub detail: String,
    /// From where.
    pub address: String,
}

/// A time as the database keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(transparent)]
pub struct Moment(pub Timestamp);

impl From<i64> for Moment {
    fn from(micros: i64) -> Self {
        Self(Timestamp::from_micros(micros))
    }
}

impl Deed {
    /// Who, from where, did what to what.
    pub fn new(who: &str, address: &str, action: &'static str, subject: &str) -> Self {
        let (who, address, subject) = (cut(who), cut(address), cut(subject));
        Self { who, address, action, subject, detail: String::new() }
    }

    /// The same with more to know about it.
    pub fn with(mut self, detail: &str) -> Self {
        self.detail = cut(detail);
        self
    }

    /// Writes it as part of a transaction.
    ///
    /// # Errors
    /// When the database fails; then nothing of the transaction may be committed.
    pub async fn write(&self, tx: &mut SqliteConnection, now: Timestamp) -> sqlx::Result<()> {
        sqlx::query(
            "INSERT INTO audit (at, who, action, subject, detail, address)
             VALUES (?, ?, ?, ?, ?, ?)",
        )
        .bind(now.as_micros())
        .bind(&self.who)
        .bind(self.action)
        .bind(&self.subject)
        .bind(&self.detail)
        .bind(&self.address)
        .execute(tx)
        .await?;
        Ok(())
    }
}

impl Access {
    /// Writes a deed of a room that has no transaction in SQL.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn record(&self, deed: &Deed) -> sqlx::Result<()> {
        let mut tx = self.store.write().await?;
        deed.write(&mut tx, self.clock.now()).await?;
        tx.commit().await
    }

    /// When something was done last.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn last_deed(&self, action: &str) -> sqlx::Result<Option<Timestamp>> {
        let at: Option<i64> = sqlx::query_scalar("SELECT MAX(at) FROM audit WHERE action = ?")
            .bind(action)
            .fetch_one(self.store.pool())
            .await?;
        Ok(at.map(Timestamp::from_micros))
    }

    /// Deeds before a place, newest first, and how many there are in all.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn deeds(
        &self,
        before: Option<i64>,
        limit: u32,
    ) -> sqlx::Result<(Vec<DeedRow>, i64)> {
        let rows = sqlx::query_as(
            "SELECT number, at, who, action, subject, detail, address FROM audit
             WHERE number < ? ORDER BY number DESC LIMIT ?",
        )
        .bind(before.unwrap_or(i64::MAX))
        .bind(limit)
        .fetch_all(self.store.pool())
        .await?;
        let total =
            sqlx::query_scalar("SELECT count(*) FROM audit").fetch_one(self.store.pool()).await?;
        Ok((rows, total))
    }
}

fn cut(text: &str) -> String {
    text.chars().take(TEXT_MAX).collect()
}
