//! Legal holds: what must not go, however old it is.

use serde::{Deserialize, Serialize};
use soc_archive::FileRef;
use soc_event::Timestamp;

use super::retention::check_why;
use super::{Archive, Error};
use crate::access::{Caller, Deed};

/// What is to be held.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewHold {
    /// Code of the agency; all when not given.
    pub agency: Option<String>,
    /// The machine it is about, for people: whole files are held, of all machines of the agency.
    pub host: Option<String>,
    /// Events from here
    #[schema(value_type = String, format = DateTime)]
    pub from: Timestamp,
    /// to here.
    #[schema(value_type = String, format = DateTime)]
    pub to: Timestamp,
    /// Why; on record.
    pub why: String,
    /// It ends by itself then.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub until: Option<Timestamp>,
}

/// A hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Hold {
    /// Its number.
    pub id: i64,
    /// Code of the agency; all when there is none.
    pub agency: Option<String>,
    /// The machine it is about.
    pub host: Option<String>,
    /// Events from here
    #[schema(value_type = String, format = DateTime)]
    pub from: Timestamp,
    /// to here.
    #[schema(value_type = String, format = DateTime)]
    pub to: Timestamp,
    /// Why.
    pub why: String,
    /// It ends by itself then.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub until: Option<Timestamp>,
    /// Who asked for it.
    pub who: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    #[serde(skip)]
    pub(super) agency_id: Option<i64>,
}

impl Hold {
    /// Whether it holds a file: by when its events happened, or were received.
    pub(super) fn holds(&self, file: &FileRef) -> bool {
        let meets = |(first, last): (Timestamp, Timestamp)| first <= self.to && last >= self.from;
        let is_its = self.agency_id.is_none_or(|agency| agency == file.agency);
        is_its && (meets(file.facts.time) || meets(file.facts.received))
    }
}

type HoldRow =
    (i64, Option<i64>, Option<String>, Option<String>, i64, i64, String, Option<i64>, String, i64);

impl Archive {
    /// Holds that have not ended.
    ///
    /// # Errors
    /// [`Error::Sql`].
    pub async fn holds(&self) -> Result<Vec<Hold>, Error> {
        let rows: Vec<HoldRow> = sqlx::query_as(
            "SELECT hold.id, hold.agency, code, host, from_at, to_at, why, until, who, at
             FROM archive_hold AS hold LEFT JOIN agency ON agency.id = hold.agency
             WHERE ended_at IS NULL AND (until IS NULL OR until > ?) ORDER BY hold.id",
        )
        .bind(self.0.clock.now().as_micros())
        .fetch_all(self.0.store.pool())
        .await?;
        let hold = |row: HoldRow| {
            let (id, agency_id, agency, host, from, to, why, until, who, at) = row;
            let (from, to) = (Timestamp::from_micros(from), Timestamp::from_micros(to));
            let (until, at) = (until.map(Timestamp::from_micros), Timestamp::from_micros(at));
            Hold { id, agency, host, from, to, why, until, who, at, agency_id }
        };
        Ok(rows.into_iter().map(hold).collect())
    }

    /// Holds what is asked for from now on; says under which number.
    ///
    /// # Errors
    /// [`Error::Refused`]: no such agency, no reason, a range that ends before it begins.
    pub async fn hold(&self, new: &NewHold, caller: &Caller) -> Result<i64, Error> {
        check_why(&new.why)?;
        let now = self.0.clock.now();
        if new.to < new.from {
            return Err(Error::Refused("`to` is before `from`".into()));
        }
        if new.until.is_some_and(|until| until <= now) {
            return Err(Error::Refused("`until` has passed already".into()));
        }
        let agency = match &new.agency {
            Some(code) => Some(self.agency(code).await?.agency.id),
            None => None,
        };
        let mut tx = self.0.store.write().await?;
        let id: i64 = sqlx::query_scalar(
            "INSERT INTO archive_hold (agency, host, from_at, to_at, why, until, who, at)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
        )
        .bind(agency)
        .bind(&new.host)
        .bind(new.from.as_micros())
        .bind(new.to.as_micros())
        .bind(&new.why)
        .bind(new.until.map(Timestamp::as_micros))
        .bind(&caller.who)
        .bind(now.as_micros())
        .fetch_one(&mut *tx)
        .await?;
        let subject = new.agency.as_deref().unwrap_or("all agencies");
        let detail = format!("hold {id}: {} to {}: {}", new.from, new.to, new.why);
        Deed::new(&caller.who, &caller.address, "archive held", subject)
            .with(&detail)
            .write(&mut tx, now)
            .await?;
        tx.commit().await?;
        Ok(id)
    }

    /// Ends a hold; false when there is no such one.
    ///
    /// # Errors
    /// [`Error::Sql`].
    pub async fn end_hold(&self, id: i64, caller: &Caller) -> Result<bool, Error> {
        let now = self.0.clock.now();
        let mut tx = self.0.store.write().await?;
        let ended = sqlx::query(
            "UPDATE archive_hold SET ended_at = ?, ended_by = ? WHERE id = ? AND ended_at IS NULL",
        );
        let ended =
            ended.bind(now.as_micros()).bind(&caller.who).bind(id).execute(&mut *tx).await?;
        if ended.rows_affected() == 0 {
            return Ok(false);
        }
        Deed::new(&caller.who, &caller.address, "archive hold ended", &id.to_string())
            .write(&mut tx, now)
            .await?;
        tx.commit().await?;
        Ok(true)
    }
}
