use std::fs::File;
use std::path::{Path, PathBuf};

use super::{Finding, database};
use crate::archive::{Trouble, manifest_troubles};
use crate::backup::{Listed, hash_of, listed};

/// Damaged files that are told one by one.
const TOLD_MAX: usize = 100;

/// The chain of the manifest, and each file of the archive against its hash.
pub(super) async fn check(data: &Path, each: &mut dyn FnMut(Finding)) {
    let Ok(pool) = database::open(&data.join("state.sqlite")).await else { return };
    let mut is_whole = true;
    match manifest_troubles(&pool).await {
        Ok(troubles) => {
            for Trouble { path, what } in troubles.into_iter().take(TOLD_MAX) {
                is_whole = false;
                let todo = "find out who changed it: a backup made before shows what was there";
                each(Finding::problem("archive", format!("{path}: {what}"), todo));
            }
        }
        Err(error) => {
            is_whole = false;
            let todo = "restore the database from a backup";
            each(Finding::problem("archive", error.to_string(), todo));
        }
    }
    let files = listed(&pool).await;
    let files = match files {
        Ok(files) => files,
        Err(error) => {
            let todo = "restore the database from a backup";
            return each(Finding::problem("archive", error.to_string(), todo));
        }
    };
    let (root, count) = (data.join("archive"), files.len());
    let bytes: u64 = files.iter().map(|file| file.bytes).sum();
    let wrong = tokio::task::spawn_blocking(move || wrong(&root, &files)).await.unwrap_or_default();
    // What was replaced meanwhile is not missing.
    let still = listed(&pool).await.unwrap_or_default();
    pool.close().await;
    let wrong: Vec<(Listed, String)> =
        wrong.into_iter().filter(|(file, _)| still.contains(file)).collect();
    for (file, why) in wrong.iter().take(TOLD_MAX) {
        let todo = "restore it from a backup; hunts say what is missing until then";
        each(Finding::problem("archive", format!("{}: {why}", file.path), todo));
    }
    if wrong.is_empty() && is_whole {
        let said = format!("{count} files, {} MiB, all as they were written", bytes >> 20);
        each(Finding::good("archive", said));
    }
}

fn wrong(root: &Path, files: &[Listed]) -> Vec<(Listed, String)> {
    let look = |file: &Listed| -> Option<String> {
        let path: PathBuf = root.join(&file.path);
        match File::open(&path).and_then(|mut open| hash_of(&mut open)) {
            Ok(found) if found == file.sha256 => None,
            Ok(_) => Some("the content is not what was written".to_owned()),
            Err(error) => Some(error.to_string()),
        }
    };
    files.iter().filter_map(|file| Some((file.clone(), look(file)?))).collect()
}
