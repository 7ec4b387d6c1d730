use std::path::PathBuf;
use std::process::Command;

use jiff::tz::TimeZone;
use proptest::prelude::*;
use soc_event::{Event, Timestamp};

use super::{Format, Moment, Profile, line};

fn now() -> Timestamp {
    "2026-11-22T10:16:42Z".parse().unwrap()
}

fn parse(text: &str, path: &str) -> Event {
    let zone = TimeZone::UTC;
    let moment = Moment::live(now(), &zone);
    line(text, &Profile::of_path(path), moment)
}

/// Fields as `name=value`, without those that repeat the line.
fn shown(event: &Event) -> String {
    let hidden = ["message", "host.name", "process.pid", "process.name"];
    let fields = event.fields.iter().filter(|(name, _)| !hidden.contains(&name.as_str()));
    fields.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
}

/// What an auth.log line of a program says.
fn check(program: &str, message: &str, expected: &str) {
    let event =
        parse(&format!("Nov 22 09:00:00 srv {program}[77]: {message}"), "/var/log/auth.log");
    assert_eq!(shown(&event), expected, "{program}: {message}");
}

#[test]
fn headers_are_read_in_all_formats() {
    let check = |text: &str, expected: [&str; 4]| {
        let event = parse(text, "/var/log/syslog");
        let name = |name: &str| event.fields.get(name).map(ToString::to_string).unwrap_or_default();
        let found =
            [event.time.to_string(), name("host.name"), name("process.name"), name("message")];
        assert_eq!(found, expected, "{text}");
        assert_eq!(event.raw.as_deref(), Some(text));
    };
    let nine = "2026-11-22T09:00:01.000000Z";
    let read = "2026-11-22T10:16:42.000000Z";
    check("Nov 22 09:00:01 srv sshd[7]: hi", [nine, "srv", "sshd", "hi"]);
    check("<34>Nov 22 09:00:01 srv kernel: [ 1.5] hi", [nine, "srv", "kernel", "[ 1.5] hi"]);
    check("Nov 22 09:00:01 srv /usr/sbin/cron[7]: hi", [nine, "srv", "cron", "hi"]);
    check("Nov 22 09:00:01 srv sshd(pam_unix)[7]: hi", [nine, "srv", "sshd", "hi"]);
    check("Nov 22 09:00:01 srv postfix/smtpd[7]: hi", [nine, "srv", "postfix/smtpd", "hi"]);
    check("Nov 22 09:00:01 srv -- MARK --", [nine, "srv", "", "-- MARK --"]);
    check("Nov 22 09:00:01 cron[7]: hi", [nine, "", "cron", "hi"]);
    check("Nov  2 09:00:01 srv a: hi", ["2026-11-02T09:00:01.000000Z", "srv", "a", "hi"]);
    check("Dec 31 23:59:59 srv a: hi", ["2025-12-31T23:59:59.000000Z", "srv", "a", "hi"]);
    check(
        "2026-11-22T16:00:01.000002+07:00 srv sshd[7]: hi",
        ["2026-11-22T09:00:01.000002Z", "srv", "sshd", "hi"],
    );
    check(
        r#"<165>1 2026-11-22T09:00:01Z srv app 7 ID [a b="x\]\"y"][c d="e"] hi"#,
        [nine, "srv", "app", "hi"],
    );
    check("<165>1 - srv - - - - \u{feff}hi", [read, "srv", "", "hi"]);
    check("<165>1 2026-11-22T09:00:01Z - app - - -", [nine, "", "app", ""]);
    // No header: the line is the message, and the time is that of reading.
    for text in ["plain", "Nov 99 09:00:01 srv a: hi", "Nov 22 9:0:1 srv a: hi", "<999>x"] {
        check(text, [read, "", "", text]);
    }
    // A clock that was years wrong is not believed.
    check("2019-01-01T00:00:00Z srv a: hi", [read, "srv", "a", "hi"]);
    check("2027-01-01T00:00:00Z srv a: hi", [read, "srv", "a", "hi"]);
}

#[test]
fn times_without_a_zone_are_of_the_hosts_zone() {
    let zone = TimeZone::fixed(jiff::tz::offset(7));
    let moment = Moment::live(now(), &zone);
    let event = line("Nov 22 17:00:00 srv a: hi", &Profile::of_path("/var/log/syslog"), moment);
    assert_eq!(event.time.to_string(), "2026-11-22T10:00:00.000000Z");
}

