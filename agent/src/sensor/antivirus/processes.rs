use std::io;

use soc_event::Timestamp;

use super::claim::{Claim, Origin};
use crate::sensor::{Root, read};

/// The kernel keeps so many bytes of a program's name. Source: proc_pid_comm(5).
const COMM_BYTES: usize = 15;

/// The processes of the host, as far as they concern antivirus products.
#[derive(Clone, Debug)]
pub(super) struct Processes {
    root: Root,
    /// Process and the name the kernel gives, `None` when `/proc` cannot be read.
    running: Option<Vec<(u32, String)>>,
    /// Programs and the configuration of the installation that is watched.
    configured: Vec<(&'static str, String)>,
}

impl Processes {
    /// Reads names only; the rest is read of those that matter.
    pub(super) fn read(root: &Root) -> Self {
        Self { root: root.clone(), running: list(root).ok(), configured: Vec::new() }
    }

    /// Of this program only a process counts that was given this configuration, or none: another
    /// one belongs to another installation on the same machine.
    pub(super) fn with_configuration(mut self, program: &'static str, path: Option<&str>) -> Self {
        self.configured.extend(path.map(|path| (program, path.to_owned())));
        self
    }

    /// Whether a program runs, `None` when that cannot be seen.
    pub(super) fn runs(&self, name: &str) -> Option<bool> {
        self.running.as_ref()?;
        Some(self.find(name).is_some())
    }

    /// The same as a claim of now.
    pub(super) fn claim(&self, name: &str, now: Timestamp) -> Option<Claim<bool>> {
        let runs = self.runs(name)?;
        let source = if runs { format!("process {name}") } else { format!("no process {name}") };
        Some(Origin::new(source, now).claims(runs))
    }

    /// The arguments of a running program, its own name included.
    pub(super) fn arguments(&self, name: &str) -> Option<Vec<String>> {
        Some(self.arguments_of(self.find(name)?))
    }

    fn arguments_of(&self, pid: u32) -> Vec<String> {
        let text = read::text(&self.root.path(format!("/proc/{pid}/cmdline"))).unwrap_or_default();
        text.split('\0').filter(|word| !word.is_empty()).map(str::to_owned).collect()
    }

    pub(super) fn could_not_see(&self) -> Vec<String> {
        let told = "The processes of this machine could not be listed.".to_owned();
        if self.running.is_some() { Vec::new() } else { vec![told] }
    }

    fn find(&self, name: &str) -> Option<u32> {
        let short = name.get(..COMM_BYTES).unwrap_or(name);
        let mut named = self.running.iter().flatten().filter(|(_, comm)| comm == short);
        let found = named.find(|(pid, _)| self.is_program(*pid, name) && self.is_ours(*pid, name));
        found.map(|(pid, _)| *pid)
    }

    fn is_ours(&self, pid: u32, name: &str) -> bool {
        let configured = self.configured.iter().find(|(program, _)| *program == name);
        let Some((_, path)) = configured else { return true };
        let given = argument(&self.arguments_of(pid), "--config-file", "-c");
        given.is_none_or(|given| given == *path)
    }

    /// Any process can take any name, so its executable counts where it can be seen. A process
    /// without one has ended.
    fn is_program(&self, pid: u32, name: &str) -> bool {
        match self.root.path(format!("/proc/{pid}/exe")).read_link() {
            Ok(path) => {
                let file = path.file_name().and_then(|file| file.to_str()).unwrap_or_default();
                file.strip_suffix(" (deleted)").unwrap_or(file) == name
            }
            Err(error) => error.kind() == io::ErrorKind::PermissionDenied,
        }
    }
}

fn list(root: &Root) -> io::Result<Vec<(u32, String)>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(root.path("/proc"))? {
        let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        // It may have ended meanwhile.
        if let Ok(name) = read::text(&root.path(format!("/proc/{pid}/comm"))) {
            found.push((pid, name.trim_end().to_owned()));
        }
    }
    if found.is_empty() {
        return Err(io::Error::other("no processes: /proc is not mounted"));
    }
    Ok(found)
}

/// The value of an option: `--log=F`, `--log F`, `-l F` or `-lF`.
pub(super) fn argument(arguments: &[String], long: &str, short: &str) -> Option<String> {
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        if word == long || word == short {
            return words.next().cloned();
        }
        let glued = word.strip_prefix(long).and_then(|rest| rest.strip_prefix('='));
        let glued = glued.or_else(|| word.strip_prefix(short).filter(|_| !word.starts_with("--")));
        if let Some(value) = glued {
            return Some(value.to_owned());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_found_in_every_spelling() {
        let check = |words: &[&str], expected: Option<&str>| {
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            assert_eq!(argument(&words, "--log", "-l").as_deref(), expected, "{words:?}");
        };
        check(&["clamonacc", "-F", "--log=/a"], Some("/a"));
        check(&["clamonacc", "--log", "/a", "-F"], Some("/a"));
        check(&["clamonacc", "-l", "/a"], Some("/a"));
        check(&["clamonacc", "-l/a"], Some("/a"));
        check(&["clamonacc", "--log"], None);
        check(&["clamonacc", "--logger=/a"], None);
    }
}
