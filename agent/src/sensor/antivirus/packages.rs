use std::io::BufRead;
use std::time::SystemTime;

use soc_event::Timestamp;

use super::claim::{Claim, Origin};
use crate::sensor::{Root, read};

const STATUS: &str = "/var/lib/dpkg/status";

/// Versions in dpkg's database of packages, which is some megabytes of text: read line by line,
/// because the agent has to stay small, and only when it has changed.
#[derive(Clone, Debug, Default)]
pub(super) struct Packages {
    /// Packages anybody will ask for.
    wanted: Vec<String>,
    read_at: Option<SystemTime>,
    found: Vec<(String, String)>,
}

impl Packages {
    /// A database that will be asked for these.
    pub(super) fn new(wanted: Vec<String>) -> Self {
        Self { wanted, read_at: None, found: Vec::new() }
    }

    /// The version of the first of these packages that is installed.
    pub(super) fn version(&mut self, root: &Root, names: &[String]) -> Option<Claim<String>> {
        let path = root.path(STATUS);
        let modified = std::fs::metadata(&path).ok()?.modified().ok()?;
        if self.read_at != Some(modified) {
            let (file, _) = read::open(&path).ok()?;
            self.found = parse(std::io::BufReader::new(file), &self.wanted);
            self.read_at = Some(modified);
        }
        let (name, version) =
            names.iter().find_map(|name| self.found.iter().find(|(found, _)| found == name))?;
        let origin = Origin::new(format!("file {STATUS}"), Timestamp::from_system(modified));
        Some(origin.part(name).claims(upstream(version).to_owned()))
    }
}

/// Name and version of wanted packages that are installed. Source: deb-control(5), dpkg(1).
fn parse(lines: impl BufRead, wanted: &[String]) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let (mut name, mut installed) = (None, false);
    for line in lines.lines() {
        let Ok(line) = line else { break };
        if let Some(package) = line.strip_prefix("Package: ") {
            name = wanted.iter().find(|wanted| *wanted == package);
            installed = true;
        } else if let Some(status) = line.strip_prefix("Status: ") {
            // Of a removed package the configuration stays, and its entry.
            installed = status.ends_with(" installed");
        } else if let (Some(version), Some(name)) = (line.strip_prefix("Version: "), name)
            && installed
        {
            found.push((name.clone(), version.to_owned()));
        }
    }
    found
}

/// `1.4.3` of Debian's `1:1.4.3+dfsg-1~deb12u1`; the build of a vendor's `7.20.0-17306` stays.
fn upstream(version: &str) -> &str {
    let version = version.split_once(':').map_or(version, |(_, rest)| rest);
    version.split(['+', '~']).next().unwrap_or(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_wanted_packages_that_are_installed_count() {
        let text = "Package: a\nStatus: install ok installed\nVersion: 1:2.3+dfsg-1\n\n\
                    Package: b\nStatus: deinstall ok config-files\nVersion: 9\n\n\
                    Package: c\nVersion: 4\n\nPackage: d\nVersion: 5\n";
        let wanted = ["a", "b", "c"].map(str::to_owned);
        let found = parse(text.as_bytes(), &wanted);
        let found: Vec<(&str, &str)> =
            found.iter().map(|(name, version)| (&**name, upstream(version))).collect();
        assert_eq!(found, [("a", "2.3"), ("c", "4")]);
    }
}
