//! A network of four machines, each a namespace of its own: what nmap, arpspoof, dnsmasq, udhcpc and
//! avahi do there ends as the right events and alerts, and ordinary life as none.

use std::net::TcpListener;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use soc_tests::lan::{self, Running};
use soc_tests::stage::run;
use soc_tests::{Api, Lan, Stage, skip, until};

/// Set for the half of the test that runs on the watched host.
const INSIDE: &str = "SOC_TEST_NETWORK";
const TEST: &str = "what_happens_on_the_network_becomes_events_and_alerts";
const PROGRAMS: [&str; 6] = ["ip", "ping", "nmap", "arpspoof", "dnsmasq", "udhcpc"];
/// Enough for a turn of the sensor, a minute of waiting for a gateway, and a slow machine.
const PATIENCE: Duration = Duration::from_secs(120);

const AGENT_CONFIG: &str = r#"
[antivirus]
enabled = false
[port]
enabled = false
[logfile]
enabled = false
[journald]
enabled = "off"
[network]
enabled = true
learn_s = 0
"#;

#[test]
fn what_happens_on_the_network_becomes_events_and_alerts() {
    if let Ok(prefix) = std::env::var(INSIDE) {
        return inside(&prefix);
    }
    if !rustix::process::geteuid().is_root() {
        return skip(TEST, "namespaces of the network need root");
    }
    let is_there = |name: &&str| {
        ["/usr/bin", "/usr/sbin", "/bin", "/sbin"]
            .iter()
            .any(|folder| std::path::Path::new(folder).join(name).exists())
    };
    if let Some(missing) = PROGRAMS.iter().find(|name| !is_there(name)) {
        return skip(TEST, &format!("{missing} is not installed"));
    }
    let hosts = [
        ("host", "192.0.2.10/24"),
        ("gateway", "192.0.2.1/24"),
        ("thief", "192.0.2.66/24"),
        ("guest", "-"),
    ];
    let lan = match Lan::new(&hosts) {
        Ok(lan) => lan,
        Err(why) => return skip(TEST, &format!("no namespaces of the network here: {why}")),
    };
    let route = ["ip", "route", "add", "default", "via", "192.0.2.1"];
    lan.inside("host", &route).unwrap();
    let this = std::env::current_exe().unwrap();
    let this = this.to_str().unwrap();
    let status = lan
        .command("host", &[this, "--exact", TEST, "--nocapture"])
        .env(INSIDE, lan.namespace(""))
        .status()
        .unwrap();
    assert!(status.success());
}

/// The other machines, seen from the watched host.
struct Others {
    prefix: String,
}

impl Others {
    fn command(&self, host: &str, words: &[&str]) -> Command {
        lan::command(&format!("{}{host}", self.prefix), words)
    }

    fn run(&self, host: &str, words: &[&str]) -> String {
        run(&mut self.command(host, words)).unwrap()
    }

    fn start(&self, host: &str, words: &[&str]) -> Running {
        Running::start(self.command(host, words)).unwrap()
    }

    /// A server that gives addresses.
    fn serve_dhcp(&self, host: &str, stage: &Stage, range: &str) -> Running {
        let lease = stage.path(&format!("leases-{host}"));
        let (range, lease) =
            (format!("--dhcp-range={range},1h"), format!("--dhcp-leasefile={}", lease.display()));
        let fixed = [
            "dnsmasq",
            "--keep-in-foreground",
            "--port=0",
            "--conf-file=/dev/null",
            "--no-ping",
            "--interface=eth0",
            "--bind-interfaces",
            "--dhcp-authoritative",
            "--user=root",
        ];
        self.start(host, &[&fixed[..], &[&range, &lease]].concat())
    }

    /// The guest asks for an address as most systems do: for all to hear.
    fn ask_for_address(&self) {
        let script = "[ \"$1\" = bound ] || [ \"$1\" = renew ] || exit 0; \
                      ip address replace $ip/24 dev eth0";
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("script");
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        run(Command::new("chmod").arg("755").arg(&path)).unwrap();
        let (path, name) = (path.to_str().unwrap(), "hostname:may-tinh-7");
        let client = ["udhcpc", "-i", "eth0", "-f", "-q", "-n", "-B", "-t", "10", "-T", "1"];
        self.run("guest", &[&client[..], &["-x", name, "-s", path]].concat());
    }
}

