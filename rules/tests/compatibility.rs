//! The public SigmaHQ corpus loads: `../shared/data/sigma-rules.tar.zst` beside the repository.
//! Where it is absent the test says so and passes.

use std::path::{Path, PathBuf};
use std::process::Command;

use soc_rules::{Ruleset, Severity, Source};

fn corpus() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent()?;
    let archive = root.parent()?.join("shared/data/sigma-rules.tar.zst");
    if archive.exists() {
        return Some(archive);
    }
    println!("skipped: {} is absent", archive.display());
    None
}

/// Every file of the archive as (path, text).
fn unpack(archive: &Path) -> Option<Vec<(String, String)>> {
    let folder = scratch();
    let status =
        Command::new("tar").arg("--zstd").arg("-xf").arg(archive).arg("-C").arg(&folder).status();
    if !status.is_ok_and(|status| status.success()) {
        println!("skipped: tar and zstd are needed to unpack {}", archive.display());
        return None;
    }
    let mut files = Vec::new();
    collect(&folder, &folder, &mut files);
    files.sort();
    std::fs::remove_dir_all(&folder).unwrap();
    Some(files)
}

fn scratch() -> PathBuf {
    let folder = std::env::temp_dir().join(format!("soc-rules-corpus-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn collect(root: &Path, folder: &Path, files: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(root, &path, files);
        } else if path.extension().is_some_and(|extension| extension == "yml") {
            let name = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
            files.push((name, std::fs::read_to_string(&path).unwrap()));
        }
    }
}

#[test]
fn loads_the_public_corpus() {
    let Some(files) = corpus().and_then(|archive| unpack(&archive)) else { return };
    let chosen = |folder: &str| {
        let under = move |file: &&(String, String)| file.0.starts_with(folder);
        let sources = files.iter().filter(under).map(|(path, text)| Source { path, text });
        let (ruleset, problems) = Ruleset::load(sources);
        let count = |severity| problems.iter().filter(|p| p.severity == severity).count();
        let (refused, warned) = (count(Severity::Error), count(Severity::Warning));
        let loaded = ruleset.rules().len();
        println!("{folder}: {loaded} loaded, {refused} refused, {warned} warnings");
        (loaded, problems)
    };
    let mut wrong = Vec::new();
    for folder in
        ["rules/", "rules-emerging-threats/", "rules-threat-hunting/", "rules-placeholder/"]
    {
        let (loaded, problems) = chosen(folder);
        assert!(loaded > 0 || folder == "rules-placeholder/", "{folder} is empty");
        // Placeholders are to be filled in by whoever uses the rule.
        let errors = problems.iter().filter(|p| p.severity == Severity::Error);
        let errors = errors.filter(|problem| !problem.what.contains("placeholder"));
        wrong.extend(errors.map(ToString::to_string));
    }
    assert!(wrong.is_empty(), "refused:\n{}", wrong.join("\n"));
}
