//! What operators did: appended, bound by hashes, never changed.

use sha2::{Digest, Sha256};
use soc_event::Timestamp;
use sqlx::{QueryBuilder, Sqlite, SqliteConnection};

use super::{Access, Error};

/// Longest text of a deed that is kept, in characters.
const TEXT_MAX: usize = 1000;
/// Deeds that are verified at a time.
const PAGE: i64 = 10_000;

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

/// Which deeds; what is left out is not asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeedFilter {
    /// By this operator.
    pub who: Option<String>,
    /// With this text in action, subject or detail.
    pub search: Option<String>,
    /// At or after.
    pub from: Option<Timestamp>,
    /// Before.
    pub to: Option<Timestamp>,
}

/// What looking through all deeds found.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct Verdict {
    /// Deeds that were looked at.
    pub deeds: i64,
    /// The first deed that is not what was written, or before which some are missing.
    pub broken_at: Option<i64>,
    /// Hash of the last deed, as 64 hex digits: noted elsewhere, it shows that the end was not cut
    /// off and all written anew.
    pub head: String,
    /// Number of the last deed.
    pub last: i64,
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
        let before: Option<(i64, Option<Vec<u8>>)> =
            sqlx::query_as("SELECT number, hash FROM audit ORDER BY number DESC LIMIT 1")
                .fetch_optional(&mut *tx)
                .await?;
        let (last, before) = before.unwrap_or_default();
        let row = self.row(last + 1, now);
        sqlx::query(
            "INSERT INTO audit (number, at, who, action, subject, detail, address, hash)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(row.number)
        .bind(now.as_micros())
        .bind(&self.who)
        .bind(self.action)
        .bind(&self.subject)
        .bind(&self.detail)
        .bind(&self.address)
        .bind(hash(&before.unwrap_or_default(), &row))
        .execute(tx)
        .await?;
        Ok(())
    }

    fn row(&self, number: i64, now: Timestamp) -> DeedRow {
        let Self { who, address, action, subject, detail } = self.clone();
        DeedRow { number, at: Moment(now), who, action: action.into(), subject, detail, address }
    }
}

/// SHA-256 over the hash before and each value with its length, so that no two deeds are written
/// the same way.
fn hash(before: &[u8], deed: &DeedRow) -> Vec<u8> {
    let mut hash = Sha256::new_with_prefix(before);
    hash.update(deed.number.to_le_bytes());
    hash.update(deed.at.0.as_micros().to_le_bytes());
    for text in [&deed.who, &deed.action, &deed.subject, &deed.detail, &deed.address] {
        hash.update(u64::try_from(text.len()).unwrap_or(u64::MAX).to_le_bytes());
        hash.update(text);
    }
    hash.finalize().to_vec()
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
        filter: &DeedFilter,
        before: Option<i64>,
        limit: u32,
    ) -> sqlx::Result<(Vec<DeedRow>, i64)> {
        let mut query = QueryBuilder::new(
            "SELECT number, at, who, action, subject, detail, address FROM audit WHERE true",
        );
        narrow(&mut query, filter);
        query.push(" AND number < ").push_bind(before.unwrap_or(i64::MAX));
        query.push(" ORDER BY number DESC LIMIT ").push_bind(i64::from(limit));
        let rows = query.build_query_as().fetch_all(self.store.pool()).await?;
        let mut count = QueryBuilder::new("SELECT count(*) FROM audit WHERE true");
        narrow(&mut count, filter);
        let total = count.build_query_scalar().fetch_one(self.store.pool()).await?;
        Ok((rows, total))
    }

    /// Looks through all deeds, whether each is what was written after the one before.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn verify_deeds(&self) -> Result<Verdict, Error> {
        let mut verdict = Verdict { deeds: 0, broken_at: None, head: String::new(), last: 0 };
        let mut before: Vec<u8> = Vec::new();
        loop {
            let page = self.bound_deeds(verdict.last).await?;
            if page.is_empty() {
                verdict.head = crate::hex(&before);
                return Ok(verdict);
            }
            for BoundDeed { deed, hash: kept } in page {
                let is_next = deed.number == verdict.last + 1;
                let right = is_next && kept.as_deref() == Some(hash(&before, &deed).as_slice());
                if !right && verdict.broken_at.is_none() {
                    verdict.broken_at = Some(deed.number);
                }
                (verdict.deeds, verdict.last) = (verdict.deeds + 1, deed.number);
                before = kept.unwrap_or_default();
            }
        }
    }

    /// Binds deeds that were written before deeds were bound. Called once when the collector starts.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn bind_deeds(&self) -> Result<(), Error> {
        let mut tx = self.store.write().await?;
        let rows: Vec<DeedRow> = sqlx::query_as(
            "SELECT number, at, who, action, subject, detail, address FROM audit
             WHERE hash IS NULL AND NOT EXISTS (SELECT 1 FROM audit WHERE hash IS NOT NULL)
             ORDER BY number",
        )
        .fetch_all(&mut *tx)
        .await?;
        let mut before = Vec::new();
        for deed in rows {
            before = hash(&before, &deed);
            sqlx::query("UPDATE audit SET hash = ? WHERE number = ?")
                .bind(&before)
                .bind(deed.number)
                .execute(&mut *tx)
                .await?;
        }
        Ok(tx.commit().await?)
    }

    async fn bound_deeds(&self, after: i64) -> sqlx::Result<Vec<BoundDeed>> {
        sqlx::query_as(
            "SELECT number, at, who, action, subject, detail, address, hash FROM audit
             WHERE number > ? ORDER BY number LIMIT ?",
        )
        .bind(after)
        .bind(PAGE)
        .fetch_all(self.store.pool())
        .await
    }
}

#[derive(sqlx::FromRow)]
struct BoundDeed {
    #[sqlx(flatten)]
    deed: DeedRow,
    hash: Option<Vec<u8>>,
}

fn narrow(query: &mut QueryBuilder<Sqlite>, filter: &DeedFilter) {
    if let Some(who) = &filter.who {
        query.push(" AND who = ").push_bind(who.clone());
    }
    if let Some(search) = &filter.search {
        query.push(" AND instr(lower(action || ' ' || subject || ' ' || detail), ");
        query.push_bind(search.to_lowercase()).push(") > 0");
    }
    if let Some(from) = filter.from {
        query.push(" AND at >= ").push_bind(from.as_micros());
    }
    if let Some(to) = filter.to {
        query.push(" AND at < ").push_bind(to.as_micros());
    }
}

fn cut(text: &str) -> String {
    text.chars().take(TEXT_MAX).collect()
}
