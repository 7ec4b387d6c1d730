use std::ffi::OsString;
use std::io::{Error, Write as _};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// A folder of its own, in which the program runs.
pub struct Place(tempfile::TempDir);

/// What `rules eval` said.
pub struct Said {
    pub matches: Vec<Value>,
    /// But the summary.
    pub errors: Vec<String>,
    pub summary: Value,
    pub code: Option<i32>,
}

impl Place {
    pub fn new() -> Result<Self, Error> {
        tempfile::tempdir().map(Self)
    }

    pub fn path(&self, name: &str) -> OsString {
        let path: PathBuf = self.0.path().join(name);
        path.into_os_string()
    }

    /// Writes a file.
    pub fn put(&self, name: &str, text: &str) -> Result<OsString, Error> {
        let path = self.path(name);
        std::fs::write(&path, text)?;
        Ok(path)
    }

    /// `rules eval`, told in JSON.
    pub fn eval(&self, arguments: &[OsString], input: &str) -> Result<Said, crate::Fault> {
        let Output { status, stdout, stderr } = self.run(arguments, input)?;
        let matches = String::from_utf8(stdout)?;
        let matches = matches.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
        let mut errors: Vec<String> =
            String::from_utf8(stderr)?.lines().map(str::to_owned).collect();
        let summary = serde_json::from_str(&errors.pop().unwrap_or_default())?;
        Ok(Said { matches, errors, summary, code: status.code() })
    }

    /// `rules eval`.
    pub fn run(&self, arguments: &[OsString], input: &str) -> Result<Output, Error> {
        let mut program = self.program("eval", arguments);
        let pipes = program.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = pipes.spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(input.as_bytes())?;
        }
        child.wait_with_output()
    }

    /// `rules check` and `rules test`.
    pub fn rules(&self, task: &str, arguments: &[OsString]) -> Result<Output, Error> {
        self.program(task, arguments).output()
    }

    fn program(&self, task: &str, arguments: &[OsString]) -> Command {
        let mut program = Command::new(env!("CARGO_BIN_EXE_soc-collector"));
        program.current_dir(self.0.path()).args(["rules", task]).args(arguments);
        program
    }
}

impl Said {
    /// Titles of what matched, in order.
    pub fn rules(&self) -> Vec<&str> {
        self.matches.iter().filter_map(|told| told["rule"].as_str()).collect()
    }
}
