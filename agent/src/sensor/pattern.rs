//! Paths with `*` and `?` in their names.

use std::path::{Path, PathBuf};

use crate::sensor::Root;

/// Most paths one pattern stands for.
const PATHS_MAX: usize = 1024;

/// The existing paths a pattern stands for, as the host names them, sorted. `*` and `?` match within
/// one name, and no name that begins with a dot.
pub(crate) fn expand(root: &Root, pattern: &str) -> Vec<String> {
    let mut found = vec![String::new()];
    for part in pattern.split('/').filter(|part| !part.is_empty()) {
        if part.contains(['*', '?']) {
            found = found.iter().flat_map(|folder| children(root, folder, part)).collect();
            found.sort();
            found.truncate(PATHS_MAX);
        } else {
            for path in &mut found {
                path.push('/');
                path.push_str(part);
            }
        }
    }
    found.retain(|path| root.path(path).symlink_metadata().is_ok());
    found
}

/// The folders in which a new file could match.
pub(crate) fn folders(root: &Root, pattern: &str) -> Vec<PathBuf> {
    let parent = Path::new(pattern).parent().and_then(Path::to_str).unwrap_or("/");
    let paths = expand(root, parent).into_iter().map(|path| root.path(path));
    paths.filter(|path| path.is_dir()).collect()
}

/// The folders in which something happens before a new file can match: those of the files, of
/// folders that could match, and what is nearest above a folder that is not there yet.
pub(crate) fn watched(root: &Root, pattern: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for pattern in Path::new(pattern).ancestors().filter_map(Path::to_str) {
        let here = folders(root, pattern);
        let parent = Path::new(pattern).parent().and_then(Path::to_str).unwrap_or("/");
        let is_enough = !here.is_empty() && !parent.contains(['*', '?']);
        found.extend(here);
        if is_enough {
            break;
        }
    }
    found
}

fn children(root: &Root, folder: &str, part: &str) -> Vec<String> {
    let path = if folder.is_empty() { "/" } else { folder };
    let Ok(entries) = std::fs::read_dir(root.path(path)) else {
        return Vec::new();
    };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let matching = names.filter(|name| !name.starts_with('.') && matches(part, name));
    matching.take(PATHS_MAX).map(|name| format!("{folder}/{name}")).collect()
}

/// Whether a name matches; a star that did not fit is tried again one character later, so the time
/// is bounded by the product of the lengths.
pub(crate) fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), name.chars().collect());
    let (mut at, mut place, mut star) = (0, 0, None);
    while place < name.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, place));
                at += 1;
            }
            Some(wanted) if *wanted == '?' || Some(wanted) == name.get(place) => {
                at += 1;
                place += 1;
            }
            _ => match star {
                Some((star_at, star_place)) => {
                    star = Some((star_at, star_place + 1));
                    at = star_at + 1;
                    place = star_place + 1;
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(at).all(|rest| *rest == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_match_within_a_name() {
        let check = |pattern: &str, name: &str, expected: bool| {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        };
        check("*access*.log", "access.log", true);
        check("*access*.log", "portal-access_ssl.log", true);
        check("*access*.log", "access.log.1", false);
        check("*access*.log", "error.log", false);
        check("?.log", "a.log", true);
        check("?.log", ".log", false);
        check("*", "", true);
        check("a*b*c", "aXbXbXc", true);
        check("a*b*c", "aXbXbX", false);
    }

    #[test]
    fn a_folder_may_be_a_pattern_too() {
        let folder = tempfile::tempdir().unwrap();
        for site in ["one", "two", ".hidden"] {
            std::fs::create_dir_all(folder.path().join("srv").join(site)).unwrap();
            std::fs::write(folder.path().join("srv").join(site).join("access.log"), "").unwrap();
        }
        let root = Root::new(folder.path());
        let found = expand(&root, "/srv/*/access.log");
        assert_eq!(found, ["/srv/one/access.log", "/srv/two/access.log"]);
        assert_eq!(folders(&root, "/srv/*/access.log").len(), 2);
        assert!(expand(&root, "/nowhere/*").is_empty());
        let watched = |pattern: &str| -> Vec<String> {
            let name = |path: &PathBuf| path.strip_prefix(folder.path()).unwrap().to_path_buf();
            let found = super::watched(&root, pattern);
            found.iter().map(|path| name(path).display().to_string()).collect()
        };
        assert_eq!(watched("/srv/*/access.log"), ["srv/one", "srv/two", "srv"]);
        assert_eq!(watched("/srv/one/*.log"), ["srv/one"]);
        assert_eq!(watched("/srv/three/logs/x.log"), ["srv"], "nearest above what is not there");
    }
}
