//! Sends ranges of time of what stayed on this machine, because the collector asked for them.
//!
//! What is asked for is part of the configuration: an id, a log, from when to when. Only logs that
//! are followed are answered, and of them only what `ring` still has. Each line is sent exactly once,
//! as it was, with the field `log.asked.id`; how far an answer has come is committed with its lines.
//! At the end `log.answered` says how many there were and whether the ring still had all.
//!
//! Reads only the ring; never a log itself.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use soc_event::{Event, Timestamp, kind};

use super::pattern::matches;
use super::{Context, Delivery, Error, Observation, Position, Running, Sensor};
use crate::ring::{Frame, Mark, Reader};

/// Most ranges asked for at a time.
const ASKS_MAX: usize = 16;
/// Longest id.
const ID_BYTES_MAX: usize = 64;
/// Name of the position.
const SOURCE: &str = "asked";
/// A range that has not ended is looked at again after so long.
const AGAIN: Duration = Duration::from_secs(10);

/// One range of time of one log.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    /// Names the answer: letters, digits, `-` and `_`.
    pub id: String,
    /// A path or pattern, or `journald`.
    pub source: String,
    /// From this time on: `2026-11-22T10:00:00Z`.
    pub from: Timestamp,
    /// Until before this time.
    pub to: Timestamp,
}

/// What is wrong with a list of ranges.
pub(super) fn mistakes(asks: &[Ask]) -> Vec<String> {
    let mut mistakes = Vec::new();
    if asks.len() > ASKS_MAX {
        mistakes.push(format!("{} are more than {ASKS_MAX}", asks.len()));
    }
    let is_id = |id: &str| {
        let known = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        (1..=ID_BYTES_MAX).contains(&id.len()) && id.bytes().all(known)
    };
    for (place, ask) in asks.iter().enumerate() {
        if !is_id(&ask.id) {
            mistakes.push("an id has 1 to 64 letters, digits, - and _".to_owned());
        } else if asks.iter().take(place).any(|other| other.id == ask.id) {
            mistakes.push(format!("the id {} comes twice", ask.id));
        }
        if ask.from >= ask.to {
            mistakes.push(format!("{}: from is not before to", ask.id));
        }
        if !ask.source.starts_with('/') && ask.source != "journald" {
            mistakes.push(format!("{}: the source does not begin with /", ask.id));
        }
    }
    mistakes
}

/// The sensor.
#[derive(Debug)]
pub struct Asked {
    asks: Vec<Ask>,
    /// Patterns of the logs that are followed.
    followed: Vec<String>,
    folder: PathBuf,
}

impl Asked {
    /// Answers from the ring in a folder; `followed` are the patterns of logs that may be answered.
    pub fn new(asks: Vec<Ask>, followed: Vec<String>, folder: PathBuf) -> Self {
        Self { asks, followed, folder }
    }
}

impl Sensor for Asked {
    fn name(&self) -> &'static str {
        "asked"
    }

    fn run(self: Box<Self>, context: Context) -> Running {
        Box::pin(answer(*self, context))
    }
}

/// How far one answer has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Progress {
    file: u64,
    offset: u64,
    sent: u64,
    is_done: bool,
}

async fn answer(sensor: Asked, mut context: Context) -> Result<(), Error> {
    let stored = context.positions.position(SOURCE);
    let stored = stored.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let mut progress: BTreeMap<String, Progress> = stored.unwrap_or_default();
    progress.retain(|id, _| sensor.asks.iter().any(|ask| ask.id == *id));
    loop {
        for ask in &sensor.asks {
            sensor.one(ask, &mut progress, &context).await?;
        }
        if progress.values().all(|progress| progress.is_done) {
            context.stopped().await;
            return Ok(());
        }
        tokio::select! {
            () = context.stopped() => return Ok(()),
            () = tokio::time::sleep(AGAIN) => {}
        }
    }
}

impl Asked {
    /// Sends what there is of one range.
    async fn one(
        &self,
        ask: &Ask,
        progress: &mut BTreeMap<String, Progress>,
        context: &Context,
    ) -> Result<(), Error> {
        let mut at = progress.get(&ask.id).copied().unwrap_or_default();
        // What is not committed could be cut off again.
        let end = Mark::committed(context.positions.as_ref()).unwrap_or_default();
        while !at.is_done && !*context.stop.borrow() {
            let place = Mark { file: at.file, offset: at.offset };
            let Some(frame) = self.next(place, end, ask).await? else { break };
            (at.file, at.offset) = (frame.next.file, frame.next.offset);
            let observations = self.wanted(frame.events, ask);
            at.sent += observations.len() as u64;
            progress.insert(ask.id.clone(), at);
            if !observations.is_empty() {
                send(observations, progress, context).await?;
            }
        }
        let now = context.clock.now();
        if !at.is_done && now >= ask.to && !*context.stop.borrow() {
            at.is_done = true;
            progress.insert(ask.id.clone(), at);
            let told = Observation::state(self.told(ask, at.sent, now));
            send(vec![told], progress, context).await?;
        }
        progress.entry(ask.id.clone()).or_insert(at);
        Ok(())
    }

    async fn next(&self, at: Mark, end: Mark, ask: &Ask) -> Result<Option<Frame>, Error> {
        let (reader, from, to) = (Reader::new(self.folder.clone()), ask.from, ask.to);
        let reading = tokio::task::spawn_blocking(move || reader.next(at, end, from, to));
        reading.await.map_err(|error| Error::Io {
            what: "reading the ring".to_owned(),
            source: std::io::Error::other(error),
        })
    }

    fn wanted(&self, events: Vec<Event>, ask: &Ask) -> Vec<Observation> {
        let is_wanted = |event: &Event| {
            let log = event.text("log.file.path").or(event.text("log.source")).unwrap_or_default();
            let is_followed =
                log == "journald" || self.followed.iter().any(|pattern| matches(pattern, log));
            is_followed && matches(&ask.source, log) && (ask.from..ask.to).contains(&event.time)
        };
        let wanted = events.into_iter().filter(is_wanted);
        wanted.map(|event| Observation::log(event.with("log.asked.id", ask.id.as_str()))).collect()
    }

    fn told(&self, ask: &Ask, sent: u64, now: Timestamp) -> Event {
        let oldest = Reader::new(self.folder.clone()).oldest();
        let is_complete = oldest.is_none_or(|(time, is_whole)| is_whole || time <= ask.from);
        Event::own(now, kind::LOG_ANSWERED)
            .with("log.asked.id", ask.id.as_str())
            .with("log.asked.source", ask.source.as_str())
            .with("log.asked.count", sent)
            .with("log.asked.complete", is_complete)
            .with("log.asked.oldest", oldest.map(|(time, _)| time.to_string()))
    }
}

async fn send(
    observations: Vec<Observation>,
    progress: &BTreeMap<String, Progress>,
    context: &Context,
) -> Result<(), Error> {
    let bytes = serde_json::to_vec(progress).unwrap_or_default();
    let positions = vec![Position { source: SOURCE.to_owned(), bytes }];
    Ok(context.outlet.send(Delivery { observations, positions }).await?)
}

#[cfg(test)]
mod tests;
