//! The archive between real programs: what a collector has lost, agents send again.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::time::Duration;

use soc_tests::{Api, Stage, until};

const AGENT_CONFIG: &str = r#"
[antivirus]
enabled = false
[port]
enabled = false
[journald]
enabled = "off"
"#;

/// How often each numbered line is in the journal.
async fn lines(api: &Api) -> Option<BTreeMap<u64, u32>> {
    let machines = api.get("/api/v1/machines").await.ok()?;
    let machine = machines["items"][0]["id"].as_str()?;
    let path = format!("/api/v1/machines/{machine}/events?kind=log&limit=1000");
    let page = api.get(&path).await.ok()?;
    let mut seen = BTreeMap::new();
    for event in page["items"].as_array()? {
        let number = event["raw"].as_str().and_then(|raw| raw.rsplit_once("line ")?.1.parse().ok());
        if let Some(number) = number {
            *seen.entry(number).or_insert(0) += 1;
        }
    }
    Some(seen)
}

async fn until_lines(api: &Api, last: u64) {
    let all: BTreeMap<u64, u32> = (1..=last).map(|number| (number, 1)).collect();
    until("all lines are there once", Duration::from_secs(60), || async {
        (lines(api).await? == all).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_lost_its_journal_is_refilled_by_its_agents() {
    let mut stage = Stage::new().unwrap();
    let log = stage.write("logs/auth.log", "").unwrap();
    let write = |numbers: std::ops::RangeInclusive<u64>| {
        let mut log = std::fs::File::options().append(true).open(&log).unwrap();
        for number in numbers {
            let line = format!("2026-11-22T10:16:42+00:00 srv counter[78]: line {number}\n");
            log.write_all(line.as_bytes()).unwrap();
        }
    };
    let follow = format!(
        "[logfile]\nfrom_beginning = true\n[[logfile.files]]\npath = \"{}\"\n",
        log.display()
    );
    stage.write("agent.toml", &format!("{AGENT_CONFIG}{follow}")).unwrap();
    // Nothing is archived while this test runs: only the agent has what the journal loses.
    stage.write("collector.toml", "[archive]\nwait = \"1d\"\n").unwrap();
    stage.start_collector().await.unwrap();
    stage.enrol_agent().unwrap();
    stage.start_agent().unwrap();
    write(1..=20);
    until_lines(&stage.administrator().await.unwrap(), 20).await;

    stage.collector.as_mut().unwrap().kill();
    std::fs::remove_file(stage.path("collector/journal.redb")).unwrap();
    stage.start_collector().await.unwrap();
    let api = stage.administrator().await.unwrap();
    write(21..=21);
    until_lines(&api, 21).await;
}
