use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use soc_event::{Timestamp, Value};
use tokio::time::Instant;

use soc_event::kind;

use super::proc_net::parse;
use super::*;
use crate::sensor::{Delivery, Outlet, Position, Positions, SystemClock};

#[test]
fn lines_of_the_kernel_become_sockets() {
    let check = |line: &str, transport: Transport, expected: Option<(&str, u16, u32, u64)>| {
        let found = parse(line, transport)
            .map(|socket| (socket.address.to_string(), socket.port, socket.uid, socket.inode));
        let expected =
            expected.map(|(address, port, uid, inode)| (address.to_owned(), port, uid, inode));
        assert_eq!(found, expected, "{line}");
    };
    let (tcp, udp) = (Transport::Tcp, Transport::Udp);
    check(&v4("0100007F:0CEA", "0A", 110, 4242), tcp, Some(("127.0.0.1", 3306, 110, 4242)));
    check(&v4("00000000:0016", "0A", 0, 17), tcp, Some(("0.0.0.0", 22, 0, 17)));
    check(&v4("00000000:0016", "01", 0, 17), tcp, None);
    check(&v4("0100007F:0035", "07", 101, 5), udp, Some(("127.0.0.1", 53, 101, 5)));
    check(&v4("0100007F:0035", "01", 101, 5), udp, None);
    let six =
        |address: &str| format!("0: {address}:0050 {}:0000 0A 0:0 00:0 0 33 0 9 1", "0".repeat(32));
    check(&six(&"0".repeat(32)), tcp, Some(("::", 80, 33, 9)));
    check(&six("00000000000000000000000001000000"), tcp, Some(("::1", 80, 33, 9)));
    check(&six("0000000000000000FFFF00000100007F"), tcp, Some(("127.0.0.1", 80, 33, 9)));
    check(&six("B80D0120000000000000000001000000"), tcp, Some(("2001:db8::1", 80, 33, 9)));
    for broken in ["", "0:", "0: x:y z:w 0A", "0: 0100007F:0CEA", "  sl  local_address rem_address"]
    {
        check(broken, tcp, None);
    }
}

fn v4(local: &str, state: &str, uid: u32, inode: u64) -> String {
    format!(
        "   0: {local} 00000000:0000 {state} 00000000:00000000 00:00000000 00000000 {uid:>5}        0 {inode} 1 0000000000000000 100 0 0 10 0"
    )
}

/// A host made of files.
struct Host {
    folder: tempfile::TempDir,
}

impl Host {
    fn new() -> Self {
        let host = Self { folder: tempfile::tempdir().unwrap() };
        host.write("/etc/passwd", "root:x:0:0::/root:/bin/sh\nwww-data:x:33:33::/:/bin/sh\n");
        host.write("/proc/sys/net/ipv4/ip_local_port_range", "32768\t60999\n");
        host.tables(&[], &[]);
        host
    }