#[test]
fn priorities_become_severity_and_facility() {
    let event = parse("<38>Nov 22 09:00:01 srv sshd[7]: hi", "/var/log/auth.log");
    let shown = shown(&event);
    assert_eq!(
        shown,
        "log.syslog.facility.code=4 log.syslog.priority=38 log.syslog.severity.code=6"
    );
}

#[test]
fn logsources_follow_program_and_path() {
    let check = |text: &str, path: &str, expected: [Option<&str>; 3]| {
        let source = parse(text, path).logsource;
        let found =
            [&source.product, &source.category, &source.service].map(|part| part.as_deref());
        assert_eq!(found, expected, "{path} {text}");
    };
    let linux = |service| [Some("linux"), None, Some(service)];
    check("Nov 22 09:00:00 s sshd[1]: x", "/var/log/syslog", linux("sshd"));
    check("Nov 22 09:00:00 s sshd-session[1]: x", "/var/log/auth.log", linux("sshd"));
    check("Nov 22 09:00:00 s sudo: x", "/var/log/auth.log", linux("sudo"));
    check("Nov 22 09:00:00 s CRON[1]: x", "/var/log/syslog", linux("cron"));
    check("Nov 22 09:00:00 s useradd[1]: x", "/var/log/auth.log", linux("auth"));
    check("Nov 22 09:00:00 s polkitd[1]: x", "/var/log/auth.log", linux("auth"));
    check("Nov 22 09:00:00 s polkitd[1]: x", "/var/log/secure", linux("auth"));
    check("Nov 22 09:00:00 s dhclient: x", "/var/log/messages", linux("syslog"));
    check("x", "/var/log/nginx/portal-access.log", [Some("nginx"), Some("webserver"), None]);
    check("x", "/srv/portal/access.log", [None, Some("webserver"), None]);
    check("x", "/var/log/httpd/ssl_access_log", [Some("apache"), Some("webserver"), None]);
}

#[test]
fn sshd_logins_are_read() {
    let peer = "source.ip=192.0.2.7 source.port=50022 ssh.method";
    check(
        "sshd",
        "Accepted publickey for bob from 192.0.2.7 port 50022 ssh2: ED25519 SHA256:abc",
        &format!("event.action=ssh_login event.outcome=success {peer}=publickey user.name=bob"),
    );
    check(
        "sshd",
        "Failed password for root from 192.0.2.7 port 50022 ssh2",
        &format!("event.action=ssh_login event.outcome=failure {peer}=password user.name=root"),
    );
    check(
        "sshd-session",
        "Failed password for invalid user  from 2001:db8::1 port 1 ssh2",
        "event.action=ssh_login event.outcome=failure source.ip=2001:db8::1 source.port=1 \
         ssh.method=password user.invalid=true user.name=",
    );
    check(
        "sshd",
        "message repeated 3 times: [ Failed password for root from 192.0.2.7 port 5 ssh2]",
        "event.action=ssh_login event.count=3 event.outcome=failure source.ip=192.0.2.7 \
         source.port=5 ssh.method=password user.name=root",
    );
}

#[test]
fn other_sshd_messages_keep_what_they_say() {
    let check = |message: &str, expected: &str| check("sshd", message, expected);
    check("Invalid user bob from 192.0.2.7", "source.ip=192.0.2.7 user.invalid=true user.name=bob");
    check(
        "Invalid user bob smith from 192.0.2.7 port 9",
        "source.ip=192.0.2.7 source.port=9 user.invalid=true user.name=bob smith",
    );
    check(
        "Connection closed by authenticating user root 192.0.2.7 port 9 [preauth]",
        "source.ip=192.0.2.7 source.port=9 user.name=root",
    );
    check("Connection closed by 192.0.2.7 [preauth]", "source.ip=192.0.2.7");
    check("Connection reset by 192.0.2.7 port 9", "source.ip=192.0.2.7 source.port=9");
    check(
        "Disconnected from invalid user a b 192.0.2.7 port 9 [preauth]",
        "source.ip=192.0.2.7 source.port=9 user.invalid=true user.name=a b",
    );
    check(
        "Received disconnect from 192.0.2.7 port 9:11: Bye Bye [preauth]",
        "source.ip=192.0.2.7 source.port=9",
    );
    check("Received disconnect from 192.0.2.7: 11: Bye Bye [preauth]", "source.ip=192.0.2.7");
    check(
        "error: maximum authentication attempts exceeded for root from 192.0.2.7 port 9 ssh2 [preauth]",
        "source.ip=192.0.2.7 source.port=9 user.name=root",
    );
    check(
        "pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= \
         rhost=192.0.2.7  user=root",
        "source.ip=192.0.2.7 user.name=root",
    );
    check(
        "pam_unix(sshd:session): session opened for user bob(uid=1000) by (uid=0)",
        "user.name=bob",
    );
    check("Server listening on 0.0.0.0 port 22.", "");
}

