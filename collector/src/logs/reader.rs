use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use soc_event::Timestamp;
use soc_formats::{Cut, Cutter};

use super::{Block, Hints, Log, Skipped, Source, ended, no_log, read_head};

/// Reads logs one after the other, block by block.
pub(crate) struct Reader {
    logs: VecDeque<PathBuf>,
    hints: Hints,
    open: Option<Open>,
    next: u64,
    now: Timestamp,
}

/// The log that is read now.
struct Open {
    log: Arc<Log>,
    source: Source,
    cutter: Cutter,
    /// Read, but not yet a whole record.
    rest: Vec<u8>,
    is_end: bool,
}

impl Reader {
    pub(crate) fn new(logs: &[PathBuf], hints: Hints, now: Timestamp) -> Self {
        Self { logs: logs.iter().cloned().collect(), hints, open: None, next: 0, now }
    }

    /// How much there is to read, as far as that is known.
    pub(crate) fn bytes(&self) -> u64 {
        let length = |path: &PathBuf| std::fs::metadata(path).map(|data| data.len()).unwrap_or(0);
        self.logs.iter().map(length).sum()
    }

    /// The next block, in memory that is no longer needed; nothing after the last one.
    pub(crate) fn next(&mut self, memory: Vec<u8>) -> Option<Block> {
        let mut bytes = memory;
        bytes.clear();
        let mut skipped = Vec::new();
        loop {
            let Some(open) = &mut self.open else {
                match self.logs.pop_front() {
                    Some(path) => match Open::new(&path, &self.hints, self.now) {
                        Ok(open) => self.open = Some(open),
                        Err(why) => skipped.push(unreadable(&path.to_string_lossy(), why)),
                    },
                    None if skipped.is_empty() => return None,
                    None => {
                        let log = Arc::new(no_log(self.now));
                        return Some(self.block(log, bytes, 1, skipped));
                    }
                }
                continue;
            };
            match open.fill(&mut bytes, &mut skipped) {
                Some(first) => {
                    let log = Arc::clone(&open.log);
                    return Some(self.block(log, bytes, first, skipped));
                }
                None => self.open = None,
            }
        }
    }

    fn block(&mut self, log: Arc<Log>, bytes: Vec<u8>, first: u64, skipped: Vec<Skipped>) -> Block {
        let number = self.next;
        self.next += 1;
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        Block { number, log, bytes, first, skipped, length }
    }
}

impl Open {
    fn new(path: &Path, hints: &Hints, now: Timestamp) -> Result<Self, String> {
        let mut source = Source::open(path).map_err(|error| error.to_string())?;
        let mut rest = Vec::new();
        let is_end = read_head(&mut source, &mut rest).map_err(|error| error.to_string())?;
        let name = path.to_string_lossy().into_owned();
        let format = hints.format(&rest, &name)?;
        let log = Arc::new(Log { name, format: format.clone(), ended: ended(path, now) });
        Ok(Self { log, source, cutter: Cutter::new(format), rest, is_end })
    }

    /// Fills a block and says with which record it begins; nothing at the end of the log.
    fn fill(&mut self, bytes: &mut Vec<u8>, skipped: &mut Vec<Skipped>) -> Option<u64> {
        bytes.clear();
        bytes.append(&mut self.rest);
        loop {
            match self.cutter.cut(bytes, self.is_end) {
                Cut::Take { bytes: taken, first } => {
                    self.rest.extend_from_slice(bytes.get(taken..).unwrap_or_default());
                    bytes.truncate(taken);
                    return Some(first);
                }
                Cut::Drop { bytes: dropped, fault } => {
                    bytes.drain(..dropped.min(bytes.len()));
                    skipped.extend(fault.map(|(place, fault)| self.log.skipped(place, &fault)));
                }
                Cut::More if self.is_end => return None,
                Cut::More => match self.source.read(bytes) {
                    Ok(is_end) => self.is_end = is_end,
                    Err(error) => {
                        skipped.push(unreadable(&self.log.name, error.to_string()));
                        return None;
                    }
                },
            }
        }
    }
}

fn unreadable(name: &str, why: String) -> Skipped {
    Skipped { name: name.to_owned(), place: None, why }
}
