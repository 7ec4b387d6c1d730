//! Telling a restart from a second machine. Pure.
//!
//! Every start of an agent's process names itself by a random `run`. A new run usually means a
//! restart. A cloned disk means that two runs live at the same time under one identity. The two
//! must never be taken for each other, also not when an agent was killed with batches on their way.
//!
//! **What a restart looks like.** One machine has one agent at a time: a process opens its spool,
//! which only one can hold, before it connects. So when run B connects, run A is dead. A connection
//! is accepted here before its TLS handshake, in which the process itself has to take part (it
//! answers what we sent); so all connections over which A speaks were accepted before all those of
//! B, whatever the network delays. Connections are numbered in the order of acceptance, and not
//! anew after a restart of the collector. The numbers of the runs of one machine are therefore
//! intervals that do not overlap.
//!
//! What A had sent before it was killed may still arrive after B has spoken, but only over A's old
//! connections, and only a little: A has one batch on its way per lane, a second one where the first
//! has timed out, and a third only if it lives to see an answer.
//!
//! **The rules that follow.**
//! 1. A run that is new, on a connection later than the first of the current run, is the next start
//!    and becomes the current run. On an earlier connection it is the late word of an earlier start.
//! 2. An earlier run on a connection accepted after the first of the current run is alive: that is a
//!    proof of two machines.
//! 3. An earlier run on an old connection is told to try again later; nothing of it is taken. Who is
//!    dead does not mind: its next start sends the same from the spool. Who lives comes again, and
//!    the third batch in one lane is a proof as well. This catches two machines whose connections
//!    have both been open for days.
//! 4. On a proof, the run whose fingerprint is not the one of the enrolment is the clone; of two
//!    that are equal, the later one. The other goes on. A clone stays one.
//!
//! So a killed agent causes rule 1 and at most two answers of rule 3 per lane, which nobody reads.
//! Before the proof, the second machine may have been taken for a restart and had batches taken.
//! Nothing of it is lost by that: if its spool began a new epoch its ids are its own, and if not,
//! the journal refuses ids that were given to other events ([`crate::journal::Error::Conflict`]),
//! which is a proof too, against whoever speaks.

use std::collections::HashMap;

use soc_event::{Lane, RunId};

use crate::fleet::{RunRow, RunState};

/// Batches of one lane that a dead process can have had on their way.
const LATE_MAX: u8 = 2;
/// Earlier runs that are remembered; the earliest are forgotten.
const PAST_MAX: usize = 16;
/// Clones that are remembered.
const CLONES_MAX: usize = 64;

/// Who speaks, and over which connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) run: RunId,
    pub(super) fingerprint: String,
    pub(super) connection: u64,
    pub(super) lane: Lane,
}

/// What becomes of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is taken.
    Take,
    /// An earlier start, probably dead: nothing is taken, it may ask again.
    Superseded,
    /// Known to be a second machine.
    Clone,
    /// Now found to be a second machine: the speaker, or the one that was thought to be current.
    Accused(RunRow),
}

/// The known starts of one agent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Runs {
    rows: Vec<RunRow>,
    /// Batches of earlier runs, by lane.
    late: HashMap<(RunId, Lane), u8>,
}

impl Runs {
    pub(super) fn new(rows: Vec<RunRow>) -> Self {
        Self { rows, late: HashMap::new() }
    }

    pub(super) fn rows(&self) -> &[RunRow] {
        &self.rows
    }

    /// Decides about a batch; `enrolled` is the fingerprint of the enrolment.
    pub(super) fn judge(&mut self, said: &Said, enrolled: &str) -> Verdict {
        let known = self.rows.iter().find(|row| row.run == said.run).map(|row| row.state);
        match (known, self.current().cloned()) {
            (Some(RunState::Current), _) => Verdict::Take,
            (Some(RunState::Accused | RunState::Clone), _) => Verdict::Clone,
            (Some(RunState::Past), None) => {
                self.set(said.run, RunState::Current);
                Verdict::Take
            }
            (Some(RunState::Past), Some(current)) => self.judge_past(said, &current, enrolled),
            (None, current) => self.judge_new(said, current),
        }
    }

