mod test_file;

use std::io::{Read, Write};
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::sync::{Arc, Mutex};

use jiff::tz::TimeZone;
use soc_event::{Lane, Value};

use super::*;
use crate::sensor::{Observation, Outlet, Position, Positions};
use soc_formats::text::Moment;

fn now() -> Timestamp {
    "2026-11-22T10:00:00Z".parse().unwrap()
}

struct Fixed;
impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        now()
    }
}

/// A host made of files.
struct Host {
    folder: tempfile::TempDir,
    committed: Arc<Mutex<Vec<Position>>>,
}

struct Committed(Arc<Mutex<Vec<Position>>>);
impl Positions for Committed {
    fn position(&self, source: &str) -> Option<Vec<u8>> {
        let positions = self.0.lock().unwrap();
        positions.iter().rev().find(|it| it.source == source).map(|it| it.bytes.clone())
    }
}

impl Host {
    fn new() -> Self {
        let host = Self { folder: tempfile::tempdir().unwrap(), committed: Arc::default() };
        host.process(1, "/sbin/init");
        host
    }

    fn with_clamav() -> Self {
        let host = Self::new();
        host.write("/usr/sbin/clamd", "");
        host.write(
            "/etc/clamav/clamd.conf",
            "LocalSocket /run/clamd.ctl\nLogFile /var/log/clam.log\n",
        );
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

    fn append(&self, path: &str, text: &str) {
        let path = self.root().path(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    fn process(&self, pid: u32, executable: &str) {
        let name = executable.rsplit('/').next().unwrap();
        let short = &name[..name.len().min(15)];
        self.write(&format!("/proc/{pid}/comm"), &format!("{short}\n"));
        self.write(&format!("/proc/{pid}/cmdline"), &format!("{executable}\0"));
        symlink(executable, self.root().path(format!("/proc/{pid}/exe"))).unwrap();
    }

    fn signatures(&self, days: i64) {
        let built = now().plus_micros(-days * 86_400_000_000).as_micros() / 1_000_000;
        let header =
            format!("ClamAV-VDB:22 Nov 2026 08-00 +0000:27500:2070000:90:aa:bb:raynman:{built}");
        self.write("/var/lib/clamav/daily.cvd", &format!("{header:512}rest"));
    }

    /// A daemon that answers as ClamAV's does.
    fn daemon(&self, version: &str) {
        std::fs::create_dir_all(self.root().path("/run")).unwrap();
        let listener = UnixListener::bind(self.root().path("/run/clamd.ctl")).unwrap();
        let version = version.to_owned();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut question = [0; 16];
                let count = stream.read(&mut question).unwrap();
                let answer = match &question[..count] {
                    b"zVERSION\0" => format!("{version}\0"),
                    b"zSTATS\0" => {
                        "POOLS: 1\n\nSTATE: VALID PRIMARY\nTHREADS: live 1\nEND\0".to_owned()
                    }
                    _ => "UNKNOWN COMMAND\0".to_owned(),
                };
                let _ = stream.write_all(answer.as_bytes());
            }
        });
        self.process(500, "/usr/sbin/clamd");
    }

    fn observe(&self) -> Vec<Status> {
        observe(&self.root(), &Config::default(), now()).products
    }

    fn watcher(&self) -> Watcher {
        self.watcher_with(Config::default())
    }

    fn watcher_with(&self, config: Config) -> Watcher {
        let (_sender, stop) = tokio::sync::watch::channel(false);
        let context = Context {
            root: self.root(),
            clock: Arc::new(Fixed),
            positions: Arc::new(Committed(Arc::clone(&self.committed))),
            outlet: Outlet::channel().0,
            stop,
        };
        Watcher::new(Config { grace_s: 0, ..config }, self.test_folder(), &context)
    }

    fn test_folder(&self) -> Folder {
        Folder::below(self.folder.path())
    }

    /// One turn; what it gave is committed.
    fn turn(&self, watcher: &mut Watcher, full: bool) -> Vec<String> {
        let (delivery, _) = watcher.turn(true, full);
        self.committed.lock().unwrap().extend(delivery.positions);
        delivery.observations.iter().map(shown).collect()
    }
}

fn shown(observation: &Observation) -> String {
    let event = &observation.event;
    match observation.lane {
        Lane::Alert => format!(
            "{}: {} in {}",
            event.kind,
            event.text("threat.name").unwrap_or_default(),
            event.text("file.path").unwrap_or_default()
        ),
        _ => format!(
            "{} {}",
            event.text("antivirus.product").unwrap(),
            event.text("antivirus.state").unwrap()
        ),
    }
}

