//! The first administrator's one-time password in a file, for the person who sets the collector up.
//!
//! Written before the operator is: whoever dies in between leaves a password that opens nothing, and
//! the next start replaces it. The other order could leave an operator whose password nobody knows.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Password;

/// Where the password is kept until it is changed. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct FirstPassword(Arc<Path>);

impl FirstPassword {
    pub(super) fn at(file: PathBuf) -> Self {
        Self(file.into())
    }

    /// Puts it there, for the owner alone; after this it survives a power cut. Blocks.
    pub(super) fn write(&self, password: &Password) -> io::Result<()> {
        let new = self.0.with_extension("new");
        remove(&new)?;
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
        writeln!(file, "{}", password.reveal())?;
        file.sync_all()?;
        std::fs::rename(&new, &self.0)?;
        self.sync_folder()
    }

    /// It is not true any more. Blocks.
    pub(super) fn remove(&self) -> io::Result<()> {
        remove(&self.0)?;
        self.sync_folder()
    }

    fn sync_folder(&self) -> io::Result<()> {
        self.0.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
    }
}

fn remove(file: &Path) -> io::Result<()> {
    match std::fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
