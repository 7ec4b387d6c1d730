use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use soc_event::Timestamp;

use super::Error;
use super::parts::{list, write_whole};
use crate::hex;

/// Version of the layout.
const VERSION: u32 = 1;
/// What the names of manifests begin and end with; between them: when, and the first digits of the
/// hash of the content.
const NAME: (&str, &str) = ("backup-", ".json");
/// Digits of the hash in a manifest's name.
const HASH_DIGITS: usize = 32;

/// What makes up a data folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Of the layout.
    pub version: u32,
    /// Version of the program that made it.
    pub program: String,
    /// When.
    pub made_at: Timestamp,
    /// Which data folder it is of.
    pub data: String,
    /// What the journal held.
    pub journal: JournalFacts,
    /// Everything.
    pub parts: Vec<Part>,
}

/// What the journal held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalFacts {
    /// Position of the first event.
    pub first: u64,
    /// Position after the last.
    pub end: u64,
    /// Tells it from one that was begun anew.
    pub own_epoch: u64,
}

/// One part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// SHA-256 of its content in hexadecimal digits, and its name in `parts/`.
    pub sha256: String,
    /// How long it is.
    pub bytes: u64,
    /// What it is.
    #[serde(flatten)]
    pub kind: Kind,
}

/// What a part is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Kind {
    /// A file of the data folder.
    File {
        /// Where it lies in it.
        path: String,
        /// Its rights.
        mode: u32,
    },
    /// Events of the journal.
    Blocks {
        /// Position of the first.
        first: u64,
        /// Position after the last.
        end: u64,
    },
    /// By which repeats are known.
    Marks,
}

impl Part {
    /// What it is, for people.
    pub fn said(&self) -> String {
        match &self.kind {
            Kind::File { path, .. } => path.clone(),
            Kind::Blocks { first, end } => {
                format!("journal, events {first} to {}", end.saturating_sub(1))
            }
            Kind::Marks => "journal, marks".to_owned(),
        }
    }
}

impl Manifest {
    /// What a backup made now would begin with.
    pub(super) fn new(made_at: Timestamp, data: &Path, journal: JournalFacts) -> Self {
        let (program, data) = (env!("CARGO_PKG_VERSION"), data.to_string_lossy().into_owned());
        let program = program.to_owned();
        Self { version: VERSION, program, made_at, data, journal, parts: Vec::new() }
    }

    /// The newest that is whole; none where there is none at all. Those that are damaged are told.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub(super) fn newest(folder: &Path) -> Result<(Option<Self>, Vec<String>), Error> {
        let mut damaged = Vec::new();
        for path in paths(folder)?.into_iter().rev() {
            match Self::read(&path) {
                Ok(manifest) => return Ok((Some(manifest), damaged)),
                Err(why) => damaged.push(format!("{}: {why}", path.display())),
            }
        }
        Ok((None, damaged))
    }

    fn read(path: &Path) -> Result<Self, String> {
        let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let hash = name.strip_suffix(NAME.1).and_then(|name| name.rsplit_once('-'));
        if hash.map(|(_, hash)| hash) != Some(digits(&bytes).as_str()) {
            return Err("the content is not what was written".to_owned());
        }
        let manifest: Self = serde_json::from_slice(&bytes).map_err(|error| error.to_string())?;
        if manifest.version != VERSION {
            let found = manifest.version;
            return Err(format!("layout {found}, this program reads layout {VERSION}"));
        }
        Ok(manifest)
    }

    /// Puts it in force: from here on it is the backup.
    ///
    /// # Errors
    /// What the system said.
    pub(super) fn write(&self, folder: &Path) -> Result<(), Error> {
        let bytes = serde_json::to_vec_pretty(self).unwrap_or_default();
        let at: String =
            self.made_at.to_string().chars().filter(char::is_ascii_alphanumeric).collect();
        let path = folder.join(format!("{}{at}-{}{}", NAME.0, digits(&bytes), NAME.1));
        write_whole(&path, &bytes)?;
        for older in paths(folder)?.into_iter().filter(|older| *older != path) {
            std::fs::remove_file(&older).map_err(|error| Error::io(&older, error))?;
        }
        Ok(())
    }
}

/// Manifests in a folder, the oldest first.
fn paths(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let is_manifest = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with(NAME.0) && name.ends_with(NAME.1)
    };
    Ok(list(folder)?.into_iter().filter(is_manifest).collect())
}

fn digits(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes)).chars().take(HASH_DIGITS).collect()
}
