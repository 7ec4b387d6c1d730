//! Changes of the tree of agencies, as decisions bring them: all of it, with what other rooms have to
//! take over, in one transaction with its deed, or nothing.
//!
//! An agency that ends stays, below its successor: what was raised and archived under its name keeps
//! that name, and who may see the successor may see it. Its machines, tokens and systems go to the
//! successor; events that the journal has before that moment stay its own. What was configured,
//! approved and called normal for it holds on for its machines and for no others; what was so for an
//! agency above one that now stands elsewhere is laid into that one. Nothing is kept shorter than
//! before. A preview is the change itself, taken back.

use soc_archive::Agencies;
use soc_event::Timestamp;
use sqlx::SqliteConnection;

use crate::access::{Caller, Deed};
use crate::archive::{self, Archive, Before};
use crate::clock::Clock;
use crate::configuration::{self, Configurations};
use crate::fleet::{self, Change, Done, Fleet, MoveMachines, Order, Outcome, Work};
use crate::store::Store;
use crate::{alert, exchange};

/// The room. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Reorganiser {
    /// The database.
    pub store: Store,
    /// The tree.
    pub fleet: Fleet,
    /// How long what is kept.
    pub archive: Archive,
    /// What agents are configured like.
    pub configurations: Configurations,
    /// What time it is.
    pub clock: Clock,
}

