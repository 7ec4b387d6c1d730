use super::super::engine::Digest;
use super::super::parking::Parking;
use super::super::subject::Machines;
use super::super::worker::Seen;
use super::*;
use crate::access::Deed;
use crate::fleet::WhoThen;
use crate::journal::{Entry, Part};
use soc_rules::Eviction;

const FAILED: &str = "11111111-1111-4111-8111-111111111111";

impl Fixture {
    fn entries(&self) -> Vec<Entry> {
        self.detect.journal.read(Position::FIRST, 1000).unwrap().entries
    }

    /// What the collector has told the journal of itself.
    fn told(&self) -> Vec<Event> {
        let own = |entry: &Entry| entry.id.agent == AgentId::COLLECTOR;
        self.entries().into_iter().filter(own).map(|entry| entry.event).collect()
    }

    /// As if the first event had been too much for the rule of failed logins.
    async fn park(&self) {
        let book = self.detect.rulebook.current();
        let lines = self.detect.journal.lines(Position::FIRST, 1).unwrap();
        let line = lines.parts(1)[0].lines().next().unwrap();
        let parked = vec![Parking::new(book.ruleset.rule(FAILED).unwrap(), &line)];
        let digest = Digest { parked, ..Digest::default() };
        self.detect.commit(&digest, Position(2)).await.unwrap();
        self.detect.tell().await.unwrap();
    }

    async fn parked(&self) -> usize {
        self.detect.engine().await.unwrap().parked()
    }
}

#[tokio::test]
async fn a_batch_ends_with_the_event_that_was_too_much_for_a_rule() {
    let mut fixture = Fixture::new().await;
    fixture.append(&(0..5).map(|at| login(at, 9, "failure")).collect::<Vec<_>>()).await;
    let mut engine = fixture.detect.engine().await.unwrap();
    let (mut digest, who) = (Digest::default(), |_, _| WhoThen::always(None));
    let mut machines = Machines::new(&who);
    let lines = fixture.detect.journal.lines(Position::FIRST, 1000).unwrap();
    let parts = lines.parts(1000);
    let seen = parts.iter().flat_map(Part::lines).enumerate().map(|(number, line)| {
        let entry = line.entry().unwrap();
        let (machine, time) = (machines.of(&entry), entry.event.time);
        let parked = if number == 1 { vec![0] } else { Vec::new() };
        let (matches, decoded) = (vec![0], Some(Arc::new(entry)));
        Ok(Seen { line, time, machine, matches, parked, decoded })
    });
    engine.take_all(seen, &mut digest);
    assert_eq!(digest.findings.count(), 2, "two events; no third, so no brute force");
    let parked: Vec<u64> = digest.parked.iter().map(|parking| parking.position).collect();
    assert_eq!((parked, digest.next, engine.parked()), (vec![2], Position(3), 1));
}

#[tokio::test]
async fn a_parked_rule_stays_parked_over_a_restart_and_the_journal_is_told_once() {
    let mut fixture = Fixture::new().await;
    fixture.append(&[login(0, 9, "failure"), login(1, 9, "failure")]).await;
    fixture.park().await;
    fixture.detect.tell().await.unwrap();
    let told = fixture.told();
    assert_eq!(told.len(), 1);
    assert_eq!((&told[0].kind, told[0].text("rule.id")), (&kind::RULE_PARKED, Some(FAILED)));
    evaluate(&fixture.detect, std::iter::empty()).await;
    assert_eq!(fixture.alerts().await, [], "it is not asked");
    assert_eq!(fixture.detect.parked().await.unwrap()[FAILED].position, 1);
}

#[tokio::test]
async fn a_parked_rule_is_asked_again_when_it_changes_or_somebody_says_so() {
    let mut fixture = Fixture::new().await;
    fixture.append(&[login(0, 9, "failure")]).await;
    fixture.park().await;
    assert_eq!(fixture.parked().await, 1);
    let deed = Deed::new("an", "192.0.2.1", "rule unparked", FAILED);
    let mut notices = fixture.bus.listen();
    assert!(fixture.detect.unpark(FAILED, &deed).await.unwrap());
    assert!(!fixture.detect.unpark(FAILED, &deed).await.unwrap(), "it is not parked any more");
    assert_eq!(notices.try_recv().unwrap(), Notice::Rules);
    let deeds: i64 = sqlx::query_scalar("SELECT count(*) FROM audit")
        .fetch_one(fixture.detect.store.pool())
        .await
        .unwrap();
    assert_eq!((fixture.parked().await, deeds), (0, 1));
    fixture.park().await;
    let changed = RULES.replace("outcome: failure", "outcome: success");
    fixture.detect.rulebook = Rulebook::of("test.yml", &changed);
    assert_eq!(fixture.parked().await, 0);
    fixture.detect.rulebook = Rulebook::of("test.yml", RULES);
    assert_eq!(fixture.parked().await, 0, "what has changed begins anew");
}

#[tokio::test]
async fn evictions_are_told_once_an_hour_a_rule_and_agency_with_their_sum() {
    let fixture = Fixture::new().await;
    let mut told = Vec::new();
    for (minute, scope, count) in
        [(0, "A", 5), (1, "A", 7), (30, "B", 1), (59, "A", 8), (61, "A", 9)]
    {
        let eviction = Eviction { rule: 1, scope: scope.to_owned(), count };
        let received = Some(Timestamp::from_micros(NOW + minute * 60_000_000));
        let evictions = vec![(FAILED.to_owned(), eviction)];
        let digest = Digest { evictions, received, ..Digest::default() };
        fixture.detect.commit(&digest, Position(1)).await.unwrap();
        fixture.detect.tell().await.unwrap();
        told.push(fixture.told().len());
    }
    assert_eq!(told, [1, 1, 2, 2, 3]);
    let last = &fixture.told()[2];
    assert_eq!(last.fields["rule.evicted.count"], soc_event::Value::from(24_i64));
    assert_eq!(last.text("agency.code"), Some("A"));
}