/// The only product's state and reasons.
fn check(host: &Host, state: State, reasons: &[Reason]) -> Status {
    let found = host.observe();
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((found[0].state, &*found[0].reasons), (state, reasons), "{found:?}");
    found[0].clone()
}

const FRESH: &str = "ClamAV 1.4.3/27500/Sat Nov 21 10:00:00 2026";

#[test]
fn no_product_at_all_is_a_finding() {
    let status = check(&Host::new(), State::Missing, &[Reason::NoProduct]);
    assert_eq!(status.product(), "none");
}

#[test]
fn clamav_protects_when_everything_is_known_to_be_well() {
    let host = Host::with_clamav();
    host.signatures(1);
    host.daemon(FRESH);
    host.process(501, "/usr/sbin/clamonacc");
    host.process(502, "/usr/bin/freshclam");
    let status = check(&host, State::Protected, &[]);
    let event = status.event(now());
    let check = |name: &str, value: &str, source: &str| {
        assert_eq!(event.fields[name].to_string(), value, "{name}");
        assert_eq!(event.text(&format!("{name}.source")), Some(source), "{name}");
        assert!(event.text(&format!("{name}.at")).is_some(), "{name}");
    };
    check("antivirus.mode", "active", "process clamonacc");
    check("antivirus.engine.running", "true", "socket /run/clamd.ctl");
    check("antivirus.engine.version", "1.4.3", "socket /run/clamd.ctl");
    check("antivirus.realtime", "on", "process clamonacc");
    let blocking = "file /etc/clamav/clamd.conf: OnAccessPrevention";
    check("antivirus.realtime.blocking", "off", blocking);
    check("antivirus.signatures.version", "27500", "file /var/lib/clamav/daily.cvd");
    check("antivirus.updater.running", "true", "process freshclam");
    for (name, value) in [
        ("antivirus.product", "ClamAV"),
        ("antivirus.state", "protected"),
        ("antivirus.reasons", ""),
        ("antivirus.signatures.age_days", "1.0"),
        ("antivirus.updater.state", "unknown"),
        ("antivirus.tamper_protection", "unknown"),
        ("antivirus.licence.end", ""),
        (
            "antivirus.source",
            "file /usr/sbin/clamd, process clamd, file /etc/clamav/clamd.conf, socket \
             /run/clamd.ctl, file /var/lib/clamav/daily.cvd",
        ),
    ] {
        assert_eq!(event.fields[name].to_string(), value, "{name}");
    }
}

#[test]
fn without_a_realtime_scanner_clamav_is_weak() {
    let host = Host::with_clamav();
    host.signatures(1);
    host.daemon(FRESH);
    check(&host, State::Weak, &[Reason::RealtimeOff]);
}

#[test]
fn a_process_that_only_takes_the_name_is_no_realtime_scanner() {
    let host = Host::with_clamav();
    host.signatures(1);
    host.daemon(FRESH);
    host.process(501, "/tmp/miner");
    host.write("/proc/501/comm", "clamonacc\n");
    check(&host, State::Weak, &[Reason::RealtimeOff]);
}

#[test]
fn a_daemon_of_another_installation_is_not_ours() {
    let host = Host::with_clamav();
    host.signatures(1);
    host.process(500, "/usr/sbin/clamd");
    host.write("/proc/500/cmdline", "/usr/sbin/clamd\0-c\0/opt/mail/clamd.conf\0");
    let named = |path: &str| Config { clamd_conf: Some(path.to_owned()), ..Config::default() };
    let state = |path: &str| observe(&host.root(), &named(path), now()).products[0].state;
    assert_eq!(state("/etc/clamav/clamd.conf"), State::Off);
    assert_eq!(state("/opt/mail/clamd.conf"), State::Unknown);
}

#[test]
fn signatures_of_seven_days_are_outdated() {
    let check = |days: i64, version: &str, reasons: &[Reason]| {
        let host = Host::with_clamav();
        host.signatures(days);
        host.daemon(version);
        host.process(501, "/usr/sbin/clamonacc");
        let state = if reasons.is_empty() { State::Protected } else { State::Weak };
        check(&host, state, reasons);
    };
    check(6, FRESH, &[]);
    check(7, FRESH, &[Reason::SignaturesOutdated]);
    // What the daemon has loaded counts, not what lies on disk.
    check(0, "ClamAV 1.4.3/27400/Sat Nov 14 10:00:00 2026", &[Reason::SignaturesOutdated]);
    // A clock that is wrong does not make signatures fresh.
    check(-400, FRESH, &[Reason::SignaturesUnknown]);
}

