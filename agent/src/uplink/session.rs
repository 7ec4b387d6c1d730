//! One connection from its first batch to its end.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use soc_event::{Ack, Configuration, Envelope, Lane, Pace, Sequence, Timestamp, limits, wire};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::packing::{PackError, Packer};
use super::verdict::{self, Verdict};
use super::{BACKLOG_LEAST, RETRY_MOST, Uplink};
use crate::backoff::Backoff;
use crate::enrol::{self, Identity};
use crate::link::{self, Answer, Link};
use crate::spool::{Acknowledgement, Batch, BatchLimits, Unavailable};

/// Longest wait between batches a collector can ask for.
const WAIT_MOST: Duration = Duration::from_secs(60);
/// How long logs wait for alerts and states to go first.
const YIELD_MOST: Duration = Duration::from_secs(1);
/// How often it is looked whether logs may go again: clocks jump.
const LOOK_AGAIN: Duration = Duration::from_secs(60);
/// Pause after a configuration could not be fetched.
const FETCH_RETRY: Duration = Duration::from_secs(60);
/// A collector that names another version with every answer is not asked more often.
const FETCH_PAUSE: Duration = Duration::from_millis(if cfg!(test) { 1 } else { 10_000 });
/// How often it is looked whether the certificate is to be renewed.
const RENEWAL_POLL: Duration = Duration::from_secs(60);
/// How often the collector's time is handed to the spool for keeping.
const KEEP_TIME_EVERY: Duration = Duration::from_secs(60);

/// Why a session ended.
pub(super) enum Ended {
    /// The connection is gone.
    Broken(link::Error),
    /// The collector wants a newer certificate.
    Expired,
    /// There is a new certificate: connect with it.
    Renewed(Box<Identity>),
    /// Another machine has our identity; the grant for a new one.
    Cloned(String),
    /// An operator removed this agent: nothing will be taken for so long.
    Removed { wait: Duration, why: String },
    /// The spool's thread has ended.
    SpoolGone,
}

pub(super) struct Session<'a> {
    uplink: &'a Uplink,
    identity: &'a Identity,
    link: &'a Link,
    packer: Packer,
    delivered: AtomicBool,
    /// The collector has the dictionary.
    dictionary: AtomicBool,
    acknowledged: Notify,
    time_kept: std::sync::Mutex<Option<Instant>>,
}

/// What one lane remembers between its batches.
struct LaneState {
    /// Most events in the next batch: halved at a refusal, doubled at a success.
    events: u32,
    /// Not before.
    next_at: Instant,
    retry: Backoff,
    /// A new epoch was begun for ids that met others; once is enough.
    epoch_begun: bool,
    /// The collector lacked what comes before the batch with this first event, and took nothing.
    lacked_before: Option<Sequence>,
}

impl<'a> Session<'a> {
    pub(super) fn new(uplink: &'a Uplink, identity: &'a Identity, link: &'a Link) -> Self {
        Self {
            uplink,
            identity,
            link,
            packer: Packer::new(),
            delivered: AtomicBool::new(false),
            dictionary: AtomicBool::new(false),
            acknowledged: Notify::new(),
            time_kept: std::sync::Mutex::new(None),
        }
    }

    /// Whether anything was acknowledged.
    pub(super) fn has_delivered(&self) -> bool {
        self.delivered.load(Relaxed)
    }

    /// Runs until the first of lanes and renewal says that it is over.
    pub(super) async fn run(&self) -> Ended {
        tokio::select! {
            ended = self.lane(Lane::Alert) => ended,
            ended = self.lane(Lane::State) => ended,
            ended = self.lane(Lane::Log) => ended,
            ended = self.renewal() => ended,
            ended = self.configuration() => ended,
        }
    }

    async fn lane(&self, lane: Lane) -> Ended {
        let mut state = LaneState {
            events: limits::BATCH_EVENTS_MAX as u32,
            next_at: Instant::now(),
            retry: Backoff::new(Duration::from_secs(1), RETRY_MOST),
            epoch_begun: false,
            lacked_before: None,
        };
        loop {
            let batch = match self.next_batch(lane, &state).await {
                Ok(batch) => batch,
                Err(ended) => return ended,
            };
            tokio::time::sleep_until(state.next_at).await;
            if let Err(ended) = self.send(&mut state, batch).await {
                return ended;
            }
        }
    }

