//! Live updates to browsers, in process.
//!
//! A notice says which view has changed, not how: the page reads it again through the API, with its
//! own rights. Notices may be lost when a browser is slow; it is then told to read everything again.

use serde::Serialize;
use tokio::sync::broadcast;

/// What changed. As server-sent event: `event: alert`, `data: {"topic":"alert","id":"…",…}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "topic", rename_all = "lowercase")]
pub enum Notice {
    /// An alert is new, was seen again, or changed its state.
    Alert {
        /// Which one.
        id: String,
        /// Of which agency; who may not see it is not told.
        agency: i64,
    },
    /// A machine's state changed: heartbeat, ports, antivirus, silence.
    Machine {
        /// Which agent.
        id: String,
        /// Of which agency.
        agency: i64,
    },
    /// Rules were loaded.
    Rules,
    /// A look back waits, began or ended.
    Backtest,
}

/// Where notices go. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Bus(broadcast::Sender<Notice>);

/// Notices a slow browser may be behind; then it reads all again.
const BEHIND_MAX: usize = 1024;

impl Default for Bus {
    fn default() -> Self {
        Self(broadcast::channel(BEHIND_MAX).0)
    }
}

impl Bus {
    /// Tells whoever listens; nobody listening is fine.
    pub fn tell(&self, notice: Notice) {
        let _ = self.0.send(notice);
    }

    /// Listens from now on.
    pub fn listen(&self) -> broadcast::Receiver<Notice> {
        self.0.subscribe()
    }
}