#[test]
fn signatures_without_a_header_are_never_fresh() {
    let host = Host::with_clamav();
    host.write("/var/lib/clamav/test.ndb", "Eicar-Test:0:0:58354f\n");
    host.daemon("ClamAV 1.4.3");
    host.process(501, "/usr/sbin/clamonacc");
    let status = check(&host, State::Weak, &[Reason::SignaturesUnknown]);
    assert!(status.facts.signatures_time.is_some());
    assert!(status.facts.sources.iter().any(|it| it == "time of file /var/lib/clamav/test.ndb"));
}

#[test]
fn a_stopped_daemon_is_off() {
    let host = Host::with_clamav();
    host.signatures(1);
    host.write(
        "/var/lib/dpkg/status",
        "Package: clamav-base\nVersion: 1.4.3+dfsg-1~deb12u1\n\nPackage: x\nVersion: 9\n",
    );
    let status = check(&host, State::Off, &[Reason::EngineStopped, Reason::RealtimeOff]);
    assert_eq!(status.facts.engine_version.unwrap().value, "1.4.3");
    assert_eq!(status.facts.signatures_version.unwrap().value, "27500");
}

#[test]
fn a_daemon_that_does_not_answer_is_unknown() {
    let host = Host::with_clamav();
    host.signatures(1);
    host.process(500, "/usr/sbin/clamd");
    check(&host, State::Unknown, &[Reason::StateUnknown, Reason::RealtimeOff]);
}

#[test]
fn unreadable_processes_make_nothing_healthy() {
    let host = Host::with_clamav();
    host.signatures(1);
    host.daemon(FRESH);
    std::fs::remove_dir_all(host.root().path("/proc")).unwrap();
    check(&host, State::Unknown, &[Reason::RealtimeUnknown]);
}

#[test]
fn configuration_left_behind_is_no_product() {
    let host = Host::new();
    host.write("/etc/clamav/clamd.conf", "LocalSocket /run/clamd.ctl\n");
    check(&host, State::Missing, &[Reason::NoProduct]);
}

#[test]
fn only_changes_are_told_until_everything_is_due() {
    let host = Host::with_clamav();
    host.signatures(1);
    let mut watcher = host.watcher();
    assert_eq!(host.turn(&mut watcher, true), ["ClamAV off"]);
    assert!(host.turn(&mut watcher, false).is_empty());
    host.daemon(FRESH);
    assert_eq!(host.turn(&mut watcher, false), ["ClamAV weak"]);
    assert!(host.turn(&mut watcher, false).is_empty());
    assert_eq!(host.turn(&mut watcher, true), ["ClamAV weak"]);
    // A product that comes or goes makes all be told.
    host.process(600, "/opt/ds_agent/ds_agent");
    assert_eq!(
        host.turn(&mut watcher, false),
        ["ClamAV weak", "Trend Micro Deep Security Agent unknown"]
    );
    std::fs::remove_dir_all(host.root().path("/proc/600")).unwrap();
    assert_eq!(
        host.turn(&mut watcher, false),
        ["Trend Micro Deep Security Agent off", "ClamAV weak"]
    );
    assert!(host.turn(&mut watcher, false).is_empty());
}

#[test]
fn findings_are_told_once_also_over_a_restart() {
    let host = Host::with_clamav();
    host.append("/var/log/clam.log", "/old: Old-Thing FOUND\n");
    let mut watcher = host.watcher();
    assert_eq!(host.turn(&mut watcher, true), ["ClamAV off"]);
    host.append("/var/log/clam.log", "/tmp/x: Eicar FOUND\n/tmp/y: OK\n");
    let found = ["antivirus.detection: Eicar in /tmp/x"];
    assert_eq!(host.turn(&mut watcher, false), found);
    assert!(host.turn(&mut watcher, false).is_empty());
    let mut again = host.watcher();
    host.append("/var/log/clam.log", "/tmp/z: Eicar FOUND\n");
    host.append("/var/log/clamav/clamonacc.log", "/tmp/w: Eicar FOUND\n");
    let mut told = host.turn(&mut again, true);
    told.sort();
    let both = ["antivirus.detection: Eicar in /tmp/w", "antivirus.detection: Eicar in /tmp/z"];
    assert_eq!(told, ["ClamAV off", both[0], both[1]]);
}

