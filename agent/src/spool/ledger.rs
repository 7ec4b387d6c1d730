//! The spool's books: which sequences were given, sent, archived. On disk beside the events, in
//! memory as last committed.

use soc_event::{Epoch, Lane, Sequence, Timestamp};

use super::gap::Episodes;
use super::rows::Run;
use super::{Acknowledgement, LaneView, View};

/// Bytes a row costs beyond its value: key, length, share of the page.
pub(super) const ROW_OVERHEAD_BYTES: u64 = 32;

/// One lane. `archived ≤ sent ≤ last`; all events after `sent` are kept and dense.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct LaneBook {
    /// Last sequence given.
    pub last: Sequence,
    /// All up to this one need not be sent: the collector has them, or they were dropped.
    pub sent: Sequence,
    /// All up to this one may be deleted.
    pub archived: Sequence,
    /// Events kept.
    pub kept: u64,
    /// Bytes of these, with overhead.
    pub bytes: u64,
    /// Dropped unsent since the spool was made.
    pub dropped: u64,
    /// Refused by the collector since the spool was made.
    pub refused: u64,
    /// Rows to be packed; in memory only.
    pub run: Run,
}

/// A row of the table `lanes`: last, sent, archived, kept, bytes, dropped, refused.
pub(super) type LaneRow = (u64, u64, u64, u64, u64, u64, u64);

impl LaneBook {
    pub(super) fn row(self) -> LaneRow {
        let Self { last, sent, archived, kept, bytes, dropped, refused, run: _ } = self;
        (last.0, sent.0, archived.0, kept, bytes, dropped, refused)
    }

    pub(super) fn from_row(row: LaneRow) -> Self {
        let (last, sent, archived, kept, bytes, dropped, refused) = row;
        let (last, sent, archived) = (Sequence(last), Sequence(sent), Sequence(archived));
        let run = Run::default();
        Self { last, sent, archived, kept, bytes, dropped, refused, run }
    }

    fn view(self) -> LaneView {
        let Self { last, sent, kept, bytes, dropped, refused, .. } = self;
        let unsent = last.0.saturating_sub(sent.0);
        LaneView { unsent, last, sent, kept, bytes, dropped, refused }
    }
}

/// What an acknowledgement means for us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// Of another epoch: nothing.
    Stale,
    /// The collector has the batch.
    Taken,
    /// The collector lacks what came before the batch and has taken nothing: what we still have of
    /// it is sent again, and the batch.
    SendAgain,
    /// The collector has more than we ever gave: our disk was rolled back to an older state.
    RolledBack,
}

/// The books of all lanes.
#[derive(Clone, Debug)]
pub(super) struct Ledger {
    pub epoch: Epoch,
    pub lanes: [LaneBook; 3],
    pub episodes: Episodes,
    pub learned: Option<Timestamp>,
}

impl Ledger {
    pub(super) fn new(epoch: Epoch) -> Self {
        Self {
            epoch,
            lanes: [LaneBook::default(); 3],
            episodes: Episodes::default(),
            learned: None,
        }
    }

    pub(super) fn lane(&self, lane: Lane) -> LaneBook {
        self.lanes.get(usize::from(lane.index())).copied().unwrap_or_default()
    }

    pub(super) fn change(&mut self, lane: Lane, change: impl FnOnce(&mut LaneBook)) {
        if let Some(book) = self.lanes.get_mut(usize::from(lane.index())) {
            change(book);
        }
    }

    pub(super) fn bytes(&self) -> u64 {
        self.lanes.iter().map(|book| book.bytes).sum()
    }

    pub(super) fn view(&self) -> View {
        View { epoch: self.epoch, lanes: self.lanes.map(LaneBook::view), trouble: None }
    }

