//! The folder of one run: `archive/` as the collector has it, `files.ndjson` with what is known of
//! the files, `text/` with the same events as lines, compressed by `zstd -3`.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use soc_archive::hunt::Source;
use soc_archive::store::{self, Folder};
use soc_archive::{FileFacts, FileRef, Packed, Row};
use soc_tests::load::Failure;

use crate::corpus::code;

/// A folder of one run.
pub struct Shelf(PathBuf);

/// A line of `files.ndjson`.
#[derive(Serialize, Deserialize)]
struct Entry {
    agency: usize,
    facts: FileFacts,
}

impl Shelf {
    /// Of this folder, which may not be there yet.
    pub fn open(folder: &Path) -> Self {
        Self(folder.to_owned())
    }

    /// Makes the folder, empty.
    ///
    /// # Errors
    /// Something is there already.
    pub fn create(&self) -> Result<(), Failure> {
        if self.0.join("files.ndjson").exists() {
            return Err(format!("{} has files of another run", self.0.display()).into());
        }
        Ok(std::fs::create_dir_all(self.text())?)
    }

    /// Where the lines are.
    pub fn text(&self) -> PathBuf {
        self.0.join("text")
    }

    /// Keeps a file and its filter.
    pub fn keep(&self, agency: usize, packed: &Packed) -> Result<(), Failure> {
        let (path, words) = place(agency, &packed.facts);
        let folder = Folder::open(self.0.join("archive"))?;
        folder.put(&path, &packed.parquet)?;
        folder.put(&words, &packed.words)?;
        let entry = serde_json::to_string(&Entry { agency, facts: packed.facts.clone() })?;
        let mut list = std::fs::File::options();
        let mut list = list.append(true).create(true).open(self.0.join("files.ndjson"))?;
        // One write a line: two threads do so.
        Ok(list.write_all(format!("{entry}\n").as_bytes())?)
    }

    /// The files.
    pub fn files(&self) -> Result<Vec<FileRef>, Failure> {
        let text = std::fs::read_to_string(self.0.join("files.ndjson"))?;
        let file = |line: &str| {
            let Entry { agency, facts } = serde_json::from_str(line)?;
            let (path, words) = place(agency, &facts);
            let number = i64::try_from(agency)? + 1;
            Ok(FileRef { path, words, agency: number, agency_code: code(agency), facts })
        };
        text.lines().map(file).collect()
    }

    /// Where a file is for other programs.
    pub fn path(&self, file: &FileRef) -> PathBuf {
        self.0.join("archive").join(&file.path)
    }

    /// The files to be asked; nothing is in the journal.
    pub fn source(&self, files: Vec<FileRef>) -> Result<Source, Failure> {
        Ok(Source {
            files,
            store: Folder::open(self.0.join("archive"))?.objects(),
            tail: Arc::new(Vec::<(i64, Row)>::new()),
            missing: Vec::new(),
            tables: Default::default(),
            lease: Box::new(()),
        })
    }
}

fn place(agency: usize, facts: &FileFacts) -> (String, String) {
    store::path(&code(agency), facts.received.0, &facts.sha256)
}
