use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use soc_event::{Configuration, Event, kind};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::kept::{Kept, Tried};
use super::trial::{self, Verdict};
use super::{Offer, Offers};
use crate::config::{Effective, Local};
use crate::sensor::{Clock, Delivery, Observation, Outlet};
use crate::status::{Board, ConfigurationReport, Report};
use crate::{anomaly, caps, uplink};

/// How often a trial is judged.
const JUDGE_EVERY: Duration = Duration::from_secs(5);
/// Longest reason that is reported, in characters.
const REASON_CHARS_MAX: usize = 1000;

/// What the other rooms run with, changed here.
#[derive(Clone, Debug)]
pub struct Rooms {
    /// For the supervisor.
    pub effective: watch::Sender<Arc<Effective>>,
    /// For the uplink.
    pub uplink: watch::Sender<uplink::Config>,
    /// For the caps.
    pub caps: watch::Sender<caps::Config>,
    /// For the stage that judges logs.
    pub anomaly: watch::Sender<anomaly::Config>,
}

impl Rooms {
    /// Rooms that run with this.
    pub fn new(effective: Effective) -> Self {
        Self {
            uplink: watch::channel(effective.config.uplink.clone()).0,
            caps: watch::channel(effective.config.own.clone()).0,
            anomaly: watch::channel(effective.config.sensor.anomaly.clone()).0,
            effective: watch::channel(Arc::new(effective)).0,
        }
    }

    fn run_with(&self, effective: Effective) {
        put(&self.uplink, &effective.config.uplink);
        put(&self.anomaly, &effective.config.sensor.anomaly);
        self.caps.send_replace(effective.config.own.clone());
        self.effective.send_replace(Arc::new(effective));
    }
}

/// Changes what a room runs with; it is told only where that is something else.
fn put<C: Clone + PartialEq>(room: &watch::Sender<C>, config: &C) {
    room.send_if_modified(|known| {
        let is_new = known != config;
        known.clone_from(config);
        is_new
    });
}

/// Judges what the collector wants.
pub struct Remote {
    local: Local,
    state: PathBuf,
    kept: Kept,
    rooms: Rooms,
    offers: Offers,
    board: Board,
    outlet: Outlet,
    clock: Arc<dyn Clock>,
    /// How the agent was when the trial began, and when that was.
    before: Option<(Report, Instant)>,
    /// To be reported when the sensors' outlet takes it.
    news: Vec<Event>,
}

impl Remote {
    /// As it was left, or with the machine's file alone where that cannot be used any more.
    pub fn start(
        local: Local,
        state: PathBuf,
        offers: Offers,
        board: Board,
        outlet: Outlet,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let mut kept = match local.config.remote.enabled {
            true => Kept::load(&state),
            false => Kept::default(),
        };
        let given_up = kept.started();
        let rooms = Rooms::new(local.alone());
        let before = kept.trial.is_some().then(|| (board.report(), Instant::now()));
        let news = Vec::new();
        let mut remote =
            Self { local, state, kept, rooms, offers, board, outlet, clock, before, news };
        if let Some(configuration) = given_up {
            let why = "the agent was started again and again with it";
            remote.tell(&configuration, "rolled_back", why);
        }
        let running = remote.kept.running().clone();
        match remote.local.with(&running.layers) {
            Ok(effective) => remote.rooms.run_with(effective),
            Err(wrong) => remote.go_back(&running, "refused", &wrong.join("; ")),
        }
        remote.show(None);
        remote
    }

    /// What the other rooms run with.
    pub fn rooms(&self) -> Rooms {
        self.rooms.clone()
    }

    /// Judges until told to stop.
    pub async fn run(mut self, mut offers: mpsc::Receiver<Offer>, mut stop: watch::Receiver<bool>) {
        let mut tick = tokio::time::interval(JUDGE_EVERY);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        self.save().await;
        loop {
            self.report().await;
            tokio::select! {
                () = stopped(&mut stop) => return,
                Some(offer) = offers.recv() => self.consider(offer).await,
                _ = tick.tick(), if self.before.is_some() => self.judge().await,
            }
        }
    }

