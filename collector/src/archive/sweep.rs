//! Deleting: what was ended goes when nobody reads it any more, what nobody lists at the next sweep.

use std::collections::HashSet;
use std::path::Path;
use std::sync::PoisonError;

use super::damage::QUARANTINE;
use super::manifest::words_of;
use super::{Archive, Error, Inner};

impl Inner {
    /// These are no longer listed; they go when no lease is left that could have seen them.
    pub(super) fn ended(&self, paths: impl Iterator<Item = String>) {
        let moment = self.leases.now();
        let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        ended.extend(paths.map(|path| (moment, path)));
    }

    fn take_ended(&self) -> Vec<String> {
        let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        let (over, held): (Vec<_>, Vec<_>) =
            ended.drain(..).partition(|(moment, _)| self.leases.are_over(*moment));
        *ended = held;
        over.into_iter().map(|(_, path)| path).collect()
    }

    fn still_held(&self) -> Vec<String> {
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        ended.iter().map(|(_, path)| path.clone()).collect()
    }
}

impl Archive {
    /// Deletes files that were ended and that nobody reads.
    pub(super) async fn delete_ended(&self) -> Result<(), Error> {
        let over = self.0.take_ended();
        if over.is_empty() {
            return Ok(());
        }
        // A file packed once more may be the same again, under the same name.
        let listed = self.listed_paths().await?;
        let folder = self.0.folder.clone();
        let delete = move || -> Result<(), soc_archive::Error> {
            for path in over.iter().filter(|path| !listed.contains(*path)) {
                for path in [path, &words_of(path)] {
                    folder.delete(path)?;
                    folder.delete(&format!("{QUARANTINE}/{path}"))?;
                }
            }
            Ok(())
        };
        Ok(self.quietly(delete).await??)
    }

    /// Deletes files that no manifest lists: made by a process that was killed before it listed
    /// them, or ended and not yet deleted by it.
    pub(super) async fn sweep(&self) -> Result<(), Error> {
        let _alone = self.0.writing.write().await;
        self.set_damaged_aside().await?;
        // Behind whoever writes: a commit whose asker was stopped may still be on its way, and its
        // files are no orphans.
        drop(self.0.store.write().await?);
        let mut kept = self.listed_paths().await?;
        kept.extend(self.0.still_held());
        let words: Vec<String> = kept.iter().map(|path| words_of(path)).collect();
        kept.extend(words);
        let (folder, root) = (self.0.folder.clone(), self.0.folder_root.clone());
        let sweep = move || -> Result<usize, soc_archive::Error> {
            let mut swept = 0;
            for path in folder.list()?.iter().filter(|path| path.starts_with("events/")) {
                if !kept.contains(path) {
                    folder.delete(path)?;
                    remove_empty(&root, path);
                    swept += 1;
                }
            }
            Ok(swept)
        };
        let swept = self.quietly(sweep).await??;
        if swept > 0 {
            tracing::info!(files = swept, "archive: swept away what no manifest lists");
        }
        Ok(())
    }

    async fn listed_paths(&self) -> Result<HashSet<String>, Error> {
        let paths: Vec<String> =
            sqlx::query_scalar("SELECT path FROM archive_file WHERE state = 'live'")
                .fetch_all(self.0.store.pool())
                .await?;
        Ok(paths.into_iter().collect())
    }
}

/// Removes the folders of a deleted file that are empty now.
fn remove_empty(root: &Path, path: &str) {
    let mut folder = Path::new(path).parent();
    while let Some(below) = folder.filter(|below| *below != Path::new("events")) {
        if std::fs::remove_dir(root.join(below)).is_err() {
            return;
        }
        folder = below.parent();
    }
}