/// Why the tree was not changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The tree cannot be changed so.
    #[error(transparent)]
    Fleet(#[from] fleet::Error),
    /// How long what is kept could not be settled.
    #[error(transparent)]
    Archive(#[from] archive::Error),
    /// What agents are configured like could not be settled.
    #[error(transparent)]
    Configuration(#[from] configuration::Error),
    /// A table that is not as the preview showed it, or has mistakes.
    #[error(transparent)]
    Exchange(#[from] exchange::Error),
    /// The database failed.
    #[error("database: {0}")]
    Sql(#[from] sqlx::Error),
}

impl Reorganiser {
    /// What a change would do.
    ///
    /// # Errors
    /// As [`Self::perform`].
    pub async fn preview(
        &self,
        order: &Order,
        reach: &Agencies,
        caller: &Caller,
    ) -> Result<Outcome, Error> {
        let mut tx = self.store.write().await?;
        let outcome = self.change(&mut tx, order, reach, (caller, self.clock.now())).await;
        tx.rollback().await?;
        outcome
    }

    /// Does it, as far as only these agencies are changed.
    ///
    /// # Errors
    /// [`fleet::Error::Refused`], [`fleet::Error::NoSuchAgency`], [`fleet::Error::Changed`], or what
    /// failed; then nothing has changed.
    pub async fn perform(
        &self,
        order: &Order,
        reach: &Agencies,
        caller: &Caller,
    ) -> Result<Outcome, Error> {
        let _moving = self.fleet.moving().await;
        let mut tx = self.store.write().await?;
        let now = self.clock.now();
        let outcome = self.change(&mut tx, order, reach, (caller, now)).await?;
        deed(order, &outcome, caller).write(&mut tx, now).await?;
        self.fleet.settle(tx).await?;
        self.configurations.reload().await?;
        Ok(outcome)
    }

    /// Gives machines to another agency; says how many that were.
    ///
    /// # Errors
    /// As [`Self::perform`].
    pub async fn move_machines(
        &self,
        wanted: &MoveMachines,
        reach: &Agencies,
        caller: &Caller,
    ) -> Result<i64, Error> {
        let _moving = self.fleet.moving().await;
        let mut tx = self.store.write().await?;
        let now = self.clock.now();
        let before = self.archive.before(&mut tx).await?;
        let moved = self.fleet.reassign(&mut tx, wanted, reach, (caller, now)).await?;
        self.archive.keep_on(&mut tx, &before, &[], caller, now).await?;
        self.fleet.settle(tx).await?;
        self.configurations.reload().await?;
        Ok(moved)
    }

    /// What a table would change.
    ///
    /// # Errors
    /// [`exchange::Error`] for what is no table.
    pub async fn preview_import(
        &self,
        what: exchange::What,
        file: &[u8],
        reach: &Agencies,
    ) -> Result<exchange::Preview, Error> {
        let mut connection = self.store.pool().acquire().await.map_err(Error::Sql)?;
        Ok(exchange::plan(&mut connection, what, file, reach).await?.preview)
    }

    /// Puts a table in force, all of it or nothing; with a mark, only if it would do what the
    /// preview of that mark has shown.
    ///
    /// # Errors
    /// [`exchange::Error::Mistakes`], [`exchange::Error::Changed`], or as [`Self::perform`].
    pub async fn import(
        &self,
        what: exchange::What,
        file: &[u8],
        mark: Option<&str>,
        reach: &Agencies,
        caller: &Caller,
    ) -> Result<exchange::Preview, Error> {
        let _moving = self.fleet.moving().await;
        let mut tx = self.store.write().await?;
        let now = self.clock.now();
        let before = self.archive.before(&mut tx).await?;
        let plan = exchange::plan(&mut tx, what, file, reach).await?;
        plan.check(mark)?;
        let preview = exchange::apply(&mut tx, plan, reach, (caller, now)).await?;
        self.archive.keep_on(&mut tx, &before, &[], caller, now).await?;
        self.fleet.settle(tx).await?;
        self.configurations.reload().await?;
        Ok(preview)
    }

    async fn change(
        &self,
        tx: &mut SqliteConnection,
        order: &Order,
        reach: &Agencies,
        (caller, now): (&Caller, Timestamp),
    ) -> Result<Outcome, Error> {
        let before = self.archive.before(tx).await?;
        let above = fleet::parents(tx).await?;
        let work = Work::begin(tx, order.change.kind(), order, reach, (&caller.who, now)).await?;
        let done = work.perform(&order.change).await?;
        self.pass_on(tx, (&before, &above), done, (caller, now)).await
    }

    /// What other rooms have to take over.
    async fn pass_on(
        &self,
        tx: &mut SqliteConnection,
        (before, above): (&Before, &Parents),
        done: Done,
        (caller, now): (&Caller, Timestamp),
    ) -> Result<Outcome, Error> {
        let Done { mut outcome, ended, mut rehomed } = done;
        let after = fleet::parents(tx).await?;
        rehomed.sort_unstable();
        rehomed.dedup();
        for agency in rehomed {
            let lost = lost(agency, above, &after);
            if configuration::pass_on(tx, agency, &lost, caller, now).await? {
                let code = sqlx::query_scalar("SELECT code FROM agency WHERE id = ?");
                outcome.configured.push(code.bind(agency).fetch_one(&mut *tx).await?);
            }
            alert::pass_on(tx, agency, &lost).await?;
            fleet::pass_on(tx, agency, &lost).await?;
        }
        outcome.kept = self.archive.keep_on(tx, before, &ended, caller, now).await?;
        Ok(outcome)
    }
}

/// The agency above each.
type Parents = std::collections::HashMap<i64, Option<i64>>;

/// Agencies that were above this one and are no more, nearest first.
fn lost(agency: i64, before: &Parents, after: &Parents) -> Vec<i64> {
    let still = chain(agency, after);
    chain(agency, before).into_iter().filter(|above| !still.contains(above)).collect()
}

/// An agency and those above it; a circle, were there one, ends.
fn chain(agency: i64, parents: &Parents) -> Vec<i64> {
    let up = |id: &i64| parents.get(id).copied().flatten();
    std::iter::successors(Some(agency), up).take(parents.len()).collect()
}

fn deed(order: &Order, outcome: &Outcome, caller: &Caller) -> Deed {
    let action = match order.change {
        Change::Add { .. } => "agency added",
        Change::Rename { .. } => "agency renamed",
        Change::Move { .. } => "agency moved",
        Change::Dissolve { .. } => "agency dissolved",
        Change::Merge { .. } => "agencies merged",
        Change::Split { .. } => "agency split",
    };
    let is_subject = |row: &&fleet::OutcomeRow| match order.change {
        Change::Dissolve { .. } | Change::Merge { .. } | Change::Split { .. } => {
            row.what == "ended"
        }
        _ => true,
    };
    let codes: Vec<&str> =
        outcome.agencies.iter().filter(is_subject).map(|row| row.code.as_str()).collect();
    let all: Vec<String> = outcome
        .agencies
        .iter()
        .map(|row| format!("{} {} → {}", row.code, row.what, row.to.as_deref().unwrap_or("-")))
        .collect();
    let (decision, reason) = (order.decision.trim(), order.reason.trim());
    let detail = format!("{decision} {reason}; {} machines; {}", outcome.machines, all.join(", "));
    Deed::new(&caller.who, &caller.address, action, &codes.join(", ")).with(detail.trim())
}

#[cfg(test)]
mod tests;
