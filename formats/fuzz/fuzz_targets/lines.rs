//! `cargo fuzz run lines`: any text in any of the formats of lines is an event that keeps the line.
#![no_main]

use soc_event::Timestamp;
use soc_formats::text::{Moment, Profile, line};

/// Logs of each format; the first byte chooses.
const PATHS: [&str; 14] = [
    "/var/log/auth.log",
    "/var/log/syslog",
    "/var/log/nginx/access.log",
    "/var/log/nginx/error.log",
    "/var/log/apache2/error.log",
    "/var/log/postgresql/a.log",
    "/var/log/postgresql/a.csv",
    "/var/log/mysql/error.log",
    "/opt/zimbra/log/audit.log",
    "/var/lib/docker/containers/a/a-json.log",
    "/var/log/dpkg.log",
    "/var/log/apt/history.log",
    "/var/log/dnf.rpm.log",
    "/var/log/maillog",
];

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((which, rest)) = bytes.split_first() else { return };
    let text = String::from_utf8_lossy(rest);
    let zone = jiff::tz::TimeZone::UTC;
    let now = Timestamp::from_micros(1_795_341_600_000_000);
    let profile = Profile::of_path(PATHS[usize::from(*which) % PATHS.len()]);
    let event = line(&text, &profile, Moment::live(now, &zone));
    assert_eq!(event.raw.as_deref(), Some(&*text));
});
