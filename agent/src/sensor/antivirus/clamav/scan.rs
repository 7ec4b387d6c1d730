//! Scans of the whole machine, as the summaries of clamscan and clamdscan tell.

use jiff::tz::TimeZone;
use soc_event::Timestamp;

use super::tail;
use crate::sensor::Root;
use crate::sensor::antivirus::claim::{Claim, Origin, Scan, ScanResult};
use crate::sensor::pattern::expand;

/// Where scans that are run by hand or by cron are usually logged.
const USUAL: &str = "/var/log/clamav/*scan*.log";
/// Logs that are looked at.
const LOGS_MAX: usize = 16;
/// A scan of fewer files was not one of the whole machine.
const FILES_MIN: u64 = 1000;
/// First line of a summary. Source: ClamAV 1.4 `clamscan/clamscan.c`, `clamdscan/clamdscan.c`.
const SUMMARY: &str = "----------- SCAN SUMMARY -----------";

/// The last scan in the logs, of the patterns named and the usual one.
pub(super) fn last(
    root: &Root,
    patterns: &[String],
    zone: &TimeZone,
    sources: &mut Vec<String>,
) -> Option<Claim<Scan>> {
    let patterns = patterns.iter().map(String::as_str).chain([USUAL]);
    let mut logs: Vec<String> = patterns.flat_map(|pattern| expand(root, pattern)).collect();
    logs.sort();
    logs.dedup();
    let scans = logs.iter().take(LOGS_MAX).filter_map(|log| {
        let (text, at) = tail(&root.path(log))?;
        let origin = Origin::new(format!("file {log}"), at);
        Some(origin.claims(parse(&text, at, zone)?))
    });
    let found = scans.max_by_key(|scan| scan.value.time)?;
    sources.push(found.origin.source.clone());
    Some(found)
}

/// The last summary of a whole scan; one that does not say when it ended did so when the file was
/// written.
fn parse(text: &str, written: Timestamp, zone: &TimeZone) -> Option<Scan> {
    let mut later = Some(written);
    for summary in text.split(SUMMARY).skip(1).collect::<Vec<_>>().into_iter().rev() {
        let value = |key: &str| {
            let mut lines = summary.lines();
            lines.find_map(|line| line.strip_prefix(key)?.strip_prefix(':')).map(str::trim)
        };
        let files = value("Scanned files").and_then(|count| count.parse().ok());
        let time = value("End Date").and_then(|time| ended(time, zone)).or(later.take());
        if let (Some(infected), Some(time)) = (value("Infected files"), time)
            && files.is_none_or(|files| files >= FILES_MIN)
        {
            let infected: u64 = infected.parse().ok()?;
            let result = if infected == 0 { ScanResult::Clean } else { ScanResult::Infected };
            return Some(Scan { time, result, files });
        }
        later = None;
    }
    None
}

/// `2026:11:22 16:50:37` in the zone of the host.
fn ended(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    let local = jiff::fmt::strtime::parse("%Y:%m:%d %H:%M:%S", text).ok()?;
    let moment = local.to_datetime().ok()?.to_zoned(zone.clone()).ok()?.timestamp();
    Some(Timestamp::from_micros(moment.as_microsecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A summary as clamscan 1.4.6 writes it.
    fn summary(files: u64, infected: u64, end: &str) -> String {
        format!(
            "\n{SUMMARY}\nKnown viruses: 1\nEngine version: 1.4.6\nScanned directories: 1\n\
             Scanned files: {files}\nInfected files: {infected}\nTotal errors: 1\n\
             Data scanned: 0.00 MB\nTime: 0.009 sec (0 m 0 s)\n\
             Start Date: 2026:11:22 16:00:00\n{end}"
        )
    }

    #[test]
    fn the_last_scan_of_the_whole_machine_counts() {
        let written = "2026-11-22T20:00:00Z".parse().unwrap();
        let check = |text: &str, expected: Option<(&str, ScanResult, Option<u64>)>| {
            let scan = parse(text, written, &TimeZone::UTC);
            let time = scan.map(|scan| scan.time.to_string());
            let found = scan.map(|it| (time.as_deref().unwrap_or_default(), it.result, it.files));
            assert_eq!(found, expected, "{text}");
        };
        let end = "End Date:   2026:11:22 16:50:37\n";
        let time = "2026-11-22T16:50:37.000000Z";
        let whole = summary(90_000, 0, end);
        check(&whole, Some((time, ScanResult::Clean, Some(90_000))));
        check(&summary(1000, 2, end), Some((time, ScanResult::Infected, Some(1000))));
        check(&summary(999, 0, end), None);
        // A scan of one folder after it changes nothing.
        let both = [whole, summary(3, 1, "End Date:   2026:11:22 18:00:00\n")].concat();
        check(&both, Some((time, ScanResult::Clean, Some(90_000))));
        // clamdscan does not say how many files, versions before 0.103 not when.
        let old = format!("{SUMMARY}\nInfected files: 0\nTime: 2.0 sec\n");
        check(&old, Some(("2026-11-22T20:00:00.000000Z", ScanResult::Clean, None)));
        for text in ["", SUMMARY, "Infected files: 0", &format!("{SUMMARY}\nInfected files: x\n")] {
            check(text, None);
        }
    }
}
