//! Events that are in no file yet, in columns: read from the journal once, for files and for hunts
//! alike. Lost with the process, and read again.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use soc_archive::store::Folder;
use soc_archive::{Row, Run};

use super::gather::{Odd, put_aside};
use super::manifest::date_of;
use super::marks::Moved;
use super::row::Rows;
use super::{Config, Error};
use crate::fleet::Fleet;
use crate::journal::{Journal, Position};

/// Events of one reading of the journal.
const READ_EVENTS: usize = 8192;

/// Number and code of the agency, and the day.
pub(super) type Key = (i64, Arc<str>, String);

/// Events of one agency, received on one day: which run they are in, and which of its rows they are.
#[derive(Clone, Debug, Default)]
pub(super) struct Group {
    pub(super) picks: Vec<(u32, u32)>,
    pub(super) raw_bytes: u64,
}

/// All events from one position up to another.
#[derive(Clone, Debug)]
pub(super) struct Set {
    pub(super) from: Position,
    pub(super) next: Position,
    pub(super) runs: Vec<Arc<Run>>,
    pub(super) groups: BTreeMap<Key, Group>,
    pub(super) moved: Moved,
    pub(super) odd: Vec<Odd>,
    rows: usize,
    text_bytes: usize,
}

impl Set {
    fn new(from: Position) -> Self {
        Self {
            from,
            next: from,
            runs: Vec::new(),
            groups: BTreeMap::new(),
            moved: Moved::default(),
            odd: Vec::new(),
            rows: 0,
            text_bytes: 0,
        }
    }

    /// Whether there is enough for a set of files.
    pub(super) fn is_full(&self, config: &Config) -> bool {
        self.rows >= config.rows_max || self.text_bytes >= config.text_bytes_max
    }
}

/// The set that grows. Who makes it grow does so one at a time; who reads it never waits for that.
#[derive(Debug)]
pub(super) struct Fresh(Mutex<Set>);

impl Default for Fresh {
    fn default() -> Self {
        Self(Mutex::new(Set::new(Position::FIRST)))
    }
}

impl Fresh {
    fn set<R>(&self, see: impl FnOnce(&mut Set) -> R) -> R {
        see(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What was read from this position on, and where it ends; nothing where the set begins
    /// elsewhere.
    pub(super) fn from(&self, from: Position) -> (Vec<Arc<Run>>, Position) {
        self.set(
            |set| if set.from == from { (set.runs.clone(), set.next) } else { (Vec::new(), from) },
        )
    }

    /// Takes in what the journal has from this position on, until there is enough for a set of
    /// files, or no more. With `is_careful` an event that cannot be put into columns is found and
    /// kept beside the archive, instead of being an error. Blocks.
    pub(super) fn read_on(
        &self,
        (journal, fleet, folder): (&Journal, &Fleet, &Folder),
        from: Position,
        config: &Config,
        is_careful: bool,
    ) -> Result<Set, Error> {
        let mut set = self.set(|set| {
            if set.from != from {
                *set = Set::new(from);
            }
            set.clone()
        });
        while !set.is_full(config) {
            let most = READ_EVENTS.min(config.rows_max.saturating_sub(set.rows));
            let lines = journal.lines(set.next, most)?;
            if lines.next <= set.next {
                break;
            }
            let mut taken = Taken::default();
            let mut rows = Rows::new(fleet);
            for part in lines.parts(usize::MAX) {
                part.measured().for_each(|entry| taken.push(entry, &mut rows, &mut set.moved));
            }
            journal.count_damaged(taken.damaged);
            taken.columns(&mut set, folder, is_careful)?;
            set.next = lines.next;
            self.set(|shared| *shared = set.clone());
        }
        Ok(set)
    }

    /// The set is in files: begins anew behind it.
    pub(super) fn done(&self, next: Position) {
        self.set(|set| *set = Set::new(next));
    }
}

/// Events of one reading.
#[derive(Default)]
struct Taken {
    rows: Vec<Row>,
    owners: Vec<i64>,
    lengths: Vec<usize>,
    damaged: u64,
}

impl Taken {
    fn push(
        &mut self,
        entry: Option<(crate::journal::Entry, usize)>,
        rows: &mut Rows<'_>,
        moved: &mut Moved,
    ) {
        let Some((entry, length)) = entry else {
            self.damaged = self.damaged.saturating_add(1);
            return;
        };
        moved.past(entry.id);
        let placed = rows.of(entry);
        self.rows.push(placed.row);
        self.owners.push(placed.agency);
        self.lengths.push(length);
    }

    /// Makes runs of the events, and notes in which files they belong.
    fn columns(self, set: &mut Set, folder: &Folder, is_careful: bool) -> Result<(), Error> {
        let Self { rows, owners, lengths, .. } = self;
        let mut parts = vec![(rows.as_slice(), owners.as_slice(), lengths.as_slice())];
        while let Some((rows, owners, lengths)) = parts.pop() {
            match runs(rows, owners) {
                Ok(runs) => set.add(runs, rows, owners, lengths),
                Err(error) if !is_careful => return Err(error),
                Err(error) => match rows {
                    [] => {}
                    [row] => {
                        let reason = error.to_string();
                        set.odd.push(Odd { path: put_aside(folder, row)?, reason });
                    }
                    _ => {
                        let middle = rows.len() / 2;
                        let ((a, b), (c, d)) = (rows.split_at(middle), owners.split_at(middle));
                        let (e, f) = lengths.split_at(middle);
                        parts.extend([(b, d, f), (a, c, e)]);
                    }
                },
            }
        }
        Ok(())
    }
}

fn runs(rows: &[Row], owners: &[i64]) -> Result<Vec<Run>, Error> {
    let runs = catch_unwind(AssertUnwindSafe(|| Run::of(rows, owners)));
    runs.map_err(|_| Error::Thread("making columns panicked".into()))?.map_err(Error::from)
}

impl Set {
    fn add(&mut self, runs: Vec<Run>, rows: &[Row], owners: &[i64], lengths: &[usize]) {
        let first = self.runs.len();
        let places = runs.iter().enumerate().flat_map(|(nth, run)| {
            (0..run.owners().len()).map(move |row| (number(first + nth), number(row)))
        });
        let mut known: Option<(i64, i64, Key)> = None;
        for (((row, owner), length), place) in rows.iter().zip(owners).zip(lengths).zip(places) {
            let day = row.received.as_micros().div_euclid(86_400_000_000);
            let key = match &known {
                Some((of, on, key)) if of == owner && *on == day && key.1 == row.agency => key,
                _ => {
                    let key = (*owner, row.agency.clone(), date_of(row.received));
                    &known.insert((*owner, day, key)).2
                }
            };
            let group = match self.groups.get_mut(key) {
                Some(group) => group,
                None => self.groups.entry(key.clone()).or_default(),
            };
            group.picks.push(place);
            let length = u64::try_from(*length).unwrap_or(u64::MAX);
            group.raw_bytes = group.raw_bytes.saturating_add(length);
        }
        self.rows = self.rows.saturating_add(rows.len());
        self.text_bytes = self.text_bytes.saturating_add(lengths.iter().sum());
        self.runs.extend(runs.into_iter().map(Arc::new));
    }
}

/// Rows of a set are far fewer.
fn number(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
