//! What rules find looking back is what live detection found.

use std::collections::{BTreeMap, HashSet};

use proptest::prelude::*;
use tokio::runtime::Handle;

use super::super::draft::{Asked, only};
use super::super::pass::Pass;
use super::super::past::{Past, Range, Watcher};
use super::*;
use crate::alert::fingerprint;

/// Rule and fingerprint: how often, when first, when last.
pub(in super::super) type Findings = BTreeMap<(String, String), (u64, i64, i64)>;

#[derive(Default)]
struct Collecting(Findings);

impl Watcher for Collecting {
    fn found(&mut self, found: Found) {
        let agent = found.agent.parse().unwrap();
        let key = (found.rule.clone(), fingerprint(&found.rule, agent, &found.group));
        let at = found.at.as_micros();
        let (count, first, last) = self.0.entry(key).or_insert((0, at, at));
        (*count, *first, *last) = (*count + 1, at.min(*first), at.max(*last));
    }

    fn goes_on(&mut self, _: u64) -> bool {
        true
    }

    fn is_missing(&mut self, path: &str, reason: &str) {
        panic!("{path}: {reason}");
    }

    fn reached(&mut self, _: u64, pass: &mut Pass) -> Result<(), Error> {
        // As a restart would: what is kept between steps is all there is.
        pass.take_changes();
        Ok(())
    }
}

impl Fixture {
    /// What live detection alerted.
    pub(in super::super) async fn alerted(&self) -> Findings {
        let rows: Vec<(String, String, i64, i64, i64)> =
            sqlx::query_as("SELECT rule, fingerprint, count, starts_at, last_at FROM alert")
                .fetch_all(self.rooms.store.pool())
                .await
                .unwrap();
        let row = |(rule, print, count, first, last): (_, _, i64, _, _)| {
            ((rule, print), (count.unsigned_abs(), first, last))
        };
        rows.into_iter().map(row).collect()
    }

    /// What all rules in force find looking back, without a job.
    pub(in super::super) async fn found(&self) -> Findings {
        let (rooms, range) = (self.rooms.clone(), self.always());
        let handle = Handle::current();
        let look = move || {
            let book = rooms.rulebook.current();
            let alerting = book.ruleset.rules().iter().filter(|rule| rule.alerts);
            let rules = alerting.map(|rule| (rule.id.clone(), String::new())).collect();
            let asked = Asked { rules, draft: Vec::new() };
            let ruleset = only(&book, &asked);
            let ids: HashSet<String> = asked.ids();
            let mut pass = Pass::new(&ruleset, &ids, range.0, &rooms.folder);
            let past =
                Past::open(&handle, (&rooms.archive, &rooms.journal, &rooms.fleet), range).unwrap();
            let mut found = Collecting::default();
            let range = Range { time: range, positions: (1, rooms.journal.end().borrow().0) };
            assert!(past.walk(&mut pass, &ruleset, range, &mut found).unwrap());
            assert!(pass.overdone().is_empty());
            found.0
        };
        std::thread::spawn(look).join().unwrap()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn rules_find_in_files_and_journal_what_they_found_live(
        batches in prop::collection::vec(
            (prop::collection::vec(super::data::event(), 1..12), prop_oneof![Just(0), Just(1), Just(2)]),
            1..10,
        ),
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async {
            let mut fixture = Fixture::new(RULES).await;
            for (events, then) in batches {
                for (agent, event) in events {
                    fixture.append(agent, &[event]).await;
                }
                match then {
                    1 => fixture.rooms.archive.catch_up().await.unwrap(),
                    2 => fixture.clock.advance_micros(20 * 3600 * 1_000_000),
                    _ => {}
                }
            }
            fixture.detect().await;
            let (live, back) = (fixture.alerted().await, fixture.found().await);
            prop_assert_eq!(&live, &back);
            fixture.rooms.archive.catch_up().await.unwrap();
            prop_assert_eq!(live, fixture.found().await);
            Ok(())
        })?;
    }
}
