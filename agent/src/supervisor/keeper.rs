//! Keeps one sensor running.

use std::sync::Arc;
use std::time::Duration;

use soc_event::{Event, kind};
use tokio::time::Instant;

use super::Supervisor;
use crate::backoff::Backoff;
use crate::sensor::{Delivery, Error, Observation};
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
    supervisor: Arc<Supervisor>,
    /// Of all sensors.
    names: Arc<[&'static str]>,
    name: &'static str,
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
        supervisor: Arc<Supervisor>,
        names: Arc<[&'static str]>,
        name: &'static str,
    ) -> Self {
        let retry = Backoff::new(RETRY_FIRST, RETRY_MOST);
        Self { supervisor, names, name, restarts: 0, retry }
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
        let sensors = (self.supervisor.build)();
        let Some(sensor) = sensors.into_iter().find(|sensor| sensor.name() == self.name) else {
            return End::Failed("it cannot be made again".to_owned());
        };
        let context = self.supervisor.context.clone();
        // A task of its own, so that a panic ends it alone; ended with us, so that none is left.
        let mut task = tokio::task::JoinSet::new();
        task.spawn(async move { sensor.run(context).await });
        match task.join_next().await {
            Some(Ok(Err(Error::Unavailable(why)))) => End::Unavailable(why),
            Some(Ok(Err(Error::Stopping(_)))) => End::Stopped,
            Some(Ok(Err(error))) => End::Failed(error.to_string()),
            Some(Ok(Ok(()))) if *self.supervisor.context.stop.borrow() => End::Stopped,
            Some(Ok(Ok(()))) => End::Failed("it ended without being told to".to_owned()),
            Some(Err(error)) => End::Failed(panic_text(error)),
            None => End::Stopped,
        }
    }

    async fn report(&mut self, why: &str) {
        self.restarts = self.restarts.saturating_add(1);
        tracing::error!(sensor = self.name, why, "sensor failed; it will be started again");
        let context = &self.supervisor.context;
        let event = Event::own(context.clock.now(), kind::AGENT_SENSOR_FAILED)
            .with("agent.sensor", self.name)
            .with("error.message", why)
            .with("agent.sensor.restarts", u64::from(self.restarts));
        let observations = vec![Observation::alert(event)];
        // Refused only when the agent stops.
        let _ = context.outlet.send(Delivery { observations, positions: Vec::new() }).await;
    }

    async fn is_stopped_within(&self, pause: Duration) -> bool {
        let mut stop = self.supervisor.context.stop.clone();
        tokio::time::timeout(pause, stop.wait_for(|stop| *stop)).await.is_ok()
    }

    fn note(&self, state: SensorState, why: Option<String>) {
        let entry = SensorReport { state, restarts: self.restarts, why };
        self.supervisor.note(&self.names, self.name, entry);
    }
}

fn panic_text(error: tokio::task::JoinError) -> String {
    let Ok(panic) = error.try_into_panic() else { return "it was cancelled".to_owned() };
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    format!("panicked: {}", text.unwrap_or_else(|| "no message".to_owned()))
}
