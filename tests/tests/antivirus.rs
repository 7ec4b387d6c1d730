//! Debian's ClamAV, really: protected, restarted, infected, tested, on-access scanner stopped,
//! signatures 8 and 16 days old, stopped. Each ends as the right state and alert on the collector,
//! and what is ordinary ends as none.
//!
//! The signatures are a database of our own with one signature, that of the EICAR test file; its
//! age is that of its header.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;
use soc_tests::program::installed;
use soc_tests::{Api, Program, Stage, skip, until};

const PATIENCE: Duration = Duration::from_secs(60);
const DAY: u64 = 86_400;

/// ClamAV below the folder of a stage.
struct Clamav {
    folder: PathBuf,
    daemon: PathBuf,
    scanner: PathBuf,
    running: Option<Program>,
    on_access: Option<Program>,
}

impl Clamav {
    fn new(stage: &Stage, watched: &[PathBuf]) -> Option<Self> {
        let (daemon, scanner) = (installed("clamd")?, installed("clamonacc")?);
        let folder = stage.path("clamav");
        for name in ["db", "tmp"] {
            std::fs::create_dir_all(folder.join(name)).unwrap();
        }
        let path = |name: &str| folder.join(name).display().to_string();
        let mut conf = format!(
            "LocalSocket {}\nLogFile {}\nDatabaseDirectory {}\nTemporaryDirectory {}\nLogTime yes\n\
             Foreground yes\nFixStaleSocket yes\nUser root\nOnAccessPrevention yes\n\
             OnAccessExcludeUname clamav\n",
            path("clamd.ctl"),
            path("clamd.log"),
            path("db"),
            path("tmp"),
        );
        for watched in watched {
            conf.push_str(&format!("OnAccessIncludePath {}\n", watched.display()));
        }
        std::fs::write(folder.join("clamd.conf"), conf).unwrap();
        std::fs::write(folder.join("freshclam.conf"), "LogTime yes\n").unwrap();
        Some(Self { folder, daemon, scanner, running: None, on_access: None })
    }

    /// Signatures of a version, built so many days ago.
    fn signatures(&self, version: u32, days: u64) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let header = |built: u64| {
            format!("ClamAV-VDB:01 Jan 2026 00-00 +0000:{version}:1:90:X:X:soc:{built}")
        };
        let header = header(now - days * DAY);
        let hex: String = eicar().bytes().map(|byte| format!("{byte:02x}")).collect();
        let signature = format!("Eicar-Test-Signature:0:0:{hex}\n");
        let info = format!("{header}\ndaily.ndb:{}:{}\n", signature.len(), sha256(&signature));
        let mut database = format!("{header:512}").into_bytes();
        tar(&mut database, "daily.info", info.as_bytes());
        tar(&mut database, "daily.ndb", signature.as_bytes());
        database.resize(database.len() + 1024, 0);
        std::fs::write(self.folder.join("db/daily.cud"), database).unwrap();
    }

    async fn start(&mut self) {
        let conf = self.folder.join("clamd.conf").display().to_string();
        let log = self.folder.join("clamd.out");
        self.running = Some(Program::start(&self.daemon, ["-c", &conf], &[], &log).unwrap());
        let socket = self.folder.join("clamd.ctl");
        let answers = || async { std::os::unix::net::UnixStream::connect(&socket).ok() };
        until("clamd answers", PATIENCE, answers).await;
    }

    /// The on-access scanner; false where the kernel gives no notifications to us.
    async fn start_on_access(&mut self) -> bool {
        let conf = self.folder.join("clamd.conf").display().to_string();
        let log = self.folder.join("clamonacc.log");
        let to = format!("--log={}", log.display());
        let before = std::fs::read_to_string(&log).unwrap_or_default().len();
        let arguments = ["-F", "-c", &conf, &to, "--fdpass"];
        let out = self.folder.join("clamonacc.out");
        let mut program = Program::start(&self.scanner, arguments, &[], &out).unwrap();
        let watches = until("clamonacc watches or gives up", PATIENCE, || {
            let text = std::fs::read_to_string(&log).unwrap_or_default();
            let running = program.is_running();
            async move {
                let watches = text.get(before..).is_some_and(|new| new.contains("watching"));
                (watches || !running).then_some(watches && running)
            }
        });
        let watches = watches.await;
        self.on_access = watches.then_some(program);
        watches
    }

    fn stop(&mut self) {
        self.running = None;
    }
}

/// Built from parts, so that no antivirus takes this source for the test file.
fn eicar() -> String {
    ["X5O!P%@AP[4\\PZX54(P^)7CC)7}$", "EICAR-STANDARD-ANTIVIRUS-TEST-FILE", "!$H+H*"].concat()
}

fn sha256(text: &str) -> String {
    use std::io::Write;
    let mut child = std::process::Command::new("sha256sum")
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    String::from_utf8(output.stdout).unwrap().split(' ').next().unwrap().to_owned()
}

/// One file of an archive. Source: POSIX pax, "ustar Interchange Format".
fn tar(archive: &mut Vec<u8>, name: &str, content: &[u8]) {
    let mut header = [0_u8; 512];
    let mut put = |at: usize, text: &str| {
        header[at..at + text.len()].copy_from_slice(text.as_bytes());
    };
    put(0, name);
    put(100, "0000644\0");
    put(108, "0000000\0");
    put(116, "0000000\0");
    put(124, &format!("{:011o}\0", content.len()));
    put(136, "00000000000\0");
    put(148, "        ");
    put(156, "0");
    put(257, "ustar\x0000");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    archive.extend(header);
    archive.extend(content);
    archive.resize(archive.len().next_multiple_of(512), 0);
}

