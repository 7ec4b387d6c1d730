//! Whether real-time protection catches anything: the EICAR test file, written and looked after.
//!
//! The only place where this sensor writes: one file, always of the same name, in a folder of the
//! agent's own that only root can enter. It is removed when the test ends, when it is dropped, and
//! at the next start if the machine lost power in between. The file's content is harmless; it is
//! kept unreadable in the program, or scanners would take the agent itself for the test file.
//! Source: eicar.org, "Download Anti Malware Testfile".

use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use soc_event::{Event, Timestamp, kind};

use super::claim::Switch;
use super::detection::Detection;
use super::judgement::State;
use super::status::{NO_PRODUCT, Status};

/// The file's name in the folder.
const FILE: &str = "eicar.com";
/// What the test file is made of, each byte combined with [`KEY`].
const MASKED: [u8; 68] = [
    29, 112, 10, 100, 21, 96, 5, 4, 21, 30, 113, 25, 21, 31, 29, 112, 113, 109, 21, 27, 108, 114,
    6, 6, 108, 114, 56, 97, 0, 12, 6, 4, 23, 104, 22, 17, 4, 11, 1, 4, 23, 1, 104, 4, 11, 17, 12,
    19, 12, 23, 16, 22, 104, 17, 0, 22, 17, 104, 3, 12, 9, 0, 100, 97, 13, 110, 13, 111,
];
const KEY: u8 = 69;

/// When the test is run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Schedule {
    /// Never.
    #[default]
    Off,
    /// Once a day.
    Daily,
}

/// What the test showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Caught {
    /// The file was caught.
    Yes,
    /// It was there all the time for everybody to open.
    No,
    /// The test says nothing about the product; see the reason.
    Unknown,
}

impl Caught {
    fn as_str(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No => "no",
            Self::Unknown => "unknown",
        }
    }
}

/// How it was seen that the file was caught.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// The product reported it in its log.
    Log,
    /// The file, or what was in it, was gone.
    Removed,
    /// Opening or writing it was refused.
    Denied,
}

impl By {
    fn as_str(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Removed => "removed",
            Self::Denied => "denied",
        }
    }
}

/// Why a test says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unsaid {
    /// There is no product.
    NoProduct,
    /// The file could not be written.
    NotWritten,
    /// The product looks at chosen folders only, and the agent's is none of them.
    NotWatched,
}

impl Unsaid {
    fn as_str(self) -> &'static str {
        match self {
            Self::NoProduct => "no_product",
            Self::NotWritten => "not_written",
            Self::NotWatched => "not_watched",
        }
    }
}

/// A finished test.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// Which product was tested; `none` when there is none.
    pub product: String,
    /// Whether it caught the file.
    pub caught: Caught,
    /// How that was seen.
    pub by: Option<By>,
    /// After how long.
    pub after_ms: Option<u64>,
    /// Why it is not known.
    pub reason: Option<Unsaid>,
}

impl Outcome {
    /// The `antivirus.selftest` of this outcome.
    pub fn event(&self, now: Timestamp) -> Event {
        Event::own(now, kind::ANTIVIRUS_SELFTEST)
            .with("antivirus.product", self.product.as_str())
            .with("antivirus.selftest.caught", self.caught.as_str())
            .with("antivirus.selftest.by", self.by.map(By::as_str))
            .with("antivirus.selftest.after_ms", self.after_ms)
            .with("antivirus.selftest.reason", self.reason.map(Unsaid::as_str))
    }
}

/// The folder of the test file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder(PathBuf);

impl Folder {
    /// Below the agent's state folder.
    pub fn below(state: &Path) -> Self {
        // Products name files by their real paths.
        let state = state.canonicalize().or_else(|_| std::path::absolute(state));
        Self(state.unwrap_or_default().join("selftest"))
    }

    /// Whether a finding is that of the test file.
    pub fn is_place_of(&self, found: &Detection) -> bool {
        found.is_of_self_test(self.file().to_str())
    }

    /// The path of the test file as products report it.
    pub(super) fn file(&self) -> PathBuf {
        self.0.join(FILE)
    }

    /// Removes a file that was left behind, and the folder.
    pub(super) fn clean(&self) {
        // Nothing to remove is the rule; what cannot be removed is tried again at the next start.
        let _ = std::fs::remove_file(self.file());
        let _ = std::fs::remove_dir(&self.0);
    }
}