    fn judge_new(&mut self, said: &Said, current: Option<RunRow>) -> Verdict {
        let late = current.as_ref().is_some_and(|row| said.connection < row.first_connection);
        let state = if late { RunState::Past } else { RunState::Current };
        if let (false, Some(current)) = (late, current) {
            self.set(current.run, RunState::Past);
        }
        self.rows.push(RunRow {
            run: said.run,
            fingerprint: said.fingerprint.clone(),
            first_connection: said.connection,
            state,
        });
        self.forget();
        if late {
            self.late.insert((said.run, said.lane), 1);
            return Verdict::Superseded;
        }
        Verdict::Take
    }

    fn judge_past(&mut self, said: &Said, current: &RunRow, enrolled: &str) -> Verdict {
        let late = self.late.entry((said.run, said.lane)).or_default();
        *late = late.saturating_add(1);
        let lives = said.connection > current.first_connection || *late > LATE_MAX;
        if !lives {
            return Verdict::Superseded;
        }
        let speaker_is_foreign = said.fingerprint != enrolled;
        let current_is_foreign = current.fingerprint != enrolled;
        let accused =
            if speaker_is_foreign && !current_is_foreign { said.run } else { current.run };
        let accusation = self.accuse(accused);
        if accused != said.run {
            self.set(said.run, RunState::Current);
        }
        accusation.map_or(Verdict::Clone, Verdict::Accused)
    }

    /// Finds a run to be a second machine; nothing when it was known to be one.
    pub(super) fn accuse(&mut self, run: RunId) -> Option<RunRow> {
        let row = self.rows.iter_mut().find(|row| row.run == run)?;
        if matches!(row.state, RunState::Accused | RunState::Clone) {
            return None;
        }
        row.state = RunState::Accused;
        let accused = row.clone();
        self.late.retain(|(late, _), _| *late != run);
        self.forget();
        Some(accused)
    }

    /// The accusation is in the journal.
    pub(super) fn told(&mut self, run: RunId) {
        self.set(run, RunState::Clone);
    }

    fn current(&self) -> Option<&RunRow> {
        self.rows.iter().find(|row| row.state == RunState::Current)
    }

    fn set(&mut self, run: RunId, state: RunState) {
        if let Some(row) = self.rows.iter_mut().find(|row| row.run == run) {
            row.state = state;
        }
        if state == RunState::Current {
            self.late.retain(|(late, _), _| *late != run);
        }
    }

