//! How a change of the tree is done, within one transaction.

use std::collections::BTreeMap;

use soc_archive::Agencies;
use soc_event::Timestamp;
use sqlx::SqliteConnection;

use super::order::{Change, Order, Outcome, OutcomeRow};
use super::{check_code, check_name, ended, insert};
use crate::fleet::Error;

/// Longest number of a decision and longest reason, in characters.
const TEXT_CHARS_MAX: usize = 500;
/// Agencies above each other at the most: a circle of them, were there one, ends here.
pub(super) const DEPTH_MAX: usize = 64;

/// What other rooms have to take over after a change.
#[derive(Clone, Debug, Default)]
pub(crate) struct Done {
    pub(crate) outcome: Outcome,
    /// Agencies that ended, with their successors.
    pub(crate) ended: Vec<(i64, Vec<i64>)>,
    /// Agencies that stand elsewhere because another ended, and those that ended: what was settled
    /// above them is not to be lost.
    pub(crate) rehomed: Vec<i64>,
}

/// An agency as it stands.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct Standing {
    pub(super) id: i64,
    pub(super) code: String,
    pub(crate) name: String,
    pub(super) parent: Option<i64>,
    stands_since: String,
    valid_until: Option<String>,
    revision: i64,
}

/// A change being done.
#[derive(Debug)]
pub(crate) struct Work<'t> {
    pub(super) tx: &'t mut SqliteConnection,
    versions: BTreeMap<String, i64>,
    /// Whose may be changed, and what was added since.
    reach: Agencies,
    pub(super) day: String,
    pub(super) change: i64,
    pub(super) done: Done,
}

impl<'t> Work<'t> {
    /// Begins a change of this kind by somebody.
    pub(crate) async fn begin(
        tx: &'t mut SqliteConnection,
        kind: &str,
        order: &Order,
        reach: &Agencies,
        (who, now): (&str, Timestamp),
    ) -> Result<Self, Error> {
        let today = super::tree::day_of(now);
        let day = order.day.clone().unwrap_or_else(|| today.clone());
        super::tree::check_day(&day)?;
        if day > today {
            let what = "a change is written down on the day it takes effect, not before";
            return Err(Error::Refused(what.to_owned()));
        }
        for text in [&order.decision, &order.reason] {
            if text.chars().count() > TEXT_CHARS_MAX {
                return Err(Error::Refused(format!(
                    "a text has more than {TEXT_CHARS_MAX} letters"
                )));
            }
        }
        if order.decision.trim().is_empty() && order.reason.trim().is_empty() {
            return Err(Error::Refused("say by which decision, or why".to_owned()));
        }
        let change = sqlx::query_scalar(
            "INSERT INTO agency_change (kind, day, decision, reason, who, at)
             VALUES (?, ?, ?, ?, ?, ?) RETURNING id",
        )
        .bind(kind)
        .bind(&day)
        .bind(order.decision.trim())
        .bind(order.reason.trim())
        .bind(who)
        .bind(now.as_micros())
        .fetch_one(&mut *tx)
        .await?;
        let versions = order.versions.clone();
        Ok(Self { tx, versions, reach: reach.clone(), day, change, done: Done::default() })
    }

    /// Does all of it.
    pub(crate) async fn perform(mut self, change: &Change) -> Result<Done, Error> {
        match change {
            Change::Add { code, name, parent } => {
                let parent = self.place_named(parent.as_deref()).await?;
                self.add(code, name, parent).await?;
            }
            Change::Rename { agency, code, name } => {
                let agency = self.live(agency).await?;
                self.rename(&agency, code, name).await?;
            }
            Change::Move { agency, parent } => {
                let agency = self.live(agency).await?;
                let parent = self.place_named(parent.as_deref()).await?;
                self.place(&agency, parent).await?;
            }
            Change::Dissolve { agency, successor } => {
                self.dissolve(agency, successor.as_deref()).await?;
            }
            Change::Merge { agencies, into } => self.merge(agencies, into).await?,
            Change::Split { agency, parts } => self.split(agency, parts).await?,
        }
        Ok(self.done)
    }

    /// An agency by its code, which has to be one now, and as whoever asks has seen it.
    pub(crate) async fn live(&mut self, code: &str) -> Result<Standing, Error> {
        let found = self.standing(code).await?.filter(|found| self.reach.hold(found.id));
        let found = found.ok_or_else(|| Error::NoSuchAgency(code.to_owned()))?;
        if let Some(until) = &found.valid_until {
            return Err(Error::Refused(ended(code, until, &[])));
        }
        match self.versions.remove(code) {
            Some(seen) if seen != found.revision => Err(Error::Changed(format!(
                "{} was changed meanwhile; it is called {:?} now",
                found.code, found.name
            ))),
            _ => Ok(found),
        }
    }

    /// An agency by its code, as it stands.
    pub(crate) async fn standing(&mut self, code: &str) -> Result<Option<Standing>, Error> {
        let sql = "SELECT id, code, name, parent, stands_since, valid_until, revision
                   FROM agency WHERE code = ?";
        Ok(sqlx::query_as(sql).bind(code).fetch_optional(&mut *self.tx).await?)
    }

    /// Where an agency is to be put.
    pub(crate) async fn place_named(&mut self, code: Option<&str>) -> Result<Option<i64>, Error> {
        match code {
            Some(code) => Ok(Some(self.live(code).await?.id)),
            None => Ok(None),
        }
    }

