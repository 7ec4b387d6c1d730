//! The evaluator against the kernel: what it says about a port, and what a peer in another network
//! namespace finds when it connects. Needs root, `ip`, `nft` and `iptables-nft`; each is skipped
//! with a printed reason where it is missing.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::*;

const PORTS: [u16; 5] = [22, 80, 443, 5353, 8080];
const SOURCES: [&str; 4] = ["10.77.0.2", "10.99.0.2", "fd77::2", "fd99::2"];
/// On a wire without distance an answer takes microseconds.
const PATIENCE: Duration = Duration::from_millis(700);

/// The address of the machine that a source talks to.
fn destination(source: &str) -> IpAddr {
    source.strip_suffix('2').map(|net| format!("{net}1")).unwrap().parse().unwrap()
}

/// What parts of this test do when they are started in a namespace by the test itself.
#[test]
fn part_that_runs_in_a_namespace() {
    match std::env::var("SOC_FIREWALL_PART").as_deref() {
        Ok("listen") => listen(),
        Ok("judge") => judge(),
        Ok("connect") => connect(),
        _ => {}
    }
}

/// Listens until nobody wants it any more.
fn listen() {
    let listeners: Vec<_> =
        PORTS.iter().map(|port| std::net::TcpListener::bind(("::", *port)).unwrap()).collect();
    println!("\nlistening");
    let _ = std::io::stdin().read(&mut [0]);
    drop(listeners);
}

/// Says for each source and port what the rules do, and what is told of the port.
fn judge() {
    let firewall = Firewall::read(&Root::default());
    println!("\nblind {:?}", firewall.blind);
    let interface = firewall.host.interfaces.iter().find(|one| one.name == "veth-a").unwrap();
    for source in SOURCES {
        for port in PORTS {
            let question = Question {
                source: source.parse().ok(),
                interface: interface.clone(),
                destination: destination(source),
                port,
                is_tcp: true,
            };
            let (answer, rule) = match firewall.blind {
                Some(_) => (Reachable::Unknown, None),
                None => firewall.answer(&question),
            };
            let is_v6 = question.destination.is_ipv6();
            let address = if is_v6 { "::" } else { "0.0.0.0" }.parse().unwrap();
            let reach =
                firewall.reach(&Wanted { address, port, is_tcp: true, is_v6_only: Some(is_v6) });
            let (told, from) = (reach.reachable.as_str(), reach.from.join(","));
            println!("judged|{source}|{port}|{}|{told}|{from}|{rule:?}", answer.as_str());
        }
    }
}

fn connect() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let tries = SOURCES.into_iter().flat_map(|source| PORTS.map(|port| (source, port)));
        let tries = tries.map(|(source, port)| {
            tokio::spawn(async move {
                let from: IpAddr = source.parse().unwrap();
                let socket = if from.is_ipv4() {
                    tokio::net::TcpSocket::new_v4()
                } else {
                    tokio::net::TcpSocket::new_v6()
                };
                let socket = socket.unwrap();
                socket.bind((from, 0).into()).unwrap();
                let outcome = socket.connect((destination(source), port).into());
                let outcome = tokio::time::timeout(PATIENCE, outcome).await;
                (source, port, matches!(outcome, Ok(Ok(_))))
            })
        });
        let tries: Vec<_> = tries.collect();
        println!();
        for one in tries {
            let (source, port, connected) = one.await.unwrap();
            println!("tried|{source}|{port}|{connected}");
        }
    });
}

/// Two network namespaces with a wire between them; gone when dropped.
struct Wire {
    names: [String; 2],
    listener: Option<Child>,
}

impl Wire {
    fn new(name: &str) -> Result<Self, String> {
        let names = ["a", "b"].map(|end| format!("soc-port-{name}-{}-{end}", std::process::id()));
        let wire = Self { names, listener: None };
        for name in &wire.names {
            run(&format!("ip netns add {name} && ip -n {name} link set lo up"))?;
        }
        let [a, b] = &wire.names;
        run(&format!("ip -n {a} link add veth-a type veth peer name veth-b netns {b}"))?;
        for (name, end, host) in [(a, "veth-a", 1), (b, "veth-b", 2)] {
            for address in ["10.77.0.{}/24", "10.99.0.{}/24", "fd77::{}/64", "fd99::{}/64"] {
                let address = address.replace("{}", &host.to_string());
                let is_v6 = address.contains(':');
                let nodad = if is_v6 { "nodad" } else { "" };
                run(&format!("ip -n {name} address add {address} dev {end} {nodad}"))?;
            }
            run(&format!("ip -n {name} link set {end} up"))?;
        }
        Ok(wire)
    }

