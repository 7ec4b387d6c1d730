//! Where files are: a folder on this machine's disk.
//!
//! Promises: [`Folder::put`] returns when the file is on disk under its name, whole, and would still
//! be there after the power failed; before that there is nothing under the name. A file's path is
//! made of its agency, its day and its own hash ([`path`]).
//!
//! Never: deletes by itself, overwrites a file with another content under the same path.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use soc_event::Timestamp;

use crate::Error;
use crate::unpack::hex;

/// Name of a file: `events/agency=SO-TTTT/date=2026-11-22/<32 hex digits>.parquet`, its filter of
/// words beside it as `.words`. Characters of a code that are not letters, digits, `-` or `_` are
/// written as `.` and two hex digits a byte; no agency is `@none`.
pub fn path(agency: &str, received: Timestamp, sha256: &[u8; 32]) -> (String, String) {
    let date: String = received.to_string().chars().take(10).collect();
    let digits: String = hex(sha256).chars().take(32).collect();
    let stem = format!("events/agency={}/date={date}/{digits}", escaped(agency));
    (format!("{stem}.parquet"), format!("{stem}.words"))
}

fn escaped(agency: &str) -> String {
    if agency.is_empty() {
        return "@none".to_owned();
    }
    let byte = |byte: u8| match byte {
        b'-' | b'_' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => char::from(byte).to_string(),
        _ => format!(".{byte:02X}"),
    };
    agency.bytes().map(byte).collect()
}

/// A folder of files.
#[derive(Clone, Debug)]
pub struct Folder {
    root: PathBuf,
    objects: Arc<LocalFileSystem>,
}

impl Folder {
    /// Opens the folder, makes it where it is not there.
    ///
    /// # Errors
    /// The system's, with the path.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self, Error> {
        let root = root.into();
        fs::create_dir_all(&root).map_err(|error| at(&root, error))?;
        let objects = Arc::new(LocalFileSystem::new_with_prefix(&root)?);
        Ok(Self { root, objects })
    }

    /// The same files for whoever reads through `object_store`.
    pub fn objects(&self) -> Arc<dyn ObjectStore> {
        self.objects.clone()
    }

    /// Writes a file so that it outlives a power cut. Blocks.
    ///
    /// # Errors
    /// The system's, with the path. Then the file is not there, or is there whole.
    pub fn put(&self, path: &str, bytes: &[u8]) -> Result<(), Error> {
        let target = self.root.join(path);
        let folder = target.parent().unwrap_or(&self.root);
        make_folders(&self.root, folder)?;
        let draft = target.with_extension("draft");
        let written = write_whole(&draft, bytes).and_then(|()| fs::rename(&draft, &target));
        if let Err(error) = written {
            let _ = fs::remove_file(&draft);
            return Err(at(&target, error));
        }
        sync_folder(folder)
    }

    /// The whole file. Blocks.
    ///
    /// # Errors
    /// The system's, with the path.
    pub fn get(&self, path: &str) -> Result<Bytes, Error> {
        let target = self.root.join(path);
        fs::read(&target).map(Bytes::from).map_err(|error| at(&target, error))
    }

    /// Removes a file; that it is gone already is fine. Blocks.
    ///
    /// # Errors
    /// The system's, with the path.
    pub fn delete(&self, path: &str) -> Result<(), Error> {
        let target = self.root.join(path);
        match fs::remove_file(&target) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(at(&target, error)),
            _ => Ok(()),
        }
    }

    /// Paths of all files, drafts that a crash left included, sorted. Blocks.
    ///
    /// # Errors
    /// The system's, with the path.
    pub fn list(&self) -> Result<Vec<String>, Error> {
        let mut found = Vec::new();
        let mut folders = vec![self.root.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).map_err(|error| at(&folder, error))? {
                let entry = entry.map_err(|error| at(&folder, error))?;
                let path = entry.path();
                if entry.file_type().map_err(|error| at(&path, error))?.is_dir() {
                    folders.push(path);
                } else if let Ok(below) = path.strip_prefix(&self.root) {
                    found.push(below.to_string_lossy().replace('\\', "/"));
                }
            }
        }
        found.sort();
        Ok(found)
    }
}

fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Each new folder has to be on disk in the one above, or its files are lost with it.
fn make_folders(root: &Path, folder: &Path) -> Result<(), Error> {
    if folder == root || folder.is_dir() {
        return Ok(());
    }
    let above = folder.parent().unwrap_or(root);
    make_folders(root, above)?;
    match fs::create_dir(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(at(folder, error)),
        _ => sync_folder(above),
    }
}

fn sync_folder(folder: &Path) -> Result<(), Error> {
    File::open(folder).and_then(|file| file.sync_all()).map_err(|error| at(folder, error))
}

fn at(path: &Path, error: io::Error) -> Error {
    Error::Folder { path: path.display().to_string(), error }
}
