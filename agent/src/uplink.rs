//! Delivers what the spool holds to the collector.
//!
//! One connection; each lane has one batch in flight, so lanes overtake each other and none waits
//! for another's answer. A batch is sent again until it is acknowledged. A collector that is busy
//! is waited for; a batch it will never take is halved until the one poisonous event is found,
//! which is set aside, so no event blocks a lane. Certificates are renewed here, and a clone's
//! second identity taken. Where the line is dear, logs wait for their hours and for the next day's
//! budget; alerts and states never do. What the collector wants this machine to be configured like
//! is fetched here and handed on unread. Nothing here ever deletes an identity.
//! The uplink knows nothing of sensors, and of events only that they are lines.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use soc_event::{RunId, Timestamp, limits};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use crate::backoff::Backoff;
use crate::clock::JudgedClock;
use crate::enrol::{self, Enrolment, Identity};
use crate::link::{self, Link, Proxy};
use crate::remote::Offers;
use crate::sensor::Root;
use crate::size::{Bytes, none_if_empty};
use crate::spool::Spool;
use crate::status::Board;

mod budget;
mod hours;
mod packing;
mod session;
mod verdict;

pub use budget::{LogsWait, Today};
pub use hours::Hours;
use session::{Ended, Session};

/// Settings of the uplink.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Most bytes of events in one batch, before compression. At most 4 MiB.
    pub batch_bytes: Bytes,
    /// Most bytes a second sent from the backlog of logs, whatever the collector allows.
    pub backlog_bytes_per_second: Bytes,
    /// Most bytes sent a day (by this machine's clock and zone); then logs wait for the next one.
    /// Alerts and states are counted, and never wait.
    #[serde(deserialize_with = "none_if_empty")]
    pub bytes_per_day: Option<Bytes>,
    /// Logs are sent between these hours only: `18:00-06:00`.
    #[serde(deserialize_with = "none_if_empty")]
    pub logs_between: Option<Hours>,
    /// A proxy on the way: `http://USER:PASSWORD@HOST:PORT`. It is asked by CONNECT to pass the
    /// connection on as it is, so it sees no content.
    #[serde(deserialize_with = "none_if_empty")]
    pub proxy: Option<Proxy>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            batch_bytes: Bytes::kibi(256),
            backlog_bytes_per_second: Bytes::mebi(4),
            bytes_per_day: None,
            logs_between: None,
            proxy: None,
        }
    }
}

impl Config {
    /// Everything that is out of range, each as one sentence with the name of the setting.
    pub fn mistakes(&self) -> Vec<String> {
        let mut mistakes = Vec::new();
        if self.batch_bytes > BATCH_BYTES_MOST {
            mistakes.push("uplink.batch_bytes is too large; it must be at most 4 MiB".to_owned());
        }
        if self.backlog_bytes_per_second < BACKLOG_LEAST {
            let wrong = "uplink.backlog_bytes_per_second is too small; it must be at least 1 KiB";
            mistakes.push(wrong.to_owned());
        }
        mistakes
    }
}

/// Half of what a batch may decompress to: room for one more event of the largest size.
const BATCH_BYTES_MOST: Bytes = Bytes::kibi(limits::BATCH_BYTES_DECOMPRESSED_MAX as u64 / 2048);
/// Slower, the lane would stand still.
const BACKLOG_LEAST: Bytes = Bytes::kibi(1);
/// An identity that is refused so soon was not worth a new connection at once.
const IDENTITY_LEAST: Duration = Duration::from_secs(10);
/// First pause after a connection failed.
const RETRY_FIRST: Duration = Duration::from_millis(500);
/// Longest pause.
const RETRY_MOST: Duration = Duration::from_secs(300);
/// How often an agent that is not enrolled looks whether it is now.
const IDENTITY_POLL: Duration = Duration::from_secs(2);

/// What the uplink works with.
pub struct Uplink {
    /// Settings, as they are now.
    pub config: watch::Receiver<Config>,
    /// Where the collector's configuration goes.
    pub offers: Offers,
    /// Where events come from.
    pub spool: Spool,
    /// The state folder, where the identity is.
    pub state: PathBuf,
    /// Where `/` is.
    pub root: Root,
    /// What time it is.
    pub clock: Arc<JudgedClock>,
    /// This start of the process.
    pub run: RunId,
    /// Which machine this is.
    pub fingerprint: String,
    /// Where to say how it goes.
    pub board: Board,
    /// Told when trying again at once makes sense: the machine woke up.
    pub nudge: Arc<Notify>,
}

