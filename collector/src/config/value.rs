//! From a value as written to what it means. An error completes "has to be …".

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use toml::de::DeValue;

use super::duration_of;
use super::reader::kind;

const DAY_S: u64 = 86_400;

pub(super) fn address(value: &DeValue<'_>) -> Result<SocketAddr, String> {
    let right = "an address with a port, such as \"127.0.0.1:8080\"";
    let text = value.as_str().ok_or_else(|| format!("{right}, not {}", kind(value)))?;
    text.parse().map_err(|_| format!("{right}; \"{}\" is none", text.escape_debug()))
}

pub(super) fn boolean(value: &DeValue<'_>) -> Result<bool, String> {
    value.as_bool().ok_or_else(|| format!("true or false, not {}", kind(value)))
}

pub(super) fn text(value: &DeValue<'_>) -> Result<String, String> {
    let text = value.as_str().map(str::trim).filter(|text| !text.is_empty());
    text.map(str::to_owned).ok_or_else(|| "a text that is not empty".to_owned())
}

/// Over TLS; without only to this machine.
pub(super) fn web_address(value: &DeValue<'_>) -> Result<String, String> {
    let right = "an address such as \"https://id.example.gov.vn\"";
    let text = text(value).map_err(|_| right.to_owned())?;
    let url = url::Url::parse(&text).map_err(|error| format!("{right}: {error}"))?;
    let is_local = match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    };
    match url.scheme() {
        "https" => Ok(text),
        "http" if is_local => Ok(text),
        _ => Err(format!("{right}; without TLS only on this machine")),
    }
}

pub(super) fn names(value: &DeValue<'_>) -> Result<Vec<String>, String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || ".-:".contains(c);
    let is_name =
        |name: &String| !name.is_empty() && name.len() <= 253 && name.chars().all(allowed);
    let right = "a list of host names or addresses, such as [\"soc.example.gov.vn\"]";
    let names = texts(value).ok_or_else(|| format!("{right}, not {}", kind(value)))?;
    match names.iter().find(|name| !is_name(name)) {
        Some(name) => Err(format!("{right}; \"{}\" is none", name.escape_debug())),
        None => Ok(names),
    }
}

pub(super) fn folders(value: &DeValue<'_>) -> Result<Vec<PathBuf>, String> {
    places(value, "a list of folders, such as [\"/etc/soc/rules\"]")
}

pub(super) fn paths(value: &DeValue<'_>) -> Result<Vec<PathBuf>, String> {
    places(value, "a list of files or folders, such as [\"/etc/soc/pipelines\"]")
}

fn places(value: &DeValue<'_>, right: &str) -> Result<Vec<PathBuf>, String> {
    let texts = texts(value).ok_or_else(|| format!("{right}, not {}", kind(value)))?;
    match texts.iter().find(|text| text.is_empty()) {
        Some(_) => Err(format!("{right}; one is empty")),
        None => Ok(texts.into_iter().map(PathBuf::from).collect()),
    }
}

pub(super) fn file(value: &DeValue<'_>) -> Result<Option<PathBuf>, String> {
    let right = "a file, such as \"/etc/soc/placeholders.toml\"";
    let text = value.as_str().ok_or_else(|| format!("{right}, not {}", kind(value)))?;
    if text.is_empty() { Err(format!("{right}; it is empty")) } else { Ok(Some(text.into())) }
}

pub(super) fn few(value: &DeValue<'_>) -> Result<usize, String> {
    let right = "a whole number from 1 to 64";
    let number = integer(value).and_then(|number| usize::try_from(number).ok());
    number.filter(|number| (1..=64).contains(number)).ok_or_else(|| right.to_owned())
}

pub(super) fn rows(value: &DeValue<'_>) -> Result<usize, String> {
    let right = "a whole number from 1 to 100000000";
    let number = integer(value).and_then(|number| usize::try_from(number).ok());
    number.filter(|number| (1..=100_000_000).contains(number)).ok_or_else(|| right.to_owned())
}

