//! Records of logins: `utmp`, `wtmp` and `btmp`.
//!
//! Each record is as long as every other, so a file is read in steps of [`Layout::bytes`]. Text in a
//! record is what a program wrote there, the name of a failed login what a stranger typed: control
//! characters are taken out, and nothing but the address decides where it came from.
//!
//! Source: utmp(5), glibc `bits/utmpx.h`: 384 bytes with times of 32 bits on x86 and most others,
//! 400 bytes with times of 64 bits on 64-bit machines without 32-bit past (aarch64, riscv64) and in
//! the `utmps` and musl of others.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use soc_event::{Event, Logsource, Timestamp, kind};

use crate::text::Moment;

/// How records lie in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Times of 32 bits.
    Short,
    /// Times of 64 bits.
    Long,
}

/// Which of the files; they differ in what a record means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Book {
    /// `wtmp`: sessions that began and ended, starts of the machine.
    Sessions,
    /// `btmp`: logins that failed.
    Failures,
}

/// One record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// What it says: `USER_PROCESS`, `DEAD_PROCESS`, `BOOT_TIME`, ….
    pub kind: Kind,
    /// The process.
    pub pid: u32,
    /// `pts/0`, `ssh:notty`.
    pub line: String,
    /// Who.
    pub user: String,
    /// The name of where from, or the version of the kernel.
    pub host: String,
    /// Where from, when that is known.
    pub address: Option<IpAddr>,
    /// When.
    pub time: Timestamp,
}

/// What a record says. Source: utmp(5), `ut_type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The machine started, or is going down (`user` is `shutdown`, `line` `~`).
    Boot,
    /// The run level changed.
    RunLevel,
    /// Somebody may log in, or tried to.
    Login,
    /// Somebody is logged in.
    User,
    /// Somebody left.
    Dead,
    /// Anything else: a clock that was set, an empty record.
    Other,
}

// | bytes | what                                                                        |
// |-------|-----------------------------------------------------------------------------|
// | 2     | type, little endian, as all numbers                                         |
// | 2     | nothing                                                                     |
// | 4     | process                                                                     |
// | 32    | line, ended by NULs                                                         |
// | 4     | id                                                                          |
// | 32    | user                                                                        |
// | 256   | host                                                                        |
// | 4     | exit status                                                                 |
// | 4 / 8 | session (long: 4 of nothing before it, see below)                           |
// | 8 /16 | seconds, microseconds: 4 and 4, or 8 and 8                                  |
// | 16    | address: 4 bytes of IPv4 and NULs, or IPv6; in the order of the network     |
// | 20    | nothing                                                                     |
// Long: 336 exit and session end at 344 (8-byte session), time 344–360, address 360–376, nothing 376–400.
const LINE: (usize, usize) = (8, 32);
const USER: (usize, usize) = (44, 32);
const HOST: (usize, usize) = (76, 256);

impl Layout {
    /// What programs of this machine write.
    pub const NATIVE: Self = if cfg!(any(target_arch = "aarch64", target_arch = "riscv64")) {
        Self::Long
    } else {
        Self::Short
    };

    /// Length of one record.
    pub fn bytes(self) -> usize {
        match self {
            Self::Short => 384,
            Self::Long => 400,
        }
    }

    /// The layout of a file by its length and first records, nothing when it is neither: a time of
    /// this century and a known type at each step.
    pub fn detect(head: &[u8]) -> Option<Self> {
        let fits = |layout: Self| {
            let mut records = head.chunks_exact(layout.bytes()).take(8).peekable();
            records.peek().is_some() && records.all(|record| layout.is_plausible(record))
        };
        [Self::Short, Self::Long].into_iter().find(|layout| fits(*layout))
    }

    fn is_plausible(self, bytes: &[u8]) -> bool {
        let Some((seconds, micros)) = self.time(bytes) else { return false };
        let kind = number::<2>(bytes, 0).map(u16::from_le_bytes);
        let is_empty = bytes.iter().all(|byte| *byte == 0);
        let is_time = (946_684_800..4_294_967_296).contains(&seconds);
        is_empty || (kind.is_some_and(|kind| kind <= 9) && is_time && micros < 1_000_000)
    }

    fn time(self, bytes: &[u8]) -> Option<(i64, i64)> {
        match self {
            // Unsigned: good until 2106.
            Self::Short => Some((
                u32::from_le_bytes(number(bytes, 340)?).into(),
                u32::from_le_bytes(number(bytes, 344)?).into(),
            )),
            Self::Long => Some((
                i64::from_le_bytes(number(bytes, 344)?),
                i64::from_le_bytes(number(bytes, 352)?),
            )),
        }
    }

