//! Public rules and recorded attacks: `../shared/data` beside the repository. Where they are absent a
//! test says so and passes.
#![allow(dead_code, reason = "every test of this folder takes what it needs")]

pub mod evtx;
pub mod linux;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What a test does not handle.
pub type Fault = Box<dyn Error>;

/// `../shared` beside the repository.
pub fn shared() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared")
}

/// An unpacked archive; the folder goes when this does.
pub struct Archive(tempfile::TempDir);

/// Unpacks an archive of `../shared/data`; `None` where it cannot be had.
pub fn unpack(archive: &str) -> Result<Option<Archive>, Fault> {
    let archive = shared().join("data").join(archive);
    if !archive.exists() {
        println!("skipped: {} is absent", archive.display());
        return Ok(None);
    }
    let folder = tempfile::tempdir()?;
    let mut tar = Command::new("tar");
    tar.arg("--zstd").arg("-xf").arg(&archive).arg("-C").arg(folder.path());
    if !tar.status().is_ok_and(|status| status.success()) {
        println!("skipped: tar and zstd are needed to unpack {}", archive.display());
        return Ok(None);
    }
    Ok(Some(Archive(folder)))
}

impl Archive {
    /// Every file that ends so, as (path in the archive, path on disk), in order.
    pub fn files(&self, ending: &str) -> Result<Vec<(String, PathBuf)>, Fault> {
        let mut files = Vec::new();
        let mut folders: Vec<PathBuf> = vec![self.0.path().into()];
        while let Some(next) = folders.pop() {
            for entry in std::fs::read_dir(next)? {
                let path = entry?.path();
                let name = path.strip_prefix(self.0.path())?.to_string_lossy().into_owned();
                if path.is_dir() {
                    folders.push(path);
                } else if name.ends_with(ending) {
                    files.push((name, path));
                }
            }
        }
        files.sort();
        Ok(files)
    }

    /// The same with what the files hold.
    pub fn texts(&self, ending: &str) -> Result<Vec<(String, String)>, Fault> {
        let read = |(name, path)| Ok((name, std::fs::read_to_string(path)?));
        self.files(ending)?.into_iter().map(read).collect()
    }
}

/// The public rules as (path, text), without those that only work with placeholders; `None` where
/// they are absent.
pub fn public_rules() -> Result<Option<Vec<(String, String)>>, Fault> {
    let Some(archive) = unpack("sigma-rules.tar.zst")? else { return Ok(None) };
    let mut files = archive.texts(".yml")?;
    files.retain(|(path, _)| !path.starts_with("rules-placeholder"));
    Ok(Some(files))
}

/// Makes a rule look at events of the product `any` instead of its own logsource.
pub fn of_any_logsource(text: &str) -> String {
    let mut out = String::new();
    let mut inside = false;
    for line in text.lines() {
        inside = inside && (line.is_empty() || line.starts_with([' ', '#']));
        if line.trim_end() == "logsource:" {
            inside = true;
            out.push_str("logsource:\n    product: any\n");
        } else if !inside {
            out.push_str(line);
            out.push('\n');
        }
    }
    out
}
