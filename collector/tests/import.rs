//! `soc-collector import` as operators run it: the program, killed and repeated, and what the journal
//! has afterwards.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use soc_collector::journal::{self, Entry, Journal, Position};

type Fault = Box<dyn Error>;

/// A data folder and files beside it.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Result<Self, Fault> {
        Ok(Self(tempfile::tempdir()?))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn put(&self, name: &str, bytes: impl AsRef<[u8]>) -> Result<PathBuf, Fault> {
        let path = self.path(name);
        fs::create_dir_all(path.parent().ok_or("no folder")?)?;
        fs::write(&path, bytes)?;
        Ok(path)
    }

    fn command(&self, files: &[&Path], more: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_soc-collector"));
        command.arg("import").arg("--data").arg(self.path("data"));
        command.args(["--host", "pc-01", "--agency", "LOCAL", "--zone", "+07:00", "--json"]);
        command.args(more).args(files);
        command.env("SOC_LOG", "error");
        command
    }

    fn import(&self, files: &[&Path], more: &[&str]) -> Result<(Output, serde_json::Value), Fault> {
        let output = self.command(files, more).output()?;
        let summary = serde_json::from_slice(&output.stdout)
            .map_err(|_| String::from_utf8_lossy(&output.stderr).into_owned())?;
        Ok((output, summary))
    }

    /// Everything in the journal.
    fn entries(&self) -> Result<Vec<Entry>, Fault> {
        let registry = prometheus::Registry::new();
        let config = journal::Config::default();
        let journal = Journal::open(&self.path("data/journal.redb"), &config, &registry)?;
        let (mut entries, mut from) = (Vec::new(), Position::FIRST);
        loop {
            let stretch = journal.read(from, 10_000)?;
            if stretch.next == from {
                return Ok(entries);
            }
            from = stretch.next;
            entries.extend(stretch.entries);
        }
    }
}