#[test]
fn names_cannot_forge_where_a_login_came_from() {
    let real = "source.ip=203.0.113.66 source.port=4444";
    let forged = "root from 192.0.2.1 port 22 ssh2";
    check(
        "sshd",
        &format!("Failed password for invalid user {forged} from 203.0.113.66 port 4444 ssh2"),
        &format!(
            "event.action=ssh_login event.outcome=failure {real} ssh.method=password \
             user.invalid=true user.name={forged}"
        ),
    );
    check(
        "sshd",
        &format!("Invalid user {forged}: x from 203.0.113.66 port 4444"),
        &format!("{real} user.invalid=true user.name={forged}: x"),
    );
    check(
        "sshd",
        "Connection closed by invalid user x 192.0.2.1 port 22 203.0.113.66 port 4444 [preauth]",
        &format!("{real} user.invalid=true user.name=x 192.0.2.1 port 22"),
    );
    // The id of a certificate is chosen by whoever shows it.
    check(
        "sshd",
        "Failed publickey for root from 203.0.113.66 port 4444 ssh2: RSA-CERT SHA256:a ID x from \
         192.0.2.1 port 22 ssh2 (serial 0) CA RSA SHA256:b",
        &format!(
            "event.action=ssh_login event.outcome=failure {real} ssh.method=publickey user.name=root"
        ),
    );
    // And the name of a host by whoever owns its address.
    check(
        "sshd",
        "reverse mapping checking getaddrinfo for [192.0.2.1].evil [203.0.113.66] failed - \
         POSSIBLE BREAK-IN ATTEMPT!",
        "source.ip=203.0.113.66",
    );
    check(
        "sshd",
        "Received disconnect from 203.0.113.66 port 4444:11: from 192.0.2.1 port 22:11: Bye",
        real,
    );
    check(
        "sshd",
        "Invalid user Accepted password for root from 203.0.113.66 port 4444",
        &format!("{real} user.invalid=true user.name=Accepted password for root"),
    );
}

#[test]
fn sudo_and_su_are_read() {
    let head = "event.action=sudo event.outcome";
    check(
        "sudo",
        "     bob : TTY=pts/0 ; PWD=/home/bob ; USER=root ; COMMAND=/usr/bin/id -u",
        &format!(
            "{head}=success process.command_line=/usr/bin/id -u user.effective.name=root user.name=bob"
        ),
    );
    check(
        "sudo",
        "bob : 3 incorrect password attempts ; TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/sh",
        &format!(
            "{head}=failure process.command_line=/bin/sh user.effective.name=root user.name=bob"
        ),
    );
    check(
        "sudo",
        "bob : user NOT in sudoers ; TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/sh",
        &format!(
            "{head}=failure process.command_line=/bin/sh user.effective.name=root user.name=bob"
        ),
    );
    check(
        "sudo",
        "pam_unix(sudo:session): session opened for user root(uid=0) by bob(uid=1000)",
        "user.effective.name=root user.name=bob",
    );
    let su = |outcome: &str| {
        format!("event.action=su event.outcome={outcome} user.effective.name=root user.name=bob")
    };
    check("su", "(to root) bob on pts/0", &su("success"));
    check("su", "FAILED SU (to root) bob on pts/0", &su("failure"));
    check("su", "Successful su for root by bob", &su("success"));
    check("su", "FAILED su for root by bob", &su("failure"));
}