    /// Moves the marks; `oldest` is the oldest event of the lane that is kept.
    pub(super) fn acknowledge(
        &mut self,
        answer: &Acknowledgement,
        oldest: Option<Sequence>,
    ) -> Meaning {
        let book = self.lane(answer.lane);
        if answer.epoch != self.epoch || answer.last > book.last {
            return Meaning::Stale;
        }
        if answer.durable > book.last {
            return Meaning::RolledBack;
        }
        let book_archived = book.archived.max(answer.archived);
        if answer.durable < answer.first {
            // Nothing of the batch was taken: what came before it is missing there.
            let have = oldest.filter(|oldest| *oldest < answer.first).unwrap_or(answer.first);
            let before = Sequence(have.0.saturating_sub(1));
            let mark = answer.durable.max(answer.archived).max(before).min(book.last);
            self.change(answer.lane, |book| {
                (book.sent, book.archived) = (mark, book_archived.min(mark));
            });
            return Meaning::SendAgain;
        }
        let sent = book.sent.max(answer.durable).max(answer.last);
        let archived = book_archived.min(sent);
        self.change(answer.lane, |book| (book.sent, book.archived) = (sent, archived));
        Meaning::Taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger() -> Ledger {
        let mut ledger = Ledger::new(Epoch(1));
        ledger.change(Lane::Log, |book| {
            (book.last, book.sent) = (Sequence(100), Sequence(50));
        });
        ledger
    }

    fn answer(first: u64, last: u64, durable: u64, archived: u64) -> Acknowledgement {
        Acknowledgement {
            epoch: Epoch(1),
            lane: Lane::Log,
            first: Sequence(first),
            last: Sequence(last),
            durable: Sequence(durable),
            archived: Sequence(archived),
        }
    }

    #[test]
    fn marks_move_forward_and_never_past_what_was_sent() {
        let mut ledger = ledger();
        let oldest = Some(Sequence(41));
        assert_eq!(ledger.acknowledge(&answer(51, 60, 60, 99), oldest), Meaning::Taken);
        let book = ledger.lane(Lane::Log);
        assert_eq!((book.sent, book.archived), (Sequence(60), Sequence(60)));
    }

    #[test]
    fn answers_of_another_life_are_ignored() {
        let mut ledger = ledger();
        let mut stale = answer(51, 60, 60, 0);
        stale.epoch = Epoch(2);
        assert_eq!(ledger.acknowledge(&stale, None), Meaning::Stale);
        assert_eq!(ledger.acknowledge(&answer(101, 110, 110, 0), None), Meaning::Stale);
        assert_eq!(ledger.lane(Lane::Log).sent, Sequence(50));
    }

    #[test]
    fn a_collector_that_lost_its_disk_is_refilled_with_what_is_left() {
        let mut ledger = ledger();
        let oldest = Some(Sequence(21));
        assert_eq!(ledger.acknowledge(&answer(51, 60, 0, 0), oldest), Meaning::SendAgain);
        assert_eq!(ledger.lane(Lane::Log).sent, Sequence(20));
        // It is told that there is nothing before, asks once more, and takes what there is.
        assert_eq!(ledger.acknowledge(&answer(21, 60, 0, 0), oldest), Meaning::SendAgain);
        assert_eq!(ledger.lane(Lane::Log).sent, Sequence(20));
        assert_eq!(ledger.acknowledge(&answer(21, 60, 60, 0), oldest), Meaning::Taken);
        assert_eq!(ledger.lane(Lane::Log).sent, Sequence(60));
    }

    #[test]
    fn what_the_collector_has_in_its_archive_is_not_sent_again() {
        let mut ledger = ledger();
        let oldest = Some(Sequence(21));
        assert_eq!(ledger.acknowledge(&answer(51, 60, 30, 40), oldest), Meaning::SendAgain);
        assert_eq!(ledger.lane(Lane::Log).sent, Sequence(40));
    }

    #[test]
    fn a_batch_that_was_not_taken_is_never_called_sent() {
        let mut ledger = ledger();
        assert_eq!(
            ledger.acknowledge(&answer(51, 60, 0, 0), Some(Sequence(51))),
            Meaning::SendAgain
        );
        assert_eq!(ledger.lane(Lane::Log).sent, Sequence(50));
        assert_eq!(ledger.acknowledge(&answer(51, 60, 0, 0), None), Meaning::SendAgain);
        assert_eq!(ledger.lane(Lane::Log).sent, Sequence(50));
    }

    #[test]
    fn a_mark_beyond_what_was_given_shows_a_disk_rolled_back() {
        assert_eq!(ledger().acknowledge(&answer(51, 60, 101, 0), None), Meaning::RolledBack);
    }
}
