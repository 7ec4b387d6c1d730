//! Which package a program came in, as dpkg's own lists say. Source: dpkg(1), files `info/*.list`.
//!
//! The database of RPM is not read: there it is not known.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::MetadataExt;

use crate::sensor::{Root, read};

const FOLDER: &str = "/var/lib/dpkg/info";
/// Changes with every installation and removal.
const STATUS: &str = "/var/lib/dpkg/status";
/// Lists that are looked through.
const LISTS_MAX: usize = 20_000;
/// Bytes of one list.
const LIST_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Programs that are remembered.
const PATHS_MAX: usize = 1024;

/// Packages known so far.
#[derive(Debug)]
pub(super) struct Packages {
    root: Root,
    /// The package of a path, nothing where no list has it.
    known: BTreeMap<String, Option<String>>,
    /// Of which state of the database that is.
    of: Option<(i64, i64)>,
}

impl Packages {
    pub(super) fn new(root: Root) -> Self {
        Self { root, known: BTreeMap::new(), of: None }
    }

    /// The package of each path; paths of which nothing can be said are left out.
    pub(super) fn of(&mut self, paths: &BTreeSet<String>) -> BTreeMap<String, Option<String>> {
        let status = std::fs::metadata(self.root.path(STATUS)).ok();
        let Some(state) = status.map(|status| (status.mtime(), status.mtime_nsec())) else {
            return BTreeMap::new();
        };
        if self.of != Some(state) || self.known.len() > PATHS_MAX {
            self.known.clear();
            self.of = Some(state);
        }
        let missing: Vec<&String> =
            paths.iter().filter(|path| !self.known.contains_key(*path)).collect();
        if !missing.is_empty()
            && let Some(found) = self.look(&missing)
        {
            self.known.extend(found);
        }
        let known = self.known.iter().filter(|(path, _)| paths.contains(*path));
        known.map(|(path, package)| (path.clone(), package.clone())).collect()
    }

    /// Looks through all lists once for all that is missing.
    fn look(&self, missing: &[&String]) -> Option<BTreeMap<String, Option<String>>> {
        let mut found: BTreeMap<String, Option<String>> =
            missing.iter().map(|path| ((*path).clone(), None)).collect();
        let wanted: BTreeMap<&[u8], &String> =
            missing.iter().flat_map(|path| spellings(path).map(|name| (name, *path))).collect();
        for entry in std::fs::read_dir(self.root.path(FOLDER)).ok()?.flatten().take(LISTS_MAX) {
            let name = entry.file_name();
            let name = name.to_str().and_then(|name| name.strip_suffix(".list"));
            let Some(package) = name else { continue };
            let Ok((file, _)) = read::open(&entry.path()) else { return None };
            search(BufReader::new(file.take(LIST_BYTES_MAX)), &wanted, package, &mut found).ok()?;
        }
        Some(found)
    }
}

fn search(
    mut lines: impl BufRead,
    wanted: &BTreeMap<&[u8], &String>,
    package: &str,
    found: &mut BTreeMap<String, Option<String>>,
) -> std::io::Result<()> {
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line)? > 0 {
        if let Some(path) = wanted.get(line.strip_suffix(b"\n").unwrap_or(&line)) {
            // `libc6:amd64` is libc6.
            let name = package.split(':').next().unwrap_or(package);
            found.insert((*path).clone(), Some(name.to_owned()));
        }
        line.clear();
    }
    Ok(())
}

/// `/usr/sbin/x` may be in a list as `/sbin/x`, from before the two were one.
fn spellings(path: &str) -> impl Iterator<Item = &[u8]> {
    [Some(path), path.strip_prefix("/usr")].into_iter().flatten().map(str::as_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_in_their_packages_also_under_old_names() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::new(folder.path());
        let paths = |paths: &[&str]| paths.iter().map(|path| (*path).to_owned()).collect();
        let wanted = paths(&["/usr/sbin/sshd", "/usr/bin/ls", "/tmp/x"]);
        let mut packages = Packages::new(root.clone());
        assert!(packages.of(&wanted).is_empty(), "without dpkg nothing is known");
        std::fs::create_dir_all(root.path(FOLDER)).unwrap();
        std::fs::write(root.path(STATUS), "").unwrap();
        let write = |name: &str, text: &str| {
            std::fs::write(root.path(FOLDER).join(name), text).unwrap();
        };
        write("openssh-server.list", "/.\n/usr/sbin\n/usr/sbin/sshd\n");
        write("coreutils:amd64.list", "/bin/ls\n/bin/lsx");
        write("sshd.md5sums", "/tmp/x\n");
        let found = packages.of(&wanted);
        let of = |path: &str| found.get(path).cloned().flatten();
        assert_eq!(of("/usr/sbin/sshd").as_deref(), Some("openssh-server"));
        assert_eq!(of("/usr/bin/ls").as_deref(), Some("coreutils"));
        assert_eq!(found.get("/tmp/x"), Some(&None));
    }
}