    /// Waits until the lane has something to send.
    async fn next_batch(&self, lane: Lane, state: &LaneState) -> Result<Batch, Ended> {
        let mut view = self.uplink.spool.view();
        let bytes = self.uplink.config.borrow().batch_bytes.as_usize();
        let limits = BatchLimits { events: state.events, bytes };
        loop {
            let waiting = view.wait_for(|view| view.lane(lane).unsent > 0 && view.is_usable());
            waiting.await.map_err(|_| Ended::SpoolGone)?;
            if lane == Lane::Log {
                self.until_logs_may_go().await;
                let is_first = |view: &crate::spool::View| {
                    view.lane(Lane::Alert).unsent + view.lane(Lane::State).unsent == 0
                };
                let _ = tokio::time::timeout(YIELD_MOST, view.wait_for(is_first)).await;
            }
            match self.uplink.spool.batch(lane, limits).await {
                Ok(Some(batch)) => return Ok(batch),
                // The view was ahead or the disk fails: it will be told.
                Ok(None) | Err(Unavailable) => {
                    view.changed().await.map_err(|_| Ended::SpoolGone)?;
                }
            }
        }
    }

    /// Waits for the hours and the budget of logs, looking again when the settings change.
    async fn until_logs_may_go(&self) {
        let mut config = self.uplink.config.clone();
        loop {
            let wait = {
                let settings = config.borrow_and_update();
                self.uplink.board.today(self.uplink.clock.judged()).wait_of_logs(&settings)
            };
            self.uplink.board.change(|report| report.uplink.logs_wait = wait.map(|(why, _)| why));
            let Some((_, wait)) = wait else { return };
            tokio::select! {
                () = tokio::time::sleep(wait.min(LOOK_AGAIN)) => {}
                Ok(()) = config.changed() => {}
            }
        }
    }

    async fn send(&self, state: &mut LaneState, mut batch: Batch) -> Result<(), Ended> {
        // Read from the spool again, should they have to be sent again.
        let lines = std::mem::take(&mut batch.lines);
        let packed =
            match self.packer.pack(&self.envelope(&batch), lines, self.dictionary.load(Relaxed)) {
                Ok(packed) => packed,
                Err(PackError::TooLarge(_)) => {
                    let why = "larger than a batch may be".to_owned();
                    return self.never(state, batch, why).await;
                }
                Err(PackError::Compressor(error)) => {
                    self.later(state, None, error.to_string());
                    return Ok(());
                }
            };
        let (wire_bytes, sent_at) = (packed.len() as u64, Instant::now());
        let headers = [("content-type", "application/x-ndjson"), ("content-encoding", "zstd")];
        let answer = self.link.post("/v1/events", &headers, packed.into()).await;
        let answer = answer.map_err(Ended::Broken)?;
        let (verdict, told) = verdict::of(&answer);
        self.learn(told, &answer).await;
        match verdict {
            Verdict::Taken(ack) => {
                self.pace(state, batch.lane, ack.pace, wire_bytes, sent_at);
                self.taken(state, batch, ack, wire_bytes).await;
                Ok(())
            }
            Verdict::Later { wait, why } => {
                self.later(state, wait, why);
                Ok(())
            }
            Verdict::Never { why } => self.never(state, batch, why).await,
            Verdict::WrongIds { why } if state.epoch_begun => self.never(state, batch, why).await,
            Verdict::WrongIds { why } => {
                tracing::warn!(%why, "the collector knows these ids already; beginning a new epoch");
                state.epoch_begun = true;
                let _ = self.uplink.spool.begin_epoch().await;
                Ok(())
            }
            Verdict::Expired => Err(Ended::Expired),
            Verdict::Cloned { grant } => Err(Ended::Cloned(grant)),
            Verdict::Removed { wait, why } => Err(Ended::Removed { wait, why }),
        }
    }

    fn envelope(&self, batch: &Batch) -> Envelope {
        Envelope {
            version: wire::VERSION,
            agent: self.identity.agent(),
            epoch: batch.epoch,
            lane: batch.lane,
            first: batch.first,
            count: batch.count,
            run: self.uplink.run,
            fingerprint: self.uplink.fingerprint.clone(),
            sent: self.uplink.now(),
            clock_offset_us: self.uplink.clock.offset_us(),
            configuration: self.uplink.offers.running(),
        }
    }

    async fn taken(&self, state: &mut LaneState, batch: Batch, ack: Ack, wire_bytes: u64) {
        state.events = state.events.saturating_mul(2).min(limits::BATCH_EVENTS_MAX as u32);
        if ack.epoch != batch.epoch || ack.lane != batch.lane {
            return self.later(state, None, "the acknowledgement is for another batch".to_owned());
        }
        let acknowledgement = Acknowledgement {
            epoch: batch.epoch,
            lane: batch.lane,
            first: batch.first,
            last: batch.last(),
            durable: ack.durable,
            archived: ack.archived,
        };
        let lacked = (ack.durable < batch.first).then_some(batch.first);
        if lacked.is_some() && lacked == state.lacked_before {
            self.later(state, None, "the collector asks for events that are gone".to_owned());
        } else {
            state.retry.reset();
        }
        state.lacked_before = lacked;
        self.uplink.offers.want(ack.configuration);
        self.dictionary.store(ack.dictionary >= wire::DICTIONARY_NUMBER, Relaxed);
        self.tell(wire_bytes);
        // Without the note it would only be sent again.
        let _ = self.uplink.spool.acknowledge(acknowledgement).await;
        self.delivered.store(true, Relaxed);
        self.acknowledged.notify_one();
    }

