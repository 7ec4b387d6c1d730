//! Standard input as a file: what is imported is read twice, a pipe can be read once.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// A file that is removed when dropped.
#[derive(Debug)]
pub(super) struct Temporary(PathBuf);

impl Temporary {
    /// Standard input to its end.
    ///
    /// # Errors
    /// What the system said.
    pub(super) fn of_input() -> std::io::Result<Self> {
        let name = format!("soc-import-{:032x}", rand::random::<u128>());
        let temporary = Self(std::env::temp_dir().join(name));
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create_new(true).mode(0o600).open(&temporary.0)?;
        std::io::copy(&mut std::io::stdin().lock(), &mut file)?;
        Ok(temporary)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}
