//! Logs in lines of text: a line becomes an event.
//!
//! Promises: total (every text gives an event, the line itself is always in `raw`) and pure (the
//! time of reading and the zone of the host are arguments). A field is only filled where the
//! program that wrote the line, and not the stranger whose input it quotes, decided what stands
//! there: user names, host names and paths may contain anything, ` from 192.0.2.1 port 22 ssh2`
//! included. So each format is anchored at the end the stranger cannot reach, and where both ends
//! can be reached the field is left out.

mod access;
mod account;
mod auditd;
mod clock;
mod cron;
mod docker;
mod drupal;
mod header;
mod mysql;
mod once;
mod package;
mod pam;
mod postfix;
mod postgres;
mod sshd;
mod su;
mod sudo;
mod web_error;
mod zimbra;

use jiff::tz::TimeZone;
use serde::Deserialize;
use soc_event::{Event, Fields, Logsource, Timestamp, Value, kind};

pub use header::Header;

/// How lines of a log are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// RFC 3164, RFC 5424 or rsyslog's lines with an ISO time; other lines are plain.
    #[default]
    Syslog,
    /// Common or combined log format of a web server.
    Access,
    /// Error log of Apache or nginx.
    WebError,
    /// Records of Linux's audit.
    Auditd,
    /// PostgreSQL's log, with Debian's prefix.
    Postgres,
    /// PostgreSQL's `csvlog`.
    PostgresCsv,
    /// Error log of MariaDB or MySQL.
    Mysql,
    /// Zimbra's `mailbox.log` and `audit.log`.
    Zimbra,
    /// What a container writes, as Docker's `json-file` driver keeps it.
    Docker,
    /// `dpkg.log`.
    Dpkg,
    /// apt's `history.log`.
    Apt,
    /// dnf's `dnf.rpm.log`, and `yum.log`.
    Dnf,
    /// Records of logins, which are no lines: see [`crate::utmp`].
    Utmp,
    /// No format is known: the line is the message.
    Plain,
}

/// What is known about a log before its first line is read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    /// How its lines are written.
    pub format: Format,
    /// Which rules look at lines that do not say it themselves.
    pub logsource: Logsource,
}

impl Profile {
    /// What the path of a log says about it.
    pub fn of_path(path: &str) -> Self {
        let name = path.rsplit('/').next().unwrap_or(path);
        if name.contains("access") {
            return Self::access(path);
        }
        let of = |format, logsource| Self { format, logsource };
        let is_below = |folder: &str| path.contains(folder);
        match name {
            "audit.log" | "mailbox.log" if is_below("/zimbra/") => return Self::zimbra(name),
            "mailbox.log" => return Self::zimbra(name),
            "audit.log" => return Self::auditd(),
            "wtmp" | "btmp" => return of(Format::Utmp, Logsource::service("linux", "utmp")),
            "dpkg.log" => return of(Format::Dpkg, Logsource::service("linux", "package")),
            "history.log" => return of(Format::Apt, Logsource::service("linux", "package")),
            "dnf.rpm.log" | "yum.log" => {
                return of(Format::Dnf, Logsource::service("linux", "package"));
            }
            _ => {}
        }
        if is_below("/postgresql/") || is_below("/pgsql/") {
            let csv = name.ends_with(".csv");
            let format = if csv { Format::PostgresCsv } else { Format::Postgres };
            return of(format, Self::product("postgresql", "database"));
        }
        if is_below("/mysql/")
            || is_below("/mariadb/")
            || name.ends_with(".err")
            || name == "mysqld.log"
        {
            return of(Format::Mysql, Self::product("mysql", "database"));
        }
        if name.ends_with("-json.log") && is_below("/containers/") {
            return of(Format::Docker, Self::product("docker", "application"));
        }
        if name.contains("error") && Self::web_server(path).is_some() {
            return Self::web_error(path);
        }
        let service = match name {
            "auth.log" | "secure" => "auth",
            _ => "syslog",
        };
        of(Format::Syslog, Logsource::service("linux", service))
    }

    /// What auditd writes.
    pub fn auditd() -> Self {
        Self { format: Format::Auditd, logsource: Logsource::service("linux", "auditd") }
    }

    /// The access log of a web server; which server, its path may say.
    pub fn access(path: &str) -> Self {
        let logsource = Logsource {
            product: Self::web_server(path).map(str::to_owned),
            category: Some("webserver".to_owned()),
            service: None,
        };
        Self { format: Format::Access, logsource }
    }

    /// The error log of a web server.
    pub fn web_error(path: &str) -> Self {
        let logsource = Logsource {
            product: Self::web_server(path).map(str::to_owned),
            category: None,
            service: Some("error".to_owned()),
        };
        Self { format: Format::WebError, logsource }
    }

