use soc_event::{Fields, Value};

use super::{Finding, Weight};
use crate::sensor::antivirus::{Caught, Detection, Outcome, Reason, State, Status, Unsaid};
use crate::sensor::logfile::Seen;
use crate::sensor::port::{Port, Scope};

/// A disk so full is told.
const DISK_FULL: f64 = 0.9;
/// So many failed logins in the end of one log are told.
const LOGINS_FAILED: u64 = 10;
/// Ports over which passwords or data travel in the clear, or that nobody outside should reach.
const DANGEROUS: [(u16, &str); 16] = [
    (21, "FTP"),
    (23, "Telnet"),
    (135, "Windows RPC"),
    (139, "NetBIOS"),
    (445, "SMB file sharing"),
    (1433, "a Microsoft SQL Server"),
    (1521, "an Oracle database"),
    (2049, "NFS file sharing"),
    (2375, "Docker without a password"),
    (3306, "a MySQL database"),
    (3389, "remote desktop"),
    (5432, "a PostgreSQL database"),
    (5900, "VNC remote desktop"),
    (6379, "a Redis database"),
    (9200, "an Elasticsearch database"),
    (27017, "a MongoDB database"),
];

/// Conclusions, worst first.
pub(super) fn conclude(
    products: &[Status],
    detections: &[Detection],
    ports: &[Port],
    logs: &[Seen],
    host: &Fields,
) -> Vec<Finding> {
    let mut findings: Vec<Finding> = products.iter().map(product).collect();
    findings.extend(detections.last().map(|last| {
        let count = detections.len();
        let text = format!("Malware was found, last {} in {}", last.threat, last.path);
        finding(Weight::Bad, format!("{text} ({count} findings in the logs)."))
    }));
    findings.extend(ports.iter().filter_map(dangerous));
    let open = ports.iter().filter(|port| port.scope != Scope::Loopback).count();
    findings.push(finding(
        Weight::Good,
        format!("{} ports are open, {open} of them to the network.", ports.len()),
    ));
    findings.extend(logs.iter().filter_map(logins));
    if !logs.iter().any(|log| log.problem.is_none()) {
        findings.push(finding(Weight::Warning, "No log can be followed as a file.".to_owned()));
    }
    findings.extend(disk(host));
    findings.sort_by_key(|finding| finding.weight);
    findings
}

fn finding(weight: Weight, sentence: String) -> Finding {
    Finding { weight, sentence }
}

fn product(status: &Status) -> Finding {
    let name = status.product();
    let because = reasons(&status.reasons);
    match status.state {
        State::Missing => finding(Weight::Bad, "No antivirus product found.".to_owned()),
        State::Protected => finding(Weight::Good, format!("{name} protects this machine.")),
        State::Off => finding(Weight::Bad, format!("{name} is off: {because}.")),
        State::Weak => {
            finding(Weight::Warning, format!("{name} runs, but does not protect fully: {because}."))
        }
        State::Unknown => finding(
            Weight::Warning,
            format!("{name} is present; whether it protects is not known: {because}."),
        ),
    }
}

/// What the self-test showed, as a sentence.
pub(super) fn tested(outcome: &Outcome) -> Finding {
    let name = &outcome.product;
    match outcome.caught {
        Caught::Yes => finding(Weight::Good, format!("{name} caught the test file.")),
        Caught::No => finding(Weight::Bad, format!("{name} did not catch the test file.")),
        Caught::Unknown => {
            let what = "The test of real-time protection says nothing";
            let because = match outcome.reason {
                Some(Unsaid::NoProduct) | None => "there is no product".to_owned(),
                Some(Unsaid::NotWritten) => "the test file could not be written".to_owned(),
                Some(Unsaid::NotWatched) => format!("{name} does not look into that folder"),
            };
            finding(Weight::Warning, format!("{what}: {because}."))
        }
    }
}

fn reasons(reasons: &[Reason]) -> String {
    let words = reasons.iter().map(|reason| match reason {
        Reason::SignaturesOutdated => "its signatures are seven days old or older",
        Reason::SignaturesUnknown => "the age of its signatures is not known",
        Reason::RealtimeOff => "files are not scanned when they are opened",
        Reason::RealtimeUnknown => "whether files are scanned when opened is not known",
        Reason::EngineStopped => "its engine does not run",
        Reason::StateUnknown => "it does not tell its state",
        Reason::SwitchedOff => "it is switched off by its settings",
        Reason::PassiveMode => "it is passive and leaves protection to another product",
        Reason::UpdaterFailing => "new signatures could not be fetched for a day",
        Reason::TamperProtectionOff => "it does not defend itself against being switched off",
        Reason::LicenceEnded => "its licence has ended",
        Reason::NoProduct => "it was removed",
    });
    words.collect::<Vec<_>>().join(", ")
}

fn dangerous(port: &Port) -> Option<Finding> {
    let (_, what) = DANGEROUS.iter().find(|(number, _)| *number == port.port)?;
    if port.scope == Scope::Loopback {
        return None;
    }
    let program = port.owner.name.as_deref().unwrap_or("an unknown program");
    let text = format!("Port {} ({what}) is open to the network, held by {program}.", port.port);
    Some(finding(Weight::Bad, text))
}

fn logins(log: &Seen) -> Option<Finding> {
    let (failed, path) = (log.logins_failed, &log.path);
    let text = format!("{failed} failed logins in the last {} lines of {path}.", log.lines);
    (failed >= LOGINS_FAILED).then(|| finding(Weight::Warning, text))
}

fn disk(host: &Fields) -> Option<Finding> {
    let used = host.get("host.disk.used.pct").and_then(Value::as_f64)?;
    let path = host.get("host.disk.path").and_then(Value::as_text)?;
    let text = format!("The disk {path} is {:.0} % full.", used * 100.0);
    (used >= DISK_FULL).then(|| finding(Weight::Warning, text))
}
