//! Programs a test starts, kills and stops.

use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// A program this test started. Dropped, it is killed by its process id.
#[derive(Debug)]
pub struct Program {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Program {
    /// Starts a program with its output appended to a log file.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(
        program: impl AsRef<Path>,
        arguments: I,
        environment: &[(&str, &str)],
        log: &Path,
    ) -> std::io::Result<Self> {
        let output = File::options().create(true).append(true).open(log)?;
        let child = Command::new(program.as_ref())
            .args(arguments)
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()?;
        let name = program.as_ref().display().to_string();
        Ok(Self { name, child, log: log.to_owned() })
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Power cut: SIGKILL, and gone when this returns.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// SIGTERM, and waits for its end.
    ///
    /// # Errors
    /// When it has not ended after `patience`.
    pub fn stop(&mut self, patience: Duration) -> Result<ExitStatus, String> {
        self.signal(Signal::TERM);
        let deadline = Instant::now() + patience;
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) => return Ok(status),
                Ok(None) if Instant::now() < deadline => {
                    std::thread::sleep(Duration::from_millis(10));
                }
                Ok(None) => return Err(format!("{} did not stop:\n{}", self.name, self.log_end())),
                Err(error) => return Err(error.to_string()),
            }
        }
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process(pid, signal);
        }
    }

    /// The last lines it wrote, for the message of a failed test.
    pub fn log_end(&self) -> String {
        let text = std::fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A program of this workspace, beside the test's own; `SOC_AGENT_PROGRAM` and
/// `SOC_COLLECTOR_PROGRAM` name others.
///
/// # Panics
/// When it was not built: `cargo build --workspace` first.
pub fn built(name: &str) -> PathBuf {
    let variable = format!("{}_PROGRAM", name.replace('-', "_").to_uppercase());
    if let Some(path) = std::env::var_os(variable) {
        return path.into();
    }
    let own = std::env::current_exe().unwrap_or_default();
    let found =
        own.ancestors().skip(1).take(2).map(|folder| folder.join(name)).find(|p| p.is_file());
    found.unwrap_or_else(|| panic!("{name} is not built: run `cargo build --workspace` first"))
}

/// A program of the system, where it is installed.
pub fn installed(name: &str) -> Option<PathBuf> {
    ["/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin"]
        .iter()
        .map(|folder| Path::new(folder).join(name))
        .find(|path| path.is_file())
}
