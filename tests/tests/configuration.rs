//! From the collector's command line to the sensor of a machine, through a proxy; and back.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use soc_tests::program::{built, installed};
use soc_tests::stage::{free_port, run};
use soc_tests::{Api, Program, Stage, proxy, skip, until};

const PATIENCE: Duration = Duration::from_secs(60);

async fn view(api: &Api) -> Value {
    api.get("/api/v1/configurations?scope=fleet").await.unwrap_or_default()
}

fn set(stage: &Stage, text: &str) {
    let file = stage.write("set.toml", text).unwrap();
    let done = run(Command::new(built("soc-collector"))
        .args(["configuration", "set", "fleet"])
        .arg(&file)
        .args(["--why", "a test", "--data"])
        .arg(stage.path("collector")));
    done.unwrap();
}

fn status(stage: &Stage) -> Value {
    let text = std::fs::read_to_string(stage.path("agent/status.json")).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or_default()
}

/// A heartbeat a second, so that new versions are heard of at once.
const LIVELY: &str =
    "[host]\nheartbeat_s = 1\nheartbeat_full_s = 1\n[antivirus]\nenabled = false\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_takes_its_configuration_and_refuses_what_its_file_does_not_allow() {
    let (proxy, counts) = proxy::start().await.unwrap();
    let mut stage = Stage::new().unwrap();
    stage.write("agent.toml", &format!("{LIVELY}[uplink]\nproxy = \"{proxy}\"\n")).unwrap();
    stage.start_collector().await.unwrap();
    stage.enrol_agent_with(&[("SOC_AGENT_PROXY", &proxy)]).unwrap();
    stage.start_agent().unwrap();
    let api = stage.administrator().await.unwrap();
    set(&stage, "[port]\nenabled = false\n");
    until("it is applied", PATIENCE, || async {
        (view(&api).await["machines"]["applied"] == 1).then_some(())
    })
    .await;
    until("the port sensor is off by the collector's word", PATIENCE, || async {
        let sensor = &status(&stage)["sensors"]["port"];
        (sensor["state"] == "off" && sensor["by"] == "collector, fleet").then_some(())
    })
    .await;
    set(&stage, "[logfile]\nfiles = [{ path = \"/etc/shadow\" }]\n");
    let trouble =
        until("it is refused", PATIENCE, || async { view(&api).await["troubles"].get(0).cloned() })
            .await;
    assert_eq!(trouble["outcome"], "refused");
    let reason = trouble["reason"].as_str().unwrap_or_default().to_owned();
    assert!(reason.contains("/etc/shadow") && reason.contains("not among the logs"), "{reason}");
    assert!(counts.total() > 0, "all of it went through the proxy");
}

#[tokio::test(flavor = "multi_thread")]
async fn tinyproxy_with_a_password_lets_the_agent_through() {
    let Some(program) = installed("tinyproxy") else {
        return skip("a proxy with a password", "tinyproxy is not installed");
    };
    let mut stage = Stage::new().unwrap();
    let port = free_port().unwrap();
    let config = stage
        .write(
            "tinyproxy.conf",
            &format!("Port {port}\nListen 127.0.0.1\nTimeout 600\nBasicAuth soc matkhau\n"),
        )
        .unwrap();
    let arguments = ["-d".as_ref(), "-c".as_ref(), config.as_os_str()];
    let _proxy = Program::start(program, arguments, &[], &stage.path("tinyproxy.log")).unwrap();
    until("the proxy listens", PATIENCE, || async {
        tokio::net::TcpStream::connect(("127.0.0.1", port)).await.ok()
    })
    .await;
    stage.start_collector().await.unwrap();
    let wrong = format!("http://soc:wrong@127.0.0.1:{port}");
    let refused = stage.enrol_agent_with(&[("SOC_AGENT_PROXY", &wrong)]).unwrap_err();
    // The first line is the command that was run.
    let (_, refused) = refused.split_once('\n').unwrap();
    assert!(refused.contains("proxy http://127.0.0.1:"), "{refused}");
    assert!(!refused.contains("soc:wrong"), "{refused}");
    let right = format!("http://soc:matkhau@127.0.0.1:{port}");
    stage.write("agent.toml", &format!("{LIVELY}[uplink]\nproxy = \"{right}\"\n")).unwrap();
    stage.enrol_agent_with(&[("SOC_AGENT_PROXY", &right)]).unwrap();
    stage.start_agent().unwrap();
    let api = stage.administrator().await.unwrap();
    until("the machine is online", PATIENCE, || async {
        let machines = api.get("/api/v1/machines").await.ok()?;
        (machines["items"][0]["state"] == "online").then_some(())
    })
    .await;
    assert!(Path::new(&stage.path("tinyproxy.log")).exists());
}