    /// Zimbra's `mailbox.log` or `audit.log`.
    fn zimbra(name: &str) -> Self {
        let service = name.strip_suffix(".log").map(str::to_owned);
        let logsource = Logsource { service, ..Self::product("zimbra", "application") };
        Self { format: Format::Zimbra, logsource }
    }

    fn product(product: &str, category: &str) -> Logsource {
        Logsource {
            product: Some(product.to_owned()),
            category: Some(category.to_owned()),
            service: None,
        }
    }

    fn web_server(path: &str) -> Option<&'static str> {
        let known = [("nginx", "nginx"), ("apache", "apache"), ("httpd", "apache")];
        known.iter().find(|(part, _)| path.contains(part)).map(|(_, product)| *product)
    }
}

/// When a line was read, and in which zone the host writes times that name none.
#[derive(Clone, Copy, Debug)]
pub struct Moment<'a> {
    /// The time of reading.
    pub now: Timestamp,
    /// The zone of the host.
    pub zone: &'a TimeZone,
    /// How old a line may be.
    pub age: Age,
}

/// How old lines may be whose own time is to be believed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Age {
    /// A log that is being written: within the last year and until tomorrow, else the clock that
    /// wrote the line was wrong.
    #[default]
    Live,
    /// A log that was kept: any time.
    Kept,
}

impl<'a> Moment<'a> {
    /// For a log that is being written.
    pub fn live(now: Timestamp, zone: &'a TimeZone) -> Self {
        Self { now, zone, age: Age::Live }
    }

    /// For a log that was kept; `now` is when it ended, as far as that is known.
    pub fn kept(now: Timestamp, zone: &'a TimeZone) -> Self {
        Self { now, zone, age: Age::Kept }
    }

    /// Whether a line's own time can be true.
    pub fn believes(&self, time: Timestamp) -> bool {
        self.age == Age::Kept || is_plausible(time, self.now)
    }
}

/// The field of an event whose line is not written as its log should be.
pub const UNPARSED: &str = "log.unparsed";

/// The event of one line, without its line feed, or of several that a [`crate::Joiner`] put together.
pub fn line(text: &str, profile: &Profile, moment: Moment<'_>) -> Event {
    let mut event = Event::new(moment.now, kind::LOG, profile.logsource.clone());
    let known = match profile.format {
        Format::Syslog => syslog(text, moment, &mut event),
        Format::Access => access::fill(text, moment, &mut event),
        Format::WebError => web_error::fill(text, moment, &mut event),
        Format::Auditd => auditd::fill(text, moment, &mut event),
        Format::Postgres => postgres::fill(text, moment, &mut event),
        Format::PostgresCsv => postgres::csv(text, moment, &mut event),
        Format::Mysql => mysql::fill(text, moment, &mut event),
        Format::Zimbra => zimbra::fill(text, moment, &mut event),
        Format::Docker => docker::fill(text, moment, &mut event),
        Format::Dpkg => package::dpkg(text, moment, &mut event),
        Format::Apt => package::apt(text, moment, &mut event),
        Format::Dnf => package::dnf(text, moment, &mut event),
        Format::Utmp | Format::Plain => false,
    };
    if !known {
        put(&mut event.fields, "message", text);
        if profile.format != Format::Plain {
            put(&mut event.fields, UNPARSED, true);
        }
    }
    event.raw = Some(text.to_owned());
    event
}

/// What stands before the message of a syslog line, `None` for a line of another kind.
pub fn header<'a>(text: &'a str, moment: Moment<'_>) -> Option<Header<'a>> {
    header::parse(text, moment)
}

/// Fills in what a record of Linux's audit says, wherever its type and text were found.
pub fn audit_record(kind: &str, text: &str, event: &mut Event) {
    event.logsource = Profile::auditd().logsource;
    auditd::record(kind, text, event);
}

/// Whether a line is a record of Linux's audit.
pub(crate) fn is_auditd(text: &str) -> bool {
    auditd::is_record(text)
}

/// The record type and the event (seconds and number) of a record of Linux's audit.
pub(crate) fn audit_key(text: &str) -> Option<(&str, &str)> {
    auditd::key(text)
}

/// A moment that may name its zone: RFC 3339, or date and time, in the zone given.
pub(crate) fn time(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    clock::any(text, zone)
}

/// Whether a line begins with a time.
pub(crate) fn begins_with_time(text: &str) -> bool {
    clock::begins(text)
}

/// The stream of a part of what a container wrote, and whether its line ends there.
pub(crate) fn docker_part(text: &str) -> Option<(String, bool)> {
    let part = docker::Part::parse(text)?;
    let ends = part.log.ends_with('\n');
    Some((part.stream, ends))
}

/// Whether a part of what a container wrote begins with a blank.
pub(crate) fn docker_begins_blank(text: &str) -> bool {
    docker::begins_blank(text)
}

