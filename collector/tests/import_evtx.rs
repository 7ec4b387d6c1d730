//! `soc-collector import` of recorded Windows attacks: as many events as `rules eval` reads.

mod eval {
    pub mod shared;
}

use std::error::Error;
use std::process::Command;

use eval::shared;

type Fault = Box<dyn Error>;

#[test]
fn recordings_of_windows_are_imported_as_rules_eval_reads_them() -> Result<(), Fault> {
    let Some(recordings) = shared::unpack("sigma-regression.tar.zst")? else { return Ok(()) };
    let place = tempfile::tempdir()?;
    let rules = place.path().join("rules.yml");
    std::fs::write(&rules, "")?;
    let cases = shared::cases(recordings.path())?;
    let found: usize = cases.iter().map(|case| case.matches).sum();
    let first = cases.first().map_or("", |case| case.rule.as_str());
    println!("{} recordings of {found} matches, the first of rule {first}", cases.len());
    let mut eval = Command::new(env!("CARGO_BIN_EXE_soc-collector"));
    eval.args(["rules", "eval", "--rules"]).arg(&rules).arg("--events");
    let said = eval.args(cases.iter().map(|case| &case.recording)).output()?;
    let said = String::from_utf8(said.stderr)?;
    let summary = said.lines().last().ok_or("no summary")?;
    let read: serde_json::Value = serde_json::from_str(summary)?;
    let mut import = Command::new(env!("CARGO_BIN_EXE_soc-collector"));
    import.args(["import", "--host", "pc", "--agency", "LOCAL", "--json", "--data"]);
    import.arg(place.path().join("data"));
    let done = import.args(cases.iter().map(|case| &case.recording)).output()?;
    let done: serde_json::Value = serde_json::from_slice(&done.stdout)?;
    assert_eq!(done["failed"], 0, "{done}");
    assert_eq!(done["skipped"], read["events_failed"], "{done}");
    // A recording that is there twice, under two rules, is imported once.
    let events = |value: &serde_json::Value| value.as_u64().unwrap_or(0);
    assert_eq!(events(&done["events"]) + events(&done["known"]), events(&read["events"]), "{done}");
    assert!(events(&done["events"]) > 0);
    Ok(())
}
