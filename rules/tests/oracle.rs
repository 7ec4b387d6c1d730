//! The same matches as `rsigma-eval`, another complete engine, rule by rule over public rules and
//! recorded events. Where the two differ, `docs/sigma.md` says which paragraph of the specification
//! decides; no other difference is allowed.
//!
//! Each event is asked about twice. First by all rules, on both sides: ours stand under a product that
//! no logsource file knows, which the event claims. Then as it came, with the rules as written, when ours
//! find by themselves whom it concerns: that has to be what the other engine finds among those, and what
//! matches only because a field answers for one the rule asks for and the event lacks.

mod data;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use data::{Fault, of_any_logsource, public_rules, unpack};
use rsigma_eval::Engine;
use serde_json::Value;
use soc_rules::{Evaluator, JsonEvent, Predicate, Ruleset, Source};

struct Engines {
    theirs: Engine,
    /// Ours without logsources.
    everywhere: Evaluator,
    /// Ours as written.
    routed: Evaluator,
}

/// Both engines with all public rules; `None` where the rules are absent.
fn engines() -> Result<Option<Engines>, Fault> {
    let Some(files) = public_rules()? else { return Ok(None) };
    let plain: Vec<_> =
        files.iter().map(|(path, text)| (path.as_str(), of_any_logsource(text))).collect();
    let (everywhere, _) = Ruleset::load(plain.iter().map(|(path, text)| Source { path, text }));
    let (routed, _) = Ruleset::load(files.iter().map(|(path, text)| Source { path, text }));
    let mut rules = Vec::new();
    for (_, text) in &files {
        rules.extend(rsigma_parser::parse_sigma_yaml(text)?.rules);
    }
    rules.retain(|rule| rule.id.as_ref().is_some_and(|id| routed.rule(id).is_some()));
    for rule in &mut rules {
        rule.logsource = rsigma_parser::LogSource::default();
    }
    let mut theirs = Engine::new();
    assert!(theirs.add_rules(&rules).is_empty(), "both load the same rules");
    println!("{} rules", routed.rules().len());
    let [everywhere, routed] = [everywhere, routed].map(|rules| Evaluator::new(&rules));
    Ok(Some(Engines { theirs, everywhere, routed }))
}

/// How often only one of the engines matched: by rule, (only ours, only theirs).
type Differences = BTreeMap<String, [BTreeSet<String>; 2]>;

/// What was compared.
#[derive(Default)]
struct Compared {
    events: usize,
    everywhere: usize,
    routed: usize,
    /// Of those, rules that a field under another name made match.
    by_other_fields: usize,
    differences: Differences,
}

impl Engines {
    fn compare(&mut self, event: &Value, place: &str, so_far: &mut Compared) -> Result<(), Fault> {
        let theirs = self.theirs.evaluate(&rsigma_eval::JsonEvent::borrow(event));
        let theirs: BTreeSet<String> =
            theirs.into_iter().filter_map(|result| result.header.rule_id).collect();
        let mut claiming = event.clone();
        claiming["product"] = "any".into();
        let ours = ids(&mut self.everywhere, &claiming)?;
        so_far.events += 1;
        so_far.everywhere += ours.len();
        so_far.note(&ours, &theirs, place);
        let ours = ids(&mut self.routed, event)?;
        let rules = self.routed.ruleset();
        let read = JsonEvent::parse(&serde_json::to_vec(event)?)?;
        let (mut expected, mut by_other_fields) = (BTreeSet::new(), BTreeSet::new());
        for number in rules.candidates(&read) {
            let Some(id) = rules.rules().get(number).map(|rule| rule.id.clone()) else { continue };
            let why = rules.explain(number, &read);
            let lacks = |p: &Predicate| p.field.as_ref().is_some_and(|f| event.get(f).is_none());
            if theirs.contains(&id) {
                expected.insert(id);
            } else if why.iter().any(|p| lacks(p) && !p.value.is_empty()) {
                by_other_fields.insert(id);
            }
        }
        so_far.routed += ours.len();
        so_far.by_other_fields += by_other_fields.len();
        expected.extend(by_other_fields);
        so_far.note(&ours, &expected, &format!("{place} routed"));
        Ok(())
    }
}

impl Compared {
    fn note(&mut self, ours: &BTreeSet<String>, theirs: &BTreeSet<String>, place: &str) {
        for id in ours.symmetric_difference(theirs) {
            let side = usize::from(theirs.contains(id));
            self.differences.entry(id.clone()).or_default()[side].insert(place.to_owned());
        }
    }

    /// None of the rules may differ.
    fn judge(&self, rules: &Ruleset) {
        let Self { events, everywhere, routed, by_other_fields, differences } = self;
        println!(
            "{events} events, {everywhere} matches; {routed} routed, {by_other_fields} of them by \
             fields of other names"
        );
        assert!(differences.is_empty(), "{}", report(rules, differences));
    }
}

/// Ids of the rules that match.
fn ids(evaluator: &mut Evaluator, event: &Value) -> Result<BTreeSet<String>, Fault> {
    let numbers = evaluator.evaluate_json(&serde_json::to_vec(event)?)?.to_vec();
    let rules = evaluator.ruleset().rules();
    Ok(numbers.iter().filter_map(|number| rules.get(*number)).map(|r| r.id.clone()).collect())
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
    let mut compared = Compared::default();
    for (name, file) in archive.files(".evtx")? {
        let mut seen: HashMap<String, usize> = HashMap::new();
        for (number, event) in data::evtx::read(&file)?.iter().enumerate() {
            let kind = format!("{:?} {:?}", event.get("Channel"), event.get("EventID"));
            let seen = seen.entry(kind).or_default();
            *seen += 1;
            if *seen > of_each() {
                continue;
            }
            engines.compare(event, &format!("{name}#{number}"), &mut compared)?;
        }
    }
    compared.judge(engines.routed.ruleset());
    Ok(())
}

#[test]
fn linux_events_match_the_same_rules() -> Result<(), Fault> {
    let count = if of_each() == usize::MAX { 20_000 } else { 2_000 };
    let Some(list) = data::linux::events(count, 1)? else { return Ok(()) };
    let Some(mut engines) = engines()? else { return Ok(()) };
    let mut compared = Compared::default();
    for (number, event) in list.iter().enumerate() {
        engines.compare(event, &format!("#{number}"), &mut compared)?;
    }
    compared.judge(engines.routed.ruleset());
    Ok(())
}

/// How many events of each kind a file gives: all of them when `ORACLE=all`.
fn of_each() -> usize {
    if std::env::var("ORACLE").is_ok_and(|all| all == "all") { usize::MAX } else { 2 }
}
