use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use jiff::tz::TimeZone;
use soc_event::Timestamp;

use super::conf::Conf;
use crate::sensor::Root;
use crate::sensor::antivirus::claim::Origin;

/// How long the daemon has for each read and write.
const TIMEOUT: Duration = Duration::from_secs(2);
/// Longest answer that is read.
const ANSWER_BYTES_MAX: u64 = 64 * 1024;

/// What the daemon said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// It runs.
    Version(Version),
    /// Nobody listens there.
    Silent,
    /// Somebody is there who does not answer, or we may not ask.
    Refused,
}

/// The answer to `VERSION`: `ClamAV 1.4.3/27500/Sun Nov 22 08:00:00 2026`; the last two parts are
/// missing without official signatures. Source: clamd(8).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Version {
    pub(super) engine: String,
    pub(super) signatures: Option<(String, Option<Timestamp>)>,
}

impl Answer {
    pub(super) fn version(&self) -> Option<&Version> {
        match self {
            Self::Version(version) => Some(version),
            Self::Silent | Self::Refused => None,
        }
    }

    pub(super) fn engine(&self) -> Option<String> {
        self.version().map(|version| version.engine.clone())
    }
}

/// Asks for version and statistics, over the socket in the file system, else over loopback.
/// Says also where somebody answered.
pub(super) fn ask(
    root: &Root,
    conf: &Conf,
    zone: &TimeZone,
    now: Timestamp,
) -> (Answer, Option<Origin>) {
    let (mut answer, mut asked) = (Answer::Silent, None);
    if let Some(path) = conf.local_socket.as_deref().filter(|path| path.starts_with('/')) {
        let connect = || {
            let stream = UnixStream::connect(root.path(path))?;
            stream.set_read_timeout(Some(TIMEOUT))?;
            stream.set_write_timeout(Some(TIMEOUT))?;
            Ok(stream)
        };
        answer = converse(connect, zone);
        if answer != Answer::Silent {
            asked = Some(Origin::new(format!("socket {path}"), now));
        }
    }
    if answer.version().is_none()
        && let Some(address) = loopback(conf)
    {
        let connect = || {
            let stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
            stream.set_read_timeout(Some(TIMEOUT))?;
            stream.set_write_timeout(Some(TIMEOUT))?;
            Ok(stream)
        };
        let by_tcp = converse(connect, zone);
        if by_tcp.version().is_some() || answer == Answer::Silent {
            answer = by_tcp;
            asked = Some(Origin::new(format!("port {address}"), now));
        }
    }
    (answer, asked)
}

/// The daemon's port on this machine; a file never makes the agent connect elsewhere.
fn loopback(conf: &Conf) -> Option<SocketAddr> {
    let port = conf.tcp_port?;
    let address: IpAddr = match conf.tcp_address.as_deref() {
        None | Some("localhost") => IpAddr::from([127, 0, 0, 1]),
        Some(address) => address.parse().ok()?,
    };
    let address = match address {
        address if address.is_loopback() => address,
        IpAddr::V4(address) if address.is_unspecified() => IpAddr::from([127, 0, 0, 1]),
        IpAddr::V6(address) if address.is_unspecified() => {
            IpAddr::from(std::net::Ipv6Addr::LOCALHOST)
        }
        _ => return None,
    };
    Some(SocketAddr::new(address, port))
}

/// One question a connection: that is how the daemon has it.
fn converse<S: Read + Write>(connect: impl Fn() -> io::Result<S>, zone: &TimeZone) -> Answer {
    let question = |text: &[u8]| -> io::Result<String> {
        let mut stream = connect()?;
        stream.write_all(text)?;
        let mut answer = Vec::new();
        stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer)?;
        Ok(String::from_utf8_lossy(&answer).trim_end_matches('\0').to_owned())
    };
    let version = match question(b"zVERSION\0") {
        Ok(text) => parse_version(&text, zone),
        Err(error) if is_nobody(&error) => return Answer::Silent,
        Err(_) => None,
    };
    let alive = question(b"zSTATS\0").is_ok_and(|text| is_valid(&text));
    version.filter(|_| alive).map_or(Answer::Refused, Answer::Version)
}

fn is_nobody(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused)
}

/// Whether a pool of workers is there that takes work. Source: clamd(8), `STATS`.
fn is_valid(stats: &str) -> bool {
    stats.lines().any(|line| line.trim().starts_with("STATE: VALID"))
}

fn parse_version(text: &str, zone: &TimeZone) -> Option<Version> {
    let mut parts = text.trim().strip_prefix("ClamAV ")?.splitn(3, '/');
    let engine = parts.next()?.to_owned();
    let time = |text: &str| clock(text, zone);
    let signatures = parts.next().map(|version| (version.to_owned(), parts.next().and_then(time)));
    Some(Version { engine, signatures })
}

/// `Sun Nov 22 08:00:00 2026`, in the zone of the host. Source: ctime(3).
pub(super) fn clock(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    crate::sensor::antivirus::detection::ctime(text, zone)
}

#[cfg(test)]
mod tests {
    use super::super::conf::Settings;
    use super::*;

    #[test]
    fn the_version_is_read_with_and_without_signatures() {
        let check = |text: &str, engine: &str, signatures: Option<(&str, &str)>| {
            let version = parse_version(text, &TimeZone::UTC).unwrap();
            assert_eq!(version.engine, engine);
            let signatures =
                signatures.map(|(version, time)| (version.to_owned(), Some(time.parse().unwrap())));
            assert_eq!(version.signatures, signatures, "{text}");
        };
        let whole = "ClamAV 1.4.3/27500/Sun Nov 22 08:00:05 2026";
        check(whole, "1.4.3", Some(("27500", "2026-11-22T08:00:05Z")));
        check("ClamAV 1.4.3", "1.4.3", None);
        assert_eq!(parse_version("UNKNOWN COMMAND", &TimeZone::UTC), None);
    }

    #[test]
    fn only_loopback_is_ever_connected_to() {
        let check = |address: Option<&str>, expected: Option<&str>| {
            let conf = Conf {
                tcp_port: Some(3310),
                tcp_address: address.map(str::to_owned),
                ..Conf::of(&Settings::default())
            };
            assert_eq!(loopback(&conf).map(|found| found.to_string()).as_deref(), expected);
        };
        check(None, Some("127.0.0.1:3310"));
        check(Some("0.0.0.0"), Some("127.0.0.1:3310"));
        check(Some("::1"), Some("[::1]:3310"));
        check(Some("192.0.2.9"), None);
        check(Some("scanner.example"), None);
    }
}