    fn part(&self, end: usize, part: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.names[end]]).arg(std::env::current_exe().unwrap());
        command.args(["--exact", "sensor::firewall::tests::part_that_runs_in_a_namespace"]);
        command.args(["--nocapture"]).env("SOC_FIREWALL_PART", part);
        command
    }

    fn listen(&mut self) {
        let mut command = self.part(0, "listen");
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(lines.map_while(Result::ok).any(|line| line == "listening"));
        self.listener = Some(child);
    }

    fn lines(&self, end: usize, part: &str) -> Vec<Vec<String>> {
        let output = self.part(end, part).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
        text.lines().map(|line| line.split('|').map(str::to_owned).collect()).collect()
    }

    fn load(&self, script: &str) -> Result<(), String> {
        let a = &self.names[0];
        let mut child = Command::new("ip")
            .args(["netns", "exec", a, "sh", "-es"])
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| error.to_string())?;
        let script = format!("nft flush ruleset\n{script}\n").replace(" }", "\n}");
        child.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        if output.status.success() { Ok(()) } else { Err(said) }
    }

    /// Compares; how many answers were not known.
    fn compare(&self, script: &str) -> usize {
        let judged = self.lines(0, "judge");
        let tried = self.lines(1, "connect");
        let mut unknown = 0;
        for one in judged.iter().filter(|one| one[0] == "judged") {
            let connected = tried.iter().find(|t| t[0] == "tried" && t[1..3] == one[1..3]);
            let connected = connected.unwrap()[3] == "true";
            let said = format!("{one:?}, a peer connects: {connected}\n{script}");
            match one[3].as_str() {
                "yes" => assert!(connected, "{said}"),
                "no" => assert!(!connected, "{said}"),
                _ => unknown += 1,
            }
            match (one[4].as_str(), one[5].as_str()) {
                ("no", _) => assert!(!connected, "{said}"),
                ("yes", "any") => assert!(connected, "{said}"),
                _ => {}
            }
        }
        unknown
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        if let Some(mut child) = self.listener.take() {
            drop(child.stdin.take());
            let _ = child.wait();
        }
        for name in &self.names {
            let _ = run(&format!("ip netns delete {name}"));
        }
    }
}

fn run(command: &str) -> Result<(), String> {
    let output = Command::new("sh").args(["-c", command]).output().map_err(|e| e.to_string())?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() { Ok(()) } else { Err(format!("{command}: {said}")) }
}

/// A wire with listeners, or why there is none.
fn wire(name: &str) -> Option<Wire> {
    let tools = run("command -v nft && command -v iptables-nft");
    match tools.and_then(|()| Wire::new(name)) {
        Ok(mut wire) => {
            wire.listen();
            Some(wire)
        }
        Err(reason) => {
            println!("skipped: {reason}");
            None
        }
    }
}

/// A chain of `inet t` where packets come in.
fn input(policy: &str, rules: &str) -> String {
    format!(
        "nft -f - <<'END'\ntable inet t {{ chain input {{ type filter hook input priority 0; \
         policy {policy};\n{rules}\n}} }}\nEND"
    )
}

