//! Who does the commands that take long: the collector that runs, or the folder opened for one.

use std::path::PathBuf;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::{Error, Kept};
use crate::clock::Clock;
use crate::config::Config;
use crate::control::{self, Answer, Command, Control};
use crate::detect::Detect;
use crate::look_back::Performer;
use crate::rulebook;

/// A collector that has the folder open.
#[derive(Debug)]
pub struct Running {
    /// The folder.
    pub data: PathBuf,
}

impl Performer for Running {
    async fn perform(&self, command: Command) -> Result<Answer, control::Error> {
        let gone = || control::Error::Failed("the collector has stopped".into());
        control::call(&self.data, &command).await?.ok_or_else(gone)
    }
}

/// The folder, opened without doors: nothing comes in, but rules can look back.
#[derive(Debug)]
pub struct Alone {
    kept: Kept,
    control: Control,
    stop: watch::Sender<bool>,
    looking: JoinHandle<()>,
}

impl Alone {
    /// Opens it.
    ///
    /// # Errors
    /// The first thing that could not be opened.
    pub async fn open(config: &Config) -> Result<Self, Error> {
        let kept = Kept::open(config, Clock::system()).await?;
        let (rulebook, _) =
            rulebook::open(config.rulebook.clone(), kept.bus.clone(), &kept.registry)?;
        let Kept { store, bus, registry, .. } = &kept;
        let alerts = kept.alerts.clone();
        let detect = Detect::new(
            kept.journal.clone(),
            store.clone(),
            alerts,
            kept.fleet.clone(),
            rulebook.clone(),
            bus.clone(),
            registry,
        )?;
        let backtests = kept.backtests(config, &rulebook, &detect)?;
        let (stop, shutdown) = watch::channel(false);
        let looking = tokio::spawn(backtests.clone().run(shutdown));
        let control = kept.control(config, config.agents_listen.port());
        let control = Control { backtests: Some(backtests), ..control };
        Ok(Self { kept, control, stop, looking })
    }

    /// Stops what looks, and closes the folder.
    pub async fn close(self) {
        self.stop.send_replace(true);
        let _ = self.looking.await;
        drop(self.control);
        self.kept.close().await;
    }
}

impl Performer for Alone {
    async fn perform(&self, command: Command) -> Result<Answer, control::Error> {
        self.control.perform(command).await
    }
}
