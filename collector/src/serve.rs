//! Puts the rooms together on a data folder, runs them, and stops them in order.
//!
//! Stopping: the doors first, so that nothing new comes in and open answers go out; then the
//! readers, which commit what they have; then the journal and the database. A room that ends by
//! itself ends the process: whoever supervises it starts it again, from what is on disk.

use std::net::SocketAddr;
use std::time::Duration;

use prometheus::Registry;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::access::oidc::Provider;
use crate::access::{self, Access, FirstAdministrator, Password};
use crate::alert::Alerts;
use crate::api::{Api, Door, Rooms, Tls};
use crate::archive::{self, Archive};
use crate::backtest::{self, Backtests};
use crate::backup;
use crate::clock::Clock;
use crate::config::Config;
use crate::configuration::{self, Configurations};
use crate::control::{self, Control};
use crate::dashboard::Dashboard;
use crate::detect::Detect;
use crate::fleet::{self, Fleet};
use crate::folder::{self, Addresses, Folder};
use crate::gateway::Gateway;
use crate::hunt::{self, Hunts};
use crate::import::Desk;
use crate::journal::{self, Journal};
use crate::live::Bus;
use crate::pki::{self, Pki};
use crate::reorganise::Reorganiser;
use crate::rulebook::Rulebook;
use crate::silence::Silences;
use crate::stop::stopped;
use crate::store::{self, Store};
use crate::tuning::{self, Tuning};
use crate::{metrics, rulebook};

pub use alone::{Alone, Running};

mod alone;

/// Agency of the first start, so that a machine can be enrolled at once.
const FIRST_AGENCY: (&str, &str) = ("LOCAL", "LOCAL");
/// How long rooms may take to stop.
const STOP_WITHIN: Duration = Duration::from_secs(20);

/// The rooms that keep something, open on a data folder.
#[derive(Debug)]
pub struct Kept {
    pub(crate) folder: Folder,
    pub(crate) registry: Registry,
    pub(crate) clock: Clock,
    pub(crate) bus: Bus,
    pub(crate) store: Store,
    pub(crate) journal: Journal,
    pub(crate) pki: Pki,
    pub(crate) fleet: Fleet,
    pub(crate) configurations: Configurations,
    pub(crate) access: Access,
    pub(crate) alerts: Alerts,
    pub(crate) tuning: Tuning,
    pub(crate) hunts: Hunts,
    pub(crate) archive: Archive,
}

