//! Stored events, one after the other: files of the archive cluster by cluster, then the journal.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use soc_archive::FileRef;
use soc_archive::scan::{Scan, Wanted};
use soc_event::{AgentId, Timestamp};
use soc_rules::{LogsourceRef, Ruleset};
use tokio::runtime::Handle;

use super::Error;
use super::clusters::{Cluster, clusters};
use super::pass::{Pass, Place};
use super::row::Named;
use super::tally::Found;
use crate::archive::{Archive, Scope, Snapshot};
use crate::detect::{Machines, Subject};
use crate::fleet::Fleet;
use crate::journal::{Journal, Position};
use crate::subject::Body;

/// Events of the journal that are read at once.
const READ_MAX: usize = 4096;

/// Which events are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Range {
    /// Event time, both ends included.
    pub time: (Timestamp, Timestamp),
    /// Positions, the end not included.
    pub positions: (u64, u64),
}

/// Who is told while events are looked at.
pub(super) trait Watcher {
    /// Something was found.
    fn found(&mut self, found: Found);
    /// So many events more have been looked at or passed over; false: nobody wants more.
    fn goes_on(&mut self, events: u64) -> bool;
    /// A file cannot be read.
    fn is_missing(&mut self, path: &str, reason: &str);
    /// Everything before this position has been looked at.
    ///
    /// # Errors
    /// When that cannot be written down.
    fn reached(&mut self, position: u64, pass: &mut Pass) -> Result<(), Error>;
}

/// Stored events at one moment. Blocks on the runtime it is given, from a thread of its own.
#[derive(Debug)]
pub(super) struct Past {
    handle: Handle,
    archive: Archive,
    journal: Journal,
    fleet: Fleet,
    snapshot: Snapshot,
}

impl Past {
    /// What there is now of these event times.
    ///
    /// # Errors
    /// When the archive cannot be asked.
    pub(super) fn open(
        handle: &Handle,
        (archive, journal, fleet): (&Archive, &Journal, &Fleet),
        (from, to): (Timestamp, Timestamp),
    ) -> Result<Self, Error> {
        let scope = Scope { agencies: soc_archive::Agencies::All, from, to };
        let snapshot = handle.block_on(archive.snapshot(&scope))?;
        let (archive, journal, fleet) = (archive.clone(), journal.clone(), fleet.clone());
        Ok(Self { handle: handle.clone(), archive, journal, fleet, snapshot })
    }

    /// Files that should be there and are not.
    pub(super) fn missing(&self) -> impl Iterator<Item = (&str, &str)> {
        let missing = self.snapshot.missing.iter();
        missing.map(|missing| (missing.path.as_str(), missing.reason.as_str()))
    }

    /// How many events there are to look at from a position on.
    pub(super) fn events(&self, (first, end): (u64, u64)) -> u64 {
        let files = self.snapshot.files.iter().filter(|file| file.facts.position.1 >= first);
        let archived: u64 = files.map(|file| file.facts.rows).sum();
        archived.saturating_add(end.saturating_sub(self.snapshot.archived.0.max(first)))
    }

    /// Shows everything to the rules; false when nobody wanted more before the end.
    ///
    /// # Errors
    /// When the journal, the database or the disk fails: then it can go on from the last position
    /// that was reached.
    pub(super) fn walk(
        &self,
        pass: &mut Pass,
        ruleset: &Ruleset,
        range: Range,
        watcher: &mut dyn Watcher,
    ) -> Result<bool, Error> {
        let wanted = wanted(ruleset);
        let mut named = Named::new();
        let mut looking = Looking { pass, range, watcher };
        for Cluster { files, last } in clusters(self.snapshot.files.clone(), range.positions.0) {
            for file in &files {
                if !self.look_through(file, &wanted, &mut named, &mut looking)? {
                    return Ok(false);
                }
            }
            looking.reached(last.saturating_add(1))?;
        }
        self.look_through_journal(&mut looking)
    }

    fn look_through(
        &self,
        file: &FileRef,
        wanted: &Wanted,
        named: &mut Named,
        looking: &mut Looking<'_>,
    ) -> Result<bool, Error> {
        let opening = Scan::open(self.archive.folder().objects(), file, wanted.clone());
        let mut scan = match self.handle.block_on(opening) {
            Ok(scan) => scan,
            Err(error) => return self.lost(file, &error, 0, looking),
        };
        let mut shown = 0;
        loop {
            let block = match self.handle.block_on(scan.next()) {
                Ok(Some(block)) => block,
                Ok(None) => break,
                Err(error) => return self.lost(file, &error, shown, looking),
            };
            let mut rows = 0;
            for row in block.rows() {
                rows += 1;
                let place = Place { position: row.position(), received: row.received() };
                if looking.wants(place, row.time()) {
                    looking.look(&named.subject(row), place)?;
                }
            }
            shown += rows;
            if !looking.watcher.goes_on(rows) {
                return Ok(false);
            }
        }
        Ok(looking.watcher.goes_on(file.facts.rows.saturating_sub(shown)))
    }

