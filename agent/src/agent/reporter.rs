//! What the agent knows about itself, carried to where it is shown.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::clock::JudgedClock;
use crate::sensor::host::Vitals;
use crate::spool;
use crate::status::{self, Board, ClockReport, SpoolReport};

/// How soon after the start the status is written first.
const FIRST_WRITE: Duration = Duration::from_secs(2);

/// Carries what spool and clock know to heartbeat and status file.
pub(super) struct Reporter {
    pub view: watch::Receiver<spool::View>,
    pub board: Board,
    pub clock: Arc<JudgedClock>,
    pub vitals: Arc<Vitals>,
    pub state: PathBuf,
}

impl Reporter {
    pub(super) async fn run(mut self, mut stop: watch::Receiver<bool>) {
        // First when there is something to say.
        let first = tokio::time::Instant::now() + FIRST_WRITE;
        let mut tick = tokio::time::interval_at(first, status::WRITE_INTERVAL);
        loop {
            let is_last = tokio::select! {
                _ = tick.tick() => false,
                Ok(()) = self.view.changed() => {
                    self.refresh();
                    continue;
                }
                _ = stop.wait_for(|stop| *stop) => true,
            };
            self.refresh();
            self.write().await;
            if is_last {
                return;
            }
        }
    }

    fn refresh(&mut self) {
        let view = self.view.borrow_and_update().clone();
        self.vitals.set_spool(view.bytes(), view.unsent(), view.dropped());
        let offset_us = self.clock.offset_us();
        offset_us.into_iter().for_each(|offset| self.vitals.set_clock_offset_us(offset));
        let clock = ClockReport { offset_us, judged: self.clock.judged() };
        let (written, logs) = (self.clock.system(), self.vitals.logs().all());
        self.vitals.set_connections(self.board.report().uplink.connections);
        self.board.change(|report| {
            report.spool = SpoolReport::of(&view);
            (report.clock, report.written, report.logs) = (clock, written, logs);
        });
    }

    async fn write(&self) {
        let (report, state) = (self.board.report(), self.state.clone());
        let writing = tokio::task::spawn_blocking(move || status::write(&report, &state));
        if let Ok(Err(error)) = writing.await {
            tracing::debug!(%error, "status file not written");
        }
    }
}
