use std::collections::VecDeque;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use soc_event::Timestamp;
use soc_formats::{Cut, Cutter, Format};

use super::block::{Block, Log, Skipped};

/// How much is read and evaluated at once.
const BLOCK_BYTES: usize = 1024 * 1024;
/// What a pipe holds, on Linux.
const PIPE_BYTES: usize = 64 * 1024;
/// How standard input is called.
const STANDARD_INPUT: &str = "-";

/// Reads logs one after the other, block by block.
pub(super) struct Reader {
    logs: VecDeque<PathBuf>,
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

enum Source {
    File(File),
    /// Whoever writes to it may wait for answers, so what is there is not kept until there is more.
    Input(std::io::Stdin),
}

impl Reader {
    pub(super) fn new(logs: &[PathBuf], now: Timestamp) -> Self {
        Self { logs: logs.iter().cloned().collect(), open: None, next: 0, now }
    }

    /// How much there is to read, as far as that is known.
    pub(super) fn bytes(&self) -> u64 {
        let length = |path: &PathBuf| std::fs::metadata(path).map(|data| data.len()).unwrap_or(0);
        self.logs.iter().map(length).sum()
    }

    /// The next block, in memory that is no longer needed; nothing after the last one.
    pub(super) fn next(&mut self, memory: Vec<u8>) -> Option<Block> {
        let mut bytes = memory;
        bytes.clear();
        let mut skipped = Vec::new();
        loop {
            let Some(open) = &mut self.open else {
                match self.logs.pop_front() {
                    Some(path) => match Open::new(&path, self.now) {
                        Ok(open) => self.open = Some(open),
                        Err(why) => skipped.push(unreadable(&path.to_string_lossy(), &why)),
                    },
                    None if skipped.is_empty() => return None,
                    None => return Some(self.block(no_log(self.now), bytes, 1, skipped)),
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
    fn new(path: &Path, now: Timestamp) -> Result<Self, std::io::Error> {
        let is_input = path.as_os_str() == STANDARD_INPUT;
        let (mut source, ended) = if is_input {
            (Source::Input(std::io::stdin()), now)
        } else {
            let file = File::open(path)?;
            let changed = file.metadata()?.modified().map(Timestamp::from_system);
            (Source::File(file), changed.unwrap_or(now))
        };
        let mut rest = Vec::new();
        let mut is_end = source.read(&mut rest)?;
        // A pipe may begin with less than tells the format.
        while !is_end && rest.len() < PIPE_BYTES && !rest.contains(&b'\n') {
            is_end = source.read(&mut rest)?;
        }
        let name = path.to_string_lossy().into_owned();
        let format = Format::detect(&rest, &name);
        let log = Arc::new(Log { name, format: format.clone(), ended });
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
                        skipped.push(unreadable(&self.log.name, &error));
                        return None;
                    }
                },
            }
        }
    }
}

impl Source {
    /// Reads more; true at the end.
    fn read(&mut self, bytes: &mut Vec<u8>) -> std::io::Result<bool> {
        match self {
            Self::File(file) => {
                let limit = u64::try_from(BLOCK_BYTES).unwrap_or(u64::MAX);
                bytes.reserve(BLOCK_BYTES);
                Ok(file.take(limit).read_to_end(bytes)? < BLOCK_BYTES)
            }
            Self::Input(input) => {
                let held = bytes.len();
                bytes.resize(held + PIPE_BYTES, 0);
                let read = input.read(bytes.get_mut(held..).unwrap_or_default());
                bytes.truncate(held + *read.as_ref().unwrap_or(&0));
                read.map(|read| read == 0)
            }
        }
    }
}

/// For what has no log: files that could not be opened at the end of all.
fn no_log(now: Timestamp) -> Arc<Log> {
    Arc::new(Log { name: String::new(), format: Format::Ndjson, ended: now })
}

fn unreadable(name: &str, error: &std::io::Error) -> Skipped {
    Skipped { name: name.to_owned(), place: None, why: error.to_string() }
}