    /// Adds one.
    pub(crate) async fn add(
        &mut self,
        code: &str,
        name: &str,
        parent: Option<i64>,
    ) -> Result<i64, Error> {
        check_code(code).map_err(Error::Refused)?;
        check_name(name).map_err(Error::Refused)?;
        self.may_be_below(parent)?;
        let (day, name) = (self.day.clone(), name.trim());
        let id = insert(self.tx, code, name, parent, &day).await?;
        if let Agencies::Of(own) = &mut self.reach {
            own.insert(id);
        }
        self.is_about(id).await?;
        self.tell("added", (id, code, name), parent).await?;
        Ok(id)
    }

    /// Gives it another code or name.
    pub(crate) async fn rename(
        &mut self,
        agency: &Standing,
        code: &str,
        name: &str,
    ) -> Result<(), Error> {
        check_code(code).map_err(Error::Refused)?;
        check_name(name).map_err(Error::Refused)?;
        if code == agency.code && name.trim() == agency.name {
            return Err(Error::Refused(format!("{code} is called so already")));
        }
        let other = self.standing(code).await?;
        // Codes of the past stay theirs too: what was written down under one must not become another's.
        let was_anothers: bool = sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM agency_past WHERE code = ? AND agency <> ?)",
        )
        .bind(code)
        .bind(agency.id)
        .fetch_one(&mut *self.tx)
        .await?;
        if was_anothers || other.is_some_and(|other| other.id != agency.id) {
            return Err(Error::Refused(format!("the code {code:?} is taken")));
        }
        self.remember(agency).await?;
        sqlx::query("UPDATE agency SET code = ?, name = ? WHERE id = ?")
            .bind(code)
            .bind(name.trim())
            .bind(agency.id)
            .execute(&mut *self.tx)
            .await?;
        self.tell("renamed", (agency.id, &agency.code, &agency.name), agency.parent).await
    }

    /// Puts it below another.
    pub(crate) async fn place(
        &mut self,
        agency: &Standing,
        parent: Option<i64>,
    ) -> Result<(), Error> {
        if parent == agency.parent {
            return Ok(());
        }
        self.may_be_below(parent)?;
        if self.above(parent).await?.contains(&agency.id) {
            return Err(Error::Refused(format!("{} would be below itself", agency.code)));
        }
        self.remember(agency).await?;
        sqlx::query("UPDATE agency SET parent = ? WHERE id = ?")
            .bind(parent)
            .bind(agency.id)
            .execute(&mut *self.tx)
            .await?;
        self.tell("moved", (agency.id, &agency.code, &agency.name), parent).await
    }

    /// Refuses to put anything below what is not one's own, or at the top of all.
    pub(super) fn may_be_below(&self, parent: Option<i64>) -> Result<(), Error> {
        let is_own = match parent {
            Some(parent) => self.reach.hold(parent),
            None => self.reach == Agencies::All,
        };
        let refused = || Error::Refused("this is for who looks after the agency above".to_owned());
        is_own.then_some(()).ok_or_else(refused)
    }

    /// An agency and all above it.
    async fn above(&mut self, agency: Option<i64>) -> Result<Vec<i64>, Error> {
        let (mut found, mut next) = (Vec::new(), agency);
        while let Some(id) = next.filter(|_| found.len() < DEPTH_MAX) {
            found.push(id);
            next = sqlx::query_scalar("SELECT parent FROM agency WHERE id = ?")
                .bind(id)
                .fetch_one(&mut *self.tx)
                .await?;
        }
        Ok(found)
    }

    /// Writes down what it was up to the day of the change.
    pub(super) async fn remember(&mut self, agency: &Standing) -> Result<(), Error> {
        if self.day < agency.stands_since {
            return Err(Error::Refused(format!(
                "{} was last changed on {}: a change cannot be before that",
                agency.code, agency.stands_since
            )));
        }
        sqlx::query(
            "INSERT INTO agency_past (agency, code, name, parent, valid_from, valid_until, change)
             VALUES (?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(agency.id)
        .bind(&agency.code)
        .bind(&agency.name)
        .bind(agency.parent)
        .bind(&agency.stands_since)
        .bind(&self.day)
        .bind(self.change)
        .execute(&mut *self.tx)
        .await?;
        sqlx::query("UPDATE agency SET stands_since = ?, revision = revision + 1 WHERE id = ?")
            .bind(&self.day)
            .bind(agency.id)
            .execute(&mut *self.tx)
            .await?;
        self.is_about(agency.id).await
    }

    /// The change is about this agency too.
    pub(super) async fn is_about(&mut self, agency: i64) -> Result<(), Error> {
        sqlx::query(
            "INSERT INTO agency_change_of (agency, change) VALUES (?, ?) ON CONFLICT DO NOTHING",
        )
        .bind(agency)
        .bind(self.change)
        .execute(&mut *self.tx)
        .await?;
        Ok(())
    }

    /// Notes what became of an agency, for who reads the outcome.
    pub(super) async fn tell(
        &mut self,
        what: &str,
        (id, code, name): (i64, &str, &str),
        to: Option<i64>,
    ) -> Result<(), Error> {
        let (to, machines): (Option<String>, i64) = sqlx::query_as(
            "SELECT (SELECT code FROM agency WHERE id = ?),
                    (SELECT COUNT(*) FROM agent WHERE agency = ? AND revoked_at IS NULL)",
        )
        .bind(to)
        .bind(id)
        .fetch_one(&mut *self.tx)
        .await?;
        let (what, code, name) = (what.to_owned(), code.to_owned(), name.to_owned());
        self.done.outcome.agencies.push(OutcomeRow { what, code, name, to, machines });
        Ok(())
    }

    /// An agency by its number, as it stands.
    pub(super) async fn by_id(&mut self, id: i64) -> Result<Standing, Error> {
        let sql = "SELECT id, code, name, parent, stands_since, valid_until, revision
                   FROM agency WHERE id = ?";
        Ok(sqlx::query_as(sql).bind(id).fetch_one(&mut *self.tx).await?)
    }
}
