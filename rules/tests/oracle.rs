//! The same matches as `rsigma-eval`, another complete engine, rule by rule over public rules and
//! recorded events. Where the two differ, `docs/sigma.md` says which paragraph of the specification
//! decides; no other difference is allowed.
//!
//! Logsources are left out of it: every rule is asked about every event, on both sides.

mod data;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use data::{Fault, of_any_logsource, public_rules, unpack};
use rsigma_eval::{Engine, JsonEvent};
use serde_json::Value;
use soc_rules::{Evaluator, Ruleset, Source};

struct Engines {
    theirs: Engine,
    ours: Evaluator,
}

/// Both engines with all public rules; `None` where the rules are absent.
fn engines() -> Result<Option<Engines>, Fault> {
    let Some(mut files) = public_rules()? else { return Ok(None) };
    for (_, text) in &mut files {
        *text = of_any_logsource(text);
    }
    let (ruleset, _) = Ruleset::load(files.iter().map(|(path, text)| Source { path, text }));
    let mut rules = Vec::new();
    for (_, text) in &files {
        rules.extend(rsigma_parser::parse_sigma_yaml(text)?.rules);
    }
    rules.retain(|rule| rule.id.as_ref().is_some_and(|id| ruleset.rule(id).is_some()));
    let mut theirs = Engine::new();
    assert!(theirs.add_rules(&rules).is_empty(), "both load the same rules");
    println!("{} rules", ruleset.rules().len());
    Ok(Some(Engines { theirs, ours: Evaluator::new(&ruleset) }))
}

/// How often only one of the engines matched: by rule, (only ours, only theirs).
type Differences = BTreeMap<String, [BTreeSet<String>; 2]>;

impl Engines {
    fn compare(
        &mut self,
        event: &Value,
        place: &str,
        found: &mut Differences,
    ) -> Result<usize, Fault> {
        let mut event = event.clone();
        if let Some(fields) = event.as_object_mut() {
            fields.insert("product".to_owned(), "any".into());
        }
        let theirs = self.theirs.evaluate(&JsonEvent::borrow(&event));
        let theirs: BTreeSet<String> =
            theirs.into_iter().filter_map(|result| result.header.rule_id).collect();
        let text = serde_json::to_vec(&event)?;
        let numbers = self.ours.evaluate_json(&text)?.to_vec();
        let rules = self.ours.ruleset().rules();
        let ours: BTreeSet<String> =
            numbers.iter().filter_map(|number| rules.get(*number)).map(|r| r.id.clone()).collect();
        for id in ours.symmetric_difference(&theirs) {
            let side = usize::from(theirs.contains(id));
            found.entry(id.clone()).or_default()[side].insert(place.to_owned());
        }
        Ok(ours.len())
    }
}

fn report(rules: &Ruleset, found: &Differences) -> String {
    let mut out = String::new();
    for (id, [ours, theirs]) in found {
        let path = rules.rule(id).map_or("", |rule| rule.path.as_str());
        let example = ours.iter().chain(theirs).next().map_or("", String::as_str);
        out += &format!(
            "{id} {path}: only ours {}, only theirs {}, as {example}\n",
            ours.len(),
            theirs.len()
        );
    }
    out
}

#[test]
fn recorded_windows_events_match_the_same_rules() -> Result<(), Fault> {
    let Some(archive) = unpack("evtx-attack-samples.tar.zst")? else { return Ok(()) };
    let Some(mut engines) = engines()? else { return Ok(()) };
    let (mut events, mut matches, mut found) = (0, 0, Differences::new());
    for (name, file) in archive.files(".evtx")? {
        let mut seen: HashMap<String, usize> = HashMap::new();
        for (number, event) in data::evtx::read(&file)?.iter().enumerate() {
            let kind = format!("{:?} {:?}", event.get("Channel"), event.get("EventID"));
            let seen = seen.entry(kind).or_default();
            *seen += 1;
            if *seen > of_each() {
                continue;
            }
            events += 1;
            matches += engines.compare(event, &format!("{name}#{number}"), &mut found)?;
        }
    }
    println!("{events} events, {matches} matches, {} rules differ", found.len());
    assert!(found.is_empty(), "{}", report(engines.ours.ruleset(), &found));
    Ok(())
}

#[test]
fn linux_events_match_the_same_rules() -> Result<(), Fault> {
    let count = if of_each() == usize::MAX { 20_000 } else { 2_000 };
    let Some(list) = data::linux::events(count, 1)? else { return Ok(()) };
    let Some(mut engines) = engines()? else { return Ok(()) };
    let (mut matches, mut found) = (0, Differences::new());
    for (number, event) in list.iter().enumerate() {
        matches += engines.compare(event, &format!("#{number}"), &mut found)?;
    }
    println!("{} events, {matches} matches, {} rules differ", list.len(), found.len());
    assert!(found.is_empty(), "{}", report(engines.ours.ruleset(), &found));
    Ok(())
}

/// How many events of each kind a file gives: all of them when `ORACLE=all`.
fn of_each() -> usize {
    if std::env::var("ORACLE").is_ok_and(|all| all == "all") { usize::MAX } else { 2 }
}
