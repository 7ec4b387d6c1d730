//! Agencies: the tree as it is, who may see what of it ([`tree`]), what it was ([`history`]) and how
//! it changes ([`change`], [`ending`]). A past agency stays in the tree, below who took it over.

mod change;
mod ending;
mod history;
mod machines;
mod order;
mod targets;
mod tree;

use std::sync::PoisonError;

use serde::Serialize;
use soc_archive::Agencies;
use sqlx::{Row as _, SqliteConnection};

use super::antivirus::by_reason;
use super::views::{AntivirusCounts, ReasonCount};
use super::{Error, Fleet};
use crate::access::listed;

pub(crate) use change::{Done, Work};
pub use history::{AgencyPast, AgencyThen, HistoryRow};
pub use machines::MoveMachines;
pub use order::{Change, Order, Outcome, OutcomeRow, Part, Target};
pub(super) use targets::MONITORED_MICROS;
pub use targets::Targets;
pub(super) use tree::check_day;
pub(crate) use tree::{parents, visible};

/// Longest code, in characters; codes are metric labels and parts of commands.
const CODE_CHARS_MAX: usize = 64;
/// Longest name, in characters.
const NAME_CHARS_MAX: usize = 256;

/// One agency of the tree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, sqlx::FromRow, utoipa::ToSchema)]
pub struct Agency {
    /// Given at its making, never again to another.
    pub id: i64,
    /// Short, unique; what people type.
    pub code: String,
    /// What it is called.
    pub name: String,
    /// The agency above it; of a past one the first of those that took it over.
    pub parent: Option<i64>,
    /// Its first day; empty where nobody wrote it down.
    #[serde(rename = "from")]
    pub valid_from: String,
    /// The first day it was no more; nothing while it is.
    #[serde(rename = "until")]
    pub valid_until: Option<String>,
    /// Grows with every change: what an editor names to say what it has seen.
    #[sqlx(rename = "revision")]
    pub version: i64,
}

impl Agency {
    /// Of a row with its columns.
    pub(super) fn of(row: &sqlx::sqlite::SqliteRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.try_get("id")?,
            code: row.try_get("code")?,
            name: row.try_get("name")?,
            parent: row.try_get("parent")?,
            valid_from: row.try_get("valid_from")?,
            valid_until: row.try_get("valid_until")?,
            version: row.try_get("revision")?,
        })
    }
}

/// An agency with what its own machines are like (not those of agencies below it).
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct AgencyView {
    /// Which.
    #[serde(flatten)]
    pub agency: Agency,
    /// Its machines.
    pub machines: i64,
    /// Those online.
    pub online: i64,
    /// Share of its machines that are protected, 0 to 1; none without machines.
    pub antivirus_coverage: Option<f64>,
    /// Its machines by antivirus.
    pub antivirus: AntivirusCounts,
}

