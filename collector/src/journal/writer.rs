use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use redb::{Database, ReadableTable as _, Table, WriteTransaction};
use soc_event::{AgentId, Envelope, Epoch, Event, Lane, RunId, Sequence, Timestamp, wire};
use tokio::sync::{mpsc, oneshot, watch};

use super::block::{Batch, Header};
use super::metrics::Metrics;
use super::readers::Readers;
use super::space::Space;
use super::tables::{self, BLOCKS, BY_AGENT, BY_ID, MARKS, META};
use super::{After, Config, Durable, Error, Position};

/// What the writer is asked to store.
pub(super) enum Command {
    Append { batch: Batch, after: After, answer: Answer },
    Own { events: Vec<Event>, answer: Answer },
}

type Answer = oneshot::Sender<Result<Durable, Error>>;

/// Batches of one commit at the most: bounds how long the first waits for the last.
const GROUP_MAX: usize = 128;

/// Lanes of all epochs of one agent; a spool made anew three hundred times is not an honest one.
const LANES_MAX: usize = 1024;

/// Writes, alone, on its own thread: a commit waits for the disk, and the runtime must not.
pub(super) struct Writer {
    pub(super) database: Arc<Database>,
    pub(super) config: Config,
    pub(super) file: PathBuf,
    pub(super) end: watch::Sender<Position>,
    pub(super) metrics: Metrics,
    pub(super) readers: Arc<Readers>,
}

impl Writer {
    /// Until nobody can send any more.
    pub(super) fn run(self, mut commands: mpsc::Receiver<Command>) {
        let mut group = Vec::with_capacity(GROUP_MAX);
        while let Some(first) = commands.blocking_recv() {
            group.push(first);
            while group.len() < GROUP_MAX {
                let Ok(next) = commands.try_recv() else { break };
                group.push(next);
            }
            self.metrics.writing.measure(|| self.commit(group.drain(..)));
        }
    }

    /// Stores a group with one fsync, then answers each.
    fn commit(&self, group: impl Iterator<Item = Command>) {
        let begun = Instant::now();
        let (answers, contents): (Vec<Answer>, Vec<Content>) = group.map(Content::split).unzip();
        match self.store(contents) {
            Ok(Stored { results, end, bytes }) => {
                self.metrics.committed(begun.elapsed(), &results);
                self.metrics.stored(end, bytes);
                // Readers first: they have the longer way.
                self.end.send_replace(end);
                self.readers.each(|reader, position| {
                    if position >= Position::FIRST {
                        self.metrics.lag(reader, position, end);
                    }
                });
                for (answer, result) in answers.into_iter().zip(results) {
                    // Who no longer listens will ask again.
                    let _ = answer.send(result);
                }
            }
            Err(error) => {
                for answer in answers {
                    let _ = answer.send(Err(error.clone()));
                }
            }
        }
    }

    fn store(&self, contents: Vec<Content>) -> Result<Stored, Error> {
        let space = Space::of(&self.file)?;
        self.metrics.disk(space);
        space.check(&self.config)?;
        let transaction = self.database.begin_write()?;
        let mut results = Vec::with_capacity(contents.len());
        let (end, bytes) = {
            let mut tables = Tables::open(&transaction)?;
            for content in contents {
                results.push(separate(tables.store(content))?);
            }
            tables.finish()?
        };
        if results.iter().flatten().any(|durable| durable.new > 0) {
            transaction.commit()?;
        } else {
            transaction.abort()?;
        }
        Ok(Stored { results, end: Position(end), bytes })
    }
}

/// What a commit came to.
struct Stored {
    results: Vec<Result<Durable, Error>>,
    end: Position,
    bytes: u64,
}

/// Refuses one batch, or fails the whole group: only what the file itself says concerns all.
fn separate(result: Result<Durable, Error>) -> Result<Result<Durable, Error>, Error> {
    match result {
        Err(error @ Error::Storage(_)) => Err(error),
        other => Ok(other),
    }
}

/// A command without its answer.
enum Content {
    Batch(Batch, After),
    Own(Vec<Event>),
}

impl Content {
    fn split(command: Command) -> (Answer, Self) {
        match command {
            Command::Append { batch, after, answer } => (answer, Self::Batch(batch, after)),
            Command::Own { events, answer } => (answer, Self::Own(events)),
        }
    }
}

/// The open tables of one transaction.
struct Tables<'t> {
    blocks: Table<'t, u64, &'static [u8]>,
    by_agent: Table<'t, &'static [u8; 24], ()>,
    by_id: Table<'t, &'static [u8; 33], u64>,
    marks: Table<'t, &'static [u8; 25], u64>,
    meta: Table<'t, &'static str, u64>,
    end: u64,
    bytes: u64,
}

impl<'t> Tables<'t> {
    fn open(transaction: &'t WriteTransaction) -> Result<Self, Error> {
        let meta = transaction.open_table(META)?;
        let end = meta.get("end")?.map_or(Position::FIRST.0, |value| value.value());
        let bytes = meta.get("bytes")?.map_or(0, |value| value.value());
        Ok(Self {
            blocks: transaction.open_table(BLOCKS)?,
            by_agent: transaction.open_table(BY_AGENT)?,
            by_id: transaction.open_table(BY_ID)?,
            marks: transaction.open_table(MARKS)?,
            meta,
            end,
            bytes,
        })
    }