#[test]
fn folders_and_commands_cannot_forge_the_target_of_sudo() {
    let forged = |message: &str| {
        let event = parse(&format!("Nov 22 09:00:00 s sudo: {message}"), "/var/log/auth.log");
        assert_eq!(event.text("user.name"), Some("bob"));
        assert_eq!(event.text("user.effective.name"), None, "{message}");
        assert!(event.text("process.command_line").unwrap().contains("/bin/sh"));
    };
    forged(
        "bob : TTY=pts/0 ; PWD=/tmp/x ; USER=nobody ; COMMAND=/bin/true ; USER=root ; COMMAND=/bin/sh",
    );
    forged(
        "bob : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/sh ; USER=nobody ; COMMAND=/bin/true",
    );
}

#[test]
fn cron_and_accounts_are_read() {
    check(
        "CRON",
        "(root) CMD (cd / && run-parts --report /etc/cron.hourly)",
        "event.action=cron process.command_line=cd / && run-parts --report /etc/cron.hourly \
         user.name=root",
    );
    check("CRON", "(bob) CMD (x) CMD (y)", {
        "event.action=cron process.command_line=x) CMD (y user.name=bob"
    });
    check(
        "useradd",
        "new user: name=bob, UID=1001, GID=1001, home=/home/bob, shell=/bin/bash, from=/dev/pts/0",
        "event.action=user_created user.target.id=1001 user.target.name=bob",
    );
    check("useradd", "new group: name=bob, GID=1001", "event.action=group_changed group.name=bob");
    let added = "event.action=group_member_added group.name=sudo user.target.name=bob";
    check("usermod", "add 'bob' to group 'sudo'", added);
    check("usermod", "add 'bob' to shadow group 'sudo'", added);
    check("gpasswd", "user bob added by root to group sudo", added);
    let removed = "event.action=group_changed group.name=sudo user.target.name=bob";
    check("userdel", "delete 'bob' from group 'sudo'", removed);
    check("gpasswd", "user bob removed by root from group sudo", removed);
    check("userdel", "delete user 'bob'", "event.action=user_deleted user.target.name=bob");
    check(
        "userdel",
        "removed group 'bob' owned by 'bob'",
        "event.action=group_changed group.name=bob",
    );
    let changed = "event.action=user_changed user.target.name=bob";
    check("usermod", "change user 'bob' shell from '/bin/sh' to '/bin/bash'", changed);
    check("passwd", "pam_unix(passwd:chauthtok): password changed for bob", changed);
}

const ACCESS: &str = "/var/log/nginx/access.log";

#[test]
fn access_logs_are_read() {
    let text = r#"192.0.2.7 - bob [22/Nov/2026:16:00:01 +0700] "GET /a/b?q=1&r=%2e HTTP/1.1" 404 512 "https://x/" "curl/8 \"x\"""#;
    let event = parse(text, ACCESS);
    assert_eq!(event.time.to_string(), "2026-11-22T09:00:01.000000Z");
    assert_eq!(
        shown(&event),
        "c-ip=192.0.2.7 cs-method=GET cs-uri-query=q=1&r=%2e cs-uri-stem=/a/b cs-user-agent=curl/8 \
         \"x\" http.request.method=GET http.request.referrer=https://x/ \
         http.response.body.bytes=512 http.response.status_code=404 http.version=1.1 \
         sc-status=404 source.ip=192.0.2.7 url.original=/a/b?q=1&r=%2e user.name=bob \
         user_agent.original=curl/8 \"x\""
    );
}

