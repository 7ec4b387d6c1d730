//! A collector and an agent of their own.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::program::{Program, built};
use crate::{Api, until};

/// A collector and an agent of their own, in a temporary folder.
#[derive(Debug)]
pub struct Stage {
    folder: TempDir,
    /// The collector, where it runs.
    pub collector: Option<Program>,
    /// The agent, where it runs.
    pub agent: Option<Program>,
    agents_port: u16,
    people_port: u16,
}

/// The administrator's password on every stage.
pub const PASSWORD: &str = "mat-khau-thu-nghiem-2026";
const PATIENCE: Duration = Duration::from_secs(30);

impl Stage {
    /// An empty stage.
    ///
    /// # Errors
    /// When no folder or port is to be had.
    pub fn new() -> std::io::Result<Self> {
        let folder = TempDir::with_prefix("soc-stage-")?;
        std::fs::create_dir(folder.path().join("logs"))?;
        let (agents_port, people_port) = (free_port()?, free_port()?);
        Ok(Self { folder, collector: None, agent: None, agents_port, people_port })
    }

    /// A path on the stage.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file on the stage.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, name: &str, text: &str) -> std::io::Result<PathBuf> {
        let path = self.path(name);
        std::fs::write(&path, text)?;
        Ok(path)
    }

    /// Starts the collector, with `collector.toml` where the test wrote one, and waits until it is
    /// ready.
    ///
    /// # Errors
    /// When it cannot be started.
    pub async fn start_collector(&mut self) -> std::io::Result<()> {
        self.start_collector_with(&[]).await
    }

    /// The same with more environment.
    ///
    /// # Errors
    /// As [`Self::start_collector`].
    pub async fn start_collector_with(&mut self, more: &[(&str, &str)]) -> std::io::Result<()> {
        let data = self.path("collector");
        let _ = std::fs::remove_file(data.join("addresses.json"));
        let mut arguments = vec!["serve".into(), "--data".into(), data.into_os_string()];
        arguments.extend(["--listen".into(), format!("127.0.0.1:{}", self.people_port).into()]);
        let door = format!("127.0.0.1:{}", self.agents_port);
        arguments.extend(["--agents-listen".into(), door.into()]);
        let config = self.path("collector.toml");
        if config.exists() {
            arguments.extend(["--config".into(), config.into_os_string()]);
        }
        let environment = [&[("SOC_ADMIN_PASSWORD", PASSWORD)], more].concat();
        let log = self.path("collector.log");
        self.collector =
            Some(Program::start(built("soc-collector"), arguments, &environment, &log)?);
        let api = self.api();
        until("the collector answers", PATIENCE, || async { api.text("/readyz").await.ok() }).await;
        Ok(())
    }

    /// The people's door, not signed in.
    pub fn api(&self) -> Api {
        Api::new(format!("127.0.0.1:{}", self.people_port))
    }

    /// The people's door, as the administrator.
    ///
    /// # Errors
    /// What the server answered.
    pub async fn administrator(&self) -> Result<Api, String> {
        let mut api = self.api();
        api.sign_in("admin", PASSWORD).await?;
        Ok(api)
    }

    /// Where agents come in: `https://localhost:PORT`.
    pub fn agents_address(&self) -> String {
        format!("https://localhost:{}", self.agents_port)
    }

    /// A token for so many machines, made on the collector's command line, and the CA's pin.
    ///
    /// # Errors
    /// What the program said.
    pub fn token(&self, uses: usize) -> Result<(String, String), String> {
        let made = run(Command::new(built("soc-collector"))
            .args(["token", "create", "--agency", "LOCAL", "--json"])
            .args(["--uses", &uses.to_string(), "--data"])
            .arg(self.path("collector")))?;
        let made: Value = serde_json::from_str(&made).map_err(|e| format!("{e}: {made}"))?;
        let text = |key: &str| made[key].as_str().unwrap_or_default().to_owned();
        Ok((text("token"), text("ca_pin")))
    }

    /// Enrols the agent of this stage.
    ///
    /// # Errors
    /// What the programs said.
    pub fn enrol_agent(&self) -> Result<(), String> {
        self.enrol_agent_with(&[])
    }

    /// The same with more environment for the agent.
    ///
    /// # Errors
    /// As [`Self::enrol_agent`].
    pub fn enrol_agent_with(&self, more: &[(&str, &str)]) -> Result<(), String> {
        let (token, pin) = self.token(1)?;
        run(Command::new(built("soc-agent"))
            .envs(more.iter().copied())
            .args(["enrol", "--collector", &self.agents_address()])
            .args(["--token", &token, "--ca-pin", &pin, "--state"])
            .arg(self.path("agent")))
        .map(drop)
    }

    /// Starts the agent, with `agent.toml` where the test wrote one.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start_agent(&mut self) -> std::io::Result<()> {
        self.start_agent_with(&[])
    }

    /// The same with more environment.
    ///
    /// # Errors
    /// As [`Self::start_agent`].
    pub fn start_agent_with(&mut self, more: &[(&str, &str)]) -> std::io::Result<()> {
        let mut arguments =
            vec!["run".into(), "--state".into(), self.path("agent").into_os_string()];
        let config = self.path("agent.toml");
        if config.exists() {
            arguments.extend(["--config".into(), config.into_os_string()]);
        }
        let log = self.path("agent.log");
        self.agent = Some(Program::start(built("soc-agent"), arguments, more, &log)?);
        Ok(())
    }

    /// The end of both programs' logs, for the message of a failed test.
    pub fn logs(&self) -> String {
        let end =
            |program: &Option<Program>| program.as_ref().map_or_else(String::new, Program::log_end);
        format!("--- collector\n{}\n--- agent\n{}", end(&self.collector), end(&self.agent))
    }
}

/// Runs a command to its end.
///
/// # Errors
/// Its whole output, when it cannot be started or its exit code is not 0.
pub fn run(command: &mut Command) -> Result<String, String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(out);
    }
    Err(format!("{command:?}: {}\n{out}{}", output.status, String::from_utf8_lossy(&output.stderr)))
}

/// A port nobody listens on now.
///
/// # Errors
/// When there is none.
pub fn free_port() -> std::io::Result<u16> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// A file of the shared test data, where this checkout has it beside itself.
pub fn data_file(name: &str) -> Option<PathBuf> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).parent()?;
    Some(top.parent()?.join("shared/data").join(name)).filter(|path| path.is_file())
}

/// Says that a test did not run, and why.
pub fn skip(test: &str, reason: &str) {
    eprintln!("skipped {test}: {reason}");
}
