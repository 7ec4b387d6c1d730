//! Public rules and recorded attacks, as the yardstick of what Sigma means: `../shared/data` beside
//! the repository. Where they are absent a test says so and passes.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use soc_rules::{Event, FieldValue, Logsource, LogsourceRef, Rule, Ruleset, Severity, Source};

type Files = Vec<(String, String)>;

/// Every file of an archive that ends so, as (path, text); `None` where it cannot be had.
fn files(archive: &str, endings: &[&str]) -> Result<Option<Files>, Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    let archive = root.join(archive);
    if !archive.exists() {
        println!("skipped: {} is absent", archive.display());
        return Ok(None);
    }
    let folder = tempfile::tempdir()?;
    let mut tar = Command::new("tar");
    tar.arg("--zstd").arg("-xf").arg(&archive).arg("-C").arg(folder.path());
    if !tar.status().is_ok_and(|status| status.success()) {
        println!("skipped: tar and zstd are needed to unpack {}", archive.display());
        return Ok(None);
    }
    let mut files = Vec::new();
    let mut folders: Vec<PathBuf> = vec![folder.path().into()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next)? {
            let path = entry?.path();
            let name = path.strip_prefix(folder.path())?.to_string_lossy().into_owned();
            if path.is_dir() {
                folders.push(path);
            } else if endings.iter().any(|ending| name.ends_with(ending)) {
                files.push((name, std::fs::read_to_string(&path)?));
            }
        }
    }
    files.sort();
    Ok(Some(files))
}

fn load(files: &Files, folder: &str) -> (Ruleset, Vec<String>) {
    let chosen = files.iter().filter(|(path, _)| path.starts_with(folder));
    let (ruleset, problems) = Ruleset::load(chosen.map(|(path, text)| Source { path, text }));
    let errors: Vec<_> = problems.iter().filter(|p| p.severity == Severity::Error).collect();
    let loaded = ruleset.rules().len();
    let (refused, warned) = (errors.len(), problems.len() - errors.len());
    println!("{folder}: {loaded} loaded, {refused} refused, {warned} warnings");
    // Placeholders are to be filled in by whoever uses the rule.
    let errors = errors.into_iter().filter(|problem| !problem.what.contains("placeholder"));
    let errors = errors.map(ToString::to_string).collect();
    (ruleset, errors)
}

#[test]
fn the_public_rules_load() -> Result<(), Box<dyn Error>> {
    let Some(files) = files("sigma-rules.tar.zst", &[".yml"])? else { return Ok(()) };
    for folder in
        ["rules/", "rules-emerging-threats/", "rules-threat-hunting/", "rules-placeholder/"]
    {
        let (ruleset, refused) = load(&files, folder);
        assert!(!ruleset.rules().is_empty() || folder == "rules-placeholder/");
        assert!(refused.is_empty(), "refused:\n{}", refused.join("\n"));
    }
    Ok(())
}

/// A recorded Windows event, shown to one rule as if it came from that rule's logsource.
struct Recorded<'a> {
    fields: BTreeMap<&'a str, &'a Value>,
    logsource: &'a Logsource,
}

impl Event for Recorded<'_> {
    fn field(&self, name: &str) -> Option<FieldValue<'_>> {
        Some(match *self.fields.get(name)? {
            Value::Null => FieldValue::Null,
            Value::Bool(value) => FieldValue::Boolean(*value),
            Value::Number(n) => FieldValue::Integer(n.as_i64()?),
            Value::String(text) => FieldValue::Text(text.into()),
            other => FieldValue::Text(other.to_string().into()),
        })
    }

    fn fields<'e>(&'e self, visit: &mut dyn FnMut(&'e str, FieldValue<'e>)) {
        for name in self.fields.keys() {
            if let Some(value) = self.field(name) {
                visit(name, value);
            }
        }
    }

    fn texts(&self, visit: &mut dyn FnMut(&str) -> bool) {
        let _ = self.fields.values().filter_map(|value| value.as_str()).any(visit);
    }

    fn logsource(&self) -> LogsourceRef<'_> {
        LogsourceRef {
            product: self.logsource.product.as_deref(),
            category: self.logsource.category.as_deref(),
            service: self.logsource.service.as_deref(),
        }
    }

    fn time_us(&self) -> i64 {
        0
    }
}

/// Names as the rules use them: what is below `System` and `EventData`, without their paths.
fn fields(event: &Value) -> BTreeMap<&str, &Value> {
    let event = event.get("Event").unwrap_or(event);
    let mut fields = BTreeMap::new();
    let system = event.get("System").and_then(Value::as_object);
    for (name, value) in system.into_iter().flatten() {
        fields.insert(name.as_str(), value);
    }
    let provider = event.pointer("/System/Provider/#attributes/Name");
    fields.extend(provider.map(|name| ("Provider_Name", name)));
    for part in ["EventData", "UserData"] {
        for (name, value) in event.get(part).and_then(Value::as_object).into_iter().flatten() {
            fields.insert(name.as_str(), value);
            for (inner, value) in value.as_object().into_iter().flatten() {
                fields.insert(inner.as_str(), value);
            }
        }
    }
    fields
}

fn matches(ruleset: &Ruleset, rule: &Rule, events: &str) -> Result<usize, Box<dyn Error>> {
    let mut count = 0;
    let Some(logsource) = &rule.logsource else { return Ok(0) };
    for value in serde_json::Deserializer::from_str(events).into_iter::<Value>() {
        let value = value?;
        let one = std::slice::from_ref(&value);
        for event in value.as_array().map_or(one, Vec::as_slice) {
            let event = Recorded { fields: fields(event), logsource };
            let found = ruleset.evaluate(&event);
            let is_it =
                |number: usize| ruleset.rules().get(number).is_some_and(|r| r.id == rule.id);
            count += usize::from(found.iter().any(|matched| is_it(matched.rule)));
        }
    }
    Ok(count)
}

#[test]
fn recorded_attacks_are_found_by_the_rules_written_for_them() -> Result<(), Box<dyn Error>> {
    let Some(rules) = files("sigma-rules.tar.zst", &[".yml"])? else { return Ok(()) };
    let Some(data) = files("sigma-regression.tar.zst", &["info.yml", ".json"])? else {
        return Ok(());
    };
    let (ruleset, _) = load(&rules, "");
    let (mut tried, mut missed) = (0, Vec::new());
    for (path, info) in data.iter().filter(|(path, _)| path.ends_with("info.yml")) {
        let info: Value = yaml_serde::from_str(info)?;
        let id = info.pointer("/rule_metadata/0/id").and_then(Value::as_str);
        let Some(rule) = id.and_then(|id| ruleset.rule(id)) else { continue };
        let folder = path.trim_end_matches("info.yml");
        let is_of =
            |file: &&(String, String)| file.0.starts_with(folder) && file.0.ends_with(".json");
        for (recording, events) in data.iter().filter(is_of) {
            tried += 1;
            if matches(&ruleset, rule, events)? == 0 {
                missed.push(format!("{} in {recording}", rule.path));
            }
        }
    }
    println!("{tried} recordings, {} missed", missed.len());
    assert!(tried > 0 && missed.is_empty(), "missed:\n{}", missed.join("\n"));
    Ok(())
}