impl Fleet {
    /// Those agencies in the order of their codes, past ones too.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn agencies(&self, which: &Agencies) -> Result<Vec<AgencyView>, Error> {
        let rows = sqlx::query(
            "SELECT agency.id, code, name, parent, valid_from, valid_until, agency.revision,
                    COUNT(agent.id) AS machines,
                    COALESCE(SUM(agent.state = 'online'), 0) AS online,
                    COALESCE(SUM(agent.antivirus_state = 'protected'), 0) AS protected,
                    COALESCE(SUM(agent.antivirus_state = 'weak'), 0) AS weak,
                    COALESCE(SUM(agent.antivirus_state IN ('off', 'missing')), 0) AS unprotected,
                    COALESCE(SUM(agent.antivirus_state = 'unknown'), 0) AS unknown
             FROM agency LEFT JOIN agent ON agent.agency = agency.id AND agent.revoked_at IS NULL
             WHERE ?1 IS NULL OR agency.id IN (SELECT value FROM json_each(?1))
             GROUP BY agency.id ORDER BY code",
        )
        .bind(listed(which))
        .fetch_all(self.0.store.pool())
        .await?;
        let mut views = rows.iter().map(view).collect::<Result<Vec<_>, sqlx::Error>>()?;
        let weak = self.weak_by_agency().await?;
        let without_agent =
            self.0.without_agent.read().unwrap_or_else(PoisonError::into_inner).clone();
        for view in &mut views {
            view.antivirus.without_agent = without_agent.get(&view.agency.id).copied();
            let of_agency = weak.iter().filter(|(agency, ..)| *agency == view.agency.id);
            let found = of_agency.map(|(_, reason, count)| (reason.clone(), *count));
            let row = |(reason, machines): (&str, i64)| ReasonCount {
                reason: reason.to_owned(),
                machines,
            };
            view.antivirus.weak_reasons = by_reason(found).into_iter().map(row).collect();
        }
        Ok(views)
    }

    /// Agency, reason and number of its weak machines with that reason.
    pub(super) async fn weak_by_agency(&self) -> Result<Vec<(i64, String, i64)>, Error> {
        let found = sqlx::query_as(
            "SELECT agency, reason.value, COUNT(*) FROM agent,
                    json_each(antivirus_reasons) AS reason
             WHERE revoked_at IS NULL AND antivirus_state = 'weak' GROUP BY agency, reason.value",
        );
        Ok(found.fetch_all(self.0.store.pool()).await?)
    }

    /// One agency by its code.
    ///
    /// # Errors
    /// [`Error::NoSuchAgency`], or when the database cannot be read.
    pub async fn agency(&self, code: &str) -> Result<Agency, Error> {
        let found = sqlx::query_as(
            "SELECT id, code, name, parent, valid_from, valid_until, revision
             FROM agency WHERE code = ?",
        )
        .bind(code)
        .fetch_optional(self.0.store.pool())
        .await?;
        found.ok_or_else(|| Error::NoSuchAgency(code.to_owned()))
    }

    /// One agency by its code, if it still is one.
    ///
    /// # Errors
    /// [`Error::NoSuchAgency`], [`Error::Refused`] for a past one, naming who took it over.
    pub async fn live_agency(&self, code: &str) -> Result<Agency, Error> {
        let agency = self.agency(code).await?;
        let Some(until) = &agency.valid_until else { return Ok(agency) };
        let successors: Vec<String> = sqlx::query_scalar(
            "SELECT code FROM agency_successor AS of JOIN agency ON agency.id = of.successor
             WHERE of.agency = ? ORDER BY of.place",
        )
        .bind(agency.id)
        .fetch_all(self.0.store.pool())
        .await?;
        Err(Error::Refused(ended(code, until, &successors)))
    }

    /// Adds an agency below `parent` (a code), or at the top, without a decision: for a collector
    /// that begins.
    ///
    /// # Errors
    /// [`Error::Refused`] when the code is taken or no code, [`Error::NoSuchAgency`] for the parent.
    pub async fn add_agency(
        &self,
        code: &str,
        name: &str,
        parent: Option<&str>,
    ) -> Result<Agency, Error> {
        check_code(code).map_err(Error::Refused)?;
        check_name(name).map_err(Error::Refused)?;
        let parent = match parent {
            Some(code) => Some(self.live_agency(code).await?.id),
            None => None,
        };
        let mut tx = self.0.store.write().await?;
        let id = insert(&mut tx, code, name, parent, "").await?;
        tx.commit().await?;
        let (code, name) = (code.to_owned(), name.to_owned());
        let (valid_from, valid_until, version) = (String::new(), None, 1);
        Ok(Agency { id, code, name, parent, valid_from, valid_until, version })
    }

    /// The agency with this code, made at the top where there is none.
    ///
    /// # Errors
    /// [`Error::Refused`] when it has to be made and the code is no code.
    pub async fn ensure_agency(&self, code: &str, name: &str) -> Result<Agency, Error> {
        match self.agency(code).await {
            Err(Error::NoSuchAgency(_)) => self.add_agency(code, name, None).await,
            other => other,
        }
    }
}

/// Puts a new agency into the tree.
async fn insert(
    tx: &mut SqliteConnection,
    code: &str,
    name: &str,
    parent: Option<i64>,
    day: &str,
) -> Result<i64, Error> {
    let added = sqlx::query_scalar(
        "INSERT INTO agency (code, name, parent, valid_from, stands_since) VALUES (?1, ?2, ?3, ?4, ?4)
         ON CONFLICT (code) DO NOTHING RETURNING id",
    )
    .bind(code)
    .bind(name)
    .bind(parent)
    .bind(day)
    .fetch_optional(tx)
    .await?;
    added.ok_or_else(|| Error::Refused(format!("the code {code:?} is taken")))
}

/// What is said of a past agency.
fn ended(code: &str, until: &str, successors: &[String]) -> String {
    let now = match successors {
        [] => String::new(),
        some => format!("; {} took it over", some.join(", ")),
    };
    format!("the agency {code:?} is no more since {until}{now}")
}

fn view(row: &sqlx::sqlite::SqliteRow) -> Result<AgencyView, sqlx::Error> {
    let machines: i64 = row.try_get("machines")?;
    let protected: i64 = row.try_get("protected")?;
    Ok(AgencyView {
        agency: Agency::of(row)?,
        machines,
        online: row.try_get("online")?,
        antivirus_coverage: share(protected, machines),
        antivirus: AntivirusCounts {
            protected,
            weak: row.try_get("weak")?,
            unprotected: row.try_get("unprotected")?,
            unknown: row.try_get("unknown")?,
            coverage: share(protected, machines),
            weak_reasons: Vec::new(),
            without_agent: None,
        },
    })
}

/// A share between 0 and 1; none of nothing.
pub(super) fn share(part: i64, whole: i64) -> Option<f64> {
    let number = |count: i64| f64::from(i32::try_from(count).unwrap_or(i32::MAX));
    (whole > 0).then(|| number(part) / number(whole))
}

/// Letters, digits, `-`, `_` and `.`.
pub(crate) fn check_code(code: &str) -> Result<(), String> {
    let good = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
    if code.is_empty() || code.len() > CODE_CHARS_MAX || !code.chars().all(good) {
        return Err(format!(
            "the code {code:?} is not 1 to {CODE_CHARS_MAX} letters A-Z, digits, '-', '_' or '.'"
        ));
    }
    Ok(())
}

pub(crate) fn check_name(name: &str) -> Result<(), String> {
    if name.trim().is_empty() || name.chars().count() > NAME_CHARS_MAX {
        return Err(format!("the name {name:?} is not 1 to {NAME_CHARS_MAX} characters"));
    }
    Ok(())
}
