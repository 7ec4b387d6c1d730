//! Installing the agent as a service of systemd.
//!
//! Writes three files, embedded from `deploy/systemd/`, and copies the program; runs nothing: the
//! commands that make systemd take notice are printed for the operator. Elsewhere it fails with a
//! sentence that says so.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::sensor::Root;

/// The unit.
pub const UNIT: &str = include_str!("../../deploy/systemd/soc-agent.service");
/// Called by systemd before sleep and after.
pub const SLEEP_HOOK: &str = include_str!("../../deploy/systemd/soc-agent.sleep");
/// The configuration with every setting, all commented out.
pub const CONFIGURATION: &str = include_str!("../../deploy/agent.example.toml");

const PROGRAM_PATH: &str = "/usr/bin/soc-agent";
const UNIT_PATH: &str = "/etc/systemd/system/soc-agent.service";
const SLEEP_HOOK_PATH: &str = "/usr/lib/systemd/system-sleep/soc-agent";
const CONFIGURATION_PATH: &str = "/etc/soc-agent/config.toml";

/// Not (un)installed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another init system, or a container.
    #[error(
        "systemd does not run here (there is no /run/systemd/system); run `soc-agent run` under \
         the init system of this machine instead"
    )]
    NoSystemd,
    /// A file could not be written or removed; usually for lack of root's rights.
    #[error("{path}: {source}")]
    Disk {
        /// Which file.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
}

/// One thing that is done, or with `--dry-run` would be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Copies the running program.
    Copy {
        /// From where.
        from: PathBuf,
        /// To where on the host.
        to: &'static str,
    },
    /// Writes a file.
    Write {
        /// Where on the host.
        path: &'static str,
        /// What.
        text: &'static str,
        /// With which permissions.
        mode: u32,
        /// Whether a file that is there is kept.
        keep: bool,
    },
    /// Removes a file if it is there.
    Remove(&'static str),
}

/// What installing this program takes.
pub fn install(program: &Path) -> Vec<Step> {
    let write = |path, text, mode, keep| Step::Write { path, text, mode, keep };
    let copy = Step::Copy { from: program.to_owned(), to: PROGRAM_PATH };
    // Started from where it belongs, there is nothing to copy.
    let copy = (program != Path::new(PROGRAM_PATH)).then_some(copy);
    copy.into_iter()
        .chain([
            write(CONFIGURATION_PATH, CONFIGURATION, 0o644, true),
            write(UNIT_PATH, UNIT, 0o644, false),
            write(SLEEP_HOOK_PATH, SLEEP_HOOK, 0o755, false),
        ])
        .collect()
}

/// What uninstalling takes; configuration, identity and unsent events are left.
pub fn uninstall() -> Vec<Step> {
    vec![Step::Remove(SLEEP_HOOK_PATH), Step::Remove(UNIT_PATH), Step::Remove(PROGRAM_PATH)]
}

/// Does it below this root.
///
/// # Errors
/// [`Error`] at the first step that fails; steps can be done again.
pub fn perform(steps: &[Step], root: &Root) -> Result<(), Error> {
    if !root.path("/run/systemd/system").is_dir() {
        return Err(Error::NoSystemd);
    }
    steps.iter().try_for_each(|step| step.perform(root))
}

impl Step {
    fn perform(&self, root: &Root) -> Result<(), Error> {
        let disk = |path: &str| {
            let path = path.to_owned();
            move |source| Error::Disk { path, source }
        };
        match self {
            Self::Copy { from, to } => {
                let put = |bytes: Vec<u8>| replace(&root.path(to), &bytes, 0o755);
                fs::read(from).and_then(put).map_err(disk(to))
            }
            Self::Write { path, keep: true, .. } if root.path(path).exists() => Ok(()),
            Self::Write { path, text, mode, .. } => {
                replace(&root.path(path), text.as_bytes(), *mode).map_err(disk(path))
            }
            Self::Remove(path) => match fs::remove_file(root.path(path)) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
                result => result.map_err(disk(path)),
            },
        }
    }
}

/// What it does in one line; with `{:#}` also what the file holds.
impl std::fmt::Display for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Copy { from, to } => write!(f, "copy {} to {to}", from.display()),
            Self::Write { path, mode, keep: true, .. } => {
                write!(f, "write {path} (mode {mode:o}) if there is none")
            }
            Self::Write { path, text, mode, .. } => {
                write!(f, "write {path} (mode {mode:o})")?;
                let shown = if f.alternate() { *text } else { "" };
                shown.lines().try_for_each(|line| write!(f, "\n    {line}"))
            }
            Self::Remove(path) => write!(f, "remove {path}"),
        }
    }
}

/// A program that runs cannot be written to, but its name can be given to another file.
fn replace(path: &Path, bytes: &[u8], mode: u32) -> std::io::Result<()> {
    fs::create_dir_all(path.parent().unwrap_or(Path::new("/")))?;
    let temporary = path.with_extension("soc-new");
    fs::write(&temporary, bytes)?;
    fs::set_permissions(&temporary, fs::Permissions::from_mode(mode))?;
    fs::rename(temporary, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host() -> (tempfile::TempDir, Root) {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::new(folder.path());
        fs::create_dir_all(root.path("/run/systemd/system")).unwrap();
        fs::write(root.path("/program"), "ELF").unwrap();
        (folder, root)
    }

    #[test]
    fn what_is_installed_is_gone_after_uninstalling_but_the_configuration() {
        let (_folder, root) = host();
        perform(&install(&root.path("/program")), &root).unwrap();
        assert_eq!(fs::read(root.path(PROGRAM_PATH)).unwrap(), b"ELF");
        assert_eq!(fs::read_to_string(root.path(UNIT_PATH)).unwrap(), UNIT);
        let hook = fs::metadata(root.path(SLEEP_HOOK_PATH)).unwrap();
        assert_eq!(hook.permissions().mode() & 0o777, 0o755);
        perform(&uninstall(), &root).unwrap();
        perform(&uninstall(), &root).unwrap();
        let left = [PROGRAM_PATH, UNIT_PATH, SLEEP_HOOK_PATH, CONFIGURATION_PATH]
            .map(|path| root.path(path).exists());
        assert_eq!(left, [false, false, false, true]);
    }

    #[test]
    fn a_configuration_that_is_there_is_kept() {
        let (_folder, root) = host();
        fs::create_dir_all(root.path("/etc/soc-agent")).unwrap();
        fs::write(root.path(CONFIGURATION_PATH), "mine").unwrap();
        perform(&install(&root.path("/program")), &root).unwrap();
        assert_eq!(fs::read(root.path(CONFIGURATION_PATH)).unwrap(), b"mine");
    }

    #[test]
    fn where_there_is_no_systemd_nothing_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::new(folder.path());
        let error = perform(&install(Path::new("/proc/self/exe")), &root).unwrap_err();
        assert!(error.to_string().contains("systemd does not run here"));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn the_unit_runs_the_program_that_is_installed() {
        assert!(UNIT.contains(&format!("ExecStart={PROGRAM_PATH} run")));
        assert!(SLEEP_HOOK.contains("soc-agent.service"));
    }
}