/// Whether the file could be made, and if so, whether it could be filled.
type Written = io::Result<io::Result<()>>;

/// A test that is running. Dropped, it leaves no file behind.
#[derive(Debug)]
pub(super) struct SelfTest {
    folder: Folder,
    begun: Instant,
    wait: Duration,
    written: Written,
}

impl SelfTest {
    /// Writes the file. Waits for products that decide while it is written.
    pub(super) fn begin(folder: &Folder, wait: Duration) -> Self {
        folder.clean();
        let begun = Instant::now();
        let written = write(folder);
        Self { folder: folder.clone(), begun, wait, written }
    }

    /// Looks once; `reported_by` is the product in whose log the file was found. `None` while it
    /// is not over.
    pub(super) fn look(&self, products: &[Status], reported_by: Option<&str>) -> Option<Outcome> {
        let product = reported_by.map_or_else(|| tested(products), str::to_owned);
        let after = self.begun.elapsed();
        let said = |caught, by, reason| Outcome {
            product: product.clone(),
            caught,
            by,
            after_ms: by.map(|_| u64::try_from(after.as_millis()).unwrap_or(u64::MAX)),
            reason,
        };
        let seen = if reported_by.is_some() { Some(By::Log) } else { self.effect() };
        if seen.is_some() {
            return Some(said(Caught::Yes, seen, None));
        }
        if !matches!(self.written, Ok(Ok(()))) {
            return Some(said(Caught::Unknown, None, Some(Unsaid::NotWritten)));
        }
        if after < self.wait {
            return None;
        }
        let reason = match () {
            () if product == NO_PRODUCT => Some(Unsaid::NoProduct),
            () if !self.is_watched(products, &product) => Some(Unsaid::NotWatched),
            () => None,
        };
        let caught = if reason.is_some() { Caught::Unknown } else { Caught::No };
        Some(said(caught, None, reason))
    }

    #[cfg(test)]
    pub(super) fn end_now(&mut self) {
        self.wait = Duration::ZERO;
    }

    /// What a product did to the file. Opening it is also what makes many products look.
    fn effect(&self) -> Option<By> {
        let refused = |error: &io::Error| error.kind() == io::ErrorKind::PermissionDenied;
        match &self.written {
            // A file that cannot even be made says nothing about products.
            Ok(Err(error)) if refused(error) => return Some(By::Denied),
            Err(_) | Ok(Err(_)) => return None,
            Ok(Ok(())) => {}
        }
        let mut content = Vec::new();
        let length = u64::try_from(MASKED.len()).unwrap_or(u64::MAX);
        let read = std::fs::File::open(self.folder.file())
            .and_then(|file| file.take(length).read_to_end(&mut content));
        match read {
            Ok(_) if content == content_of_file() => None,
            Ok(_) => Some(By::Removed),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Some(By::Removed),
            Err(error) if refused(&error) => Some(By::Denied),
            Err(_) => None,
        }
    }

    fn is_watched(&self, products: &[Status], product: &str) -> bool {
        let found = products.iter().find(|status| status.product() == product);
        let watched = found.map(|status| &status.facts.watched).filter(|it| !it.is_empty());
        watched.is_none_or(|paths| paths.iter().any(|path| self.folder.0.starts_with(path)))
    }
}

impl Drop for SelfTest {
    fn drop(&mut self) {
        self.folder.clean();
    }
}

/// The product that would have to catch it: one with real-time protection before others.
fn tested(products: &[Status]) -> String {
    let is_on = |status: &&Status| {
        status.facts.realtime.as_ref().is_some_and(|realtime| realtime.value == Switch::On)
    };
    let there = || products.iter().filter(|status| status.state != State::Missing);
    let found = there().find(is_on).or_else(|| there().next());
    found.map_or(NO_PRODUCT, Status::product).to_owned()
}

fn write(folder: &Folder) -> Written {
    match std::fs::DirBuilder::new().mode(0o700).create(&folder.0) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let mut options = std::fs::OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(0o600).open(folder.file())?;
    Ok(file.write_all(&content_of_file()))
}

pub(super) fn content_of_file() -> Vec<u8> {
    // Hidden from the compiler, which would otherwise put the result into the program.
    let key = std::hint::black_box(KEY);
    MASKED.iter().map(|byte| byte ^ key).collect()
}
