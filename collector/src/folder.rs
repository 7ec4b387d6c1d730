//! The data folder: everything the collector keeps, used by one process at a time.
//!
//! | path | what |
//! |---|---|
//! | `lock` | held while the folder is in use; the number of the process that uses it |
//! | `addresses.json` | where the doors really are, while it runs |
//! | `first-password` | the first administrator's one-time password, until it is changed |
//! | `control.sock` | for commands, while it runs |
//! | `journal.redb` | events as they come in |
//! | `archive/` | events for months: `events/` in columns, `quarantine/` what is damaged |
//! | `state.sqlite` | fleet, alerts, operators, checkpoints |
//! | `pki/` | the authority |
//! | `rules/` | the operators' own rules |
//! | `lists/` | values that rules refer to, one list a file |
//! | `look-back/` | what rules that look back put aside; nothing that is missed |

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// The folder, locked. Free again when dropped or when the process ends, however it ends.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    _lock: File,
}

/// Where the doors really are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Addresses {
    /// `http://127.0.0.1:8080`
    pub people: String,
    /// `https://0.0.0.0:7443`
    pub agents: String,
    /// Number of the process.
    pub pid: u32,
}

/// The folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another collector or command uses it.
    #[error("{path} is in use by another collector (process {pid}); stop that one first")]
    InUse {
        /// The folder.
        path: String,
        /// Who has it.
        pid: String,
    },
    /// It cannot be made, read or written.
    #[error("{path}: {source}")]
    Io {
        /// What was being used.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
}

impl Folder {
    /// Makes the folder where there is none, for its owner alone, and locks it.
    ///
    /// # Errors
    /// [`Error::InUse`] when somebody has it.
    pub fn open(path: &Path) -> Result<Self, Error> {
        make(path)?;
        let lock_path = path.join("lock");
        let failed = |source| io(&lock_path, source);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let mut lock = options.open(&lock_path).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(in_use(path, &mut lock)),
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        lock.set_len(0).and_then(|()| lock.rewind()).map_err(failed)?;
        write!(lock, "{}", std::process::id()).map_err(failed)?;
        make(&path.join("rules"))?;
        make(&path.join("lists"))?;
        Ok(Self { path: path.to_owned(), _lock: lock })
    }

    /// Something in the folder.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// A file in the folder that nobody but its owner may read, made where there is none.
    ///
    /// # Errors
    /// What the system said.
    pub fn private_file(&self, name: &str) -> Result<PathBuf, Error> {
        let path = self.file(name);
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600);
        let file = options.open(&path).map_err(|source| io(&path, source))?;
        file.set_permissions(std::fs::Permissions::from_mode(0o600))
            .map_err(|source| io(&path, source))?;
        Ok(path)
    }

    /// Where the folder is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes where the doors are; who reads it sees all of it or nothing.
    ///
    /// # Errors
    /// What the system said.
    pub fn write_addresses(&self, addresses: &Addresses) -> Result<(), Error> {
        let (new, path) = (self.file("addresses.json.new"), self.file("addresses.json"));
        let json = serde_json::to_vec_pretty(addresses).unwrap_or_default();
        std::fs::write(&new, json).map_err(|source| io(&new, source))?;
        std::fs::rename(&new, &path).map_err(|source| io(&path, source))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(self.file("addresses.json"));
    }
}

fn make(path: &Path) -> Result<(), Error> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true).mode(0o700).create(path).map_err(|source| io(path, source))?;
    // A folder of passwords' hashes and keys that others may look into is put right, not used so.
    let data = std::fs::metadata(path).map_err(|source| io(path, source))?;
    if data.permissions().mode() & 0o077 != 0 {
        let mode = std::fs::Permissions::from_mode(data.permissions().mode() & 0o700);
        std::fs::set_permissions(path, mode).map_err(|source| io(path, source))?;
    }
    Ok(())
}

fn in_use(path: &Path, lock: &mut File) -> Error {
    let mut pid = String::new();
    let read = lock.take(20).read_to_string(&mut pid).is_ok();
    let pid = if read && !pid.is_empty() { pid } else { "unknown".into() };
    Error::InUse { path: path.to_string_lossy().into_owned(), pid }
}

fn io(path: &Path, source: std::io::Error) -> Error {
    Error::Io { path: path.to_string_lossy().into_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_process_at_a_time_and_free_again_afterwards() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("data");
        let folder = Folder::open(&path).unwrap();
        let second = Folder::open(&path).unwrap_err();
        assert!(second.to_string().contains(&std::process::id().to_string()), "{second}");
        drop(folder);
        Folder::open(&path).unwrap();
    }

    #[test]
    fn others_cannot_look_into_it() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("data");
        std::fs::create_dir(&path).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        let folder = Folder::open(&path).unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        std::fs::write(path.join("state.sqlite"), "").unwrap();
        let file = folder.private_file("state.sqlite").unwrap();
        assert_eq!(std::fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