    fn forget(&mut self) {
        for (state, most) in [(RunState::Past, PAST_MAX), (RunState::Clone, CLONES_MAX)] {
            let mut numbers: Vec<u64> = self
                .rows
                .iter()
                .filter(|row| row.state == state)
                .map(|row| row.first_connection)
                .collect();
            numbers.sort_unstable_by(|left, right| right.cmp(left));
            if let Some(earliest) = numbers.get(most.saturating_sub(1)) {
                self.rows.retain(|row| row.state != state || row.first_connection >= *earliest);
            }
        }
        let rows = &self.rows;
        self.late.retain(|(run, _), _| rows.iter().any(|row| row.run == *run));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOME: &str = "home";

    struct World {
        runs: Runs,
    }

    impl World {
        fn new() -> Self {
            Self { runs: Runs::default() }
        }

        fn says(&mut self, run: u64, fingerprint: &str, connection: u64, lane: Lane) -> Verdict {
            let fingerprint = fingerprint.to_owned();
            let said = Said { run: RunId(run), fingerprint, connection, lane };
            // As after a restart of the collector whenever the connection is a multiple of ten.
            if connection.is_multiple_of(10) {
                self.runs = Runs::new(self.runs.rows().to_vec());
            }
            self.runs.judge(&said, HOME)
        }
    }

    fn accused(verdict: &Verdict) -> Option<u64> {
        match verdict {
            Verdict::Accused(row) => Some(row.run.0),
            _ => None,
        }
    }

    #[test]
    fn restarts_are_taken_however_many() {
        let mut world = World::new();
        for run in 1..100 {
            for lane in Lane::ALL {
                assert_eq!(world.says(run, HOME, run, lane), Verdict::Take);
            }
        }
        assert!(world.runs.rows().len() <= PAST_MAX + 1);
    }

    #[test]
    fn a_killed_agent_with_batches_on_their_way_is_no_clone() {
        // Run 1 dies with two batches per lane on its two last connections; run 2 is heard first,
        // in between, or last.
        for before in 0..6 {
            let mut world = World::new();
            world.says(1, HOME, 1, Lane::State);
            let mut late: Vec<(u64, Lane)> =
                [2, 3].iter().flat_map(|c| Lane::ALL.map(|lane| (*c, lane))).collect();
            let after = late.split_off(before);
            for (connection, lane) in late {
                assert_eq!(world.says(1, HOME, connection, lane), Verdict::Take);
            }
            assert_eq!(world.says(2, HOME, 4, Lane::Alert), Verdict::Take);
            for (connection, lane) in after {
                assert_eq!(world.says(1, HOME, connection, lane), Verdict::Superseded);
                assert_eq!(world.says(2, HOME, 4, lane), Verdict::Take);
            }
            assert_eq!(world.says(2, HOME, 5, Lane::State), Verdict::Take);
        }
    }

    #[test]
    fn the_first_word_of_a_killed_agent_may_come_after_its_successors() {
        let mut world = World::new();
        assert_eq!(world.says(2, HOME, 4, Lane::Alert), Verdict::Take);
        assert_eq!(world.says(1, HOME, 3, Lane::Alert), Verdict::Superseded);
        assert_eq!(world.says(2, HOME, 5, Lane::Alert), Verdict::Take);
        assert_eq!(world.says(3, HOME, 6, Lane::Alert), Verdict::Take);
    }

    #[test]
    fn two_machines_that_reconnect_are_found_at_once() {
        let mut world = World::new();
        world.says(1, HOME, 1, Lane::State);
        assert_eq!(world.says(2, "copy", 2, Lane::State), Verdict::Take);
        let verdict = world.says(1, HOME, 3, Lane::State);
        assert_eq!(accused(&verdict), Some(2), "the copy is the foreign one");
        assert_eq!(world.says(1, HOME, 3, Lane::State), Verdict::Take);
        assert_eq!(world.says(2, "copy", 4, Lane::State), Verdict::Clone);
        assert_eq!(world.says(1, HOME, 20, Lane::State), Verdict::Take);
    }

    #[test]
    fn two_machines_with_old_connections_are_found_by_their_third_batch() {
        let mut world = World::new();
        world.says(1, HOME, 1, Lane::State);
        world.says(2, HOME, 2, Lane::State);
        assert_eq!(world.says(1, HOME, 1, Lane::State), Verdict::Superseded);
        assert_eq!(world.says(1, HOME, 1, Lane::State), Verdict::Superseded);
        let verdict = world.says(1, HOME, 1, Lane::State);
        assert_eq!(accused(&verdict), Some(2), "of equals the later one");
        assert_eq!(world.says(1, HOME, 1, Lane::Log), Verdict::Take);
        assert_eq!(world.says(2, HOME, 2, Lane::Log), Verdict::Clone);
    }

    #[test]
    fn a_foreign_machine_that_spoke_first_is_the_clone_too() {
        let mut world = World::new();
        world.says(1, "copy", 1, Lane::State);
        world.says(2, HOME, 2, Lane::State);
        let verdict = world.says(1, "copy", 3, Lane::State);
        assert_eq!(accused(&verdict), Some(1));
        assert_eq!(world.says(2, HOME, 2, Lane::State), Verdict::Take);
    }

    #[test]
    fn a_clone_that_restarts_is_found_again() {
        let mut world = World::new();
        world.says(1, HOME, 1, Lane::State);
        world.says(2, "copy", 2, Lane::State);
        world.says(1, HOME, 3, Lane::State);
        assert_eq!(world.says(4, "copy", 4, Lane::State), Verdict::Take);
        assert_eq!(accused(&world.says(1, HOME, 5, Lane::State)), Some(4));
        assert_eq!(world.says(1, HOME, 5, Lane::State), Verdict::Take);
    }

    #[test]
    fn what_was_learned_survives_a_restart_of_the_collector() {
        let mut world = World::new();
        world.says(1, HOME, 1, Lane::State);
        world.says(2, HOME, 2, Lane::State);
        assert_eq!(accused(&world.says(1, HOME, 10, Lane::State)), Some(2));
        world.runs.told(RunId(2));
        assert_eq!(world.says(2, HOME, 20, Lane::State), Verdict::Clone);
        assert_eq!(world.says(1, HOME, 21, Lane::State), Verdict::Take);
    }
}
