//! Agents that are played: each with its own identity, connection and sequences.

use std::sync::Arc;
use std::time::SystemTime;

use soc_agent::clock::JudgedClock;
use soc_agent::enrol::{Enrolment, Identity, enrol};
use soc_agent::link::Link;
use soc_event::wire::{encode_batch, encode_event};
use soc_event::{Ack, Envelope, Epoch, Event, Lane, RunId, Sequence, Timestamp};
use tokio::sync::Semaphore;

use crate::Stage;

/// Why playing went wrong.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Enrolments at the same time.
const ENROLMENTS: usize = 32;

/// One agent.
pub struct Sender {
    identity: Identity,
    link: Link,
    epoch: Epoch,
    run: RunId,
    next: [u64; 3],
}

/// What became of a batch.
pub enum Sent {
    /// It is on the collector's disk.
    Taken,
    /// The collector did not want it now; the status of HTTP.
    Refused(u16),
}

/// The system's time.
pub fn now() -> Timestamp {
    Timestamp::from_system(SystemTime::now())
}

/// Enrols and connects so many.
///
/// # Errors
/// What the programs or the collector said.
pub async fn enrolled(stage: &Arc<Stage>, agents: usize) -> Result<Vec<Sender>, Failure> {
    let token = Arc::new(stage.token(agents)?);
    let at_once = Arc::new(Semaphore::new(ENROLMENTS));
    let enrolling: Vec<_> = (0..agents)
        .map(|number| {
            let (stage, token, at_once) = (stage.clone(), token.clone(), at_once.clone());
            tokio::spawn(async move {
                let _turn = at_once.acquire().await?;
                Sender::enrolled(&stage, number, &token).await
            })
        })
        .collect();
    let mut senders = Vec::new();
    for sender in enrolling {
        senders.push(sender.await??);
    }
    Ok(senders)
}

impl Sender {
    async fn enrolled(
        stage: &Stage,
        number: usize,
        token: &(String, String),
    ) -> Result<Self, Failure> {
        let folder = stage.path(&format!("agent-{number}"));
        let hostname = format!("pc-{number:05}");
        let enrolment = Enrolment {
            collector: stage.agents_address().parse()?,
            token: token.0.clone(),
            ca_pin: token.1.parse()?,
            fingerprint: hostname.clone(),
            hostname,
            os: "load generator".into(),
            proxy: None,
        };
        let clock = Arc::new(JudgedClock::of_this_machine());
        let identity = enrol(&enrolment, &folder, &clock).await?;
        let link = Link::connect(&identity.peer(), None, Some(identity.client()), clock).await?;
        let (epoch, run) = (Epoch::from_random(rand::random()), RunId::from_random(rand::random()));
        Ok(Self { identity, link, epoch, run, next: [1; 3] })
    }

    /// Sends one batch and waits for its acknowledgement.
    ///
    /// # Errors
    /// When the connection broke.
    pub async fn send(&mut self, lane: Lane, events: &[Event]) -> Result<Sent, Failure> {
        let lines: Vec<String> = events.iter().map(encode_event).collect();
        let envelope = self.envelope(lane, lines.len())?;
        let bytes = encode_batch(&envelope, lines.iter().map(String::as_str));
        self.post(lane, zstd::encode_all(bytes.as_slice(), 1)?).await
    }

    /// The same with lines that are packed already, each ended by a line feed, as zstd: a batch may
    /// be several frames, one after the other.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub async fn send_packed(
        &mut self,
        lane: Lane,
        count: usize,
        lines: &[u8],
    ) -> Result<Sent, Failure> {
        let envelope = encode_batch(&self.envelope(lane, count)?, std::iter::empty());
        let mut body = zstd::encode_all(envelope.as_slice(), 1)?;
        body.extend_from_slice(lines);
        self.post(lane, body).await
    }

    fn envelope(&self, lane: Lane, count: usize) -> Result<Envelope, Failure> {
        Ok(Envelope {
            version: soc_event::wire::VERSION,
            agent: self.identity.agent(),
            epoch: self.epoch,
            lane,
            first: Sequence(self.next[usize::from(lane.index())]),
            count: u32::try_from(count)?,
            run: self.run,
            fingerprint: self.identity.agent().to_string(),
            sent: now(),
            clock_offset_us: Some(0),
            configuration: 0,
        })
    }

    async fn post(&mut self, lane: Lane, body: Vec<u8>) -> Result<Sent, Failure> {
        let headers = [("content-type", "application/x-ndjson"), ("content-encoding", "zstd")];
        let answer = self.link.post("/v1/events", &headers, body.into()).await?;
        if answer.status != 200 {
            return Ok(Sent::Refused(answer.status));
        }
        let ack: Ack = serde_json::from_slice(&answer.body)?;
        self.next[usize::from(lane.index())] = ack.durable.0 + 1;
        Ok(Sent::Taken)
    }
}