#[test]
fn lines_of_the_log_become_detections() {
    let check = |line: &str, expected: Option<(&str, &str, Option<&str>, Option<&str>)>| {
        let zone = TimeZone::UTC;
        let moment = Moment::live(now(), &zone);
        let found = Log::clamav("/x".to_owned()).read(line, moment);
        let time = found.as_ref().and_then(|found| Some(found.time?.to_string()));
        let found = found
            .as_ref()
            .map(|found| (&*found.threat, &*found.path, time.as_deref(), found.md5.as_deref()));
        assert_eq!(found, expected, "{line}");
    };
    let time = Some("2026-11-22T10:16:42.000000Z");
    check(
        "Sun Nov 22 10:16:42 2026 -> /tmp/e.com: Eicar-Test-Signature FOUND",
        Some(("Eicar-Test-Signature", "/tmp/e.com", time, None)),
    );
    check("/tmp/a b: Win.Test FOUND", Some(("Win.Test", "/tmp/a b", None, None)));
    let md5 = "44d88612fea8a8f36de82e1278abb02f";
    check(
        &format!("instream(127.0.0.1@9): Eicar({md5}:68) FOUND"),
        Some(("Eicar", "instream(127.0.0.1@9)", None, Some(md5))),
    );
    // A path may look like the rest of a line.
    check("/tmp/x: Fake FOUND: Real FOUND", Some(("Real", "/tmp/x: Fake FOUND", None, None)));
    check("/tmp/a -> b: Eicar FOUND", Some(("Eicar", "/tmp/a -> b", None, None)));
    // Written to syslog, only ClamAV's programs count.
    let syslog = |program: &str| format!("Nov 22 09:00:00 srv {program}[7]: /tmp/x: Eicar FOUND");
    let time = Some("2026-11-22T09:00:00.000000Z");
    check(&syslog("clamd"), Some(("Eicar", "/tmp/x", time, None)));
    check(&syslog("lost-and"), None);
    for line in ["/tmp/x: OK", "FOUND", " FOUND", "/tmp/x: two words FOUND", "x: a FOUND later"] {
        check(line, None);
    }
}

#[test]
fn the_last_findings_are_shown_newest_last() {
    let host = Host::with_clamav();
    let lines: String = (10..20)
        .map(|minute| format!("Sun Nov 22 09:{minute}:00 2026 -> /tmp/{minute}: Eicar FOUND\n"))
        .collect();
    host.append("/var/log/clam.log", &lines);
    let logs = ["/var/log/clam.log", "/nowhere"].map(|path| Log::clamav(path.to_owned()));
    let found = last_detections(&host.root(), &logs, now(), 2);
    let paths: Vec<&str> = found.iter().map(|found| &*found.path).collect();
    assert_eq!(paths, ["/tmp/18", "/tmp/19"]);
}

#[test]
fn the_age_is_news_once_a_day() {
    let mut status = Status::missing();
    status.signatures_age_days = Some(1.2);
    let aged = |days| Status { signatures_age_days: Some(days), ..status.clone() };
    assert!(!status.differs(&aged(1.9)));
    assert!(status.differs(&aged(2.0)));
    let event = status.event(now());
    assert_eq!(
        event.fields.get("antivirus.signatures.age_days").and_then(Value::as_f64),
        Some(1.2)
    );
}

#[test]
fn that_the_same_was_read_again_is_no_news() {
    let host = Host::with_clamav();
    host.write("/var/log/clamav/freshclam.log", "Sun Nov 22 08:00:00 2026 -> x is up-to-date.\n");
    let earlier = host.observe();
    host.write("/var/log/clamav/freshclam.log", "Sun Nov 22 09:00:00 2026 -> x is up-to-date.\n");
    let later = host.observe();
    assert_ne!(earlier[0].facts.updated, later[0].facts.updated);
    assert!(!earlier[0].differs(&later[0]));
}

#[test]
fn a_restart_within_the_grace_is_not_told() {
    let host = Host::with_clamav();
    host.signatures(1);
    host.daemon(FRESH);
    host.process(501, "/usr/sbin/clamonacc");
    let mut watcher = host.watcher();
    watcher.grace = grace::Grace::new(Duration::from_secs(600), None);
    assert_eq!(host.turn(&mut watcher, true), ["ClamAV protected"]);
    std::fs::remove_dir_all(host.root().path("/proc/501")).unwrap();
    assert!(host.turn(&mut watcher, false).is_empty());
    // The daily word says what was told before, too.
    assert_eq!(host.turn(&mut watcher, true), ["ClamAV protected"]);
    host.process(502, "/usr/sbin/clamonacc");
    assert!(host.turn(&mut watcher, false).is_empty() && !watcher.is_waiting());
}