    fn finish(mut self) -> Result<(u64, u64), Error> {
        self.meta.insert("end", self.end)?;
        self.meta.insert("bytes", self.bytes)?;
        Ok((self.end, self.bytes))
    }

    fn store(&mut self, content: Content) -> Result<Durable, Error> {
        match content {
            Content::Batch(batch, after) => self.append(batch, after),
            Content::Own(events) => self.append_own(&events),
        }
    }

    fn append_own(&mut self, events: &[Event]) -> Result<Durable, Error> {
        let epoch = Epoch(self.meta.get("own_epoch")?.map_or(0, |value| value.value()));
        let first = self.mark(soc_event::AgentId::COLLECTOR, epoch, Lane::Alert)?.next();
        let received = events.first().map_or(Timestamp::default(), |event| event.time);
        let envelope = own_envelope(epoch, first, 0, received);
        self.append(Batch::encode(envelope, events, received)?, After::default())
    }

    fn append(&mut self, batch: Batch, after: After) -> Result<Durable, Error> {
        let envelope = batch.envelope();
        let (agent, epoch, lane) = (envelope.agent, envelope.epoch, envelope.lane);
        let (first, last, count) = (envelope.first, envelope.last(), envelope.count);
        let stored = self.mark(agent, epoch, lane)?;
        if stored == Sequence(0) && !batch.is_of_operator() {
            self.check_lanes(agent)?;
        }
        // What is archived is stored, also where the journal itself was lost.
        let mark = stored.max(after.archived);
        if after.is_dense && first > mark.next() {
            return Err(Error::Gap(Durable { epoch, lane, last: mark, new: 0 }));
        }
        if first <= mark {
            self.check_repeat(&batch, last.min(mark))?;
        }
        let repeated = mark.next().0.saturating_sub(first.0).min(u64::from(count));
        let new = u64::from(count).saturating_sub(repeated);
        let durable = Durable { epoch, lane, last: last.max(mark), new };
        if new > 0 {
            let repeated = u32::try_from(repeated).unwrap_or(u32::MAX);
            self.insert(&batch.without_first(repeated)?)?;
        }
        Ok(durable)
    }

    fn mark(&self, agent: soc_event::AgentId, epoch: Epoch, lane: Lane) -> Result<Sequence, Error> {
        let key = tables::mark_key(agent, epoch, lane);
        Ok(Sequence(self.marks.get(&key)?.map_or(0, |value| value.value())))
    }

    /// Marks are kept for ever, so an agent has only so many.
    fn check_lanes(&self, agent: soc_event::AgentId) -> Result<(), Error> {
        let lowest = tables::mark_key(agent, Epoch(0), Lane::Alert);
        let highest = tables::mark_key(agent, Epoch(u64::MAX), Lane::Log);
        let count = self.marks.range::<&[u8; 25]>(&lowest..=&highest)?.take(LANES_MAX).count();
        if count < LANES_MAX { Ok(()) } else { Err(Error::TooManyEpochs { agent }) }
    }

    /// The last repeated event must be what is stored under its id: what follows a point where two
    /// machines parted differs, what came before it does not. What retention has removed, or a gap
    /// never held, cannot be compared and counts as a repeat.
    fn check_repeat(&self, batch: &Batch, sequence: Sequence) -> Result<(), Error> {
        let envelope = batch.envelope();
        let (agent, epoch, lane) = (envelope.agent, envelope.epoch, envelope.lane);
        let lowest = tables::id_key(agent, epoch, lane, Sequence(0));
        let highest = tables::id_key(agent, epoch, lane, sequence);
        let found = self.by_id.range::<&[u8; 33]>(&lowest..=&highest)?.next_back().transpose()?;
        let Some((_, position)) = found else { return Ok(()) };
        let position = position.value();
        let Some(bytes) = self.blocks.get(position)? else { return Ok(()) };
        // What is damaged cannot be compared either, and its sender must be able to go on.
        let Some((header, packed)) = Header::split(bytes.value()) else { return Ok(()) };
        let Ok(Some(stored)) = header.event(packed, sequence, position) else { return Ok(()) };
        if batch.event(sequence)?.is_none_or(|repeated| repeated == stored) {
            return Ok(());
        }
        Err(Error::Conflict { id: soc_event::EventId { agent, epoch, lane, sequence } })
    }

    fn insert(&mut self, batch: &Batch) -> Result<(), Error> {
        let envelope = batch.envelope();
        let (agent, epoch, lane) = (envelope.agent, envelope.epoch, envelope.lane);
        let block = batch.to_bytes();
        self.blocks.insert(self.end, block.as_slice())?;
        self.by_agent.insert(&tables::agent_key(agent, self.end), ())?;
        self.by_id.insert(&tables::id_key(agent, epoch, lane, envelope.first), self.end)?;
        self.marks.insert(&tables::mark_key(agent, epoch, lane), envelope.last().0)?;
        self.end = self.end.saturating_add(u64::from(envelope.count));
        self.bytes = self.bytes.saturating_add(block.len() as u64);
        Ok(())
    }
}

/// The envelope of events that the collector makes.
pub(super) fn own_envelope(epoch: Epoch, first: Sequence, count: u32, sent: Timestamp) -> Envelope {
    Envelope {
        version: wire::VERSION,
        agent: AgentId::COLLECTOR,
        epoch,
        lane: Lane::Alert,
        first,
        count,
        run: RunId(0),
        fingerprint: String::new(),
        sent,
        clock_offset_us: None,
        configuration: 0,
    }
}