#[test]
fn what_the_rules_say_is_what_a_peer_finds() {
    let Some(wire) = wire("table") else { return };
    // How many answers may be "unknown", of 20.
    let check = |script: &str, unknown_max: usize| {
        wire.load(script).unwrap();
        let unknown = wire.compare(script);
        assert!(unknown <= unknown_max, "{unknown} of 20 are unknown\n{script}");
    };
    check("true", 0);
    let base =
        "ct state established,related accept\niif lo accept\nmeta l4proto ipv6-icmp accept\n";
    let drop = |rules: &str| input("drop", &format!("{base}{rules}"));
    check(&drop(""), 0);
    check(&drop("tcp dport 22 accept"), 0);
    check(&drop("tcp dport { 22, 80-90, 8080 } accept"), 0);
    check(&drop("tcp dport 20-443 accept"), 0);
    check(&drop("tcp dport != { 22, 80 } accept"), 0);
    check(&drop("ip saddr 10.77.0.0/16 tcp dport 22 accept"), 0);
    check(&drop("ip saddr { 10.77.0.0/24, 192.168.0.0/16 } accept\nip6 saddr fd99::/16 accept"), 0);
    check(&drop("ip saddr 10.64.0.0/10 tcp dport vmap { 22 : accept, 80 : drop }"), 0);
    check(&drop("ip6 saddr fd77::2 tcp dport 80 accept"), 0);
    check(&drop("iifname \"veth-*\" tcp dport 22 accept"), 0);
    check(&drop("iifname { \"eth0\", \"veth-a\" } tcp dport 80 accept"), 0);
    check(&drop("iifname \"eth9\" accept"), 0);
    check(&drop("tcp flags & (fin|syn|rst|ack) == syn tcp dport 443 accept"), 0);
    check(&drop("ct state new tcp dport 80 counter log accept"), 0);
    check(&drop("fib daddr type local tcp dport 80 accept"), 0);
    check(&drop("meta mark set 7\nmeta mark 7 tcp dport 443 accept"), 0);
    check(&drop("ip daddr 10.77.0.1 accept\nip6 daddr fd99::1 tcp dport 22 accept"), 0);
    check(&drop("limit rate 1/hour burst 1 packets accept"), 20);
    check(&drop("tcp sport 1024-65535 tcp dport 22 accept"), 4);
    check(&drop("ip ttl 64 accept\nip6 hoplimit 64 accept"), 20);
    check(&input("accept", "tcp dport 22 drop\ntcp dport 80 reject with tcp reset\nreject"), 0);
    check(
        &input("accept", "ct state invalid drop\ntcp dport { 22, 443 } ip saddr != 10.99.0.2 drop"),
        0,
    );
    let jumps = "table inet t { chain web { tcp dport 80 accept\n return }\n chain ssh { tcp dport 22 \
         goto web2 }\n chain web2 { ip saddr 10.77.0.2 accept }\n chain input { type filter hook input \
         priority 0; policy drop; meta l4proto ipv6-icmp accept\n jump web\n jump ssh\n tcp dport 443 \
         accept } }";
    check(&format!("nft -f - <<'END'\n{jumps}\nEND"), 0);
    let two = "table ip f { chain input { type filter hook input priority -5; policy accept; tcp dport \
         22 drop } }\ntable inet t { chain input { type filter hook input priority 0; policy drop; \
         meta l4proto ipv6-icmp accept\n tcp dport { 22, 80 } accept } }";
    check(&format!("nft -f - <<'END'\n{two}\nEND"), 0);
    let out = "table inet t { chain output { type filter hook output priority 0; policy accept; tcp \
         sport 80 drop\n ct state established tcp sport 22 ip daddr 10.77.0.2 drop } }";
    check(&format!("nft -f - <<'END'\n{out}\nEND"), 0);
    let dormant = "table inet t { flags dormant\n chain input { type filter hook input priority 0; \
         policy drop; } }";
    check(&format!("nft -f - <<'END'\n{dormant}\nEND"), 0);
    let nat = "table ip n { chain pre { type nat hook prerouting priority dstnat; tcp dport 22 redirect \
         to :9\n tcp dport 443 dnat to 10.77.0.1:80 } }";
    check(&format!("nft -f - <<'END'\n{nat}\nEND"), 4);
    let raw = "table inet r { chain pre { type filter hook prerouting priority raw; tcp dport 22 notrack \
         } }\ntable inet t { chain input { type filter hook input priority 0; policy drop; meta l4proto \
         ipv6-icmp accept\n ct state new accept } }";
    check(&format!("nft -f - <<'END'\n{raw}\nEND"), 0);
    let concat = "table inet t { set s { type ipv4_addr . inet_service; flags interval; elements = { \
         10.77.0.0/24 . 22, 10.99.0.0-10.99.0.9 . 80-443 } }\n chain input { type filter hook input \
         priority 0; policy drop; ip saddr . tcp dport @s accept } }";
    check(&format!("nft -f - <<'END'\n{concat}\nEND"), 0);
    let dynamic = "table inet t { set s { type ipv4_addr; flags timeout; elements = { 10.77.0.2 timeout \
         1h } }\n chain input { type filter hook input priority 0; policy accept; ip saddr @s drop } }";
    check(&format!("nft -f - <<'END'\n{dynamic}\nEND"), 10);
}

