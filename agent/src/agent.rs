//! The rooms, wired together: one running agent from its start to its goodbye.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use soc_event::{Event, RunId, kind};
use tokio::net::TcpListener;
use tokio::sync::{Notify, mpsc, watch};

use crate::anomaly;
use crate::caps::{Caps, Shed};
use crate::clock::JudgedClock;
use crate::config::Local;
use crate::enrol;
use crate::remote::{Offers, Remote, Rooms};
use crate::ring;
use crate::sensor::host::Vitals;
use crate::sensor::{self, Clock, Context, Delivery, Observation, Outlet, Root, SystemClock};
use crate::spool::{self, Spool};
use crate::status::{self, Board};
use crate::supervisor::{Supervisor, Wish};
use crate::uplink::Uplink;

mod reporter;

use reporter::Reporter;

/// How long the last events may take to reach the collector.
const GOODBYE: Duration = Duration::from_secs(5);
/// Signs of waking up this close to each other are one.
const WAKE_ONCE: Duration = Duration::from_secs(30);

/// What an agent is started with.
pub struct Setup {
    /// This machine's own settings.
    pub local: Local,
    /// The state folder.
    pub state: PathBuf,
    /// Where `/` is.
    pub root: Root,
    /// Where metrics are scraped, if they are.
    pub metrics: Option<TcpListener>,
    /// What the system wants; the agent ends when nobody can wish any more.
    pub wishes: mpsc::Receiver<Wish>,
}

/// The agent cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The spool cannot be opened.
    #[error(transparent)]
    Spool(#[from] spool::Error),
    /// The spool's thread has ended by itself; start the agent again.
    #[error("the spool has ended unexpectedly")]
    SpoolGone,
}

struct Agent {
    spool: Spool,
    outlet: Outlet,
    board: Board,
    clock: Arc<JudgedClock>,
    vitals: Arc<Vitals>,
    state: PathBuf,
    root: Root,
    nudge: Arc<Notify>,
    run: RunId,
}

/// Observes and delivers until the system wishes otherwise.
///
/// # Errors
/// [`Error`]; everything that can go on by itself does.
pub async fn run(setup: Setup) -> Result<(), Error> {
    let Setup { mut local, state, root, metrics, mut wishes } = setup;
    local.fit_to(crate::sensor::host::memory_bytes(&root));
    let fingerprint = enrol::fingerprint(&root);
    let (outlet, deliveries) = Outlet::channel();
    let (observed, observations) = Outlet::channel();
    let (spool, thread) = Spool::open(
        &state,
        spool::Setup {
            config: local.config.spool.clone(),
            fingerprint: fingerprint.clone(),
            clock: Arc::new(SystemClock),
            deliveries,
        },
    )?;
    let clock = Arc::new(JudgedClock::of_this_machine());
    spool.learned().into_iter().for_each(|time| clock.remember(time));
    let run = RunId::from_random(rand::random());
    let agent = Agent {
        spool,
        outlet,
        board: Board::new(run),
        clock,
        vitals: Arc::default(),
        state,
        root,
        nudge: Arc::default(),
        run,
    };
    agent.remember();
    agent.say(agent.started()).await;
    let ring_config = local.config.ring.clone();
    let (offers, offered) = Offers::channel();
    let remote = agent.remote(local, offers.clone());
    let rooms = remote.rooms();
    let shed = watch::channel(Shed::new()).0;
    let (stop_sensors, sensors_stopped) = watch::channel(false);
    let (stop_uplink, uplink_stopped) = watch::channel(false);
    let (stop_reporter, reporter_stopped) = watch::channel(false);
    if let Some(listener) = metrics {
        listener.local_addr().into_iter().for_each(|at| agent.vitals.set_metrics_address(at));
        let serving = crate::metrics::serve(listener, agent.board.clone(), uplink_stopped.clone());
        tokio::spawn(serving);
    }
    let (judged, staying) = Outlet::channel();
    let anomalies = tokio::spawn(agent.anomalies(&rooms, judged).run(observations));
    let committed = ring::Mark::committed(&agent.spool);
    let folder = ring::folder(&agent.state);
    let ring = ring::run(ring_config, folder, committed, staying, agent.outlet.clone());
    let ring = tokio::spawn(ring);
    let supervisor = agent.supervisor(&rooms, &shed, observed, &sensors_stopped);
    let sensors = tokio::spawn(supervisor.run(sensors_stopped.clone()));
    tokio::spawn(remote.run(offered, sensors_stopped.clone()));
    tokio::spawn(agent.caps(&rooms, shed).run(sensors_stopped));
    let uplink = agent.uplink(&rooms, offers, fingerprint);
    let uplink = tokio::spawn(uplink.run(uplink_stopped.clone()));
    let reporter = tokio::spawn(agent.reporter().run(reporter_stopped));
    let ended = agent.obey(&mut wishes).await;
    stop_sensors.send_replace(true);
    let _ = sensors.await;
    // Each ends when it has passed on what the sensors saw last.
    let _ = tokio::time::timeout(GOODBYE, anomalies).await;
    let _ = tokio::time::timeout(GOODBYE, ring).await;
    if let Ok(reason) = ended {
        agent.goodbye(reason).await;
    }
    stop_uplink.send_replace(true);
    let _ = uplink.await;
    // Last, so that the file left behind says how it ended.
    stop_reporter.send_replace(true);
    let _ = reporter.await;
    agent.spool.stop().await;
    let _ = tokio::task::spawn_blocking(move || thread.join()).await;
    ended.map(|_| ())
}