#[test]
fn unusual_requests_are_kept_as_they_are() {
    let check = |text: &str, name: &str, expected: Option<&str>| {
        let event = parse(text, ACCESS);
        let found = event.fields.get(name).map(ToString::to_string);
        assert_eq!(found.as_deref(), expected, "{text}");
    };
    let time = "[22/Nov/2026:09:00:01 +0000]";
    let hello = format!(r#"::1 - - {time} "\x16\x03\x01" 400 0 "-" "-""#);
    check(&hello, "url.original", Some("\u{16}\u{3}\u{1}"));
    check(&hello, "source.ip", Some("::1"));
    check(&hello, "user_agent.original", None);
    let blank = format!(r#"192.0.2.7 - - {time} "GET /a b HTTP/1.0" 200 -"#);
    check(&blank, "url.original", Some("/a b"));
    check(&blank, "http.response.body.bytes", None);
    let hosted = format!(r#"portal:443 192.0.2.7 - - {time} "GET / HTTP/1.0" 200 1 "-" "x""#);
    check(&hosted, "source.ip", Some("192.0.2.7"));
    // A user name that looks like the rest of a line stays a user name.
    let forged = format!(r#"192.0.2.7 - x [1] \"GET /ok\" 200 {time} "GET /evil HTTP/1.0" 403 1"#);
    check(&forged, "http.response.status_code", Some("403"));
    check(&forged, "url.original", Some("/evil"));
    check(&forged, "user.name", Some("x [1] \"GET /ok\" 200"));
    check("no access line", "message", Some("no access line"));
    check("no access line", "source.ip", None);
}

/// The samples lie beside the repository, not in it; where they are absent the test says so.
fn sample(name: &str) -> Option<String> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    let archive = root.join("loghub-2k.tar.zst");
    if !archive.exists() {
        println!("skipped: {} is not there", archive.display());
        return None;
    }
    let arguments =
        ["--zstd", "-xOf", archive.to_str()?, &format!("loghub/{name}")].map(str::to_owned);
    let output = Command::new("tar").args(arguments).output().ok()?;
    if !output.status.success() {
        println!("skipped: {name} could not be unpacked");
        return None;
    }
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn every_real_sshd_line_is_understood() {
    let Some(text) = sample("OpenSSH/OpenSSH_2k.log") else { return };
    let (mut lines, mut failed) = (0, 0);
    for text in text.lines() {
        let event = parse(text, "/var/log/auth.log");
        lines += 1;
        assert_eq!(event.text("process.name"), Some("sshd"), "{text}");
        assert_eq!(event.text("host.name"), Some("LabSZ"), "{text}");
        // The address the line names is the one that is read.
        if let Some((_, rest)) = text.split_once(" from ")
            && let Some(word) = rest.split([' ', ':']).next()
            && word.parse::<std::net::Ipv4Addr>().is_ok()
        {
            assert_eq!(event.text("source.ip"), Some(word), "{text}");
        }
        if event.text("event.outcome") == Some("failure") {
            failed += 1;
            assert!(text.contains("Failed "), "{text}");
            assert!(event.text("user.name").is_some() && event.text("source.ip").is_some());
        } else {
            assert!(!text.contains("]: Failed "), "{text}");
        }
    }
    assert!(lines >= 1999, "{lines}");
    assert!(failed > 500, "{failed}");
}

#[test]
fn every_real_syslog_line_has_its_program() {
    let Some(text) = sample("Linux/Linux_2k.log") else { return };
    let Some(truth) = sample("Linux/Linux_2k.log_structured.csv") else { return };
    // LineId,Month,Date,Time,Level,Component,PID,Content,…: Level is the host here.
    for (text, truth) in text.lines().zip(truth.lines().skip(1)) {
        let event = parse(text, "/var/log/messages");
        let columns: Vec<&str> = truth.splitn(8, ',').collect();
        assert_eq!(event.text("host.name"), Some("combo"), "{text}");
        let component = columns[5].split('(').next().unwrap();
        let tagged = !component.contains(' ')
            && (text.contains(&format!(" {component}:"))
                || text.contains(&format!(" {}[", columns[5]))
                || text.contains(&format!(" {component}(")));
        if tagged && !component.is_empty() {
            assert_eq!(event.text("process.name"), Some(component), "{text}");
        }
        if tagged && !columns[6].is_empty() {
            let pid = event.fields.get("process.pid").map(ToString::to_string);
            assert_eq!(pid.as_deref(), Some(columns[6].trim_end_matches(".0")), "{text}");
        }
    }
}

fn any_format() -> impl Strategy<Value = Profile> {
    let formats = [Format::Syslog, Format::Access, Format::Auditd, Format::Plain];
    prop::sample::select(formats.to_vec())
        .prop_map(|format| Profile { format, ..Profile::default() })
}

/// Words and marks the parsers look for, in any order.
fn hostile() -> impl Strategy<Value = String> {
    let parts = [
        "Nov 22 09:00:00 ",
        "srv ",
        "sshd[1]: ",
        "sudo: ",
        "su[1]: ",
        "CRON[1]: ",
        "useradd: ",
        "<34>",
        "1 ",
        "2026-11-22T10:16:42Z ",
        "Failed password for ",
        "invalid user ",
        "Invalid user ",
        " from ",
        "192.0.2.7",
        " port ",
        "22",
        " ssh2",
        ": ",
        " [preauth]",
        " : ",
        "TTY=x ; ",
        " ; USER=",
        " ; COMMAND=",
        "(to ",
        ") ",
        "(root) CMD (",
        " by ",
        "new user: ",
        "name=",
        "'",
        "\"",
        "\\",
        "\\x",
        "\\\"",
        "[",
        "]",
        " - - ",
        "GET / HTTP/1.1",
        " 200 ",
        "đ",
        "\u{202e}",
        "message repeated 3 times: [ ",
        "authentication failure; logname=",
        " rhost=",
        "  user=",
        "-",
    ];
    let part = prop_oneof![
        4 => prop::sample::select(parts.to_vec()).prop_map(str::to_owned),
        1 => ".{0,4}",
    ];
    prop::collection::vec(part, 0..24).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn any_line_gives_an_event_that_holds_it(text in hostile(), profile in any_format()) {
        let zone = TimeZone::UTC;
    let moment = Moment::live(now(), &zone);
        let event = line(&text, &profile, moment);
        prop_assert_eq!(event.raw.as_deref(), Some(text.as_str()));
        prop_assert!(event.fields.contains_key("message"));
        prop_assert!(super::is_plausible(event.time, now()));
    }

    #[test]
    fn whatever_the_name_the_source_of_a_failed_login_is_the_real_one(name in hostile()) {
        let message = format!("Failed password for invalid user {name} from 203.0.113.66 port 4444 ssh2");
        let text = format!("Nov 22 09:00:00 srv sshd[1]: {message}");
        let event = parse(&text, "/var/log/auth.log");
        prop_assert_eq!(event.text("source.ip"), Some("203.0.113.66"));
        prop_assert_eq!(event.text("user.name"), Some(name.as_str()));
        prop_assert_eq!(event.text("event.outcome"), Some("failure"));
    }
}

/// What an audit record says, in Debian's place for them. Lines made by hand after the
/// documentation of the kernel and of audit-userspace.
fn audit(text: &str, expected: &str) {
    let event = parse(text, "/var/log/audit/audit.log");
    assert_eq!(event.logsource, soc_event::Logsource::service("linux", "auditd"));
    let hidden = ["msg", "message"];
    let fields = event.fields.iter().filter(|(name, _)| !hidden.contains(&name.as_str()));
    let found: Vec<String> = fields.map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(found.join(" "), expected, "{text}");
}

#[test]
fn audit_records_are_read() {
    let head = "msg=audit(1795341600.250:24287):";
    let text = format!(
        "node=srv type=SYSCALL {head} arch=c000003e syscall=59 success=yes a0=2D6C exit=-13 comm=\"id\" exe=2F746D702F612062 key=(null)\u{1d}ARCH=x86_64 SYSCALL=execve UID=\"root\""
    );
    audit(
        &text,
        "ARCH=x86_64 SYSCALL=execve UID=root a0=2D6C arch=c000003e comm=id exe=/tmp/a b exit=-13 \
         host.name=srv key=(null) success=yes syscall=59 type=SYSCALL",
    );
    let event = parse(&text, "/var/log/audit/audit.log");
    assert_eq!(event.time.to_string(), "2026-11-22T10:00:00.250000Z");
    assert_eq!(event.text("msg"), Some("audit(1795341600.250:24287)"));
    audit(
        &format!("type=EXECVE {head} argc=3 a0=\"sh\" a1=2D63 a2_len=6 a2[0]=6563 a2[1]=686F"),
        "a0=sh a1=-c a2=echo a2_len=6 argc=3 type=EXECVE",
    );
    audit(
        &format!("type=PROCTITLE {head} proctitle=6C73002D6C6100"),
        "proctitle=ls -la type=PROCTITLE",
    );
    audit(
        &format!("type=PATH {head} item=0 name=\"/etc/passwd\" mode=0100644 nametype=NORMAL"),
        "item=0 mode=0100644 name=/etc/passwd nametype=NORMAL type=PATH",
    );
    audit(&format!("type=SYSCALL {head} key=6F6E650174776F"), "key=one, two type=SYSCALL");
    audit(
        &format!(
            "type=USER_LOGIN {head} pid=7 uid=0 msg='op=login acct=\"root\" exe=\"/usr/sbin/sshd\" hostname=? addr=192.0.2.7 terminal=ssh res=failed'"
        ),
        "acct=root addr=192.0.2.7 exe=/usr/sbin/sshd hostname=? op=login pid=7 res=failed terminal=ssh type=USER_LOGIN uid=0",
    );
    audit(
        &format!("type=AVC {head} avc:  denied  {{ read }} for  pid=7 comm=\"cat\" tclass=file"),
        "comm=cat pid=7 tclass=file type=AVC",
    );
    audit(
        &format!(
            "type=SOCKADDR {head} saddr=02000016\u{1d}SADDR={{ saddr_fam=inet laddr=192.0.2.7 lport=22 }}"
        ),
        "laddr=192.0.2.7 lport=22 saddr=02000016 saddr_fam=inet type=SOCKADDR",
    );
}

#[test]
fn what_a_program_says_cannot_replace_what_the_kernel_says() {
    let head = "type=USER_CMD msg=audit(1795341600.250:1):";
    let text = format!("{head} pid=7 uid=1000 auid=1000 msg='cmd=\"x\" uid=0 auid=0 ' pid=1'");
    audit(&text, "auid=1000 cmd=x pid=7 type=USER_CMD uid=1000");
}

#[test]
fn logs_that_were_kept_keep_their_times() {
    let zone = TimeZone::UTC;
    let moment = Moment::kept(now(), &zone);
    let time = |text: &str| line(text, &Profile::of_path("x.log"), moment).time.to_string();
    assert_eq!(time("2011-01-02T03:04:05Z srv a: hi"), "2011-01-02T03:04:05.000000Z");
    assert_eq!(time("Nov 22 09:00:01 srv a: hi"), "2026-11-22T09:00:01.000000Z");
}

#[test]
fn sshd_tells_first_tries_by_pam_otherwise() {
    check(
        "sshd",
        "error: PAM: Authentication failure for bob from 192.0.2.7",
        "event.action=ssh_login event.outcome=failure source.ip=192.0.2.7 \
         ssh.method=keyboard-interactive/pam user.name=bob",
    );
    // Its failure is told by the next line.
    check(
        "sshd",
        "error: PAM: Authentication failure for illegal user x from 192.0.2.9 from 192.0.2.7",
        "source.ip=192.0.2.7 user.invalid=true user.name=x from 192.0.2.9",
    );
}

/// What a line of a log at this path says.
fn check_line(path: &str, text: &str, expected: &str) {
    assert_eq!(shown(&parse(text, path)), expected, "{text}");
}

#[test]
fn what_a_stranger_writes_forges_no_address_name_or_time() {
    let nginx = "/var/log/nginx/error.log";
    let begin = "2026/11/22 09:00:00 [error] 7#7: *3";
    // The path is decoded before it is quoted, the referrer comes last.
    check_line(
        nginx,
        &format!(
            "{begin} open() \"/x, client: 192.0.2.1, server: y\" failed, client: 192.0.2.7, server: s"
        ),
        "log.level=error",
    );
    check_line(
        nginx,
        &format!(
            "{begin} user \"a\": password mismatch, client: 192.0.2.1, x\": password mismatch, client: 192.0.2.7, server: s"
        ),
        "event.action=web_login event.outcome=failure log.level=error",
    );
    let apache = "/var/log/apache2/error.log";
    check_line(
        apache,
        "[Sun Nov 22 09:00:00.1 2026] [auth_basic:error] [pid 7:tid 8] [client 192.0.2.7:4] AH01617: user a: authentication failure for \"x\": authentication failure for \"/s\": Password Mismatch",
        "event.action=web_login event.code=AH01617 event.outcome=failure log.level=error log.logger=auth_basic source.ip=192.0.2.7 source.port=4",
    );
    let postgres = "/var/log/postgresql/x.log";
    let begin = "2026-11-22 09:00:00.000 UTC [7] ";
    check_line(
        postgres,
        &format!(
            "{begin}a@b LOG:  connection authorized: user=root@db FATAL:  password authentication failed for user \"a@b LOG:  connection authorized: user=root\""
        ),
        "log.level=log",
    );
    check_line(
        "/var/log/mysql/error.log",
        "2026-11-22  9:00:00 7 [Warning] Access denied for user 'a'@'192.0.2.1' (using password: YES)'@'192.0.2.7' (using password: NO)",
        "event.action=database_login event.outcome=failure log.level=warning source.ip=192.0.2.7 user.name=a'@'192.0.2.1' (using password: YES)",
    );
    check(
        "postfix/smtpd",
        "NOQUEUE: reject: RCPT from unknown[192.0.2.7]: 554 5.7.1 <x>: no; from=<a> to=<b> proto=ESMTP helo=<y> to=<c> proto=ESMTP helo=<z>",
        "event.action=mail_rejected event.outcome=failure mail.response.code=554 source.ip=192.0.2.7",
    );
    check(
        "drupal",
        "https://portal.example.vn|1795341600|user|192.0.2.7|https://portal.example.vn/a|b||0||Login attempt failed for bob.",
        "log.logger=user source.ip=192.0.2.7 url.domain=portal.example.vn",
    );
}

#[test]
fn drupal_and_zimbra_logins_are_read() {
    check(
        "drupal",
        "https://portal.example.vn|1795341600|user|192.0.2.7|https://portal.example.vn/user/login|https://portal.example.vn/|0||Login attempt failed for admin.",
        "event.action=web_login event.outcome=failure http.request.referrer=https://portal.example.vn/ log.logger=user source.ip=192.0.2.7 url.domain=portal.example.vn url.original=https://portal.example.vn/user/login user.id=0 user.name=admin",
    );
    check_line(
        "/opt/zimbra/log/audit.log",
        "2026-11-22 09:00:00,337 WARN  [qtp509886383-4205:http://127.0.0.1:8080/service/soap/AuthRequest] [oip=192.0.2.7;ua=x;oip=192.0.2.1;] security - cmd=Auth; account=admin@example.vn; protocol=soap; error=authentication failed for [admin@example.vn], invalid password;",
        "event.action=mail_login event.outcome=failure log.level=warn log.logger=security source.ip=192.0.2.7 user.name=admin@example.vn",
    );
    check_line(
        "/opt/zimbra/log/mailbox.log",
        "2026-11-22 09:00:00,337 INFO  [qtp1-2] [name=bob@example.vn;mid=3;oip=192.0.2.7;ua=y;] soap - SearchRequest elapsed=3",
        "log.level=info log.logger=soap source.ip=192.0.2.7 user.name=bob@example.vn",
    );
}

#[test]
fn dnf_and_mysql_lines_are_read() {
    check_line(
        "/var/log/dnf.rpm.log",
        "2026-11-22T16:00:00+0700 SUBDEBUG Installed: nginx-1:1.20.1-1.el9.x86_64",
        "event.action=package_installed log.level=subdebug package.architecture=x86_64 package.name=nginx package.version=1:1.20.1-1.el9",
    );
    check_line(
        "/var/log/mysql/error.log",
        "2026-11-22T09:00:00.123456Z 4 [Note] [MY-010926] [Server] Access denied for user 'bob'@'192.0.2.7' (using password: YES)",
        "event.action=database_login event.code=MY-010926 event.outcome=failure log.level=note log.logger=Server source.ip=192.0.2.7 user.name=bob",
    );
    assert_eq!(
        parse("2026-11-22T16:00:00+0700 x", "/var/log/dnf.rpm.log").time.to_string(),
        "2026-11-22T09:00:00.000000Z"
    );
}

#[test]
fn a_line_that_is_not_written_as_its_log_is_kept_and_said_to_be_so() {
    for path in ["/var/log/nginx/error.log", "/var/log/dpkg.log", "/x/containers/a/a-json.log"] {
        let event = parse("what is this", path);
        assert_eq!(event.raw.as_deref(), Some("what is this"));
        assert_eq!(shown(&event), "log.unparsed=true");
    }
}