/// Whether a line is written as its log should be.
pub(crate) fn is_written_as(text: &str, profile: &Profile) -> bool {
    let zone = TimeZone::UTC;
    let moment = Moment::kept(Timestamp::default(), &zone);
    !line(text, profile, moment).fields.contains_key(UNPARSED)
}

/// Whether a line is one of a web server's access log.
pub(crate) fn is_access(text: &str) -> bool {
    let zone = TimeZone::UTC;
    let moment = Moment::kept(Timestamp::default(), &zone);
    let mut event = Event::new(moment.now, kind::LOG, Logsource::default());
    access::fill(text, moment, &mut event)
}

/// Fills in what a program said, wherever its name and message were found.
pub fn message(program: &str, text: &str, event: &mut Event) {
    put(&mut event.fields, "process.name", program);
    put(&mut event.fields, "message", text);
    match service_of(program) {
        Some("drupal") => event.logsource = Profile::product("drupal", "application"),
        Some("mysql") => event.logsource = Profile::product("mysql", "database"),
        Some(service) => event.logsource = Logsource::service("linux", service),
        None => {}
    }
    let (text, count) = repeated(text);
    if let Some(count) = count {
        put(&mut event.fields, "event.count", count);
    }
    let fields = &mut event.fields;
    match service_of(program) {
        Some("sshd") => sshd::fill(text, fields),
        Some("sudo") => sudo::fill(text, fields),
        Some("su") => su::fill(text, fields),
        Some("cron") => cron::fill(text, fields),
        Some("auth") => account::fill(text, fields),
        Some("postfix") => postfix::fill(program, text, fields),
        Some("mysql") => mysql::denied(text, fields),
        Some("drupal") => drop(drupal::fill(text, fields)),
        _ => pam::fill(text, fields),
    }
}

/// Severity and facility of a syslog priority. Source: RFC 5424, section 6.2.1.
pub fn priority(value: u8, fields: &mut Fields) {
    put(fields, "log.syslog.priority", u64::from(value));
    put(fields, "log.syslog.severity.code", u64::from(value % 8));
    put(fields, "log.syslog.facility.code", u64::from(value / 8));
}

/// Whether a line's own time can be true: within the last year and until tomorrow.
pub fn is_plausible(time: Timestamp, now: Timestamp) -> bool {
    const DAY_US: i64 = 86_400_000_000;
    let age = now.as_micros().saturating_sub(time.as_micros());
    (-DAY_US..=366 * DAY_US).contains(&age)
}

fn syslog(text: &str, moment: Moment<'_>, event: &mut Event) -> bool {
    let Some(header) = header::parse(text, moment) else {
        return false;
    };
    if let Some(time) = header.time.filter(|time| moment.believes(*time)) {
        event.time = time;
    }
    if let Some(value) = header.priority {
        priority(value, &mut event.fields);
    }
    if let Some(host) = header.host {
        put(&mut event.fields, "host.name", host);
    }
    if let Some(pid) = header.pid {
        put(&mut event.fields, "process.pid", pid);
    }
    match header.program {
        Some(program) => message(program, header.message, event),
        None => {
            put(&mut event.fields, "message", header.message);
            if let Some(count) = last_repeated(header.message) {
                put(&mut event.fields, "event.count", count);
            }
        }
    }
    true
}

/// The Sigma service of programs whose messages are understood.
fn service_of(program: &str) -> Option<&'static str> {
    match program {
        "sshd" | "sshd-session" | "sshd-auth" => Some("sshd"),
        "sudo" => Some("sudo"),
        "su" => Some("su"),
        "cron" | "CRON" | "crond" | "anacron" => Some("cron"),
        "useradd" | "usermod" | "userdel" | "groupadd" | "groupmod" | "groupdel" | "passwd"
        | "chpasswd" | "gpasswd" | "adduser" => Some("auth"),
        "mariadbd" | "mysqld" => Some("mysql"),
        "drupal" => Some("drupal"),
        // `postfix/smtpd`, and `postfix-out/smtp` of a second instance.
        _ if program.starts_with("postfix") && program.contains('/') => Some("postfix"),
        _ => None,
    }
}

/// rsyslog joins equal messages: `message repeated 3 times: [ text]`.
fn repeated(text: &str) -> (&str, Option<u64>) {
    let inner = || {
        let (count, rest) = text.strip_prefix("message repeated ")?.split_once(" times: [ ")?;
        Some((rest.strip_suffix(']')?, count.parse().ok()?))
    };
    inner().map_or((text, None), |(message, count)| (message, Some(count)))
}

fn last_repeated(text: &str) -> Option<u64> {
    text.strip_prefix("last message repeated ")?.strip_suffix(" times")?.parse().ok()
}

fn put(fields: &mut Fields, name: &str, value: impl Into<Value>) {
    fields.insert(name.to_owned(), value.into());
}

#[cfg(test)]
mod tests;