    /// The rest is looked at without it.
    fn lost(
        &self,
        file: &FileRef,
        error: &soc_archive::Error,
        shown: u64,
        looking: &mut Looking<'_>,
    ) -> Result<bool, Error> {
        let reason = error.to_string();
        tracing::error!(path = file.path, reason, "look back: a file is left out");
        self.handle.block_on(self.archive.damaged(&file.path, &reason))?;
        looking.watcher.is_missing(&file.path, &reason);
        Ok(looking.watcher.goes_on(file.facts.rows.saturating_sub(shown)))
    }

    fn look_through_journal(&self, looking: &mut Looking<'_>) -> Result<bool, Error> {
        let end = looking.range.positions.1;
        let mut next = self.snapshot.archived.0.max(looking.range.positions.0);
        while next < end {
            let events_max = usize::try_from(end - next).unwrap_or(READ_MAX).min(READ_MAX);
            let stretch = self.journal.read(Position(next), events_max)?;
            let who = |agent: AgentId, at: Position| self.fleet.who_at(agent, at);
            let mut machines = Machines::new(&who);
            for entry in &stretch.entries {
                let place = Place { position: entry.position.0, received: entry.received };
                if looking.wants(place, entry.event.time) {
                    let machine = machines.of(entry);
                    looking.look(&Subject { entry, machine: &machine }.seen(), place)?;
                }
            }
            let read = stretch.next.0.saturating_sub(next);
            // The journal has not got further though it should have: nothing more is there.
            next = if read == 0 { end } else { stretch.next.0 };
            if !looking.watcher.goes_on(read) {
                return Ok(false);
            }
        }
        looking.reached(end)?;
        Ok(true)
    }

    /// Events by their positions, whole, as far as they are still there.
    ///
    /// # Errors
    /// When the journal fails; files that cannot be read are passed over.
    pub(super) fn pick(
        &self,
        positions: &std::collections::BTreeSet<u64>,
    ) -> Result<BTreeMap<u64, soc_archive::Row>, Error> {
        let mut found = BTreeMap::new();
        for file in &self.snapshot.files {
            let (first, last) = file.facts.position;
            let left = positions.range(first..=last).filter(|at| !found.contains_key(*at));
            let left: std::collections::BTreeSet<u64> = left.copied().collect();
            if left.is_empty() {
                continue;
            }
            let objects = self.archive.folder().objects();
            let picking = soc_archive::scan::pick(objects.as_ref(), file, left);
            match self.handle.block_on(picking) {
                Ok(rows) => found.extend(rows.into_iter().map(|row| (row.position, row))),
                Err(error) => tracing::warn!(path = file.path, %error, "look back: no samples"),
            }
        }
        for position in positions.range(self.snapshot.archived.0..) {
            if let Some(entry) = self.journal.get(Position(*position))? {
                found.insert(*position, crate::archive::row(entry, &self.fleet).row);
            }
        }
        Ok(found)
    }
}

/// The columns rules need.
fn wanted(ruleset: &Ruleset) -> Wanted {
    let carried = ruleset.carried_fields().of_matches;
    let grouped = ruleset.rules().iter().flat_map(|rule| rule.group_by.iter().cloned());
    let added = crate::subject::ADDED.map(str::to_owned);
    let kept: std::collections::HashSet<String> =
        carried.into_iter().chain(grouped).chain(added).collect();
    let asks = ruleset.clone();
    let concerns = ruleset.clone();
    let product = move |product: Option<&str>| {
        concerns.concerns(LogsourceRef { product, ..LogsourceRef::default() })
    };
    Wanted {
        field: Arc::new(move |name| kept.contains(name) || asks.asks(name)),
        texts: ruleset.asks_texts(),
        // Windows end by any event: correlations have to see them all.
        product: if ruleset.correlates() { None } else { Some(Arc::new(product)) },
    }
}

struct Looking<'l> {
    pass: &'l mut Pass,
    range: Range,
    watcher: &'l mut dyn Watcher,
}

impl Looking<'_> {
    fn wants(&self, place: Place, time: Timestamp) -> bool {
        let Range { time: (from, to), positions: (first, end) } = self.range;
        (first..end).contains(&place.position) && (from..=to).contains(&time)
    }

    fn look<'a, B: Body<'a>>(
        &mut self,
        subject: &crate::subject::Subject<'a, B>,
        place: Place,
    ) -> Result<(), Error> {
        let Self { pass, watcher, .. } = self;
        let work = || pass.look(subject, place, &mut |found| watcher.found(found));
        // Nothing in an event may stop the reading of the others.
        match catch_unwind(AssertUnwindSafe(work)) {
            Ok(done) => Ok(done?),
            Err(_) => {
                let position = place.position;
                tracing::error!(position, "event could not be evaluated; skipped");
                self.pass.recover();
                Ok(())
            }
        }
    }

    fn reached(&mut self, position: u64) -> Result<(), Error> {
        let position = position.min(self.range.positions.1);
        let Self { pass, watcher, .. } = self;
        pass.settle(&mut |found| watcher.found(found))?;
        watcher.reached(position, pass)
    }
}
