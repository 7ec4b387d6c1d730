//! Who an agent is: with a clock years wrong, after its disk was copied, and after its certificate
//! ran out.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use soc_tests::program::built;
use soc_tests::stage::run;
use soc_tests::{Api, Program, Stage, skip, until};

const PATIENCE: Duration = Duration::from_secs(60);
/// Debian's libfaketime: the agent alone lives in another year.
const FAKETIME: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1";

async fn machines(api: &Api) -> Vec<Value> {
    let page = api.get("/api/v1/machines").await.unwrap_or_default();
    page["items"].as_array().cloned().unwrap_or_default()
}

/// Enrols and runs an agent whose clock is moved by `offset` (as faketime writes it), and returns
/// the clock offset the collector shows, in seconds.
async fn offset_of_an_agent_in_another_year(offset: &str) -> f64 {
    let mut stage = Stage::new().unwrap();
    stage.start_collector().await.unwrap();
    let environment =
        [("LD_PRELOAD", FAKETIME), ("FAKETIME", offset), ("FAKETIME_DONT_FAKE_MONOTONIC", "1")];
    stage.enrol_agent_with(&environment).unwrap();
    stage.start_agent_with(&environment).unwrap();
    let api = stage.administrator().await.unwrap();
    let micros = until("the machine is online with a clock offset", PATIENCE, || async {
        let machine = machines(&api).await.into_iter().next()?;
        (machine["state"] == "online").then(|| machine["clock_offset_us"].as_f64()).flatten()
    })
    .await;
    until("the wrong clock is an alert", PATIENCE, || async {
        let alerts = api.get("/api/v1/alerts").await.ok()?;
        let titles = alerts["items"].to_string();
        titles.to_lowercase().contains("clock").then_some(())
    })
    .await;
    micros / 1e6
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_whose_clock_is_years_wrong_enrols_delivers_and_is_reported() {
    if !Path::new(FAKETIME).exists() {
        return skip("wrong clocks", "Debian's package faketime is not installed");
    }
    let year = 365.25 * 86_400.0;
    let behind = offset_of_an_agent_in_another_year("-17y").await;
    assert!(behind < -16.0 * year, "{behind}");
    let ahead = offset_of_an_agent_in_another_year("+20y").await;
    assert!(ahead > 19.0 * year, "{ahead}");
    println!("offsets seen: {:.1} and {:+.1} years", behind / year, ahead / year);
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy_folder(&path, &target);
        } else if path.is_file() {
            std::fs::copy(&path, target).unwrap();
        }
    }
}

fn start_in(state: &Path, log: &Path, config: &Path) -> Program {
    let arguments: Vec<PathBuf> =
        ["run".into(), "--state".into(), state.into(), "--config".into(), config.into()].into();
    Program::start(built("soc-agent"), arguments, &[], log).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cloned_disk_is_noticed_and_becomes_two_machines() {
    let mut stage = Stage::new().unwrap();
    stage.start_collector().await.unwrap();
    stage.enrol_agent().unwrap();
    let config =
        stage.write("agent.toml", "[host]\nheartbeat_s = 1\nheartbeat_full_s = 1\n").unwrap();
    let (first, second) = (stage.path("agent"), stage.path("clone"));
    copy_folder(&first, &second);
    let _one = start_in(&first, &stage.path("first.log"), &config);
    let api = stage.administrator().await.unwrap();
    until("the first is online", PATIENCE, || async {
        (machines(&api).await.first()?["state"] == "online").then_some(())
    })
    .await;
    let _two = start_in(&second, &stage.path("second.log"), &config);
    let ids = until("two machines are online", PATIENCE, || async {
        let machines = machines(&api).await;
        let online = machines.iter().filter(|machine| machine["state"] == "online");
        let ids: BTreeSet<String> =
            online.filter_map(|machine| machine["id"].as_str().map(str::to_owned)).collect();
        (ids.len() == 2).then_some(ids)
    })
    .await;
    assert_eq!(ids.len(), 2);
    until("the clone is an alert", PATIENCE, || async {
        let alerts = api.get("/api/v1/alerts").await.ok()?;
        alerts["items"].to_string().contains("identity").then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn months_switched_off_do_not_cost_the_identity() {
    if !Path::new(FAKETIME).exists() {
        return skip("expired certificates", "Debian's package faketime is not installed");
    }
    let mut stage = Stage::new().unwrap();
    // Enrolled by a collector that lived half a year ago: the certificate is long over.
    let past =
        [("LD_PRELOAD", FAKETIME), ("FAKETIME", "-180d"), ("FAKETIME_DONT_FAKE_MONOTONIC", "1")];
    stage.start_collector_with(&past).await.unwrap();
    stage.enrol_agent().unwrap();
    stage.collector.as_mut().unwrap().stop(PATIENCE).unwrap();
    stage.start_collector().await.unwrap();
    stage.start_agent().unwrap();
    let api = stage.administrator().await.unwrap();
    let machine = until("the machine is online", PATIENCE, || async {
        let machine = machines(&api).await.into_iter().next()?;
        (machine["state"] == "online").then_some(machine)
    })
    .await;
    let id = machine["id"].as_str().unwrap();
    let renewed = api.get(&format!("/api/v1/machines/{id}")).await.unwrap();
    let expires = renewed["certificate_expires_at"].as_str().unwrap().to_owned();
    let now = soc_event::Timestamp::from_system(std::time::SystemTime::now()).to_string();
    assert!(expires > now, "certificate until {expires}, now {now}");
    let folder = stage.path("agent");
    until("soc-agent status says that all is well", PATIENCE, || async {
        run(Command::new(built("soc-agent")).args(["status", "--state"]).arg(&folder)).ok()
    })
    .await;
}
