//! The public rules load, all of them; `docs/sigma.md` says why those that do not do not.

mod data;

use data::{Fault, unpack};
use soc_rules::{Ruleset, Severity, Source};

/// Loads one folder of the archive: rules, and what refused rules were refused for.
fn load(folder: &str) -> Result<Option<(usize, Vec<String>)>, Fault> {
    let Some(archive) = unpack("sigma-rules.tar.zst")? else { return Ok(None) };
    let mut files = archive.texts(".yml")?;
    files.retain(|(path, _)| path.starts_with(folder));
    let sources = files.iter().map(|(path, text)| Source { path, text });
    let (ruleset, problems) = Ruleset::load(sources);
    let errors = problems.iter().filter(|problem| problem.severity == Severity::Error);
    Ok(Some((ruleset.rules().len(), errors.map(ToString::to_string).collect())))
}

/// `refused` of them, all for placeholders that whoever uses the rule has to fill in.
fn check(folder: &str, loads: usize, refused: usize) -> Result<(), Fault> {
    let Some((rules, errors)) = load(folder)? else { return Ok(()) };
    let told = errors.join("\n");
    assert_eq!((rules, errors.len()), (loads, refused), "{folder}\n{told}");
    assert!(errors.iter().all(|error| error.contains("has no values")), "{told}");
    Ok(())
}

#[test]
fn the_public_rules_load() -> Result<(), Fault> {
    check("rules/", 3141, 0)
}

#[test]
fn the_public_rules_for_emerging_threats_load() -> Result<(), Fault> {
    check("rules-emerging-threats/", 471, 2)
}

#[test]
fn the_public_rules_for_threat_hunting_load() -> Result<(), Fault> {
    check("rules-threat-hunting/", 140, 0)
}

#[test]
fn rules_of_placeholders_wait_for_their_values() -> Result<(), Fault> {
    check("rules-placeholder/", 0, 23)
}
