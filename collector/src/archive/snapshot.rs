//! What there is at one moment, for those who read it, and what keeps it there while they do.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use soc_archive::{Agencies, FileRef};
use soc_event::Timestamp;

use super::manifest;
use super::{Archive, Error};
use crate::journal::Position;

/// What is asked for. Both ends included; by the events' own time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// Whose events may be seen.
    pub agencies: Agencies,
    /// From here
    pub from: Timestamp,
    /// to here.
    pub to: Timestamp,
}

/// The archive at one moment. Its files are not deleted while its [`Lease`] lives; all events from
/// [`Self::archived`] on are in the journal and in none of the files.
#[derive(Debug)]
pub struct Snapshot {
    /// Files that may hold events of the scope, by agency and day of reception.
    pub files: Vec<FileRef>,
    /// The first position of the journal that is not archived.
    pub archived: Position,
    /// Files that should be there and cannot be read.
    pub missing: Vec<Missing>,
    /// Keeps the files.
    pub lease: Lease,
}

/// A file that an answer lacks.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Missing {
    /// Below the archive's root, where it was.
    pub path: String,
    /// What is wrong with it.
    pub reason: String,
    /// How many events.
    pub rows: u64,
    /// When they happened, the first and the last.
    pub time: (Timestamp, Timestamp),
}

/// Keeps the files of a snapshot on disk until dropped. Cheap to clone; clones are one lease.
#[derive(Clone, Debug)]
pub struct Lease(#[allow(dead_code)] Arc<Held>);

/// Who reads since when, and what waits for them. A number grows with every lease; a file that was
/// ended goes when no lease is left that was there before.
#[derive(Clone, Debug, Default)]
pub(super) struct Leases(Arc<Mutex<Numbers>>);

#[derive(Debug, Default)]
struct Numbers {
    last: u64,
    held: BTreeSet<u64>,
}

#[derive(Debug)]
struct Held {
    leases: Leases,
    number: u64,
}

impl Leases {
    /// A lease from now on.
    pub(super) fn take(&self) -> Lease {
        let mut numbers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        numbers.last += 1;
        let number = numbers.last;
        numbers.held.insert(number);
        Lease(Arc::new(Held { leases: self.clone(), number }))
    }

    /// The moment, to be remembered by what has just been ended.
    pub(super) fn now(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).last
    }

    /// Whether all who could have seen what was ended then have gone.
    pub(super) fn are_over(&self, moment: u64) -> bool {
        let numbers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        numbers.held.first().is_none_or(|first| *first > moment)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut numbers = self.leases.0.lock().unwrap_or_else(PoisonError::into_inner);
        numbers.held.remove(&self.number);
    }
}

impl Archive {
    /// What there is in a scope, now.
    ///
    /// # Errors
    /// [`Error::Sql`].
    pub async fn snapshot(&self, scope: &Scope) -> Result<Snapshot, Error> {
        // Taken first: what is ended after it waits for it.
        let lease = self.0.leases.take();
        // One transaction, one moment: a file and the checkpoint behind it are seen together.
        let mut tx = self.0.store.pool().begin().await?;
        let archived = super::marks::checkpoint(&mut tx).await?;
        let live = sqlx::query(
            "SELECT * FROM archive_file WHERE state = 'live' AND time_max >= ? AND time_min <= ?
             ORDER BY agency, date, position_min",
        );
        let (from, to) = (scope.from.as_micros(), scope.to.as_micros());
        let rows = live.bind(from).bind(to).fetch_all(&mut *tx).await?;
        let mut files = Vec::with_capacity(rows.len());
        for row in &rows {
            let listed = manifest::listed(row)?;
            if scope.agencies.hold(listed.file.agency) {
                files.push(listed.file);
            }
        }
        let missing = missing(&mut tx, scope).await?;
        Ok(Snapshot { files, archived, missing, lease })
    }
}

async fn missing(tx: &mut sqlx::SqliteConnection, scope: &Scope) -> Result<Vec<Missing>, Error> {
    let rows: Vec<(i64, String, Option<String>, i64, i64, i64)> = sqlx::query_as(
        "SELECT agency, path, reason, rows, time_min, time_max FROM archive_file
         WHERE state = 'damaged' AND time_max >= ? AND time_min <= ? ORDER BY id",
    )
    .bind(scope.from.as_micros())
    .bind(scope.to.as_micros())
    .fetch_all(tx)
    .await?;
    let seen = rows.into_iter().filter(|(agency, ..)| scope.agencies.hold(*agency));
    let missing = seen.map(|(_, path, reason, rows, from, to)| Missing {
        path,
        reason: reason.unwrap_or_default(),
        rows: manifest::unsigned(rows),
        time: (Timestamp::from_micros(from), Timestamp::from_micros(to)),
    });
    Ok(missing.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_ended_waits_for_all_who_could_have_seen_it() {
        let leases = Leases::default();
        let early = leases.take();
        let ended = leases.now();
        let late = leases.take();
        assert!(!leases.are_over(ended));
        let clone = early.clone();
        drop(early);
        assert!(!leases.are_over(ended), "a clone is the same lease");
        drop(clone);
        assert!(leases.are_over(ended), "who came later never saw it");
        drop(late);
        assert!(leases.are_over(leases.now()));
    }
}