    fn root(&self) -> Root {
        Root::new(self.folder.path())
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.root().path(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn tables(&self, tcp: &[String], udp: &[String]) {
        let table = |lines: &[String]| format!("  sl  local_address\n{}\n", lines.join("\n"));
        self.write("/proc/net/tcp", &table(tcp));
        self.write("/proc/net/udp", &table(udp));
    }

    fn process(&self, pid: u32, executable: &str, inodes: &[u64]) {
        let folder = format!("/proc/{pid}");
        let _ = std::fs::remove_dir_all(self.root().path(&folder));
        self.write(&format!("{folder}/cmdline"), &format!("{executable}\0-D\0"));
        self.write(&format!("{folder}/comm"), "comm\n");
        self.write(&format!("{folder}/cgroup"), "0::/system.slice/ssh.service\n");
        std::fs::create_dir_all(self.root().path(format!("{folder}/fd"))).unwrap();
        link(executable, &self.root().path(format!("{folder}/exe")));
        for (place, inode) in inodes.iter().enumerate() {
            let fd = self.root().path(format!("{folder}/fd/{place}"));
            link(&format!("socket:[{inode}]"), &fd);
        }
    }

    fn watcher(&self, remembered: Option<Vec<u8>>) -> Watcher {
        struct Stored(Option<Vec<u8>>);
        impl Positions for Stored {
            fn position(&self, source: &str) -> Option<Vec<u8>> {
                self.0.clone().filter(|_| source == super::remembered::SOURCE)
            }
        }
        let (_sender, stop) = tokio::sync::watch::channel(false);
        let context = Context {
            root: self.root(),
            clock: Arc::new(SystemClock),
            positions: Arc::new(Stored(remembered)),
            outlet: Outlet::channel().0,
            stop,
        };
        Watcher::new(&Config::default(), &context)
    }
}

fn link(target: &str, path: &Path) {
    symlink(target, path).unwrap();
}

/// Kind, port and executable of each event, and the position.
fn told(deliveries: Vec<Delivery>) -> (Vec<String>, Option<Position>) {
    let mut lines = Vec::new();
    let mut position = None;
    for delivery in deliveries {
        for observation in delivery.observations {
            let event = observation.event;
            let text =
                |name: &str| event.fields.get(name).map(Value::to_string).unwrap_or_default();
            let (port, scope) = (text("server.port"), text("port.scope"));
            lines.push(format!("{} {port} {scope} {}", event.kind, text("process.executable")));
        }
        position = delivery.positions.into_iter().next().or(position);
    }
    (lines, position)
}

fn turn(watcher: &mut Watcher, full: bool, now: Instant) -> Vec<String> {
    told(watcher.turn(full, now, Timestamp::default()).unwrap()).0
}

const SSHD: &str = "/usr/sbin/sshd";

#[test]
fn a_port_is_described_with_its_process_user_and_unit() {
    let host = Host::new();
    host.tables(&[v4("00000000:0016", "0A", 33, 71)], &[]);
    host.process(812, SSHD, &[71]);
    let observed = observe(&host.root()).unwrap();
    assert_eq!(observed.ports.len(), 1);
    assert!(observed.could_not_see.is_empty());
    let event = observed.ports[0].event(Timestamp::default(), kind::PORT_LISTENING);
    let shown: Vec<String> =
        event.fields.iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(
        shown.join(" "),
        "network.transport=tcp network.type=ipv4 port.reachable=unknown \
         port.reachable.source=not this machine port.scope=any \
         process.command_line=/usr/sbin/sshd -D process.executable=/usr/sbin/sshd process.name=sshd process.pid=812 server.ip=0.0.0.0 \
         server.port=22 service.unit=ssh.service user.name=www-data"
    );
}

#[test]
fn what_cannot_be_seen_is_said() {
    let host = Host::new();
    host.tables(&[v4("00000000:0016", "0A", 0, 71)], &[]);
    let observed = observe(&host.root()).unwrap();
    assert_eq!(observed.ports[0].owner.executable, None);
    assert_eq!(observed.ports[0].owner.user.as_deref(), Some("root"));
    assert_eq!(observed.could_not_see.len(), 1);
    let nothing = tempfile::tempdir().unwrap();
    assert!(observe(&Root::new(nothing.path())).is_err(), "no tables is not the same as no ports");
}

#[test]
fn the_snapshot_is_complete_and_changes_follow() {
    let host = Host::new();
    host.tables(&[v4("00000000:0016", "0A", 0, 71), v4("0100007F:0CEA", "0A", 0, 72)], &[]);
    host.process(812, SSHD, &[71]);
    host.process(900, "/usr/sbin/mysqld", &[72]);
    let (mut watcher, start) = (host.watcher(None), Instant::now());
    let first = turn(&mut watcher, true, start);
    assert_eq!(
        first,
        ["port.listening 3306 loopback /usr/sbin/mysqld", "port.listening 22 any /usr/sbin/sshd"]
    );
    assert!(turn(&mut watcher, false, start).is_empty());
    host.tables(&[v4("00000000:0016", "0A", 0, 71), v4("00000000:1F90", "0A", 0, 73)], &[]);
    host.process(901, "/tmp/x (deleted)", &[73]);
    assert_eq!(turn(&mut watcher, false, start), ["port.opened 8080 any /tmp/x"]);
    let later = start + Duration::from_secs(6);
    assert_eq!(turn(&mut watcher, false, later), ["port.closed 3306 loopback /usr/sbin/mysqld"]);
}

#[test]
fn a_host_without_ports_says_so() {
    let host = Host::new();
    let mut watcher = host.watcher(None);
    let deliveries = watcher.turn(true, Instant::now(), Timestamp::default()).unwrap();
    let event = &deliveries[0].observations[0].event;
    assert_eq!(event.fields.get("port.snapshot.count").and_then(Value::as_i64), Some(0));
    assert!(!event.fields.contains_key("server.port"));
}

#[test]
fn a_restart_within_the_grace_period_is_no_change() {
    let host = Host::new();
    host.tables(&[v4("00000000:0016", "0A", 0, 71)], &[]);
    host.process(812, SSHD, &[71]);
    let (mut watcher, start) = (host.watcher(None), Instant::now());
    turn(&mut watcher, true, start);
    host.tables(&[], &[]);
    assert!(turn(&mut watcher, false, start + Duration::from_secs(1)).is_empty());
    // Another process and another socket, but the same program.
    std::fs::remove_dir_all(host.root().path("/proc/812")).unwrap();
    host.tables(&[v4("00000000:0016", "0A", 0, 99)], &[]);
    host.process(5000, SSHD, &[99]);
    assert!(turn(&mut watcher, false, start + Duration::from_secs(4)).is_empty());
    assert!(turn(&mut watcher, false, start + Duration::from_secs(60)).is_empty());
}

#[test]
fn another_program_on_the_same_port_is_another_port() {
    let host = Host::new();
    host.tables(&[v4("00000000:0016", "0A", 0, 71)], &[]);
    host.process(812, SSHD, &[71]);
    let (mut watcher, start) = (host.watcher(None), Instant::now());
    turn(&mut watcher, true, start);
    std::fs::remove_dir_all(host.root().path("/proc/812")).unwrap();
    host.tables(&[v4("00000000:0016", "0A", 0, 99)], &[]);
    host.process(813, "/tmp/backdoor", &[99]);
    assert_eq!(turn(&mut watcher, false, start), ["port.opened 22 any /tmp/backdoor"]);
}

#[test]
fn a_socket_whose_process_is_not_visible_yet_waits_for_it() {
    let host = Host::new();
    let (mut watcher, start) = (host.watcher(None), Instant::now());
    turn(&mut watcher, true, start);
    host.tables(&[v4("00000000:0016", "0A", 0, 71)], &[]);
    assert!(turn(&mut watcher, false, start).is_empty());
    host.process(812, SSHD, &[71]);
    assert_eq!(turn(&mut watcher, false, start), ["port.opened 22 any /usr/sbin/sshd"]);
    // One that stays invisible is told in the end.
    host.tables(&[v4("00000000:0016", "0A", 0, 71), v4("00000000:0017", "0A", 0, 72)], &[]);
    let tellings: Vec<String> = (0..3).flat_map(|_| turn(&mut watcher, false, start)).collect();
    assert_eq!(tellings, ["port.opened 23 any "]);
}

#[test]
fn client_sockets_are_no_ports_until_they_stay() {
    let host = Host::new();
    let (dns, quic) = (v4("00000000:0035", "07", 0, 71), v4("00000000:9C40", "07", 0, 72));
    host.process(812, "/usr/sbin/named", &[71, 72]);
    let (mut watcher, start) = (host.watcher(None), Instant::now());
    turn(&mut watcher, true, start);
    host.tables(&[], &[dns.clone(), quic.clone()]);
    assert_eq!(turn(&mut watcher, false, start), ["port.opened 53 any /usr/sbin/named"]);
    assert!(turn(&mut watcher, false, start + Duration::from_secs(59)).is_empty());
    let later = start + Duration::from_secs(60);
    assert_eq!(turn(&mut watcher, false, later), ["port.opened 40000 any /usr/sbin/named"]);
}

#[test]
fn ports_opened_while_the_agent_was_down_are_told_as_opened() {
    let host = Host::new();
    host.tables(&[v4("00000000:0016", "0A", 0, 71)], &[]);
    host.process(812, SSHD, &[71]);
    let mut first = host.watcher(None);
    let deliveries = first.turn(true, Instant::now(), Timestamp::default()).unwrap();
    let position = told(deliveries).1.unwrap();
    host.tables(&[v4("00000000:0016", "0A", 0, 71), v4("00000000:0017", "0A", 0, 72)], &[]);
    host.process(900, "/usr/sbin/telnetd", &[72]);
    let mut second = host.watcher(Some(position.bytes));
    assert_eq!(
        turn(&mut second, true, Instant::now()),
        [
            "port.opened 23 any /usr/sbin/telnetd",
            "port.listening 22 any /usr/sbin/sshd",
            "port.listening 23 any /usr/sbin/telnetd"
        ]
    );
}

#[test]
fn the_first_process_only_counts_when_there_is_no_other() {
    let host = Host::new();
    host.tables(&[v4("00000000:0016", "0A", 0, 71)], &[]);
    host.process(1, "/usr/lib/systemd/systemd", &[71]);
    assert_eq!(observe(&host.root()).unwrap().ports[0].owner.pid, Some(1));
    host.process(900, SSHD, &[71]);
    host.process(901, SSHD, &[71]);
    assert_eq!(observe(&host.root()).unwrap().ports[0].owner.pid, Some(900));
}

#[test]
fn a_port_nobody_is_seen_behind_is_in_the_first_snapshot_already() {
    let host = Host::new();
    host.tables(&[v4("00000000:0016", "0A", 0, 71)], &[]);
    let (mut watcher, start) = (host.watcher(None), Instant::now());
    assert_eq!(turn(&mut watcher, true, start), ["port.listening 22 any "]);
    assert!((0..4).all(|_| turn(&mut watcher, false, start).is_empty()));
}

#[test]
fn changes_of_the_day_are_told_with_its_snapshot() {
    let host = Host::new();
    let (mut watcher, start) = (host.watcher(None), Instant::now());
    turn(&mut watcher, true, start);
    host.tables(&[v4("00000000:0016", "0A", 0, 71)], &[]);
    host.process(812, SSHD, &[71]);
    assert_eq!(
        turn(&mut watcher, true, start),
        ["port.opened 22 any /usr/sbin/sshd", "port.listening 22 any /usr/sbin/sshd"]
    );
}

#[test]
fn a_settled_udp_port_is_a_port_at_once_after_a_restart() {
    let host = Host::new();
    host.tables(&[], &[v4("00000000:9C40", "07", 0, 72), v4("00000000:9C41", "07", 0, 73)]);
    host.process(812, "/usr/sbin/named", &[72]);
    host.process(813, "/usr/bin/dig", &[73]);
    let known = Port {
        transport: Transport::Udp,
        address: "0.0.0.0".parse().unwrap(),
        scope: Scope::Any,
        port: 40_000,
        reach: Reach::plain(Reachable::Unknown, "not this machine"),
        namespace: None,
        owner: Owner { executable: Some("/usr/sbin/named".to_owned()), ..Owner::default() },
    };
    let position = super::remembered::position([known].iter());
    let mut watcher = host.watcher(Some(position.bytes));
    let told = turn(&mut watcher, true, Instant::now());
    assert_eq!(told, ["port.listening 40000 any /usr/sbin/named"]);
}

/// What the test below starts in a network namespace.
#[test]
fn part_that_listens_in_a_namespace() {
    if std::env::var_os("SOC_PORT_PART").is_some() {
        let listener = std::net::TcpListener::bind("0.0.0.0:0").unwrap();
        println!("\nport {}", listener.local_addr().unwrap().port());
        let _ = std::io::Read::read(&mut std::io::stdin(), &mut [0]);
    }
}

#[test]
fn listeners_of_other_network_namespaces_are_seen_and_are_not_ports_of_the_host() {
    use std::io::BufRead;
    use std::process::{Command, Stdio};

    let name = format!("soc-port-ns-{}", std::process::id());
    let ip = |arguments: &[&str]| {
        Command::new("ip").arg("netns").args(arguments).stderr(Stdio::null()).status()
    };
    if !ip(&["add", &name]).is_ok_and(|status| status.success()) {
        return println!("skipped: no network namespace can be made here");
    }
    let mut child = Command::new("ip")
        .args(["netns", "exec", &name])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "sensor::port::tests::part_that_listens_in_a_namespace", "--nocapture"])
        .env("SOC_PORT_PART", "listen")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = std::io::BufReader::new(child.stdout.take().unwrap()).lines();
    let number = lines.find_map(|line| line.ok()?.strip_prefix("port ")?.parse::<u16>().ok());
    let observed = observe(&Root::default());
    drop(child.stdin.take());
    let _ = child.wait();
    let _ = ip(&["delete", &name]);
    let number = number.unwrap();
    let ports = observed.unwrap().ports;
    let found =
        ports.iter().find(|port| port.port == number && port.scope == Scope::Namespace).unwrap();
    assert_eq!(found.reach.reachable, Reachable::Unknown);
    assert_eq!(found.owner.pid, Some(child.id()), "ip has become the program");
    assert!(found.owner.sha256.is_some());
    assert!(found.namespace.is_some());
}
