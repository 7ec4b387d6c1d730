//! Keeps one sensor running.

use std::sync::Arc;
use std::time::Duration;

use soc_event::{Event, kind};
use tokio::sync::watch;
use tokio::time::Instant;

use super::Shared;
use crate::backoff::Backoff;
use crate::config::Effective;
use crate::sensor::{Delivery, Error, Observation, Signs};
use crate::status::{SensorReport, SensorState};

/// First pause before a failed sensor is started again.
const RETRY_FIRST: Duration = Duration::from_secs(1);
/// Longest pause.
const RETRY_MOST: Duration = Duration::from_secs(600);
/// How often something that is not on this machine is looked for.
const UNAVAILABLE_RETRY: Duration = Duration::from_secs(300);
/// A sensor that ran so long begins with short pauses again.
const HEALTHY_AFTER: Duration = Duration::from_secs(600);

pub(super) struct Keeper {
    shared: Arc<Shared>,
    effective: Arc<Effective>,
    name: &'static str,
    /// What is said about it, but for its state.
    entry: SensorReport,
    signs: Signs,
    stop: watch::Receiver<bool>,
    restarts: u32,
    retry: Backoff,
}

/// How a sensor ended.
enum End {
    Stopped,
    Unavailable(String),
    Failed(String),
}

impl Keeper {
    pub(super) fn new(
        shared: Arc<Shared>,
        effective: Arc<Effective>,
        name: &'static str,
        entry: SensorReport,
        stop: watch::Receiver<bool>,
    ) -> Self {
        let retry = Backoff::new(RETRY_FIRST, RETRY_MOST);
        let signs = shared.board.signs(name);
        // Started again for another configuration it has not failed less.
        let restarts = shared.board.report().sensors.get(name).map_or(0, |entry| entry.restarts);
        Self { shared, effective, name, entry, signs, stop, restarts, retry }
    }

    pub(super) async fn run(mut self) {
        loop {
            self.note(SensorState::Running, None);
            let started = Instant::now();
            let end = self.run_once().await;
            if started.elapsed() >= HEALTHY_AFTER {
                self.retry.reset();
            }
            let pause = match end {
                End::Stopped => return self.note(SensorState::Stopped, None),
                End::Unavailable(why) => {
                    tracing::debug!(sensor = self.name, why, "nothing to watch here");
                    self.note(SensorState::Unavailable, Some(why));
                    UNAVAILABLE_RETRY
                }
                End::Failed(why) => {
                    self.report(&why).await;
                    self.note(SensorState::Failed, Some(why));
                    self.retry.pause()
                }
            };
            if self.is_stopped_within(pause).await {
                return self.note(SensorState::Stopped, None);
            }
        }
    }

    async fn run_once(&self) -> End {
        let sensors = (self.shared.build)(&self.effective.config.sensor);
        let Some(sensor) = sensors.into_iter().find(|sensor| sensor.name() == self.name) else {
            return End::Failed("it cannot be made again".to_owned());
        };
        let mut context = self.shared.context.clone();
        context.outlet = context.outlet.noted(self.signs.clone());
        context.stop = self.stop.clone();
        let patience = sensor.hangs_after();
        self.signs.note_alive();
        // A task of its own, so that a panic ends it alone; ended with us, so that none is left.
        let mut task = tokio::task::JoinSet::new();
        task.spawn(async move { sensor.run(context).await });
        let ended = tokio::select! {
            ended = task.join_next() => ended,
            silent = self.hangs(patience) => {
                return End::Failed(format!("it hung: no sign of life for {} s", silent.as_secs()));
            }
        };
        match ended {
            Some(Ok(Err(Error::Unavailable(why)))) => End::Unavailable(why),
            Some(Ok(Err(Error::Stopping(_)))) => End::Stopped,
            Some(Ok(Err(error))) => End::Failed(error.to_string()),
            Some(Ok(Ok(()))) if *self.stop.borrow() => End::Stopped,
            Some(Ok(Ok(()))) => End::Failed("it ended without being told to".to_owned()),
            Some(Err(error)) => End::Failed(panic_text(error)),
            None => End::Stopped,
        }
    }

    /// Returns when there was no sign of life for too long; the spool not taking anything is no
    /// fault of the sensor's.
    async fn hangs(&self, patience: Option<Duration>) -> Duration {
        let Some(patience) = patience else { return std::future::pending().await };
        loop {
            tokio::time::sleep(patience / 2).await;
            let silent = self.signs.alive().map_or(Duration::ZERO, |alive| alive.elapsed());
            if silent >= patience && !self.shared.context.outlet.is_full() {
                return silent;
            }
        }
    }

    async fn report(&mut self, why: &str) {
        self.restarts = self.restarts.saturating_add(1);
        tracing::error!(sensor = self.name, why, "sensor failed; it will be started again");
        let context = &self.shared.context;
        let event = Event::own(context.clock.now(), kind::AGENT_SENSOR_FAILED)
            .with("agent.sensor", self.name)
            .with("error.message", why)
            .with("agent.sensor.restarts", u64::from(self.restarts));
        let observations = vec![Observation::alert(event)];
        // Refused only when the agent stops.
        let _ = context.outlet.send(Delivery { observations, positions: Vec::new() }).await;
    }

    async fn is_stopped_within(&self, pause: Duration) -> bool {
        let mut stop = self.stop.clone();
        tokio::time::timeout(pause, stop.wait_for(|stop| *stop)).await.is_ok()
    }

    fn note(&self, state: SensorState, why: Option<String>) {
        let restarts = self.restarts;
        self.shared.note(self.name, SensorReport { state, restarts, why, ..self.entry.clone() });
    }
}

fn panic_text(error: tokio::task::JoinError) -> String {
    let Ok(panic) = error.try_into_panic() else { return "it was cancelled".to_owned() };
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    format!("panicked: {}", text.unwrap_or_else(|| "no message".to_owned()))
}
