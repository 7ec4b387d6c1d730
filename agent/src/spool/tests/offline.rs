//! A month without a collector.

use super::disk::Disk;
use super::*;
use crate::spool::lines::Group;
use crate::spool::store::Store;

/// A line as machines write them, one of a few kinds, with numbers that differ.
fn line(n: u64) -> Observation {
    let (source, program, text) = match n % 4 {
        0 => (
            "auth.log",
            "sshd",
            format!(
                "Failed password for user{} from 198.51.100.{} port {} \
                                           ssh2",
                n % 53,
                n % 251,
                1024 + n * 7919 % 60_000
            ),
        ),
        1 => ("syslog", "CRON", format!("(root) CMD (run-parts /etc/cron.hourly # {n})")),
        2 => ("syslog", "systemd", format!("Started session-{n}.scope - Session {n} of user a.")),
        _ => (
            "mail.log",
            "postfix/smtpd",
            format!("connect from mail{}.example.org[192.0.2.{}]", n % 17, n % 241),
        ),
    };
    let time =
        Timestamp::from_micros(1_795_000_000_000_000 + i64::try_from(n).unwrap() * 1_000_003);
    let raw = format!("{time} srv {program}[{}]: {text}", 300 + n * 31 % 30_000);
    let mut event = Event::new(time, kind::LOG, soc_event::Logsource::service("linux", "syslog"))
        .with("host.name", "srv")
        .with("log.file.path", format!("/var/log/{source}"))
        .with("log.offset", n * 103)
        .with("log.source", "file")
        .with("message", text)
        .with("process.name", program)
        .with("process.pid", 300 + n * 31 % 30_000);
    event.raw = Some(raw);
    Observation::log(event)
}

/// 30 days at one event a second are 2,592,000: what a smaller number takes is what they would.
/// `EVENTS=2592000` does all of them.
#[test]
fn thirty_days_at_one_event_a_second_fit_into_256_mib() {
    let wanted = std::env::var("EVENTS").ok().and_then(|text| text.parse().ok());
    let events: u64 = wanted.unwrap_or(4000);
    let disk = Disk::default();
    let mut store = Store::new(disk.database().unwrap(), "one", 256 << 20).unwrap();
    let mut plain = 0;
    for n in 0..events {
        let mut group = Group::default();
        group.add(Delivery { observations: vec![line(n)], positions: Vec::new() });
        plain += group.text.len();
        store.append(&group, Timestamp::default()).unwrap();
    }
    let book = store.ledger().lane(Lane::Log);
    drop(store);
    let (kept, file) = (book.bytes as f64 / events as f64, disk.len() as f64 / events as f64);
    let month = 2_592_000.0;
    println!(
        "{events} events of {} bytes: {kept:.1} bytes each in the spool, {file:.1} in its file; \
         30 days at one a second: {:.0} MiB",
        plain / events as usize,
        kept * month / f64::from(1 << 20)
    );
    assert_eq!(book.dropped, 0);
    assert!(kept * month < f64::from(256 << 20), "{kept} bytes an event");
}
