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
}

impl Processes {
    /// Reads names only; the rest is read of those that matter.
    pub(super) fn read(root: &Root) -> Self {
        Self { root: root.clone(), running: list(root).ok() }
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
        let pid = self.find(name)?;
        let text = read::text(&self.root.path(format!("/proc/{pid}/cmdline"))).ok()?;
        Some(text.split('\0').filter(|word| !word.is_empty()).map(str::to_owned).collect())
    }

    pub(super) fn could_not_see(&self) -> Vec<String> {
        let told = "The processes of this machine could not be listed.".to_owned();
        if self.running.is_some() { Vec::new() } else { vec![told] }
    }

    fn find(&self, name: &str) -> Option<u32> {
        let short = name.get(..COMM_BYTES).unwrap_or(name);
        let mut named = self.running.iter().flatten().filter(|(_, comm)| comm == short);
        named.find(|(pid, _)| self.is_program(*pid, name)).map(|(pid, _)| *pid)
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