#[test]
fn rules_of_iptables_nft_are_understood() {
    let Some(wire) = wire("iptables") else { return };
    let check = |rules: &[&str], unknown_max: usize| {
        let both = |rule: &&str| format!("iptables-nft -w {rule}\nip6tables-nft -w {rule}");
        let script = rules.iter().map(both).collect::<Vec<_>>().join("\n");
        let script = format!("{script}\nip6tables-nft -I INPUT -p ipv6-icmp -j ACCEPT");
        wire.load(&script).unwrap();
        let unknown = wire.compare(&script);
        assert!(unknown <= unknown_max, "{unknown} of 20 are unknown\n{script}");
    };
    check(&["-P INPUT DROP"], 0);
    check(&["-P INPUT DROP", "-A INPUT -p tcp --dport 22 -m conntrack --ctstate NEW -j ACCEPT"], 0);
    check(&["-P INPUT DROP", "-A INPUT -p tcp -m multiport --dports 22,80:90,443 -j ACCEPT"], 0);
    check(&["-P INPUT DROP", "-A INPUT -p tcp -m state --state NEW --dport 80 -j ACCEPT"], 0);
    check(&["-P INPUT ACCEPT", "-A INPUT -p tcp --syn --dport 8080 -j REJECT"], 0);
    check(&["-P INPUT DROP", "-A INPUT -i veth+ -p tcp ! --dport 22 -j ACCEPT"], 0);
    check(
        &["-P INPUT DROP", "-A INPUT -m limit --limit 1/s -j LOG", "-A INPUT -p udp -j ACCEPT"],
        0,
    );
    // As ufw arranges its chains.
    check(
        &[
            "-P INPUT DROP",
            "-N before",
            "-N notlocal",
            "-N user",
            "-A INPUT -j before",
            "-A before -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
            "-A before -m conntrack --ctstate INVALID -j DROP",
            "-A before -j notlocal",
            "-A notlocal -m addrtype --dst-type LOCAL -j RETURN",
            "-A notlocal -j DROP",
            "-A before -j user",
            "-A user -p tcp --dport 443 -m comment --comment web -j ACCEPT",
        ],
        0,
    );
    check(&["-P INPUT ACCEPT", "-A INPUT -m recent --set -j DROP"], 20);
}

#[test]
fn rules_of_any_mixture_never_make_a_wrong_answer() {
    let Some(wire) = wire("mixture") else { return };
    let parts = [
        "tcp dport 22",
        "tcp dport { 80, 443 }",
        "tcp dport 100-6000",
        "tcp dport != 8080",
        "ip saddr 10.77.0.0/24",
        "ip saddr != 10.99.0.2",
        "ip6 saddr fd77::/32",
        "ip6 saddr { fd99::1-fd99::9 }",
        "meta nfproto ipv4",
        "iifname \"veth-a\"",
        "iifname != \"veth*\"",
        "ct state new",
        "ct state established",
        "ct state { new, related }",
        "meta mark 0",
        "meta mark 3",
        "ip protocol tcp",
        "meta l4proto { tcp, udp }",
        "tcp flags syn / syn,ack",
        "ip ttl > 10",
        "limit rate 5/second",
        "fib daddr type local",
        "ip daddr 10.77.0.1",
        "meta length < 100",
        "numgen random mod 2 0",
    ];
    let ends =
        ["accept", "drop", "reject", "jump c", "goto c", "return", "counter", "meta mark set 3"];
    // Numbers that look random, and are the same in every run.
    let mut state = 7_u64;
    let mut pick = |most: usize| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 33) as usize) % most
    };
    let rounds = std::env::var("SOC_FIREWALL_ROUNDS").ok().and_then(|text| text.parse().ok());
    let (mut answers, mut unknown) = (0, 0);
    for _ in 0..rounds.unwrap_or(12) {
        let mut rule = |ends: &[&str]| {
            let count = pick(3);
            let chosen: Vec<&str> = (0..count).map(|_| parts[pick(parts.len())]).collect();
            format!("{} {}\n", chosen.join(" "), ends[pick(ends.len())])
        };
        let plain: Vec<&str> = ends.iter().copied().filter(|end| !end.contains(" c")).collect();
        let inner: String = (0..2).map(|_| rule(&plain)).collect();
        let outer: String = (0..5).map(|_| rule(&ends)).collect();
        let policy = ["accept", "drop"][pick(2)];
        let script = format!(
            "nft -f - <<'END'\ntable inet t {{ chain c {{\n{inner}}}\nchain input {{ type filter hook \
             input priority 0; policy {policy};\nmeta l4proto ipv6-icmp accept\n{outer}}} }}\nEND"
        );
        if wire.load(&script).is_ok() {
            unknown += wire.compare(&script);
            answers += 20;
        }
    }
    println!("{answers} answers, {unknown} of them unknown, none wrong");
    assert!(answers >= 100);
}
