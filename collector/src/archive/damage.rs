//! Files that are no longer what was written: found, moved aside, told; the rest is served.

use std::io::ErrorKind;
use std::path::Path;

use bytes::Bytes;
use soc_archive::store::Folder;

use super::manifest::{self, End, Listed};
use super::{Archive, Error, notice};

/// Where damaged files are, below the root.
pub(super) const QUARANTINE: &str = "quarantine";

/// What reading a file came to.
#[derive(Debug)]
pub(super) enum Found {
    /// It is what was written.
    Whole,
    /// It is not there, or another; what is wrong.
    Damaged(String),
    /// Only its filter of words is; the file itself is whole.
    WordsDamaged(String),
}

impl Archive {
    /// A file that a [`super::Snapshot`] named could not be read: it is moved aside, told and
    /// counted, and from now on missing. Of a file that has been ended meanwhile, or is whole when
    /// it is looked at again, nothing is done.
    ///
    /// # Errors
    /// [`Error::Sql`], or the system's.
    pub async fn damaged(&self, path: &str, reason: &str) -> Result<(), Error> {
        let mut connection = self.0.store.pool().acquire().await?;
        let listed = manifest::live_at(&mut connection, path).await?;
        drop(connection);
        let Some(listed) = listed else { return Ok(()) };
        match self.look_at(&listed).await? {
            Found::Whole => {
                tracing::warn!(path, reason, "a file of the archive was called damaged and is not");
                Ok(())
            }
            Found::Damaged(found) => self.quarantine(&listed, &found).await,
            Found::WordsDamaged(found) => self.without_words(&listed, &found).await,
        }
    }

    /// Reads the file that was not read for longest, unless that was lately.
    pub(super) async fn check_one(&self) -> Result<(), Error> {
        let now = self.0.clock.now();
        let lately = i64::try_from(self.0.config.check_every.as_micros()).unwrap_or(i64::MAX);
        let before = now.plus_micros(lately.saturating_neg());
        let mut connection = self.0.store.pool().acquire().await?;
        let oldest = sqlx::query(
            "SELECT * FROM archive_file WHERE state = 'live' AND checked_at < ?
             ORDER BY checked_at LIMIT 1",
        );
        let row = oldest.bind(before.as_micros()).fetch_optional(&mut *connection).await?;
        drop(connection);
        let Some(listed) = row.as_ref().map(manifest::listed).transpose()? else { return Ok(()) };
        match self.look_at(&listed).await? {
            Found::Whole => self.checked(listed.id).await,
            Found::Damaged(reason) => self.quarantine(&listed, &reason).await,
            Found::WordsDamaged(reason) => self.without_words(&listed, &reason).await,
        }
    }

    async fn checked(&self, id: i64) -> Result<(), Error> {
        self.0.metrics.checked();
        sqlx::query("UPDATE archive_file SET checked_at = ? WHERE id = ?")
            .bind(self.0.clock.now().as_micros())
            .bind(id)
            .execute(self.0.store.pool())
            .await?;
        Ok(())
    }

    async fn look_at(&self, listed: &Listed) -> Result<Found, Error> {
        let (folder, listed) = (self.0.folder.clone(), listed.clone());
        self.quietly(move || look(&folder, &listed)).await?
    }

    /// Ends a file that was found damaged.
    pub(super) async fn quarantine(&self, listed: &Listed, reason: &str) -> Result<(), Error> {
        let (now, path) = (self.0.clock.now(), &listed.file.path);
        let mut tx = self.0.store.write().await?;
        if !manifest::end(&mut tx, listed.id, End::Damaged(reason), now).await? {
            return Ok(());
        }
        let rows = listed.file.facts.rows;
        notice::write(&mut tx, &notice::damaged(now, path, reason, rows)).await?;
        tx.commit().await?;
        tracing::error!(path, reason, rows, "a file of the archive is damaged and set aside");
        self.0.metrics.damaged();
        // Moved after it is known to be damaged: killed in between, the sweep does it.
        let (root, listed) = (self.0.folder_root.clone(), listed.clone());
        self.quietly(move || set_aside(&root, &listed)).await?
    }

    /// Moves what is known to be damaged, where a killed process had not come to it.
    pub(super) async fn set_damaged_aside(&self) -> Result<(), Error> {
        let rows = sqlx::query("SELECT * FROM archive_file WHERE state = 'damaged'")
            .fetch_all(self.0.store.pool())
            .await?;
        let damaged = rows.iter().map(manifest::listed).collect::<Result<Vec<_>, _>>()?;
        let root = self.0.folder_root.clone();
        self.quietly(move || damaged.iter().try_for_each(|listed| set_aside(&root, listed))).await?
    }

    /// The words are made of the file: it is packed once more, and takes its own place.
    async fn without_words(&self, listed: &Listed, reason: &str) -> Result<(), Error> {
        let path = &listed.file.path;
        tracing::warn!(path, reason, "words of a file of the archive are damaged and made anew");
        self.0.metrics.damaged();
        self.merge_again(listed.clone()).await
    }
}

/// Compares a file, and its words, with what the manifest says of them. Blocks.
pub(super) fn look(folder: &Folder, listed: &Listed) -> Result<Found, Error> {
    let facts = &listed.file.facts;
    if let Err(reason) = read(folder, &listed.file.path, &facts.sha256)? {
        return Ok(Found::Damaged(reason));
    }
    let words = read(folder, &listed.file.words, &facts.words_sha256)?;
    Ok(words.err().map_or(Found::Whole, Found::WordsDamaged))
}

/// A file as it was written, or what is wrong with it. An error is about this machine, not about
/// the file. Blocks.
pub(super) fn read(
    folder: &Folder,
    path: &str,
    sha256: &[u8; 32],
) -> Result<Result<Bytes, String>, Error> {
    match folder.get(path) {
        Ok(bytes) => {
            let verified = soc_archive::verify(&bytes, sha256);
            Ok(verified.map(|()| bytes).map_err(|error| error.to_string()))
        }
        Err(soc_archive::Error::Folder { error, .. }) if is_of_the_file(&error) => {
            Ok(Err(error.to_string()))
        }
        Err(error) => Err(error.into()),
    }
}

/// A file that is gone, is no file, or whose sectors cannot be read: not a lack of memory or places.
fn is_of_the_file(error: &std::io::Error) -> bool {
    let eio = Some(rustix::io::Errno::IO.raw_os_error());
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::IsADirectory | ErrorKind::NotADirectory)
        || error.raw_os_error() == eio
}

fn set_aside(root: &Path, listed: &Listed) -> Result<(), Error> {
    for path in [&listed.file.path, &listed.file.words] {
        let (from, to) = (root.join(path), root.join(QUARANTINE).join(path));
        let folder = to.parent().unwrap_or(root);
        let moved = std::fs::create_dir_all(folder).and_then(|()| std::fs::rename(&from, &to));
        match moved {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(source) => return Err(Error::Io { path: from.display().to_string(), source }),
            Ok(()) => {}
        }
    }
    Ok(())
}
