use super::*;
use crate::enrol::Enrolment;
use crate::gateway_double::Gateway;
use crate::status;

/// Only logs are watched: the other sensors look at this machine.
fn quiet(log: &std::path::Path) -> Local {
    let text = format!(
        "[antivirus]\nenabled = false\n[port]\nenabled = false\n[host]\nenabled = false\n\
         [journald]\nenabled = \"off\"\n[logfile]\nfrom_beginning = true\n\
         files = [{{ path = {log:?} }}]\n"
    );
    Local::parse(&text).unwrap()
}

struct Running {
    wishes: mpsc::Sender<Wish>,
    task: tokio::task::JoinHandle<Result<(), Error>>,
}

fn start(folder: &tempfile::TempDir) -> Running {
    let (wishes, receiver) = mpsc::channel(1);
    let setup = Setup {
        local: quiet(std::path::Path::new("/log")),
        state: folder.path().join("state"),
        root: Root::new(folder.path()),
        metrics: None,
        wishes: receiver,
    };
    Running { wishes, task: tokio::spawn(run(setup)) }
}

async fn enrolled(folder: &tempfile::TempDir) -> Gateway {
    let gateway = Gateway::start().await;
    let root = Root::new(folder.path());
    let enrolment = Enrolment::of_machine(gateway.address(), "t".into(), gateway.pin(), &root);
    let clock = Arc::new(JudgedClock::of_this_machine());
    enrol::enrol(&enrolment, &folder.path().join("state"), &clock).await.unwrap();
    gateway
}

fn kinds(gateway: &Gateway) -> Vec<String> {
    gateway.seen(|seen| seen.events.values().map(|event| event.kind.to_string()).collect())
}

#[tokio::test]
async fn an_agent_says_hello_delivers_lines_and_says_goodbye() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("log"), "one\ntwo\nthree\n").unwrap();
    let gateway = enrolled(&folder).await;
    let agent = start(&folder);
    let is_line = |event: &Event| event.kind == kind::LOG;
    gateway.until(|seen| seen.events.values().filter(|event| is_line(event)).count() == 3).await;
    agent.wishes.send(Wish::Stop).await.unwrap();
    agent.task.await.unwrap().unwrap();
    gateway.seen(|seen| {
        let last = seen.events.values().find(|event| event.kind == kind::AGENT_STOPPED).unwrap();
        assert_eq!(last.text("agent.stop.reason"), Some("stop"));
        let first = seen.events.values().find(|event| event.kind == kind::AGENT_STARTED).unwrap();
        assert!(first.fields.contains_key("agent.run"));
    });
    let report = status::read(&folder.path().join("state")).unwrap().unwrap();
    assert!(report.uplink.last_ack.is_some() && !report.uplink.connected);

    // Another start says hello again, and no line twice.
    let agent = start(&folder);
    let hellos = |kinds: &[String]| kinds.iter().filter(|kind| *kind == "agent.started").count();
    gateway
        .until(|seen| {
            let kinds = seen.events.values().map(|event| event.kind.to_string());
            hellos(&kinds.collect::<Vec<_>>()) == 2
        })
        .await;
    agent.wishes.send(Wish::Shutdown).await.unwrap();
    agent.task.await.unwrap().unwrap();
    assert_eq!(kinds(&gateway).iter().filter(|kind| *kind == "log").count(), 3);
}

#[tokio::test]
async fn sleep_and_waking_up_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = enrolled(&folder).await;
    let agent = start(&folder);
    gateway.until(|seen| seen.events.len() == 1).await;
    for wish in [Wish::Sleep, Wish::Wake, Wish::Wake] {
        agent.wishes.send(wish).await.unwrap();
    }
    gateway.until(|seen| seen.events.len() == 3).await;
    agent.wishes.send(Wish::Stop).await.unwrap();
    agent.task.await.unwrap().unwrap();
    let expected = ["agent.started", "agent.stopped", "agent.started", "agent.stopped"];
    assert_eq!(kinds(&gateway), expected, "waking up twice is told once");
}

#[tokio::test]
async fn an_agent_without_collector_stops_without_delay() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("log"), "one\n").unwrap();
    let agent = start(&folder);
    agent.wishes.send(Wish::Stop).await.unwrap();
    let stopped = tokio::time::timeout(GOODBYE, agent.task).await;
    stopped.unwrap().unwrap().unwrap();
}

/// A collector that is not what it should be: whatever it sends, only the allowed log is read.
#[tokio::test]
async fn a_hostile_collector_makes_the_agent_read_nothing_it_may_not() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("var/log")).unwrap();
    std::fs::create_dir_all(folder.path().join("etc")).unwrap();
    std::fs::write(folder.path().join("log"), "one\n").unwrap();
    std::fs::write(folder.path().join("etc/secret"), "secret\n").unwrap();
    std::fs::write(folder.path().join("var/log/good"), "good\n").unwrap();
    let gateway = enrolled(&folder).await;
    let agent = start(&folder);
    let is_outcome = |event: &&Event| event.kind == kind::AGENT_CONFIGURATION;
    let hostile = [
        "[logfile]\nfiles = [{ path = \"/etc/secret\" }]",
        "[logfile]\nfiles = [{ path = \"/var/log/../../etc/secret\" }]",
        "[remote]\nlogs = [\"/etc/**\"]",
        "[metrics]\nlisten = \"0.0.0.0:9\"",
        "not toml",
    ];
    for (index, text) in hostile.iter().enumerate() {
        let version = index as u64 + 1;
        let layers = serde_json::json!([{ "scope": "fleet", "text": text }]);
        gateway.configures(
            version,
            serde_json::json!({ "version": version, "label": "x", "layers": layers }),
        );
        // Something to be answered, so that the version is heard.
        agent.wishes.send(Wish::Sleep).await.unwrap();
        let count =
            |seen: &crate::gateway_double::Seen| seen.events.values().filter(is_outcome).count();
        gateway.until(|seen| count(seen) > index).await;
    }
    agent.wishes.send(Wish::Stop).await.unwrap();
    agent.task.await.unwrap().unwrap();
    gateway.seen(|seen| {
        let outcomes: Vec<_> = seen.events.values().filter(is_outcome).collect();
        assert_eq!(outcomes.len(), hostile.len());
        for outcome in outcomes {
            assert_eq!(outcome.text("configuration.outcome"), Some("refused"));
        }
        let raws: Vec<_> = seen.events.values().filter_map(|event| event.raw.as_deref()).collect();
        assert_eq!(raws, ["one"]);
    });
}