    /// One record, `None` for anything that is shorter.
    pub fn record(self, bytes: &[u8]) -> Option<Record> {
        let bytes = bytes.get(..self.bytes())?;
        let (seconds, micros) = self.time(bytes)?;
        let address_at = match self {
            Self::Short => 348,
            Self::Long => 360,
        };
        let kind = match u16::from_le_bytes(number(bytes, 0)?) {
            1 => Kind::RunLevel,
            2 => Kind::Boot,
            6 => Kind::Login,
            7 => Kind::User,
            8 => Kind::Dead,
            _ => Kind::Other,
        };
        Some(Record {
            kind,
            pid: u32::from_le_bytes(number(bytes, 4)?),
            line: text(bytes, LINE),
            user: text(bytes, USER),
            host: text(bytes, HOST),
            address: address(number(bytes, address_at)?),
            time: Timestamp::from_micros(seconds.saturating_mul(1_000_000).saturating_add(micros)),
        })
    }
}

impl Record {
    /// The event, `None` for a record that says nothing: an empty one, a terminal that waits.
    pub fn event(&self, book: Book, moment: Moment<'_>) -> Option<Event> {
        let (action, outcome) = match (book, self.kind) {
            (Book::Failures, Kind::Login | Kind::User) => ("login", Some("failure")),
            (Book::Failures, _) => return None,
            (Book::Sessions, Kind::User) => ("login", Some("success")),
            (Book::Sessions, Kind::Dead) if !self.line.is_empty() => ("logout", None),
            (Book::Sessions, Kind::Boot) if self.user == "shutdown" => ("host_shutdown", None),
            (Book::Sessions, Kind::RunLevel) if self.user == "shutdown" => ("host_shutdown", None),
            (Book::Sessions, Kind::Boot) => ("host_started", None),
            (Book::Sessions, _) => return None,
        };
        let time = if moment.believes(self.time) { self.time } else { moment.now };
        let mut event = Event::new(time, kind::LOG, Logsource::service("linux", "utmp"))
            .with("event.action", action)
            .with("message", self.said(action, outcome));
        event.raw = Some(self.said(action, outcome));
        let is_person = matches!(action, "login" | "logout");
        for (name, value) in [
            ("event.outcome", outcome.map(Into::into)),
            ("user.name", (is_person && !self.user.is_empty()).then(|| self.user.as_str().into())),
            ("user.terminal", is_person.then(|| self.line.as_str().into())),
            ("process.pid", (self.pid > 0).then(|| self.pid.into())),
            ("host.os.kernel", (action == "host_started").then(|| self.host.as_str().into())),
            ("source.ip", self.source().map(|ip| ip.to_string().into())),
        ] {
            if let Some(value) = value {
                event.fields.insert(name.to_owned(), value);
            }
        }
        if is_person && !self.host.is_empty() && self.host.parse::<IpAddr>().is_err() {
            event = event.with("source.domain", self.host.as_str());
        }
        Some(event)
    }

    /// The address, or the host where that is one.
    fn source(&self) -> Option<IpAddr> {
        self.address.or_else(|| self.host.parse().ok())
    }

    /// A line for people, as these files hold none.
    fn said(&self, action: &str, outcome: Option<&str>) -> String {
        let parts = [action, outcome.unwrap_or_default(), &self.user, &self.line, &self.host];
        let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        parts.join(" ")
    }
}

/// Until the first NUL, without control characters.
fn text(bytes: &[u8], (start, length): (usize, usize)) -> String {
    let field = bytes.get(start..start + length).unwrap_or_default();
    let field = field.split(|byte| *byte == 0).next().unwrap_or_default();
    String::from_utf8_lossy(field).chars().filter(|found| !found.is_control()).collect()
}

/// Four bytes of IPv4 when the others are NULs.
fn address(bytes: [u8; 16]) -> Option<IpAddr> {
    let [a, b, c, d, rest @ ..] = bytes;
    if bytes == [0; 16] {
        None
    } else if rest == [0; 12] {
        Some(Ipv4Addr::new(a, b, c, d).into())
    } else {
        Some(Ipv6Addr::from(bytes).to_canonical())
    }
}

fn number<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk::<N>().copied()
}

#[cfg(test)]
mod tests;
