//! Every logsource of the public rules is known, and recorded attacks are known for what they are:
//! `../shared/data` beside the repository. Where it is absent a test says so and passes.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use std::process::Command;

use soc_rules::{JsonEvent, Logsource, Ruleset, Source};

type Files = Vec<(String, String)>;

/// The public rules, as (path, text).
fn rules() -> Result<Files, Box<dyn Error>> {
    unpacked("sigma-rules.tar.zst", &["yml"])
}

/// The files of an archive that end so; none where it cannot be had.
fn unpacked(archive: &str, endings: &[&str]) -> Result<Files, Box<dyn Error>> {
    let archive = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data").join(archive);
    let folder = tempfile::tempdir()?;
    let mut tar = Command::new("tar");
    tar.arg("--zstd").arg("-xf").arg(&archive).arg("-C").arg(folder.path());
    let mut files = Vec::new();
    if !archive.exists() || !tar.status().is_ok_and(|status| status.success()) {
        println!("skipped: {} is absent, or tar or zstd", archive.display());
        return Ok(files);
    }
    let mut folders = vec![folder.path().to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| endings.iter().any(|ending| e == *ending)) {
                let name = path.strip_prefix(folder.path())?.to_string_lossy().into_owned();
                files.push((name, std::fs::read_to_string(&path)?));
            }
        }
    }
    files.sort();
    Ok(files)
}

fn parts(logsource: &Logsource) -> [&str; 3] {
    [&logsource.product, &logsource.category, &logsource.service]
        .map(|part| part.as_deref().unwrap_or_default())
}

#[test]
fn every_logsource_of_the_public_rules_is_known() -> Result<(), Box<dyn Error>> {
    let files = rules()?;
    let sources = files.iter().map(|(path, text)| Source { path, text });
    let problems = soc_rules::lint(sources, &soc_rules::Options::default());
    let unknown: Vec<String> = problems
        .iter()
        .filter(|problem| problem.what.contains("no logsource file knows"))
        .map(ToString::to_string)
        .collect();
    println!("{} warnings", problems.len());
    problems.iter().for_each(|problem| println!("{problem}"));
    assert!(unknown.is_empty(), "unknown:\n{}", unknown.join("\n"));
    Ok(())
}

#[test]
fn an_event_of_every_windows_logsource_needs_no_claim() -> Result<(), Box<dyn Error>> {
    let files = rules()?;
    let sources = files.iter().map(|(path, text)| Source { path, text });
    let (ruleset, _) = Ruleset::load(sources);
    let mut asked: BTreeMap<[&str; 3], bool> = BTreeMap::new();
    let mut candidates = Vec::new();
    for event in windows_events() {
        candidates.extend(ruleset.candidates(&JsonEvent::parse(event.as_bytes())?));
    }
    for (number, rule) in ruleset.rules().iter().enumerate() {
        let Some(logsource) = &rule.logsource else { continue };
        if logsource.product.as_deref() == Some("windows") {
            *asked.entry(parts(logsource)).or_default() |= candidates.contains(&number);
        }
    }
    let never: Vec<_> = asked.iter().filter(|(_, asked)| !**asked).collect();
    println!("{} logsources of Windows", asked.len());
    assert!(never.is_empty(), "no event is {never:?}");
    Ok(())
}

/// One event of every channel and id that a Windows rule's logsource means.
fn windows_events() -> Vec<String> {
    let mut events = Vec::new();
    for id in (1..=29).chain([255]) {
        for kind in ["CreateKey", "DeleteKey"] {
            events.push(format!(
                r#"{{"Channel": "Microsoft-Windows-Sysmon/Operational", "EventID": {id}, "EventType": "{kind}"}}"#
            ));
        }
    }
    for (channel, id) in [
        ("Microsoft-Windows-PowerShell/Operational", 4103),
        ("PowerShellCore/Operational", 4104),
        ("Windows PowerShell", 400),
        ("Windows PowerShell", 600),
        ("Windows PowerShell", 800),
    ] {
        events.push(format!(r#"{{"Channel": "{channel}", "EventID": {id}}}"#));
    }
    for id in [12, 27] {
        events.push(format!(
            r#"{{"Provider_Name": "Microsoft-Windows-Kernel-File", "EventID": {id}}}"#
        ));
    }
    for channel in CHANNELS {
        events.push(format!(r#"{{"Channel": "{channel}", "EventID": 1}}"#));
    }
    events
}

/// As Windows writes them.
const CHANNELS: &[&str] = &[
    "Application",
    "DNS Server",
    "MSExchange Management",
    "Microsoft-IIS-Configuration/Operational",
    "Microsoft-ServiceBus-Client/Admin",
    "Microsoft-Windows-AppLocker/EXE and DLL",
    "Microsoft-Windows-AppModel-Runtime/Admin",
    "Microsoft-Windows-AppXDeploymentServer/Operational",
    "Microsoft-Windows-AppxPackaging/Operational",
    "Microsoft-Windows-Bits-Client/Operational",
    "Microsoft-Windows-CAPI2/Operational",
    "Microsoft-Windows-CertificateServicesClient-Lifecycle-System/Operational",
    "Microsoft-Windows-CodeIntegrity/Operational",
    "Microsoft-Windows-DNS Client Events/Operational",
    "Microsoft-Windows-DNS-Server/Analytical",
    "Microsoft-Windows-Diagnosis-Scripted/Operational",
    "Microsoft-Windows-DriverFrameworks-UserMode/Operational",
    "Microsoft-Windows-LDAP-Client/Debug",
    "Microsoft-Windows-LSA/Operational",
    "Microsoft-Windows-NTLM/Operational",
    "Microsoft-Windows-PowerShell/Operational",
    "Microsoft-Windows-PrintService/Admin",
    "Microsoft-Windows-PrintService/Operational",
    "Microsoft-Windows-SMBServer/Connectivity",
    "Microsoft-Windows-Security-Mitigations/KernelMode",
    "Microsoft-Windows-Shell-Core/Operational",
    "Microsoft-Windows-SmbClient/Connectivity",
    "Microsoft-Windows-SmbClient/Security",
    "Microsoft-Windows-TaskScheduler/Operational",
    "Microsoft-Windows-TerminalServices-LocalSessionManager/Operational",
    "Microsoft-Windows-WMI-Activity/Operational",
    "Microsoft-Windows-Windows Defender/Operational",
    "Microsoft-Windows-Windows Firewall With Advanced Security/Firewall",
    "OpenSSH/Operational",
    "Security",
    "System",
    "Windows PowerShell",
];