pub(super) fn days(value: &DeValue<'_>) -> Result<Duration, String> {
    let days = integer(value).filter(|days| (1..=3650).contains(days));
    let days = days.ok_or("a whole number of days from 1 to 3650")?;
    Ok(Duration::from_secs(days * DAY_S))
}

pub(super) fn level(value: &DeValue<'_>) -> Result<i64, String> {
    let level = integer(value).and_then(|level| i64::try_from(level).ok());
    level.filter(|level| (1..=5).contains(level)).ok_or_else(|| "a level from 1 to 5".to_owned())
}

pub(super) fn months(value: &DeValue<'_>) -> Result<Option<i64>, String> {
    let months = integer(value).and_then(|months| i64::try_from(months).ok());
    let right = || "a whole number of months from 1 to 1200".to_owned();
    months.filter(|months| (1..=1200).contains(months)).map(Some).ok_or_else(right)
}

pub(super) fn certificate(value: &DeValue<'_>) -> Result<Duration, String> {
    let days = integer(value).filter(|days| (1..=30).contains(days));
    Ok(Duration::from_secs(days.ok_or("a whole number of days from 1 to 30")? * DAY_S))
}

pub(super) fn silence(value: &DeValue<'_>) -> Result<Duration, String> {
    let right = "a time from \"30s\" (two heartbeats) to \"1d\"";
    let wrong = |_| right.to_owned();
    let silence = duration(value).map_err(wrong)?;
    let range = Duration::from_secs(30)..=Duration::from_secs(DAY_S);
    if range.contains(&silence) { Ok(silence) } else { Err(right.into()) }
}

pub(super) fn session(value: &DeValue<'_>) -> Result<Duration, String> {
    let right = "a time from \"5m\" to \"30d\"";
    let session = duration(value).map_err(|_| right.to_owned())?;
    let range = Duration::from_secs(5 * 60)..=Duration::from_secs(30 * DAY_S);
    if range.contains(&session) { Ok(session) } else { Err(right.into()) }
}

pub(super) fn duration(value: &DeValue<'_>) -> Result<Duration, String> {
    let right = "a time such as \"85s\", \"10m\", \"12h\" or \"7d\"";
    let text = value.as_str().ok_or_else(|| format!("{right}, not {}", kind(value)))?;
    duration_of(text).ok_or_else(|| format!("{right}; \"{}\" is none", text.escape_debug()))
}

pub(super) fn bytes(value: &DeValue<'_>) -> Result<u64, String> {
    let right = "a size such as \"20 GiB\", \"512 MiB\" or a number of bytes";
    let bytes = integer(value).or_else(|| value.as_str().and_then(bytes_of));
    bytes.filter(|bytes| *bytes > 0).ok_or_else(|| right.to_owned())
}

pub(super) fn memory(value: &DeValue<'_>) -> Result<usize, String> {
    let max = bytes_of("64 GiB").unwrap_or(u64::MAX);
    let bytes = bytes(value)?;
    let memory = usize::try_from(bytes).ok().filter(|_| bytes <= max);
    memory.ok_or_else(|| "a size of at most \"64 GiB\"".to_owned())
}

fn integer(value: &DeValue<'_>) -> Option<u64> {
    let integer = value.as_integer()?;
    u64::from_str_radix(integer.as_str(), integer.radix()).ok()
}

fn texts(value: &DeValue<'_>) -> Option<Vec<String>> {
    let items = value.as_array()?.iter();
    items.map(|item| item.get_ref().as_str().map(str::to_owned)).collect()
}

/// `20 GiB`
fn bytes_of(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at_checked(digits)?;
    let shift = match unit.trim() {
        "B" => 0,
        "KiB" => 10,
        "MiB" => 20,
        "GiB" => 30,
        "TiB" => 40,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(1 << shift)
}