impl Uplink {
    /// Delivers until told to stop.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        tokio::select! {
            () = self.deliver() => {}
            _ = stop.wait_for(|stop| *stop) => {}
        }
        self.board.change(|report| report.uplink.connected = false);
    }

    async fn deliver(&self) {
        let mut identity = self.identity().await;
        let mut backoff = Backoff::new(RETRY_FIRST, RETRY_MOST);
        let mut renewed: Option<Instant> = None;
        loop {
            self.say_who(&identity);
            let next = match self.connect(&identity).await {
                Ok(link) => self.one_link(&identity, link, &mut backoff).await,
                Err(error) => Next::Pause(error.to_string()),
            };
            match next {
                Next::Again(new) => identity = *new,
                Next::Identity(new) => {
                    identity = *new;
                    let before = renewed.replace(Instant::now());
                    if before.is_some_and(|at| at.elapsed() < IDENTITY_LEAST) {
                        let problem = "the collector wants one new certificate after the other";
                        self.pause(&mut backoff, problem.to_owned()).await;
                    }
                }
                Next::Pause(problem) => self.pause(&mut backoff, problem).await,
                Next::End => return,
            }
        }
    }

    async fn connect(&self, identity: &Identity) -> Result<Link, link::Error> {
        let proxy = self.config.borrow().proxy.clone();
        let client = Some(identity.client());
        Link::connect(&identity.peer(), proxy.as_ref(), client, self.clock.clone()).await
    }

    /// Uses a connection for as long as it lasts; says what to do after it.
    async fn one_link(&self, identity: &Identity, link: Link, backoff: &mut Backoff) -> Next {
        let session = Session::new(self, identity, &link);
        let ended = session.run().await;
        if session.has_delivered() {
            backoff.reset();
        }
        self.board.change(|report| report.uplink.connected = false);
        match ended {
            Ended::SpoolGone => Next::End,
            Ended::Renewed(identity) => Next::Identity(identity),
            Ended::Broken(error) => Next::Pause(error.to_string()),
            Ended::Expired => self.renew(identity, &link).await,
            Ended::Cloned(grant) => self.enrol_anew(identity, grant).await,
            Ended::Removed { wait, why } => {
                drop(link);
                Next::Again(self.removed(identity, wait, why).await)
            }
        }
    }

    /// After the collector said that the certificate is too old.
    async fn renew(&self, identity: &Identity, link: &Link) -> Next {
        tracing::info!("the certificate has expired; renewing it");
        match enrol::renew(identity, link, &self.state, &self.clock).await {
            Ok(renewed) => Next::Identity(Box::new(renewed)),
            Err(error) => Next::Pause(format!("certificate not renewed: {error}")),
        }
    }

    /// Another machine lives under our identity: become one of our own, with all that is unsent.
    async fn enrol_anew(&self, identity: &Identity, grant: String) -> Next {
        tracing::warn!(
            agent = %identity.agent(),
            "another machine is alive under this identity (a cloned disk?); enrolling anew"
        );
        let peer = identity.peer();
        let enrolment = Enrolment::of_machine(peer.address, grant, peer.pin, &self.root)
            .through(self.config.borrow().proxy.clone());
        let new = match enrol::enrol(&enrolment, &self.state, &self.clock).await {
            Ok(new) => new,
            Err(error) => return Next::Pause(format!("not enrolled anew: {error}")),
        };
        tracing::warn!(agent = %new.agent(), "enrolled anew");
        if self.spool.begin_epoch().await.is_err() {
            tracing::warn!("no new epoch in the spool; the new name keeps its ids apart");
        }
        Next::Identity(Box::new(new))
    }

    /// An operator removed this agent. That may have been a mistake, so it is asked again, but
    /// seldom; enrolled anew by hand meanwhile, it goes on at once.
    async fn removed(&self, old: &Identity, wait: Duration, why: String) -> Box<Identity> {
        tracing::warn!(%why, ?wait, "removed by an operator of the collector; events are kept");
        self.problem(format!(
            "removed by an operator of the collector ({why}); asked again once an hour. To bring \
             this machine back: `soc-agent enrol --again`"
        ));
        let until = Instant::now() + Backoff::new(wait, wait).pause();
        while Instant::now() < until {
            tokio::time::sleep(IDENTITY_POLL).await;
            match Identity::load(&self.state) {
                Ok(Some(new)) if new.agent() != old.agent() => return Box::new(new),
                _ => {}
            }
        }
        Box::new(self.identity().await)
    }

    /// The identity on disk, waited for if the machine is not enrolled yet.
    async fn identity(&self) -> Identity {
        let mut told = false;
        loop {
            match Identity::load(&self.state) {
                Ok(Some(identity)) => return identity,
                Ok(None) if !told => {
                    tracing::warn!(
                        "not enrolled; run `soc-agent enrol`. Events are kept until then"
                    );
                    self.problem("not enrolled: run `soc-agent enrol`".to_owned());
                }
                Ok(None) => {}
                Err(error) if !told => {
                    tracing::error!(%error, "no usable identity; events are kept");
                    self.problem(error.to_string());
                }
                Err(_) => {}
            }
            told = true;
            tokio::time::sleep(IDENTITY_POLL).await;
        }
    }

    async fn pause(&self, backoff: &mut Backoff, problem: String) {
        let pause = backoff.pause();
        // The first failure is worth a line, the hundredth is not.
        if backoff.failures() <= 1 {
            tracing::warn!(%problem, "no connection to the collector; events are kept");
        }
        tracing::debug!(%problem, ?pause, "trying again later");
        self.board.change(|report| report.uplink.failures += 1);
        self.problem(problem);
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = self.nudge.notified() => {}
        }
    }

    fn problem(&self, problem: String) {
        self.board.change(|report| report.uplink.problem = Some(problem));
    }

    fn say_who(&self, identity: &Identity) {
        self.board.change(|report| {
            report.agent = Some(identity.agent());
            report.collector = Some(format!("https://{}", identity.peer().address));
            report.uplink.certificate_expires = Some(identity.expires());
        });
    }

    fn now(&self) -> Timestamp {
        self.clock.system()
    }
}

/// What to do after a connection.
enum Next {
    /// Connect at once as this one.
    Identity(Box<Identity>),
    /// The same after a long wait.
    Again(Box<Identity>),
    /// Wait, then try again.
    Pause(String),
    /// Nothing more can be delivered.
    End,
}

#[cfg(test)]
mod tests;
