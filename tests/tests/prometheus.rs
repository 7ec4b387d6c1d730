//! Debian's Prometheus scrapes collector and agent; promtool finds nothing to complain about.

use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use soc_tests::program::installed;
use soc_tests::stage::free_port;
use soc_tests::{Api, Program, Stage, skip, until};

const PATIENCE: Duration = Duration::from_secs(60);

/// What `promtool check metrics` says about a page of metrics; nothing when it is content.
fn complaints(page: &str) -> String {
    use std::io::Write;
    let mut tool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    tool.stdin.take().unwrap().write_all(page.as_bytes()).unwrap();
    let output = tool.wait_with_output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    String::from_utf8_lossy(&text).into_owned()
}

fn value_of(answer: &Value) -> Option<&str> {
    answer["data"]["result"].as_array()?.first()?["value"][1].as_str()
}

#[tokio::test(flavor = "multi_thread")]
async fn prometheus_scrapes_both_and_promtool_is_content() {
    let (Some(prometheus), Some(_)) = (installed("prometheus"), installed("promtool")) else {
        return skip("prometheus", "Debian's package prometheus is not installed");
    };
    let mut stage = Stage::new().unwrap();
    let agent_metrics = free_port().unwrap();
    let config = format!("[metrics]\nlisten = \"127.0.0.1:{agent_metrics}\"\n");
    stage.write("agent.toml", &config).unwrap();
    stage.start_collector().await.unwrap();
    stage.enrol_agent().unwrap();
    stage.start_agent().unwrap();

    let api = stage.api();
    let agent = Api::new(format!("127.0.0.1:{agent_metrics}"));
    until("the agent is heard", PATIENCE, || async {
        let page = api.text("/metrics").await.ok()?;
        page.contains("soc_collector_agents{state=\"online\"} 1").then_some(())
    })
    .await;
    assert_eq!(complaints(&api.text("/metrics").await.unwrap()), "");
    assert_eq!(complaints(&agent.text("/metrics").await.unwrap()), "");

    let own = free_port().unwrap();
    let shipped = include_str!("../../deploy/prometheus/prometheus.yml");
    let scrape =
        shipped.replace("127.0.0.1:8080", api.address()).replace("15s", "1s").replace("60s", "1s");
    let config = stage.write("prometheus.yml", &scrape).unwrap();
    let rules = include_str!("../../deploy/prometheus/rules.yml");
    stage.write("rules.yml", rules).unwrap();
    let checked =
        Command::new("promtool").arg("check").arg("config").arg(&config).output().unwrap();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    let arguments = [
        format!("--config.file={}", config.display()),
        format!("--storage.tsdb.path={}", stage.path("tsdb").display()),
        format!("--web.listen-address=127.0.0.1:{own}"),
    ];
    let _prometheus =
        Program::start(prometheus, arguments, &[], &stage.path("prometheus.log")).unwrap();
    let page = Api::new(format!("127.0.0.1:{own}"));
    for job in ["soc-collector", "soc-agent"] {
        let query = format!("/api/v1/query?query=up%7Bjob%3D%22{job}%22%7D");
        until(&format!("{job} is scraped"), PATIENCE, || async {
            let answer = page.get(&query).await.ok()?;
            (value_of(&answer) == Some("1")).then_some(())
        })
        .await;
    }
    let known = until("a figure of ours", PATIENCE, || async {
        let answer =
            page.get("/api/v1/query?query=soc_collector_events_received_total").await.ok()?;
        value_of(&answer).map(str::to_owned)
    })
    .await;
    println!("prometheus scraped both; events received: {known}");
}