    async fn consider(&mut self, offer: Offer) {
        let Offer { wanted, configuration, done } = offer;
        self.kept.considered = wanted;
        if !self.local.config.remote.enabled {
            self.offers.set(wanted, 0);
        } else if configuration != *self.kept.running() {
            self.take(configuration);
            self.save().await;
        }
        self.offers.set(self.kept.considered, self.kept.running().version);
        // Whoever fetched it may be gone with its connection.
        let _ = done.send(());
    }

    fn take(&mut self, configuration: Configuration) {
        match self.local.with(&configuration.layers) {
            Ok(effective) => {
                // What had not proved good yet is nothing to go back to.
                self.before = Some((self.board.report(), Instant::now()));
                self.tell(&configuration, "applied", "");
                self.kept.trial = Some(Tried { configuration, starts: 1 });
                self.rooms.run_with(effective);
                self.show(None);
            }
            Err(wrong) => {
                let why = wrong.join("; ");
                self.tell(&configuration, "refused", &why);
                self.show(Some((&configuration, "refused", &why)));
            }
        }
    }

    async fn judge(&mut self) {
        let Some((before, began)) = &self.before else { return };
        let lasts = Duration::from_secs(self.local.config.remote.trial_s);
        match trial::judge(before, &self.board.report(), began.elapsed(), lasts) {
            Verdict::Undecided => return,
            Verdict::Good => {
                if let Some(tried) = self.kept.trial.take() {
                    tracing::info!(label = tried.configuration.label, "configuration kept");
                    self.kept.good = tried.configuration;
                }
                self.before = None;
                self.show(None);
            }
            Verdict::Worse(why) => {
                let running = self.kept.running().clone();
                self.go_back(&running, "rolled_back", &why);
                self.offers.set(self.kept.considered, self.kept.running().version);
            }
        }
        self.save().await;
    }

    /// Puts the last good one back, or the machine's file alone where even that is no good.
    fn go_back(&mut self, from: &Configuration, outcome: &'static str, why: &str) {
        let was_on_trial = self.kept.trial.take().is_some();
        self.before = None;
        let good = match was_on_trial {
            true => self.local.with(&self.kept.good.layers),
            false => Err(Vec::new()),
        };
        let effective = good.unwrap_or_else(|_| {
            self.kept.good = Configuration::default();
            self.local.alone()
        });
        self.rooms.run_with(effective);
        self.tell(from, outcome, why);
        self.show(Some((from, outcome, why)));
    }

    fn tell(&mut self, configuration: &Configuration, outcome: &'static str, why: &str) {
        let Configuration { version, label, .. } = configuration;
        let why: String = why.chars().take(REASON_CHARS_MAX).collect();
        tracing::info!(version, label, outcome, why, "configuration from the collector");
        let event = Event::own(self.clock.now(), kind::AGENT_CONFIGURATION)
            .with("configuration.version", *version)
            .with("configuration.label", label.chars().take(200).collect::<String>())
            .with("configuration.outcome", outcome)
            .with("configuration.reason", (!why.is_empty()).then_some(why));
        self.news.push(event);
    }

    /// For `soc-agent status`; `last` is what was not kept.
    fn show(&self, last: Option<(&Configuration, &'static str, &str)>) {
        self.offers.set(self.kept.considered, self.kept.running().version);
        let running = self.kept.running();
        self.board.change(|report| {
            let before = std::mem::take(&mut report.configuration);
            report.configuration = ConfigurationReport {
                version: running.version,
                label: running.label.clone(),
                is_on_trial: self.kept.trial.is_some(),
                not_kept: match last {
                    Some((of, outcome, why)) => Some(format!("{} {outcome}: {why}", of.label)),
                    None => before.not_kept.filter(|_| self.kept.trial.is_none()),
                },
            };
        });
    }

    async fn report(&mut self) {
        let news = std::mem::take(&mut self.news);
        if !news.is_empty() {
            let observations = news.into_iter().map(Observation::alert).collect();
            // Refused only when the agent stops.
            let _ = self.outlet.send(Delivery { observations, positions: Vec::new() }).await;
        }
    }

    async fn save(&self) {
        if !self.local.config.remote.enabled {
            return;
        }
        let (kept, state) = (self.kept.clone(), self.state.clone());
        let saving = tokio::task::spawn_blocking(move || kept.save(&state)).await;
        if let Ok(Err(error)) = saving {
            tracing::warn!(%error, "the configuration is not kept for the next start");
        }
    }
}

async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}