#[tokio::main(flavor = "multi_thread")]
async fn inside(prefix: &str) {
    let others = Others { prefix: prefix.to_owned() };
    let mut stage = Stage::new().unwrap();
    stage.write("agent.toml", AGENT_CONFIG).unwrap();
    stage.start_collector().await.unwrap();
    stage.enrol_agent().unwrap();
    stage.start_agent().unwrap();
    let api = stage.administrator().await.unwrap();
    until("the agent reports", PATIENCE, || async {
        (api.get("/api/v1/machines").await.ok()?["total"] == 1).then_some(())
    })
    .await;

    let _server = others.serve_dhcp("gateway", &stage, "192.0.2.100,192.0.2.120");
    ordinary_life(&others, &api).await;
    let found = api.alert_titles().await.unwrap();
    assert!(found.is_empty(), "ordinary life raised {found:?}\n{}", stage.logs());

    others.run("thief", &["nmap", "-sS", "-Pn", "-n", "-p1-1000", "192.0.2.10"]);
    others.run("thief", &["nmap", "-sn", "-n", "192.0.2.0/24"]);
    alert(&api, "A machine scans the ports of this host").await;
    alert(&api, "A machine searches the network for other machines").await;
    // Half a second between two ports, as whoever does not want to be noticed begins.
    let slowly = ["nmap", "-sT", "-Pn", "-n", "--scan-delay", "500ms", "--max-retries", "0"];
    others.run("guest", &[&slowly[..], &["-p1-20", "192.0.2.10"]].concat());
    alerts(&api, "A machine scans the ports of this host", 2).await;

    spoof(&others, &api).await;
    alert(&api, "Somebody pretends to be the gateway").await;

    let strange = others.serve_dhcp("thief", &stage, "192.0.2.200,192.0.2.220");
    until("the strange server is told", PATIENCE, || async {
        others.ask_for_address();
        api.alert_titles().await.unwrap().contains("A second server gives addresses").then_some(())
    })
    .await;
    drop(strange);

    others.run("thief", &["ip", "address", "add", "2001:db8:66::66/64", "dev", "eth0", "nodad"]);
    let _router = others.start(
        "thief",
        &[
            "dnsmasq",
            "--keep-in-foreground",
            "--port=0",
            "--conf-file=/dev/null",
            "--enable-ra",
            "--interface=eth0",
            "--bind-interfaces",
            "--dhcp-range=2001:db8:66::,ra-only",
            "--user=root",
            "--dhcp-leasefile=/dev/null",
        ],
    );
    alert(&api, "A strange router of IPv6 offers itself").await;
    names_itself(&others, &stage, &api).await;

    without_an_agent(&api).await;
    let found = api.alert_titles().await.unwrap();
    println!("{found:?}");
    assert_eq!(found.len(), 5, "nothing else is told\n{}", stage.logs());
}

/// A machine comes, gets its address and renews it, talks, and asks a thousand times for a page.
async fn ordinary_life(others: &Others, api: &Api) {
    others.ask_for_address();
    others.ask_for_address();
    others.run("gateway", &["ping", "-c1", "192.0.2.10"]);
    let door = TcpListener::bind("192.0.2.10:0").unwrap();
    let port = door.local_addr().unwrap().port();
    std::thread::spawn(move || door.incoming().for_each(drop));
    let visits =
        format!("for i in $(seq 1000); do exec 3<>/dev/tcp/192.0.2.10/{port}; exec 3>&-; done");
    others.run("guest", &["bash", "-c", &visits]);
    until("the guest is known by its name", PATIENCE, || async {
        let found = api.get("/api/v1/neighbours?q=may-tinh-7").await.ok()?;
        (found["total"] == 1).then_some(())
    })
    .await;
}

/// The thief says that it is the gateway, and the gateway goes on as always.
async fn spoof(others: &Others, api: &Api) {
    let _thief =
        others.start("thief", &["arpspoof", "-i", "eth0", "-t", "192.0.2.10", "192.0.2.1"]);
    until("the thief and the gateway take turns", PATIENCE, || async {
        others.run("gateway", &["ip", "neighbour", "flush", "dev", "eth0"]);
        let _ = run(&mut others.command("gateway", &["ping", "-c1", "-W1", "192.0.2.10"]));
        api.alert_titles()
            .await
            .unwrap()
            .contains("Somebody pretends to be the gateway")
            .then_some(())
    })
    .await;
}

/// The gateway says its name, where avahi is installed.
async fn names_itself(others: &Others, stage: &Stage, api: &Api) {
    if !std::path::Path::new("/usr/sbin/avahi-daemon").exists() {
        return skip(TEST, "its last part: avahi-daemon is not installed");
    }
    let text = "[server]\nhost-name=bo-dinh-tuyen\nenable-dbus=no\nuse-ipv6=no\n";
    let config = stage.write("avahi.conf", text).unwrap();
    // Its folder for the process id is a private one: the command has a view of files of its own.
    let start = format!(
        "mkdir -p /run/avahi-daemon && mount -t tmpfs none /run/avahi-daemon && \
         exec avahi-daemon --no-drop-root --no-chroot --no-rlimits -f {}",
        config.display()
    );
    let _daemon = others.start("gateway", &["sh", "-c", &start]);
    until("the gateway is known by its name", PATIENCE, || async {
        let found = api.get("/api/v1/neighbours?q=bo-dinh-tuyen").await.ok()?;
        (found["total"] == 1).then_some(())
    })
    .await;
}

/// The three others are known to have no agent, until somebody says what one of them is.
async fn without_an_agent(api: &Api) {
    let found = api.get("/api/v1/neighbours").await.unwrap();
    assert_eq!(found["total"], 3, "{found:#}");
    let items = found["items"].as_array().unwrap();
    let gateway = items.iter().find(|it| it["gateway"] == true).expect("the gateway");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    assert!(gateway["seen_by"].as_array().unwrap().contains(&json!("arp")));
    let said = json!({
        "agency": gateway["agency"]["id"], "mac": text(&gateway["mac"]),
        "decision": "not_a_computer", "reason": "bộ định tuyến",
    });
    api.post("/api/v1/neighbours/decision", said).await.unwrap();
    assert_eq!(api.get("/api/v1/neighbours").await.unwrap()["total"], 2);
    let metrics = until("the count for Prometheus", PATIENCE, || async {
        let metrics = api.text("/metrics").await.ok()?;
        let line = "soc_collector_neighbours_without_agent{agency=\"LOCAL\"} 2";
        metrics.contains(line).then_some(metrics)
    });
    metrics.await;
}

async fn alert(api: &Api, title: &str) {
    alerts(api, title, 1).await;
}

async fn alerts(api: &Api, title: &str, count: usize) {
    until(title, PATIENCE, || async {
        let page = api.get("/api/v1/alerts?limit=1000").await.ok()?;
        let found = page["items"].as_array()?.iter().filter(|it| it["title"]["en"] == title);
        (found.count() >= count).then_some(())
    })
    .await;
}