impl Agent {
    /// Fulfils wishes until one of them ends the agent.
    async fn obey(&self, wishes: &mut mpsc::Receiver<Wish>) -> Result<&'static str, Error> {
        let mut view = self.spool.view();
        let mut woke: Option<tokio::time::Instant> = None;
        loop {
            let wish = tokio::select! {
                wish = wishes.recv() => wish.unwrap_or(Wish::Stop),
                gone = gone(&mut view) => return Err(gone),
            };
            match wish {
                Wish::Stop => return Ok("stop"),
                Wish::Shutdown => return Ok("shutdown"),
                Wish::Sleep => self.goodbye("sleep").await,
                Wish::Wake => {
                    // Told by the hook and noticed by the clocks: once is enough.
                    if woke.is_none_or(|at| at.elapsed() > WAKE_ONCE) {
                        self.say(self.started()).await;
                    }
                    woke = Some(tokio::time::Instant::now());
                    self.nudge.notify_one();
                }
            }
        }
    }

    fn started(&self) -> Event {
        let event = Event::own(SystemClock.now(), kind::AGENT_STARTED)
            .with("agent.version", env!("CARGO_PKG_VERSION"))
            .with("agent.run", self.run.0)
            .with("agent.clock.judged", self.clock.judged().to_string());
        match boot_time(&self.root) {
            Some(time) => event.with("host.boot_time", time.to_string()),
            None => event,
        }
    }

    /// Says that we leave, and waits until the collector knows it, but not long.
    async fn goodbye(&self, reason: &'static str) {
        let event = Event::own(SystemClock.now(), kind::AGENT_STOPPED);
        self.say(event.with("agent.stop.reason", reason)).await;
        if self.spool.flush().await.is_err() || !self.board.report().uplink.connected {
            return;
        }
        let mut view = self.spool.view();
        let delivered = view.wait_for(|view| view.unsent() == 0);
        let _ = tokio::time::timeout(GOODBYE, delivered).await;
    }

    async fn say(&self, event: Event) {
        let observations = vec![Observation::alert(event)];
        let delivery = Delivery { observations, positions: Vec::new() };
        // With a full disk the queue may be full as well; leaving must not hang on it.
        let _ = tokio::time::timeout(GOODBYE, self.outlet.send(delivery)).await;
    }

    /// What was sent today counts across restarts.
    fn remember(&self) {
        if let Ok(Some(before)) = status::read(&self.state) {
            self.board.change(|report| report.uplink.today = before.uplink.today);
        }
    }

    fn remote(&self, local: Local, offers: Offers) -> Remote {
        let (state, board, outlet) = (self.state.clone(), self.board.clone(), self.outlet.clone());
        Remote::start(local, state, offers, board, outlet, Arc::new(SystemClock))
    }

    fn caps(&self, rooms: &Rooms, shed: watch::Sender<Shed>) -> Caps {
        Caps {
            config: rooms.caps.subscribe(),
            board: self.board.clone(),
            shed,
            outlet: self.outlet.clone(),
            clock: Arc::new(SystemClock),
            root: self.root.clone(),
        }
    }

    fn anomalies(&self, rooms: &Rooms, outlet: Outlet) -> anomaly::Stage {
        anomaly::Stage {
            config: rooms.anomaly.subscribe(),
            state: self.state.clone(),
            root: self.root.clone(),
            clock: self.clock.clone(),
            positions: Arc::new(self.spool.clone()),
            outlet,
        }
    }

    /// What sensors see goes to `observed`; what the agent itself says goes straight to the spool.
    fn supervisor(
        &self,
        rooms: &Rooms,
        shed: &watch::Sender<Shed>,
        observed: Outlet,
        stop: &watch::Receiver<bool>,
    ) -> Supervisor {
        let (vitals, told) = (self.vitals.clone(), self.vitals.clone());
        let state = self.state.clone();
        Supervisor {
            build: Arc::new(move |config| sensor::build(config, &vitals, &state)),
            context: Context {
                root: self.root.clone(),
                clock: Arc::new(SystemClock),
                positions: Arc::new(self.spool.clone()),
                outlet: observed,
                stop: stop.clone(),
            },
            board: self.board.clone(),
            running: Arc::new(move |names| told.set_sensors(names)),
            effective: rooms.effective.subscribe(),
            shed: shed.subscribe(),
        }
    }

    fn uplink(&self, rooms: &Rooms, offers: Offers, fingerprint: String) -> Uplink {
        Uplink {
            config: rooms.uplink.subscribe(),
            offers,
            spool: self.spool.clone(),
            state: self.state.clone(),
            root: self.root.clone(),
            clock: self.clock.clone(),
            run: self.run,
            fingerprint,
            board: self.board.clone(),
            nudge: self.nudge.clone(),
        }
    }

    fn reporter(&self) -> Reporter {
        Reporter {
            view: self.spool.view(),
            board: self.board.clone(),
            clock: self.clock.clone(),
            vitals: self.vitals.clone(),
            state: self.state.clone(),
        }
    }
}

/// Returns when the spool's thread has ended.
async fn gone(view: &mut watch::Receiver<spool::View>) -> Error {
    while view.changed().await.is_ok() {}
    Error::SpoolGone
}

/// When the machine started, by its own clock. Source: proc(5), /proc/stat, `btime`.
fn boot_time(root: &Root) -> Option<soc_event::Timestamp> {
    let text = std::fs::read_to_string(root.path("/proc/stat")).ok()?;
    let seconds = text.lines().find_map(|line| line.strip_prefix("btime "))?;
    let seconds: i64 = seconds.trim().parse().ok()?;
    Some(soc_event::Timestamp::from_micros(seconds.saturating_mul(1_000_000)))
}

#[cfg(test)]
mod tests;
