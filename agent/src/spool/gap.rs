//! Episodes in which events were lost: counted on disk from the first loss, reported once.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use soc_event::{Event, Lane, Sequence, Timestamp, Value, kind};

/// Why events were lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reason {
    /// There was no room.
    SpoolFull,
    /// The collector will never take them; the last of them are in the table `refused`.
    Refused,
    /// The spool's file was damaged and moved aside with all that was in it.
    SpoolDamaged,
}

impl Reason {
    const ALL: [Self; 3] = [Self::SpoolFull, Self::Refused, Self::SpoolDamaged];

    fn as_str(self) -> &'static str {
        match self {
            Self::SpoolFull => "spool_full",
            Self::Refused => "refused",
            Self::SpoolDamaged => "spool_damaged",
        }
    }

    pub(super) fn index(self) -> u8 {
        match self {
            Self::SpoolFull => 0,
            Self::Refused => 1,
            Self::SpoolDamaged => 2,
        }
    }

    pub(super) fn from_index(index: u8) -> Option<Self> {
        Self::ALL.get(usize::from(index)).copied()
    }
}

/// What was lost; one row of the table `gaps`: count, bytes, first and last sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lost {
    pub count: u64,
    pub bytes: u64,
    pub first: Sequence,
    pub last: Sequence,
}

impl Lost {
    pub(super) fn row(self) -> (u64, u64, u64, u64) {
        (self.count, self.bytes, self.first.0, self.last.0)
    }

    pub(super) fn from_row((count, bytes, first, last): (u64, u64, u64, u64)) -> Self {
        Self { count, bytes, first: Sequence(first), last: Sequence(last) }
    }
}

/// Losses for lack of room are reported when there is room again, at the latest after this time.
const FULL_REPORT_AFTER: Duration = Duration::from_secs(600);
/// Refusals shortly after each other are one episode.
const REFUSED_REPORT_AFTER: Duration = Duration::from_secs(30);

/// Losses that are not reported yet.
#[derive(Clone, Debug, Default)]
pub(super) struct Episodes {
    open: BTreeMap<(Reason, Lane), (Lost, Option<Instant>)>,
}

impl Episodes {
    /// Of an earlier run: due at once.
    pub(super) fn restore(&mut self, reason: Reason, lane: Lane, lost: Lost) {
        self.open.insert((reason, lane), (lost, None));
    }

    pub(super) fn add(&mut self, reason: Reason, lane: Lane, lost: Lost) -> Lost {
        let entry = self.open.entry((reason, lane));
        let (sum, _) = entry
            .and_modify(|(sum, _)| {
                sum.count += lost.count;
                sum.bytes += lost.bytes;
                sum.first = sum.first.min(lost.first);
                sum.last = sum.last.max(lost.last);
            })
            .or_insert_with(|| (lost, Some(Instant::now())));
        *sum
    }

    /// Takes those that are over.
    pub(super) fn take_due(&mut self, has_room: bool) -> Vec<(Reason, Lane, Lost)> {
        let is_due = |reason: Reason, since: Option<Instant>| {
            let age = since.map_or(Duration::MAX, |since| since.elapsed());
            match reason {
                Reason::SpoolFull => has_room || age >= FULL_REPORT_AFTER,
                Reason::Refused => age >= REFUSED_REPORT_AFTER,
                Reason::SpoolDamaged => true,
            }
        };
        let due = self.open.extract_if(.., |(reason, _), (_, since)| is_due(*reason, *since));
        due.map(|((reason, lane), (lost, _))| (reason, lane, lost)).collect()
    }
}

/// The report of one episode.
pub(super) fn event(time: Timestamp, reason: Reason, lane: Lane, lost: Lost) -> Event {
    let event = Event::own(time, kind::LOG_GAP)
        .with("log.gap.reason", reason.as_str())
        .with("log.source", "spool");
    if reason == Reason::SpoolDamaged {
        // Nobody can say what was in it.
        return event.with("log.gap.count", Value::Null);
    }
    event
        .with("log.gap.lane", lane.as_str())
        .with("log.gap.count", lost.count)
        .with("log.gap.bytes", lost.bytes)
        .with("log.gap.first", lost.first.0)
        .with("log.gap.last", lost.last.0)
}
