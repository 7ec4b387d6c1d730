use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use redb::{Database, ReadableTable as _, WriteTransaction};
use soc_event::Timestamp;

use super::block::Header;
use super::metrics::Metrics;
use super::readers::Readers;
use super::space::Space;
use super::tables::{self, BLOCKS, BY_AGENT, BY_ID, META};
use super::{Config, Error};

/// How often the oldest events are looked at.
const PAUSE: Duration = Duration::from_secs(60);
/// Blocks removed in one transaction: appending waits no longer than this takes.
const BLOCKS_MAX: usize = 256;

/// Removes what is too old, once a minute; ends when dropped.
pub(super) struct Worker {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    pub(super) fn start(
        file: &Path,
        database: &Arc<Database>,
        config: &Config,
        readers: &Arc<Readers>,
        metrics: &Metrics,
    ) -> Result<Self, Error> {
        let (stop, stopped) = channel::<()>();
        metrics.disk(Space::of(file)?);
        let (database, readers, file) = (database.clone(), readers.clone(), file.to_owned());
        let (config, metrics) = (*config, metrics.clone());
        let run = move || {
            while stopped.recv_timeout(PAUSE) == Err(RecvTimeoutError::Timeout) {
                if let Ok(space) = Space::of(&file) {
                    metrics.disk(space);
                }
                let now = Timestamp::from_system(SystemTime::now());
                match retain(&database, &config, &readers, now) {
                    Ok(removed) => metrics.removed(removed),
                    Err(error) => tracing::error!(%error, "old events were not removed"),
                }
            }
        };
        let thread = std::thread::Builder::new()
            .name("journal-retention".into())
            .spawn(run)
            .map_err(|error| Error::System(Arc::new(error)))?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Removes blocks that are too old or too much, oldest first; says how many events that were.
pub(super) fn retain(
    database: &Database,
    config: &Config,
    readers: &Readers,
    now: Timestamp,
) -> Result<u64, Error> {
    let Some(low_water) = readers.lowest() else { return Ok(0) };
    let age = i64::try_from(config.retention.as_micros()).unwrap_or(i64::MAX);
    let oldest = now.plus_micros(age.saturating_neg());
    let mut removed = 0;
    loop {
        let transaction = database.begin_write()?;
        let round = remove_some(&transaction, config.bytes_max, oldest, low_water.0)?;
        if round == (0, 0) {
            transaction.abort()?;
            return Ok(removed);
        }
        transaction.commit()?;
        removed += round.1;
    }
}

/// One transaction of it: how many blocks and events.
fn remove_some(
    transaction: &WriteTransaction,
    bytes_max: u64,
    oldest: Timestamp,
    low_water: u64,
) -> Result<(usize, u64), Error> {
    let mut blocks = transaction.open_table(BLOCKS)?;
    let mut by_agent = transaction.open_table(BY_AGENT)?;
    let mut by_id = transaction.open_table(BY_ID)?;
    let mut meta = transaction.open_table(META)?;
    let mut bytes = meta.get("bytes")?.map_or(0, |value| value.value());
    let end = meta.get("end")?.map(|value| value.value());
    let (mut count, mut events) = (0, 0);
    while count < BLOCKS_MAX {
        let mut range = blocks.iter()?;
        let Some((key, block)) = range.next().transpose()? else { break };
        let (position, size) = (key.value(), block.value().len() as u64);
        let header = Header::split(block.value()).map(|(header, _)| header);
        // Positions have no gaps; the header may be damaged.
        let next = range.next().transpose()?.map(|(key, _)| key.value());
        let after = next.or(end).unwrap_or(position);
        drop((key, block, range));
        let unwanted = header.is_none_or(|header| header.received < oldest) || bytes > bytes_max;
        if after > low_water || !unwanted {
            break;
        }
        blocks.remove(position)?;
        if let Some(Header { agent, epoch, lane, first, .. }) = header {
            by_agent.remove(&tables::agent_key(agent, position))?;
            by_id.remove(&tables::id_key(agent, epoch, lane, first))?;
        }
        bytes = bytes.saturating_sub(size);
        count += 1;
        events += after.saturating_sub(position);
    }
    meta.insert("bytes", bytes)?;
    Ok((count, events))
}
