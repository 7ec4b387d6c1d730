use soc_archive::Agencies;
use soc_event::AgentId;

use super::*;
use crate::alert::tests::{NOW, finding};
use crate::clock::SetClock;
use crate::journal::{self, Journal};
use crate::live::Bus;

const DAY: i64 = 86_400_000_000;

struct World {
    trends: Trends,
    clock: SetClock,
    _folder: tempfile::TempDir,
}

/// A collector in Vietnam, at 15:00 on 15 January 2027.
async fn world() -> World {
    let folder = tempfile::tempdir().unwrap();
    let registry = prometheus::Registry::new();
    let store = Store::open(&folder.path().join("state.sqlite")).await.unwrap();
    let config = journal::Config {
        retention: Duration::from_secs(86_400),
        bytes_max: 1 << 30,
        cache_bytes: 1 << 20,
        disk_free_bytes_min: 0,
    };
    let journal = Journal::open(&folder.path().join("journal"), &config, &registry).unwrap();
    let (bus, clock) = (Bus::default(), SetClock::at(Timestamp::from_micros(NOW)));
    let fleet = Fleet::new(
        store.clone(),
        journal,
        bus.clone(),
        clock.clock(),
        fleet::Config::default(),
        &registry,
    );
    let fleet = fleet.await.unwrap();
    fleet.ensure_agency("LOCAL", "Sở").await.unwrap();
    fleet.add_agency("BELOW", "Xã", Some("LOCAL")).await.unwrap();
    let alerts = Alerts::new(store.clone(), clock.clock(), bus, &registry).unwrap();
    let zone = TimeZone::fixed(jiff::tz::offset(7));
    let trends = Trends::new(store, fleet, alerts, clock.clock(), zone);
    World { trends, clock, _folder: folder }
}

impl World {
    async fn raise(&self, sequence: u64) {
        let mut tx = self.trends.0.store.write().await.unwrap();
        let found = finding("r", &sequence.to_string(), sequence);
        self.trends.0.alerts.raise(&mut tx, &[found]).await.unwrap();
        tx.commit().await.unwrap();
    }

    async fn machine(&self, agency: i64, state: &str) {
        sqlx::query(
            "INSERT INTO agent (id, agency, hostname, fingerprint, os, version, key_hash,
                enrolled_at, certificate_expires_at, antivirus_state, heard_at)
             VALUES (?, ?, 'pc', '', '', '', x'00', 0, 0, ?, ?)",
        )
        .bind(AgentId::from_bytes([u8::try_from(agency).unwrap(); 16]).to_string())
        .bind(agency)
        .bind(state)
        .bind(self.clock.clock().now().as_micros())
        .execute(self.trends.0.store.pool())
        .await
        .unwrap();
    }

    /// Machines, those heard, those protected and alerts raised of each day.
    async fn read(&self, agencies: &Agencies, days: u32) -> Vec<Option<[i64; 4]>> {
        let days = self.trends.read(agencies, days).await.unwrap().days;
        let short = |of: Figures| [of.machines, of.heard, of.protected, of.raised.high];
        days.into_iter().map(|day| day.figures.map(short)).collect()
    }
}

#[tokio::test]
async fn a_day_nobody_measured_is_a_gap_and_today_is_measured_on_reading() {
    let world = world().await;
    world.machine(1, "protected").await;
    world.raise(1).await;
    world.trends.measure().await.unwrap();
    world.clock.advance_micros(2 * DAY);
    world.machine(2, "weak").await;
    assert_eq!(
        world.read(&Agencies::All, 4).await,
        [None, Some([1, 1, 1, 1]), None, Some([2, 1, 1, 0])],
        "yesterday's machine was not heard today"
    );
    assert_eq!(
        world.read(&Agencies::Of([2].into()), 3).await,
        [Some([0; 4]), None, Some([1, 1, 0, 0])]
    );
    let days = world.trends.read(&Agencies::All, 2).await.unwrap().days;
    assert_eq!(days[1].day, "2027-01-17");
    assert_eq!(days[1].begin.to_string(), "2027-01-16T17:00:00.000000Z");
}

#[tokio::test]
async fn alerts_raised_after_the_last_measurement_of_a_day_are_counted_to_it() {
    let world = world().await;
    world.trends.measure().await.unwrap();
    world.raise(1).await;
    // Nine hours later it is the next day in Vietnam, and still the same in UTC.
    world.clock.advance_micros(9 * 3_600_000_000);
    world.raise(2).await;
    world.trends.measure().await.unwrap();
    assert_eq!(world.read(&Agencies::All, 2).await, [Some([0, 0, 0, 1]), Some([0, 0, 0, 1])]);
}

#[tokio::test]
async fn what_is_too_old_goes() {
    let world = world().await;
    world.trends.measure().await.unwrap();
    world.clock.advance_micros(DAY * (i64::from(DAYS_KEPT) + 1));
    world.trends.measure().await.unwrap();
    let days: i64 = sqlx::query_scalar("SELECT COUNT(DISTINCT day) FROM trend")
        .fetch_one(world.trends.0.store.pool())
        .await
        .unwrap();
    assert_eq!(days, 1);
}
