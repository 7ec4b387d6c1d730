//! Power cuts at random moments: every line is in the journal exactly once, every alert raised
//! exactly once, none missing. The count is the test's own.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::Value;
use soc_tests::{Stage, until};

/// Kills in all, half of them of each program, in random order.
const KILLS: u64 = 200;
/// Every so many lines one that a rule answers with an alert of its own.
const ALERT_EVERY: u64 = 50;

const AGENT_CONFIG: &str = r#"
[antivirus]
enabled = false
[port]
enabled = false
[journald]
enabled = "off"
"#;

fn line(number: u64) -> String {
    let time = "2026-11-22T10:16:42.123456+00:00";
    if number.is_multiple_of(ALERT_EVERY) {
        return format!(
            "{time} srv useradd[77]: new user: name=u{number}, UID=1001, GID=1001, \
             home=/home/u{number}, shell=/bin/bash, from=none\n"
        );
    }
    format!("{time} srv counter[78]: line {number} of the test\n")
}

/// Writes numbered lines until told to stop; tells how many there are.
fn write_lines(path: PathBuf, written: Arc<AtomicU64>, stop: Arc<AtomicBool>) {
    let mut log = File::options().append(true).create(true).open(path).unwrap();
    while !stop.load(Ordering::Relaxed) {
        for _ in 0..5 {
            let number = written.load(Ordering::Relaxed) + 1;
            log.write_all(line(number).as_bytes()).unwrap();
            written.store(number, Ordering::Relaxed);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn number_of(message: &str) -> Option<u64> {
    let after = |mark: &str| message.split_once(mark).map(|(_, rest)| rest);
    let digits = after("name=u").or_else(|| after("line "))?;
    digits[..digits.find(|c: char| !c.is_ascii_digit())?].parse().ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_line_and_every_alert_exactly_once_through_200_power_cuts() {
    let mut stage = Stage::new().unwrap();
    let log = stage.write("logs/auth.log", "").unwrap();
    // Whichever is there first, the agent or a line.
    let follow = format!(
        "[logfile]\nfrom_beginning = true\n[[logfile.files]]\npath = \"{}\"\n",
        log.display()
    );
    stage.write("agent.toml", &format!("{AGENT_CONFIG}{follow}")).unwrap();
    // So that many of the kills meet the archive at its work.
    stage.write("collector.toml", "[archive]\nwait = \"1s\"\n").unwrap();
    stage.start_collector().await.unwrap();
    stage.enrol_agent().unwrap();
    stage.start_agent().unwrap();
    let api = stage.administrator().await.unwrap();
    until("the agent reports", Duration::from_secs(30), || async {
        let machines = api.get("/api/v1/machines").await.ok()?;
        (machines["total"] == 1).then_some(())
    })
    .await;

    let (written, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let writer = {
        let (written, stop) = (written.clone(), stop.clone());
        std::thread::spawn(move || write_lines(log, written, stop))
    };
    let seed = std::env::var("SOC_TEST_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(7);
    let mut random = StdRng::seed_from_u64(seed);
    let mut kills = [0_u64; 2];
    while kills.iter().sum::<u64>() < KILLS {
        tokio::time::sleep(Duration::from_millis(random.random_range(5..700))).await;
        let which = usize::from(random.random_bool(0.5));
        kills[which] += 1;
        if which == 0 {
            stage.agent.as_mut().unwrap().kill();
            stage.start_agent().unwrap();
        } else {
            stage.collector.as_mut().unwrap().kill();
            stage.start_collector().await.unwrap();
        }
    }
    stop.store(true, Ordering::Relaxed);
    writer.join().unwrap();
    let total = written.load(Ordering::Relaxed);
    println!("{} agent kills, {} collector kills, {total} lines written", kills[0], kills[1]);

    let api = stage.administrator().await.unwrap();
    let seen = until_all_are_there(&api, total).await;
    let wrong: Vec<_> = (1..=total).filter(|n| seen.get(n) != Some(&1)).collect();
    assert!(wrong.is_empty(), "not exactly once: {wrong:?}\n{}", stage.logs());
    assert_eq!(seen.len() as u64, total, "lines nobody wrote");

    until_all_is_archived_once(&api).await;
    let alerts = alerts_by_user(&api).await;
    let expected = total / ALERT_EVERY;
    assert_eq!(alerts.len() as u64, expected, "alerts\n{}", stage.logs());
    let repeated: Vec<_> =
        alerts.iter().filter(|(_, (times, count))| (*times, *count) != (1, 1)).collect();
    assert!(repeated.is_empty(), "alerts not exactly once: {repeated:?}");
    println!("{total} lines and {expected} alerts, each exactly once");
}

/// How often each numbered line is in the journal, once the last one has come.
async fn until_all_are_there(api: &soc_tests::Api, total: u64) -> BTreeMap<u64, u32> {
    let machine =
        api.get("/api/v1/machines").await.unwrap()["items"][0]["id"].as_str().unwrap().to_owned();
    until("the last line arrives", Duration::from_secs(120), || async {
        let page =
            api.get(&format!("/api/v1/machines/{machine}/events?kind=log&limit=50")).await.ok()?;
        let newest = page["items"].as_array()?.iter().filter_map(number_in).max()?;
        (newest == total).then_some(())
    })
    .await;
    let mut seen = BTreeMap::new();
    let mut before = String::new();
    loop {
        let path = format!("/api/v1/machines/{machine}/events?kind=log&limit=1000{before}");
        let page = api.get(&path).await.unwrap();
        for number in page["items"].as_array().unwrap().iter().filter_map(number_in) {
            *seen.entry(number).or_insert(0) += 1;
        }
        match page["next"].as_u64() {
            Some(next) => before = format!("&before={next}"),
            None => return seen,
        }
    }
}

/// Files of the archive hold as many events as the journal ever had: one too many or too few would
/// stay so.
async fn until_all_is_archived_once(api: &soc_tests::Api) {
    until("every event is archived, once", Duration::from_secs(60), || async {
        let archive = api.get("/api/v1/archive").await.ok()?;
        let (rows, waiting) = (archive["rows"].as_u64()?, archive["waiting_events"].as_u64()?);
        let end = metric(&api.text("/metrics").await.ok()?, "soc_collector_journal_position")?;
        (rows > 0 && rows + waiting + 1 == end && archive["damaged"] == serde_json::json!([]))
            .then(|| println!("{rows} events in {} files", archive["files"]))
    })
    .await;
}

fn metric(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
    line.trim().parse().ok()
}

fn number_in(event: &Value) -> Option<u64> {
    number_of(event["raw"].as_str()?)
}

/// Alerts of new users: how many rows, and the sum of their counts.
async fn alerts_by_user(api: &soc_tests::Api) -> BTreeMap<String, (u32, u64)> {
    let mut alerts = BTreeMap::new();
    let mut cursor = String::new();
    loop {
        let page = api.get(&format!("/api/v1/alerts?limit=1000{cursor}")).await.unwrap();
        for alert in page["items"].as_array().unwrap() {
            if let Some(user) = alert["group"]["user.target.name"].as_str() {
                let (times, count) = alerts.entry(user.to_owned()).or_insert((0, 0));
                *times += 1;
                *count += alert["count"].as_u64().unwrap();
            }
        }
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return alerts,
        }
    }
}
