mod plan;

use crate::detection::Facts;
use crate::event::Event;
use crate::json::{JsonError, Keys, read};
use crate::limits;
use crate::pattern::Kind;
use crate::program::{Bits, Memo, Program, Remembered};
use crate::record::{Place, Record};
use crate::ruleset::Ruleset;
use crate::view::{Slot, scalars};
use plan::{Claim, Plan, Plans};

/// Asks all rules about events, one event after the other. It owns the memory this needs, so make
/// one a thread and keep it.
pub struct Evaluator {
    ruleset: Ruleset,
    keys: Keys,
    record: Record,
    remembered: Remembered,
    plans: Plans,
    /// Predicates the index found.
    hits: Vec<u32>,
    asked: Bits,
    matches: Vec<usize>,
}

impl Evaluator {
    /// For these rules.
    pub fn new(ruleset: &Ruleset) -> Self {
        Self {
            record: Record::new(ruleset.names().len()),
            keys: Keys::new(ruleset),
            remembered: Remembered::new(ruleset.predicates().len()),
            plans: Plans::new(ruleset),
            hits: Vec::new(),
            asked: Bits::new(ruleset.rules().len()),
            matches: Vec::new(),
            ruleset: ruleset.clone(),
        }
    }

    /// The rules it asks.
    pub fn ruleset(&self) -> &Ruleset {
        &self.ruleset
    }

    /// The numbers of the detection rules that match, ascending, also those that only serve
    /// correlations: [`crate::Rule::alerts`] tells.
    pub fn evaluate(&mut self, event: &dyn Event) -> &[usize] {
        self.record.clear();
        let (keys, record) = (&mut self.keys, &mut self.record);
        event.fields(&mut |name, value| {
            let place = Place { targets: keys.named(name), depth: 1, in_list: true };
            scalars(value, &mut |text, kind| record.add(place, &text, kind));
        });
        self.run(Claim::Said(event.logsource()));
        &self.matches
    }

    /// The same for an event that is one JSON object, read as [`crate::JsonEvent`] does.
    ///
    /// # Errors
    /// Text that is no JSON object.
    pub fn evaluate_json(&mut self, text: &[u8]) -> Result<&[usize], JsonError> {
        self.record.clear();
        read(text, &mut self.keys, &mut self.record)?;
        self.run(Claim::Fields);
        Ok(&self.matches)
    }

    /// Asks the rules about the event in the record.
    fn run(&mut self, claim: Claim<'_>) {
        self.matches.clear();
        let plan = self.plans.find(&self.ruleset, claim, &mut self.record);
        if plan.route.is_empty {
            return;
        }
        let program = self.ruleset.program();
        self.hits.clear();
        find(program, plan, &mut self.record, &mut self.hits);
        self.remembered.clear();
        self.asked.clear();
        let mut memo = Memo {
            predicates: self.ruleset.predicates(),
            record: &mut self.record,
            remembered: &mut self.remembered,
            steps: 0,
            steps_max: limits::STEPS_MAX,
        };
        for hit in &self.hits {
            let rules = program.rules_of(*hit);
            if !rules.iter().any(|rule| plan.route.admits(*rule as usize))
                || !memo.holds(*hit as usize)
            {
                continue;
            }
            for rule in rules.iter().map(|rule| *rule as usize) {
                if plan.route.admits(rule) && self.asked.insert(rule) {
                    let detection = self.ruleset.detection(rule);
                    if detection.is_some_and(|detection| detection.holds(&mut memo)) {
                        self.matches.push(rule);
                    }
                }
            }
        }
        for rule in &plan.route.always {
            let detection = self.ruleset.detection(*rule);
            if detection.is_some_and(|detection| detection.holds(&mut memo)) {
                self.matches.push(*rule);
            }
        }
        self.matches.sort_unstable();
    }
}

/// The predicates that may be true and matter.
fn find(program: &Program, plan: &Plan, record: &mut Record, hits: &mut Vec<u32>) {
    for (empty, other) in &plan.aliases {
        if record.alias(*empty, *other) && plan.route.wants(*empty) {
            record.searched_in(*empty).for_each(|(value, folded)| {
                search(program, *empty, record.number(value), folded, hits);
            });
        }
    }
    for (value, folded) in record.searched() {
        if plan.route.wants(value.slot) {
            let number = if program.knows_numbers(value.slot) { record.number(value) } else { None };
            search(program, value.slot, number, folded, hits);
        }
        if plan.route.keywords && value.kind == Kind::Text && !value.echo {
            program.search_keywords(folded, hits);
        }
    }
    if plan.route.keywords {
        hits.extend_from_slice(program.other_keywords());
    }
}

fn search(
    program: &Program,
    slot: Slot,
    number: Option<crate::pattern::Number>,
    folded: &[u8],
    hits: &mut Vec<u32>,
) {
    program.search(slot, folded, hits);
    if let Some(number) = number {
        program.search_number(slot, number, hits);
    }
}
