//! The real program under the signals of systemd and its sleep hook.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says so by failing")]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use rustix::process::{Pid, Signal, kill_process};
use soc_agent::sensor::{Outlet, SystemClock};
use soc_agent::spool::{BatchLimits, Config, FILE, Setup, Spool};
use soc_event::{Event, Lane, wire};

/// Nothing is watched, so that nothing but what the agent says of itself is written.
const QUIET: &str = "[antivirus]\nenabled = false\n[port]\nenabled = false\n[host]\n\
                     enabled = false\n[logfile]\nenabled = false\n[journald]\nenabled = \"off\"\n";
const PATIENCE: Duration = Duration::from_secs(60);

/// A running agent that is not enrolled.
struct Agent {
    folder: tempfile::TempDir,
    child: Child,
}

impl Agent {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("config.toml");
        std::fs::write(&config, QUIET).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_soc-agent"));
        command.arg("run").arg("--config").arg(config).arg("--state").arg(state(folder.path()));
        let child = command.stderr(Stdio::null()).spawn().unwrap();
        let agent = Self { folder, child };
        // Written when all runs.
        agent.until(|| state(agent.folder.path()).join("status.json").exists());
        agent
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id().try_into().unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Sends a signal and waits until its event is being written.
    fn signal_and_see(&self, signal: Signal) {
        let before = self.written();
        self.signal(signal);
        self.until(|| self.written() != before);
    }

    fn written(&self) -> SystemTime {
        let file = state(self.folder.path()).join(FILE);
        file.metadata().and_then(|metadata| metadata.modified()).unwrap()
    }

    fn until(&self, is_so: impl Fn() -> bool) {
        let began = Instant::now();
        while !is_so() {
            assert!(began.elapsed() < PATIENCE, "not seen in a minute");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits for its end; the exit code and what it had to say.
    async fn ended(mut self) -> (Option<i32>, Vec<String>) {
        let code = self.child.wait().unwrap().code();
        (code, told(&state(self.folder.path())).await)
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn state(folder: &Path) -> PathBuf {
    folder.join("state")
}

/// What waits in the spool of an agent that has ended: kinds, with the reason of a stop.
async fn told(state: &Path) -> Vec<String> {
    let (_outlet, deliveries) = Outlet::channel();
    let setup = Setup {
        config: Config::default(),
        fingerprint: "test".into(),
        clock: Arc::new(SystemClock),
        deliveries,
    };
    let (spool, _thread) = Spool::open(state, setup).unwrap();
    let limits = BatchLimits { events: 100, bytes: 1 << 20 };
    let batch = spool.batch(Lane::Alert, limits).await.unwrap().unwrap();
    spool.stop().await;
    let lines = batch.lines.strip_suffix(b"\n").unwrap().split(|byte| *byte == b'\n');
    let events = lines.map(|line| wire::decode_event(line, 1).unwrap());
    let word = |event: Event| match event.text("agent.stop.reason") {
        Some(reason) => format!("{} {reason}", event.kind),
        None => event.kind.to_string(),
    };
    events.map(word).collect()
}

#[tokio::test]
async fn sleeping_waking_and_stopping_are_told_and_the_end_is_clean() {
    let agent = Agent::start();
    agent.signal_and_see(Signal::USR1);
    agent.signal_and_see(Signal::USR2);
    agent.signal(Signal::TERM);
    let (code, told) = agent.ended().await;
    assert_eq!(code, Some(0));
    let expected = ["agent.started", "agent.stopped sleep", "agent.started", "agent.stopped stop"];
    assert_eq!(told, expected);
}

#[tokio::test]
async fn an_interrupted_agent_says_goodbye_too() {
    let agent = Agent::start();
    agent.signal(Signal::INT);
    let (code, told) = agent.ended().await;
    assert_eq!(code, Some(0));
    assert_eq!(told, ["agent.started", "agent.stopped stop"]);
}

#[tokio::test]
async fn an_agent_that_was_killed_keeps_what_it_had() {
    let mut agent = Agent::start();
    agent.signal(Signal::KILL);
    agent.child.wait().unwrap();
    assert_eq!(told(&state(agent.folder.path())).await, ["agent.started"]);
}