/// What is to be told to the person who started the collector.
#[derive(Debug)]
pub enum Said<'a> {
    /// The first administrator's one-time password; until it is changed it is in `first-password`.
    FirstPassword(&'a Password),
    /// A password was given, but there are operators already.
    PasswordIgnored,
    /// The doors are open.
    Ready(&'a Addresses),
}

/// The collector cannot start or had to stop.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The data folder.
    #[error(transparent)]
    Folder(#[from] folder::Error),
    /// The database.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The journal.
    #[error(transparent)]
    Journal(#[from] journal::Error),
    /// Certificates.
    #[error(transparent)]
    Pki(#[from] pki::Error),
    /// Events for months.
    #[error("archive: {0}")]
    Archive(#[from] archive::Error),
    /// Agencies and machines.
    #[error(transparent)]
    Fleet(#[from] fleet::Error),
    /// What agents are configured like.
    #[error(transparent)]
    Configuration(#[from] configuration::Error),
    /// What operators hold back.
    #[error("exceptions: {0}")]
    Tuning(#[from] tuning::OpenError),
    /// Questions to events.
    #[error("hunts: {0}")]
    Hunt(#[from] hunt::Error),
    /// The first administrator.
    #[error("first administrator: {0}")]
    Access(#[from] access::Error),
    /// The agents' door.
    #[error(transparent)]
    Gateway(#[from] crate::gateway::Error),
    /// An address that cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// The socket for commands.
    #[error("control socket: {0}")]
    Socket(std::io::Error),
    /// Encryption of the people's door.
    #[error("people's door: {0}")]
    Tls(#[from] rustls::Error),
    /// Two rooms count under one name.
    #[error("metrics: {0}")]
    Metrics(#[from] prometheus::Error),
    /// A room ended though nobody had asked it to.
    #[error("{0} ended by itself; the log says more")]
    RoomEnded(&'static str),
}

impl Kept {
    /// Opens the folder and everything in it.
    ///
    /// # Errors
    /// The first thing that could not be opened.
    pub async fn open(config: &Config, clock: Clock) -> Result<Self, Error> {
        let folder = Folder::open(&config.data)?;
        let registry = metrics::registry()?;
        let bus = Bus::default();
        let database = folder.private_file("state.sqlite")?;
        let store = Store::open(&database).await?;
        let least = archive::next_position(&store).await.map_err(archive::Error::from)?;
        let file = folder.file("journal.redb");
        let journal = Journal::open_from(&file, &config.journal, &registry, least)?;
        let pki = Pki::open(&folder.file("pki"), &config.names)?;
        let fleet = Fleet::new(
            store.clone(),
            journal.clone(),
            bus.clone(),
            clock.clone(),
            config.fleet,
            &registry,
        )
        .await?;
        if fleet.agencies(&soc_archive::Agencies::All).await?.is_empty() {
            let (code, name) = FIRST_AGENCY;
            fleet.ensure_agency(code, name).await?;
        }
        let access =
            Access::new(store.clone(), clock.clone(), folder.file("first-password"), &registry)?
                .with(config.access.clone())
                .through(config.oidc.clone().map(Provider::open).transpose()?);
        access.bind_deeds().await?;
        let configurations =
            Configurations::new(store.clone(), fleet.clone(), clock.clone()).await?;
        let archive = Archive::open(
            folder.file("archive"),
            config.archive,
            store.clone(),
            journal.clone(),
            fleet.clone(),
            clock.clone(),
            &registry,
        )
        .await?;
        let alerts = Alerts::new(store.clone(), clock.clone(), bus.clone(), &registry)?;
        let rooms = tuning::Rooms {
            store: store.clone(),
            journal: journal.clone(),
            alerts: alerts.clone(),
            clock: clock.clone(),
            bus: bus.clone(),
        };
        let tuning = Tuning::open(rooms, &registry).await?;
        let hunts = Hunts::new(
            config.hunt.clone(),
            hunt::Rooms {
                keeper: Box::new(archive.clone()),
                journal: journal.clone(),
                fleet: fleet.clone(),
                access: access.clone(),
                alerts: alerts.clone(),
                store: store.clone(),
                clock: clock.clone(),
            },
        )?;
        Ok(Self {
            folder,
            registry,
            clock,
            bus,
            store,
            journal,
            pki,
            fleet,
            configurations,
            access,
            alerts,
            tuning,
            hunts,
            archive,
        })
    }

    /// What commands are done with.
    pub fn control(&self, config: &Config, agents_port: u16) -> Control {
        Control {
            access: self.access.clone(),
            fleet: self.fleet.clone(),
            agencies: Reorganiser {
                store: self.store.clone(),
                fleet: self.fleet.clone(),
                archive: self.archive.clone(),
                configurations: self.configurations.clone(),
                clock: self.clock.clone(),
            },
            hunts: self.hunts.clone(),
            configurations: self.configurations.clone(),
            pki: self.pki.clone(),
            journal: self.journal.clone(),
            clock: self.clock.clone(),
            backtests: None,
            imports: self.imports(),
            backups: backup::Source {
                data: self.folder.path().to_owned(),
                store: self.store.clone(),
                journal: self.journal.clone(),
            },
            agents_url: agents_url(config, agents_port),
        }
    }

    /// Rules that look back.
    pub(crate) fn backtests(
        &self,
        config: &Config,
        rulebook: &Rulebook,
        detect: &Detect,
    ) -> prometheus::Result<Backtests> {
        let rooms = backtest::Rooms {
            store: self.store.clone(),
            journal: self.journal.clone(),
            archive: self.archive.clone(),
            fleet: self.fleet.clone(),
            rulebook: rulebook.clone(),
            detect: detect.clone(),
            bus: self.bus.clone(),
            clock: self.clock.clone(),
            folder: self.folder.file("look-back"),
        };
        Backtests::new(rooms, config.backtest, &self.registry)
    }

    /// What takes logs that are imported.
    pub fn imports(&self) -> Desk {
        Desk {
            store: self.store.clone(),
            journal: self.journal.clone(),
            fleet: self.fleet.clone(),
            access: self.access.clone(),
            clock: self.clock.clone(),
        }
    }

    /// Closes it, after a command.
    pub async fn close(self) {
        self.store.close().await;
    }
}

/// Runs the collector until told to stop.
///
/// # Errors
/// Why it could not start, or which room ended by itself.
pub async fn run(
    config: Config,
    password: Option<Password>,
    mut shutdown: watch::Receiver<bool>,
    say: &mut (dyn FnMut(Said<'_>) + Send),
) -> Result<(), Error> {
    let kept = Kept::open(&config, Clock::system()).await?;
    let (people, agents) = (listen(config.api.listen).await?, listen(config.agents_listen).await?);
    first_administrator(&kept.access, password, say).await?;
    let (doors_stop, doors) = watch::channel(false);
    let (readers_stop, readers) = watch::channel(false);
    let (mut door_rooms, mut reader_rooms) = (JoinSet::new(), JoinSet::new());
    let port = agents.local_addr().map_or(config.agents_listen.port(), |at| at.port());
    let addresses = addresses(&config, &people, port);
    let control = kept.control(&config, port);
    let api = start_readers(&kept, &config, control, &people, &readers, &doors, &mut reader_rooms)?;
    let gateway = Gateway::new(
        config.gateway,
        kept.pki.clone(),
        kept.journal.clone(),
        kept.fleet.clone(),
        kept.configurations.clone(),
        kept.archive.clone(),
        &kept.registry,
    )?;
    let tls = speaks_tls(&config).then(|| Tls::new(&kept.pki)).transpose()?;
    let door = Door::new(people, api.router(), tls, &kept.registry)?;
    let socket = control::listen(kept.folder.path()).map_err(Error::Socket)?;
    let agents = gateway.run(agents, doors.clone());
    start(&mut door_rooms, "gateway", async {
        if let Err(error) = agents.await {
            tracing::error!(%error, "the agents' door could not be opened");
        }
    });
    start(&mut door_rooms, "api", door.run(doors.clone()));
    start(&mut door_rooms, "control", socket.run(api.control.clone(), doors.clone()));
    kept.folder.write_addresses(&addresses)?;
    say(Said::Ready(&addresses));

    let ended = tokio::select! {
        () = stopped(&mut shutdown) => None,
        ended = door_rooms.join_next() => Some(name_of(ended)),
        ended = reader_rooms.join_next() => Some(name_of(ended)),
    };
    tracing::info!("stopping");
    doors_stop.send_replace(true);
    stop(&mut door_rooms).await;
    readers_stop.send_replace(true);
    stop(&mut reader_rooms).await;
    drop(api);
    kept.close().await;
    ended.map_or(Ok(()), |name| Err(Error::RoomEnded(name)))
}

/// Starts what works on the journal, and gives what the door answers from.
fn start_readers(
    kept: &Kept,
    config: &Config,
    control: Control,
    people: &TcpListener,
    readers: &watch::Receiver<bool>,
    doors: &watch::Receiver<bool>,
    rooms: &mut JoinSet<&'static str>,
) -> Result<Api, Error> {
    let Kept { registry, clock, bus, store, journal, fleet, access, .. } = kept;
    let (rulebook, watcher) = rulebook::open(config.rulebook.clone(), bus.clone(), registry)?;
    let alerts = kept.alerts.clone();
    let detect = Detect::new(
        journal.clone(),
        store.clone(),
        alerts.clone(),
        fleet.clone(),
        rulebook.clone(),
        bus.clone(),
        registry,
    )?
    .with_tuning(&kept.tuning);
    let hunts = kept.hunts.clone();
    let backtests = kept.backtests(config, &rulebook, &detect)?;
    let control = Control { backtests: Some(backtests.clone()), ..control };
    let listen = people.local_addr().unwrap_or(config.api.listen);
    let api = Api::new(Rooms {
        access: access.clone(),
        alerts,
        tuning: kept.tuning.clone(),
        silences: Silences::new(store.clone(), clock.clone(), bus.clone()),
        fleet: fleet.clone(),
        hunts: hunts.clone(),
        archive: kept.archive.clone(),
        journal: journal.clone(),
        rulebook,
        detect: detect.clone(),
        backtests: backtests.clone(),
        store: store.clone(),
        bus: bus.clone(),
        clock: clock.clone(),
        registry: registry.clone(),
        dashboard: Dashboard::embedded(),
        control,
        config: crate::api::Config { listen, ..config.api.clone() },
        shutdown: doors.clone(),
    });
    start(rooms, "rulebook", watcher.run(readers.clone()));
    start(rooms, "detect", detect.run(readers.clone()));
    start(rooms, "tuning", kept.tuning.clone().run(readers.clone()));
    start(rooms, "hunt", hunts.run(readers.clone()));
    start(rooms, "backtest", backtests.run(readers.clone()));
    start(rooms, "fleet", fleet.clone().run(readers.clone()));
    start(rooms, "archive", kept.archive.clone().run(readers.clone()));
    start(rooms, "configuration", kept.configurations.clone().run(readers.clone()));
    start(rooms, "health", api.clone().watch_health(readers.clone()));
    Ok(api)
}

fn start(
    rooms: &mut JoinSet<&'static str>,
    name: &'static str,
    room: impl Future<Output = ()> + Send + 'static,
) {
    rooms.spawn(async move {
        room.await;
        name
    });
}

fn name_of(ended: Option<Result<&'static str, tokio::task::JoinError>>) -> &'static str {
    match ended {
        Some(Ok(name)) => name,
        Some(Err(error)) => {
            tracing::error!(%error, "a room ended");
            "a room"
        }
        None => "all rooms",
    }
}

async fn stop(rooms: &mut JoinSet<&'static str>) {
    let all = async { while rooms.join_next().await.is_some() {} };
    if tokio::time::timeout(STOP_WITHIN, all).await.is_err() {
        tracing::warn!("rooms did not stop in time; ended");
        rooms.shutdown().await;
    }
}

async fn listen(address: SocketAddr) -> Result<TcpListener, Error> {
    TcpListener::bind(address).await.map_err(|source| Error::Listen { address, source })
}

async fn first_administrator(
    access: &Access,
    password: Option<Password>,
    say: &mut (dyn FnMut(Said<'_>) + Send),
) -> Result<(), Error> {
    let given = password.is_some();
    match access.first_administrator(password).await? {
        FirstAdministrator::Random(password) => say(Said::FirstPassword(&password)),
        FirstAdministrator::Exists if given => say(Said::PasswordIgnored),
        FirstAdministrator::Exists | FirstAdministrator::Given => {}
    }
    Ok(())
}

/// Beyond this machine nobody's password travels in the clear.
fn speaks_tls(config: &Config) -> bool {
    !config.api.listen.ip().is_loopback() && !config.api.plain_http_behind_proxy
}

fn addresses(config: &Config, people: &TcpListener, agents_port: u16) -> Addresses {
    let scheme = if speaks_tls(config) { "https" } else { "http" };
    let people = people.local_addr().unwrap_or(config.api.listen);
    let agents = SocketAddr::new(config.agents_listen.ip(), agents_port);
    Addresses {
        people: format!("{scheme}://{people}"),
        agents: format!("https://{agents}"),
        pid: std::process::id(),
    }
}

/// How agents are told to reach the collector: by its configured name, else by this machine's.
fn agents_url(config: &Config, port: u16) -> String {
    let own = || std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = match config.names.first() {
        Some(name) => name.clone(),
        None if config.agents_listen.ip().is_loopback() => "localhost".into(),
        None => own().trim().to_owned(),
    };
    let host = if host.is_empty() { "localhost".into() } else { host };
    let host = if host.contains(':') { format!("[{host}]") } else { host };
    format!("https://{host}:{port}")
}

#[cfg(test)]
mod tests;
