//! SigmaHQ's own regression data: every recording is found by the rule it was made for. Nothing is
//! said about what an event is: its own fields have to tell, in the shape they were written in.

mod data;

use std::path::PathBuf;

use data::{Archive, Fault, evtx, public_rules, unpack};
use serde_json::Value;
use soc_rules::{Evaluator, Ruleset, Source};

/// A folder of the data: a rule, and a recording in two forms that it must match so often.
struct Case {
    rule: String,
    matches: usize,
    recording: PathBuf,
    json: PathBuf,
}

fn ruleset() -> Result<Option<Ruleset>, Fault> {
    let Some(files) = public_rules()? else { return Ok(None) };
    let sources = files.iter().map(|(path, text)| Source { path, text });
    Ok(Some(Ruleset::load(sources).0))
}

/// The cases, and how many folders there are.
fn cases(archive: &Archive) -> Result<Vec<Case>, Fault> {
    let mut cases = Vec::new();
    for (name, info) in archive.texts("info.yml")? {
        let info: Value = yaml_serde::from_str(&info)?;
        let text = |at: &str| info.pointer(at).and_then(Value::as_str).map(str::to_owned);
        let rule = text("/rule_metadata/0/id").ok_or_else(|| format!("{name} names no rule"))?;
        let matches = info.pointer("/regression_tests_info/0/match_count").and_then(Value::as_u64);
        let matches = usize::try_from(matches.unwrap_or(1))?;
        let folder = name.trim_end_matches("info.yml");
        let file = |ending: &str| -> Result<Option<PathBuf>, Fault> {
            let files = archive.files(ending)?;
            Ok(files.into_iter().find(|(path, _)| path.starts_with(folder)).map(|(_, file)| file))
        };
        let Some(recording) = file(".evtx")? else {
            println!("{name} has no EVTX");
            continue;
        };
        let json = file(".json")?.ok_or_else(|| format!("{name} has no JSON"))?;
        cases.push(Case { rule, matches, recording, json });
    }
    Ok(cases)
}

fn json(file: &PathBuf) -> Result<Vec<Value>, Fault> {
    let text = std::fs::read_to_string(file)?;
    let mut events = Vec::new();
    for value in serde_json::Deserializer::from_str(&text).into_iter::<Value>() {
        match value? {
            Value::Array(list) => events.extend(list),
            event => events.push(event),
        }
    }
    Ok(events)
}

/// How often the events match the rule.
fn matches(evaluator: &mut Evaluator, rule: &str, events: &[Value]) -> Result<usize, Fault> {
    let mut count = 0;
    for event in events {
        let found = evaluator.evaluate_json(&serde_json::to_vec(event)?)?.to_vec();
        let rules = evaluator.ruleset().rules();
        count += usize::from(
            found.iter().any(|number| rules.get(*number).is_some_and(|known| known.id == rule)),
        );
    }
    Ok(count)
}

#[test]
fn recorded_attacks_are_found_by_the_rules_written_for_them() -> Result<(), Fault> {
    let Some(archive) = unpack("sigma-regression.tar.zst")? else { return Ok(()) };
    let Some(ruleset) = ruleset()? else { return Ok(()) };
    let mut evaluator = Evaluator::new(&ruleset);
    let (cases, mut missed) = (cases(&archive)?, Vec::new());
    for case in &cases {
        let Some(rule) = ruleset.rule(&case.rule) else {
            missed.push(format!("{} is not loaded", case.rule));
            continue;
        };
        let records = evtx::records(&case.recording)?;
        let flat = records.iter().map(evtx::flat).collect();
        let forms = [("EVTX", records), ("flat EVTX", flat), ("JSON", json(&case.json)?)];
        for (form, events) in forms {
            let found = matches(&mut evaluator, &case.rule, &events)?;
            if found < case.matches {
                missed.push(format!("{} in {form}: {found} of {}", rule.path, case.matches));
            }
        }
    }
    println!("{} cases, {} missed", cases.len(), missed.len());
    assert!(cases.len() >= 100 && missed.is_empty(), "missed:\n{}", missed.join("\n"));
    Ok(())
}
