//! What the system wants of the agent.

use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use crate::clock::{awake_since_boot, since_boot};
use crate::sensor::Root;

/// What the agent shall do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// End; the machine goes on.
    Stop,
    /// End; the machine stops.
    Shutdown,
    /// The machine is about to sleep.
    Sleep,
    /// The machine woke up.
    Wake,
}

/// A sleep shorter than this leaves no trace.
const SLEEP_LEAST: Duration = Duration::from_secs(10);
/// How often it is looked whether the machine had slept.
const RESUME_POLL: Duration = Duration::from_secs(10);

/// Turns signals into wishes: SIGTERM and SIGINT to [`Wish::Stop`] or, while the system shuts down,
/// [`Wish::Shutdown`]; SIGUSR1 to [`Wish::Sleep`]; SIGUSR2 to [`Wish::Wake`].
///
/// # Errors
/// When the system takes no handlers.
pub fn wishes(root: Root) -> std::io::Result<mpsc::Receiver<Wish>> {
    let (sender, receiver) = mpsc::channel(4);
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut sleep = signal(SignalKind::user_defined1())?;
    let mut wake = signal(SignalKind::user_defined2())?;
    tokio::spawn(async move {
        loop {
            let wish = tokio::select! {
                _ = terminate.recv() => end(&root),
                _ = interrupt.recv() => end(&root),
                _ = sleep.recv() => Wish::Sleep,
                _ = wake.recv() => Wish::Wake,
                () = resumed() => Wish::Wake,
            };
            if sender.send(wish).await.is_err() {
                return;
            }
        }
    });
    Ok(receiver)
}

/// Returns when the machine has slept: more time has passed than it was awake.
pub async fn resumed() {
    let asleep = || since_boot().saturating_sub(awake_since_boot());
    let before = asleep();
    loop {
        tokio::time::sleep(RESUME_POLL).await;
        if asleep().saturating_sub(before) >= SLEEP_LEAST {
            return;
        }
    }
}

/// systemd writes the first for a planned shutdown and the second when sessions end for one.
fn end(root: &Root) -> Wish {
    let marks = ["/run/systemd/shutdown/scheduled", "/run/nologin"];
    let is_shutdown = marks.iter().any(|mark| root.path(mark).exists());
    if is_shutdown { Wish::Shutdown } else { Wish::Stop }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shutdown_is_told_from_a_stop() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::new(folder.path());
        assert_eq!(end(&root), Wish::Stop);
        std::fs::create_dir_all(root.path("/run")).unwrap();
        std::fs::write(root.path("/run/nologin"), "going down").unwrap();
        assert_eq!(end(&root), Wish::Shutdown);
    }
}