    fn tell(&self, wire_bytes: u64) {
        let (uplink, now) = (self.uplink, self.uplink.now());
        uplink.board.change(|report| {
            let report = &mut report.uplink;
            if !report.connected {
                tracing::info!(collector = %self.identity.peer().address, "connected");
                report.connections += 1;
            }
            (report.connected, report.problem) = (true, None);
            report.last_ack = Some(now);
            report.batches += 1;
            report.bytes += wire_bytes;
        });
        uplink.board.sent(uplink.clock.judged(), wire_bytes);
    }

    fn pace(
        &self,
        state: &mut LaneState,
        lane: Lane,
        pace: Pace,
        wire_bytes: u64,
        sent_at: Instant,
    ) {
        let wait = Duration::from_millis(pace.wait_ms).min(WAIT_MOST);
        let own = self.uplink.config.borrow().backlog_bytes_per_second.get();
        let per_second = pace.bytes_per_second.min(own).max(BACKLOG_LEAST.get());
        let drained = match lane {
            Lane::Log => Duration::from_secs_f64(wire_bytes as f64 / per_second as f64),
            Lane::Alert | Lane::State => Duration::ZERO,
        };
        state.next_at = (sent_at + drained).max(Instant::now() + wait);
    }

    fn later(&self, state: &mut LaneState, wait: Option<Duration>, why: String) {
        let pause = state.retry.pause();
        let wait = wait.unwrap_or(pause);
        if state.retry.failures() <= 1 {
            tracing::warn!(%why, ?wait, "the collector takes nothing now; events are kept");
        }
        self.uplink.problem(why);
        state.next_at = Instant::now() + wait;
    }

    /// Halves, or sets the one event aside.
    async fn never(&self, state: &mut LaneState, batch: Batch, why: String) -> Result<(), Ended> {
        if batch.count > 1 {
            state.events = batch.count / 2;
            return Ok(());
        }
        tracing::warn!(lane = batch.lane.as_str(), sequence = batch.first.0, %why,
            "the collector refuses this event for good; set aside");
        let refused = self.uplink.spool.refuse(batch.epoch, batch.lane, batch.first, why).await;
        if refused.is_err() {
            state.next_at = Instant::now() + state.retry.pause();
        }
        Ok(())
    }

    async fn learn(&self, told: Option<Timestamp>, answer: &Answer) {
        let Some(told) = told else { return };
        self.uplink.clock.learn(told, answer.round_trip);
        let is_due = {
            let mut kept = self.time_kept.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let is_due = kept.is_none_or(|at| at.elapsed() >= KEEP_TIME_EVERY);
            if is_due {
                *kept = Some(Instant::now());
            }
            is_due
        };
        if is_due {
            self.uplink.spool.keep_learned(told).await;
        }
    }

    /// Fetches the configuration whenever the collector names one that was not looked at yet. A
    /// failure leaves everything as it is and is tried again.
    async fn configuration(&self) -> Ended {
        let offers = &self.uplink.offers;
        loop {
            let version = offers.wanted().await;
            let fetched = match version {
                0 => Ok(Configuration::default()),
                _ => self.fetch().await,
            };
            match fetched {
                Ok(configuration) => {
                    offers.offer(version, configuration).await;
                    tokio::time::sleep(FETCH_PAUSE).await;
                }
                Err(why) => {
                    tracing::warn!(%why, version, "the configuration was not fetched");
                    tokio::time::sleep(FETCH_RETRY).await;
                }
            }
        }
    }

    async fn fetch(&self) -> Result<Configuration, String> {
        let answer = self.link.post_json("/v1/configuration", &serde_json::json!({})).await;
        let answer = answer.map_err(|error| error.to_string())?;
        if answer.status != 200 {
            return Err(format!("the collector answered {}", answer.status));
        }
        serde_json::from_slice(&answer.body).map_err(|error| error.to_string())
    }

    /// Renews when it is time; a refusal leaves everything as it is and is tried again.
    async fn renewal(&self) -> Ended {
        let mut retry = Backoff::new(Duration::from_secs(60), Duration::from_secs(6 * 3600));
        loop {
            if self.identity.is_due(self.uplink.clock.for_renewal()) {
                let Uplink { state, clock, .. } = self.uplink;
                match enrol::renew(self.identity, self.link, state, clock).await {
                    Ok(renewed) => {
                        tracing::info!(until = %renewed.expires(), "certificate renewed");
                        return Ended::Renewed(Box::new(renewed));
                    }
                    Err(error) => {
                        tracing::warn!(%error, "certificate not renewed; trying again later");
                        tokio::time::sleep(retry.pause()).await;
                    }
                }
            }
            tokio::select! {
                () = self.acknowledged.notified() => {}
                () = tokio::time::sleep(RENEWAL_POLL) => {}
            }
        }
    }
}
