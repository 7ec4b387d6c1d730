//! Small files become large ones. Files of a day that is over are packed to be small on disk; those
//! of today are merged by size, each event a few times at the most.

use std::collections::BTreeMap;

use bytes::Bytes;
use soc_archive::Effort;
use tokio::sync::watch;

use super::gather::{self, Place};
use super::manifest::{self, End, Listed, New};
use super::{Archive, Error, damage};

/// Rows of one file at the most.
const ROWS_MAX: u64 = 1 << 20;
/// A file of so many rows is large enough.
const ROWS_FULL: u64 = 1 << 19;
/// Bytes of the files of one merge: they are held in memory.
const BYTES_MAX: u64 = 64 << 20;
/// So many files of one size are merged while their day is not over.
const FAN: usize = 8;
/// Files of the smallest size have at most so many rows; of each next, [`FAN`] times as many.
const ROWS_SMALL: u64 = 4096;

impl Archive {
    /// Merges until there is nothing to merge, or told to stop.
    pub(super) async fn merge_all(&self, shutdown: &watch::Receiver<bool>) -> Result<(), Error> {
        while !*shutdown.borrow() && self.merge_some().await? {}
        Ok(())
    }

    /// One merge; false when there is nothing to merge.
    pub(super) async fn merge_some(&self) -> Result<bool, Error> {
        let today = manifest::date_of(self.0.clock.now());
        let mut connection = self.0.store.pool().acquire().await?;
        for (date, agency) in manifest::unsettled_days(&mut connection).await? {
            let mut files = manifest::live_of(&mut connection, agency, &date).await?;
            files.retain(|listed| !self.0.unmerged.holds(listed.id));
            let is_over = date < today;
            let chosen = choose(&files, is_over);
            if !chosen.is_empty() {
                drop(connection);
                return self.merge(chosen, is_over).await;
            }
        }
        Ok(false)
    }

    /// Packs one file anew: its filter of words is made with it.
    pub(super) async fn merge_again(&self, listed: Listed) -> Result<(), Error> {
        let is_settled = listed.is_settled;
        self.merge(vec![listed], is_settled).await.map(|_| ())
    }

    /// True when something came of it.
    async fn merge(&self, files: Vec<Listed>, is_settled: bool) -> Result<bool, Error> {
        let _writing = self.0.writing.read().await;
        let (this, inputs) = (self.clone(), files.clone());
        let made = self.quietly(move || this.make_merged(&inputs, is_settled)).await;
        let new = match made {
            Ok(Ok(new)) => new,
            Ok(Err(Failure::Damaged(listed, reason))) => {
                return self.quarantine(&listed, &reason).await.map(|()| true);
            }
            Ok(Err(Failure::Other(error))) | Err(error) => {
                // Tried again after the next start: the files are as good as they were.
                self.0.unmerged.remember(files.iter().map(|listed| listed.id));
                return Err(error);
            }
        };
        self.commit_merged(&files, &new).await
    }

    fn make_merged(&self, files: &[Listed], is_settled: bool) -> Result<Vec<New>, Failure> {
        let mut inputs: Vec<Bytes> = Vec::with_capacity(files.len());
        for listed in files {
            let file = &listed.file;
            match damage::read(&self.0.folder, &file.path, &file.facts.sha256)? {
                Ok(bytes) => inputs.push(bytes),
                Err(reason) => return Err(Failure::Damaged(Box::new(listed.clone()), reason)),
            }
        }
        let effort = if is_settled { Effort::Settled } else { Effort::Fresh };
        let packed = soc_archive::merge(inputs, effort, ROWS_MAX).map_err(Error::from)?;
        let rows = |files: &mut dyn Iterator<Item = u64>| files.sum::<u64>();
        let before = rows(&mut files.iter().map(|listed| listed.file.facts.rows));
        let after = rows(&mut packed.iter().map(|packed| packed.facts.rows));
        if before != after {
            return Err(Failure::Other(Error::Rows { before, after }));
        }
        let raw = files.iter().map(|listed| listed.raw_bytes).sum::<u64>();
        let Some(Listed { file, date, .. }) = files.first() else { return Ok(Vec::new()) };
        let place = Place { agency: file.agency, code: &file.agency_code, date };
        let put = |packed: soc_archive::Packed| {
            let share = raw.saturating_mul(packed.facts.rows) / after.max(1);
            gather::put(&self.0.folder, packed, &place, share, is_settled)
        };
        Ok(packed.into_iter().map(put).collect::<Result<_, _>>()?)
    }

    async fn commit_merged(&self, files: &[Listed], new: &[New]) -> Result<bool, Error> {
        let now = self.0.clock.now();
        let mut tx = self.0.store.write().await?;
        for listed in files {
            // Whose turn came meanwhile (retention, damage) is no longer there: all of it again.
            if !manifest::end(&mut tx, listed.id, End::Replaced(0), now).await? {
                return Ok(false);
            }
        }
        let ids = manifest::add(&mut tx, new, true, now).await?;
        for listed in files {
            sqlx::query("UPDATE archive_file SET replaced_by = ? WHERE id = ?")
                .bind(ids.first())
                .bind(listed.id)
                .execute(&mut *tx)
                .await?;
        }
        tx.commit().await?;
        self.0.ended(files.iter().map(|listed| listed.file.path.clone()));
        self.0.metrics.merged(files.len());
        Ok(true)
    }
}

/// Why a merge came to nothing.
enum Failure {
    /// This file is, so.
    Damaged(Box<Listed>, String),
    Other(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

/// Which files of one agency and day are to be merged now; none when it is not worth it.
fn choose(files: &[Listed], is_over: bool) -> Vec<Listed> {
    if is_over {
        let is_unsettled = |listed: &Listed| !listed.is_settled;
        let small: Vec<&Listed> = files
            .iter()
            .filter(|listed| is_unsettled(listed) || listed.file.facts.rows < ROWS_FULL)
            .collect();
        return (0..small.len())
            .map(|start| fitting(small.get(start..).unwrap_or_default()))
            .find(|fitting| fitting.len() > 1 || fitting.iter().any(is_unsettled))
            .unwrap_or_default();
    }
    let mut sizes: BTreeMap<u32, Vec<&Listed>> = BTreeMap::new();
    for listed in files.iter().filter(|listed| listed.file.facts.rows < ROWS_FULL) {
        sizes.entry(size(listed.file.facts.rows)).or_default().push(listed);
    }
    let enough = sizes.into_values().map(|files| fitting(&files));
    enough.into_iter().find(|files| files.len() >= FAN).unwrap_or_default()
}

/// The first of them that make one file together.
fn fitting(files: &[&Listed]) -> Vec<Listed> {
    let (mut rows, mut bytes) = (0_u64, 0_u64);
    let fits = |listed: &&&Listed| {
        rows = rows.saturating_add(listed.file.facts.rows);
        bytes = bytes.saturating_add(listed.file.facts.bytes);
        rows <= ROWS_MAX && bytes <= BYTES_MAX
    };
    let mut fitting: Vec<Listed> =
        files.iter().take_while(fits).map(|one| (*one).clone()).collect();
    if let (true, Some(first)) = (fitting.is_empty(), files.first()) {
        fitting.push((*first).clone());
    }
    fitting
}

fn size(rows: u64) -> u32 {
    let mut largest = ROWS_SMALL;
    let mut size = 0;
    while rows > largest {
        largest = largest.saturating_mul(FAN as u64);
        size += 1;
    }
    size
}

#[cfg(test)]
mod tests;
