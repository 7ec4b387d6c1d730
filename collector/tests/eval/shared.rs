//! Public rules and recorded attacks: `../shared/data` beside the repository.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Fault;

/// A recording, and the rule that has to match it so often.
pub struct Case {
    pub rule: String,
    pub matches: usize,
    pub recording: PathBuf,
}

/// Unpacks an archive into a folder that goes with it; `None`, and the reason printed, where it
/// cannot be had.
pub fn unpack(name: &str) -> Result<Option<tempfile::TempDir>, Fault> {
    let archive = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data").join(name);
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
    Ok(Some(folder))
}

/// All recordings that are EVTX, in order.
pub fn cases(folder: &Path) -> Result<Vec<Case>, Fault> {
    let (mut cases, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        let (mut info, mut recording) = (None, None);
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.ends_with("info.yml") {
                info = Some(std::fs::read_to_string(path)?);
            } else if path.extension().is_some_and(|ending| ending == "evtx") {
                recording = Some(path);
            }
        }
        if let (Some(info), Some(recording)) = (info, recording) {
            let said = |key: &str| info.lines().find_map(|line| line.trim().strip_prefix(key));
            let matches = said("match_count:").map_or(Ok(1), |count| count.trim().parse())?;
            let rule = said("- id:").ok_or("a recording without a rule")?.trim().to_owned();
            cases.push(Case { rule, matches, recording });
        }
    }
    cases.sort_by(|left, right| left.recording.cmp(&right.recording));
    Ok(cases)
}