/// Name of a file, what is in it, how many events it holds, and a field of one of them.
type Sample = (&'static str, Vec<u8>, usize, (&'static str, &'static str));

fn samples() -> Vec<Sample> {
    let captured = |name: &str| -> Vec<u8> {
        fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../formats/tests/captured").join(name))
            .unwrap_or_default()
    };
    let text = |text: &str| text.as_bytes().to_vec();
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let _ = packer.write_all(
        b"Nov 22 10:00:00 srv sshd[7]: Failed password for eve from 192.0.2.8 port 22 ssh2\n",
    );
    vec![
        (
            "plain.ndjson",
            text("{\"@timestamp\":\"2026-11-22T10:00:00Z\",\"a\":{\"b\":1}}\n{\"a\":{\"b\":2}}\n"),
            2,
            ("a.b", "2"),
        ),
        (
            "array.json",
            text("[\n{\"time\":\"2026-11-22T10:00:00Z\",\"x\":[1,2]},\n{\"x\":3}]"),
            2,
            ("x", "1, 2"),
        ),
        (
            "winlogbeat.ndjson",
            text(
                "{\"@timestamp\":\"2026-11-22T10:00:00Z\",\"winlog\":{\"channel\":\"Security\",\"event_id\":\"4625\",\"event_data\":{\"TargetUserName\":\"root\"}}}\n",
            ),
            1,
            ("TargetUserName", "root"),
        ),
        (
            "otlp.json",
            text(
                "{\"resourceLogs\":[{\"scopeLogs\":[{\"logRecords\":[{\"timeUnixNano\":\"1795341642000000000\",\"body\":{\"stringValue\":\"one\"}},{\"body\":{\"stringValue\":\"two\"}}]}]}]}\n",
            ),
            2,
            ("message", "two"),
        ),
        (
            "table.csv",
            text(
                "time,user,port\n2026-11-22 10:00:00,\"a, \"\"b\"\"\",22\n2026-11-22 10:00:01,c,23\n",
            ),
            2,
            ("user", "a, \"b\""),
        ),
        (
            "apache/access.log",
            text(
                "192.0.2.7 - bob [22/Nov/2026:10:00:00 +0700] \"GET /?q=1 HTTP/1.1\" 200 512 \"-\" \"curl\"\n",
            ),
            1,
            ("source.ip", "192.0.2.7"),
        ),
        ("nginx/error.log", captured("nginx-error.log"), 0, ("user.name", "bob")),
        ("apache2/error.log", captured("apache-error.log"), 0, ("event.code", "AH01617")),
        (
            "auth.log",
            text(
                "Nov 22 10:00:00 srv sshd[7]: Failed password for root from 192.0.2.7 port 22 ssh2\n",
            ),
            1,
            ("user.name", "root"),
        ),
        ("audit/audit.log", captured("audit.log"), 0, ("Image", "/tmp/cap/audit/wget")),
        ("postgresql/postgresql.log", captured("postgresql.log"), 0, ("user.name", "postgres")),
        ("packed.log.gz", packer.finish().unwrap_or_default(), 1, ("user.name", "eve")),
        (
            "journal.export",
            text(
                "__CURSOR=a\n__REALTIME_TIMESTAMP=1795341642000000\nMESSAGE=hello journal\nSYSLOG_IDENTIFIER=x\n\n__CURSOR=b\nMESSAGE=again\n\n",
            ),
            2,
            ("message", "hello journal"),
        ),
        (
            "journal.json",
            text(
                "{\"__CURSOR\":\"c\",\"__REALTIME_TIMESTAMP\":\"1795341642000000\",\"MESSAGE\":\"in json\"}\n",
            ),
            1,
            ("message", "in json"),
        ),
    ]
}

#[test]
fn every_format_is_events_of_the_host() -> Result<(), Fault> {
    let place = Place::new()?;
    let samples = samples();
    let mut files = Vec::new();
    for (name, bytes, ..) in &samples {
        files.push(place.put(name, bytes)?);
    }
    let files: Vec<&Path> = files.iter().map(PathBuf::as_path).collect();
    let (output, summary) = place.import(&files, &[])?;
    assert!(output.status.success(), "{summary:#}");
    let told: BTreeMap<&str, u64> = summary["files"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|file| Some((file["name"].as_str()?, file["events"].as_u64()?)))
        .collect();
    let entries = place.entries()?;
    assert_eq!(entries.len() as u64, summary["events"].as_u64().unwrap_or(0));
    for ((name, _, count, (field, value)), path) in samples.iter().zip(&files) {
        let events = told.get(path.to_str().unwrap_or_default()).copied().unwrap_or(0);
        assert!(events > 0 && (*count == 0 || events == *count as u64), "{name}: {events}");
        let holds = |entry: &&Entry| {
            entry.event.fields.get(*field).is_some_and(|held| held.to_string() == *value)
        };
        assert!(entries.iter().any(|entry| holds(&entry)), "{name}: no {field}={value}");
    }
    // Again, and under another name: nothing comes.
    let moved = place.put("moved.dat", &samples[8].1)?;
    let (_, again) = place.import(&[&files[..], &[&moved]].concat(), &[])?;
    assert_eq!(again["events"], 0, "{again:#}");
    assert_eq!(place.entries()?.len(), entries.len());
    Ok(())
}

#[test]
fn what_is_broken_is_told_with_its_place_and_the_rest_imported() -> Result<(), Fault> {
    let place = Place::new()?;
    let broken = place.put("x.ndjson", "{\"a\":1}\n{\"a\":\nnonsense\n{\"a\":2}\n")?;
    let table = place.put("x.csv", "name,value\na,1\n")?;
    let missing = place.path("missing.log");
    let (output, summary) = place.import(&[&broken, &table, &missing], &[])?;
    assert_eq!(output.status.code(), Some(1));
    let text = summary.to_string();
    assert_eq!(
        (summary["events"].as_u64(), summary["skipped"].as_u64()),
        (Some(2), Some(2)),
        "{text}"
    );
    for said in ["line 2", "line 3", "--time-column", "missing.log"] {
        assert!(text.contains(said), "{said}: {text}");
    }
    let (_, tried) = place.import(&[&table], &["--dry-run", "--time-column", "none"])?;
    assert_eq!(tried["events"], 1);
    assert_eq!(place.entries()?.len(), 2, "a dry run keeps nothing");
    Ok(())
}

#[test]
fn more_files_of_a_host_than_an_agent_has_lanes() -> Result<(), Fault> {
    let place = Place::new()?;
    for n in 0..1100 {
        place.put(&format!("logs/{n}.ndjson"), format!("{{\"n\":{n}}}\n"))?;
    }
    let (output, summary) = place.import(&[&place.path("logs")], &[])?;
    assert!(output.status.success(), "{summary}");
    assert_eq!(place.entries()?.len(), 1100);
    Ok(())
}

/// Kills the program after a while; false when it had ended by itself.
fn kill_after(child: &mut Child, wait: Duration) -> Result<bool, Fault> {
    let deadline = Instant::now() + wait;
    while Instant::now() < deadline {
        if child.try_wait()?.is_some() {
            return Ok(false);
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    child.kill()?;
    child.wait()?;
    Ok(true)
}

#[test]
fn killed_fifty_times_every_line_is_there_once() -> Result<(), Fault> {
    let place = Place::new()?;
    let lines: Vec<String> = (0..40_000)
        .map(|n| {
            format!(
                "Nov 22 {:02}:{:02}:{:02} srv app[1]: line {n} {}.",
                n / 3600 % 24,
                n / 60 % 60,
                n % 60,
                "x".repeat(n % 300)
            )
        })
        .collect();
    let (one, two) = lines.split_at(25_000);
    let files =
        [place.put("one.log", one.join("\n") + "\n")?, place.put("two.log", two.join("\n"))?];
    let files: Vec<&Path> = files.iter().map(PathBuf::as_path).collect();
    let mut kills = 0;
    for turn in 0..50_u64 {
        let mut command = place.command(&files, &[]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        // From the first moments on to well inside of it.
        kills += u32::from(kill_after(&mut child, Duration::from_millis(40 + turn * 53 % 900))?);
    }
    let (output, summary) = place.import(&files, &[])?;
    assert!(output.status.success(), "{summary:#}");
    let entries = place.entries()?;
    let mut found: Vec<&str> =
        entries.iter().filter_map(|entry| entry.event.raw.as_deref()).collect();
    let mut expected: Vec<&str> = lines.iter().map(String::as_str).collect();
    found.sort_unstable();
    expected.sort_unstable();
    assert!(
        found == expected,
        "{} events of {} lines after {kills} kills",
        found.len(),
        lines.len()
    );
    Ok(())
}

const RULE: &str = "
title: Root logs in
id: 55555555-5555-5555-5555-555555555555
level: high
logsource: {product: linux, service: sshd}
detection:
    selection: {user.name: root}
    condition: selection
";

/// A collector on the folder, killed when dropped.
struct Serving(Child);

impl Serving {
    fn start(place: &Place) -> Result<Self, Fault> {
        let child = Command::new(env!("CARGO_BIN_EXE_soc-collector"))
            .args(["serve", "--listen", "127.0.0.1:0", "--agents-listen", "127.0.0.1:0"])
            .arg("--data")
            .arg(place.path("data"))
            .env("SOC_ADMIN_PASSWORD", "mat-khau-thu-nghiem-2026")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let serving = Self(child);
        until("it listens", || place.path("data/addresses.json").exists());
        Ok(serving)
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < deadline, "never: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// How often the rule alerted, and on which machines, by the database.
fn alerts(place: &Place) -> Result<Vec<(String, i64)>, Fault> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let options = sqlx::sqlite::SqliteConnectOptions::new()
            .filename(place.path("data/state.sqlite"))
            .read_only(true);
        let pool = sqlx::SqlitePool::connect_with(options).await?;
        let rows = sqlx::query_as("SELECT hostname, count FROM alert WHERE rule LIKE '55555555-%'");
        let rows = rows.fetch_all(&pool).await?;
        pool.close().await;
        Ok(rows)
    })
}

#[test]
fn through_a_collector_that_runs_rules_look_at_it_or_leave_it_alone() -> Result<(), Fault> {
    let place = Place::new()?;
    place.put("data/rules/root.yml", RULE)?;
    let line = |n: u32, user: &str| {
        format!(
            "Nov 22 10:00:{n:02} srv sshd[7]: Failed password for {user} from 192.0.2.7 port 22 ssh2\n"
        )
    };
    let quiet = place.put("quiet.log", (0..9).map(|n| line(n, "root")).collect::<String>())?;
    let loud = place.put("loud.log", line(30, "root") + &line(31, "bob"))?;
    let serving = Serving::start(&place)?;
    let (output, summary) = place.import(&[&quiet], &["--no-alerts"])?;
    assert!(output.status.success(), "{summary}");
    let (output, summary) = place.import(&[&loud], &[])?;
    assert!(output.status.success() && summary["events"] == 2, "{summary}");
    until("it alerts", || alerts(&place).is_ok_and(|found| !found.is_empty()));
    assert_eq!(alerts(&place)?, [("pc-01".to_owned(), 1)]);
    drop(serving);
    let own = place.entries()?.into_iter().filter(|entry| entry.event.raw.is_some()).count();
    assert_eq!(own, 11);
    Ok(())
}