/// The machine with all that is known about it.
async fn machine(api: &Api) -> Option<Value> {
    let id = api.get("/api/v1/machines").await.ok()?["items"][0]["id"].as_str()?.to_owned();
    api.get(&format!("/api/v1/machines/{id}")).await.ok()
}

/// Waits until ClamAV's last word is like this.
async fn told(api: &Api, stage: &Stage, what: &str, like: impl Fn(&Value) -> bool) {
    let seen = || async {
        let machine = machine(api).await?;
        let products = machine["antivirus_products"].as_array()?;
        products
            .iter()
            .find(|it| it["antivirus.product"] == "ClamAV")
            .filter(|it| like(it))
            .map(drop)
    };
    let waiting = until(what, PATIENCE, seen);
    if tokio::time::timeout(PATIENCE - Duration::from_secs(1), waiting).await.is_err() {
        panic!("{what}\n{:#}\n{}", machine(api).await.unwrap_or_default(), stage.logs());
    }
}

/// Titles of alerts about antivirus.
async fn alerts(api: &Api) -> BTreeSet<String> {
    let titles = api.alert_titles().await.unwrap().into_iter();
    titles.filter(|title| !title.contains("agent")).collect()
}

async fn raised(api: &Api, title: &str) {
    until(title, PATIENCE, || async { alerts(api).await.contains(title).then_some(()) }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_state_of_a_real_clamav_is_told_and_alerted() {
    let mut stage = Stage::new().unwrap();
    let watched = stage.path("home");
    std::fs::create_dir(&watched).unwrap();
    let state = stage.path("agent");
    let Some(mut clamav) = Clamav::new(&stage, &[watched.clone(), state]) else {
        return skip("antivirus", "clamav-daemon is not installed");
    };
    let conf = |name: &str| clamav.folder.join(name).display().to_string();
    let logs = [conf("clamd.log"), conf("clamonacc.log")];
    stage
        .write(
            "agent.toml",
            &format!(
                "[antivirus]\npoll_s = 1\ngrace_s = 4\nclamd_conf = {:?}\nfreshclam_conf = {:?}\n\
                 logs = {logs:?}\nselftest = \"daily\"\n[port]\nenabled = false\n[logfile]\n\
                 enabled = false\n[journald]\nenabled = \"off\"\n",
                conf("clamd.conf"),
                conf("freshclam.conf"),
            ),
        )
        .unwrap();
    stage.start_collector().await.unwrap();
    stage.enrol_agent().unwrap();
    clamav.signatures(27_500, 1);
    clamav.start().await;
    if !clamav.start_on_access().await {
        return skip("antivirus", "this system gives no file notifications (fanotify)");
    }
    stage.start_agent().unwrap();
    let api = stage.administrator().await.unwrap();
    told(&api, &stage, "protected", |it| it["antivirus.state"] == "protected").await;

    // The self-test is caught, and its own detection is no alert.
    let tested = || async {
        let machine = machine(&api).await?;
        machine["antivirus_selftest"]["antivirus.selftest.caught"].as_str().map(str::to_owned)
    };
    assert_eq!(until("the self-test", PATIENCE, tested).await, "yes");
    assert!(!stage.path("agent/selftest").exists());

    // Ordinary use: new signatures, and the services restarted with them; the scanner's unit
    // requires the daemon's, so that systemd restarts both.
    clamav.signatures(27_501, 0);
    clamav.on_access = None;
    clamav.stop();
    clamav.start().await;
    assert!(clamav.start_on_access().await);
    let newer = |it: &Value| {
        it["antivirus.signatures.version"] == "27501" && it["antivirus.state"] == "protected"
    };
    told(&api, &stage, "restarted with newer signatures", newer).await;
    assert_eq!(alerts(&api).await, BTreeSet::new());

    // The scanner looks when a file is opened, and refuses that.
    let infected = watched.join("e.com");
    std::fs::write(&infected, eicar()).unwrap();
    let refused = || async { std::fs::File::open(&infected).err().map(drop) };
    until("opening malware is refused", PATIENCE, refused).await;
    raised(&api, "Malware found and still there").await;

    clamav.on_access = None;
    let off = |it: &Value| it["antivirus.realtime"] == "off" && it["antivirus.state"] == "weak";
    told(&api, &stage, "on-access off", off).await;
    raised(&api, "Real-time protection is off").await;

    for (version, days, title) in [
        (27_490, 8, "Antivirus signatures are older than 7 days"),
        (27_480, 16, "Antivirus signatures are older than 15 days"),
    ] {
        clamav.stop();
        clamav.signatures(version, days);
        clamav.start().await;
        raised(&api, title).await;
        let version = version.to_string();
        told(&api, &stage, title, |it| it["antivirus.signatures.version"] == version.as_str())
            .await;
    }

    clamav.stop();
    told(&api, &stage, "stopped", |it| it["antivirus.state"] == "off").await;
    raised(&api, "Antivirus is switched off").await;

    let overview = api.get("/api/v1/overview").await.unwrap();
    assert_eq!(overview["antivirus"]["unprotected"], 1);
    let metrics = api.text("/metrics").await.unwrap();
    assert!(metrics.contains("soc_collector_antivirus_machines{agency=\"LOCAL\",state=\"off\"}"));
}
