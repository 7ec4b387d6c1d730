use std::collections::HashMap;

use crate::detection::Facts;
use crate::event::{Event, LogsourceRef};
use crate::json::{JsonError, Keys, read};
use crate::limits;
use crate::pattern::Kind;
use crate::program::{Bits, Memo, Program, Remembered, Route};
use crate::record::{Place, Record};
use crate::ruleset::Ruleset;
use crate::view::{Slot, Values, scalars};

/// Asks all rules about events, one event after the other. It owns the memory this needs, so make
/// one a thread and keep it.
pub struct Evaluator {
    ruleset: Ruleset,
    keys: Keys,
    record: Record,
    remembered: Remembered,
    /// Predicates the index found.
    hits: Vec<u32>,
    asked: Bits,
    matches: Vec<usize>,
    routes: Vec<(Claim, Route)>,
    /// The route of the event before: usually that of the next.
    last: usize,
}

/// Product, category and service.
type Claim = [Option<String>; 3];

/// Routes that are remembered.
const ROUTES_MAX: usize = 1_024;

impl Evaluator {
    /// For these rules.
    pub fn new(ruleset: &Ruleset) -> Self {
        let names = ruleset.names().iter().enumerate();
        let slots: HashMap<String, Slot> = names.map(|(slot, name)| (name.clone(), slot)).collect();
        Self {
            record: Record::new(slots.len()),
            keys: Keys::new(slots),
            remembered: Remembered::new(ruleset.predicates().len()),
            hits: Vec::new(),
            asked: Bits::new(ruleset.rules().len()),
            matches: Vec::new(),
            routes: Vec::new(),
            last: 0,
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
        let (keys, record) = (&self.keys, &mut self.record);
        event.fields(&mut |name, value| {
            let place = Place { slot: keys.slot(name), depth: 1, in_list: true };
            scalars(value, &mut |text, kind| record.add(place, &text, kind));
        });
        let LogsourceRef { product, category, service } = event.logsource();
        self.select([product, category, service].map(|part| part.map(str::to_owned)));
        self.run();
        &self.matches
    }

    /// The same for an event that is one JSON object, read as [`crate::JsonEvent`] does.
    ///
    /// # Errors
    /// Text that is no JSON object.
    pub fn evaluate_json(&mut self, text: &[u8]) -> Result<&[usize], JsonError> {
        self.record.clear();
        read(text, &mut self.keys, &mut self.record)?;
        let claim = ["product", "category", "service"].map(|name| {
            let slot = self.keys.slot(name);
            self.record.settle(Some(slot));
            let mut text = None;
            self.record.each(Some(slot), &mut |held| {
                text = Some(held.text.to_owned());
                true
            });
            text
        });
        self.select(claim);
        self.run();
        Ok(&self.matches)
    }

    /// Finds the route of a claim.
    fn select(&mut self, claim: Claim) {
        if self.routes.get(self.last).is_some_and(|(known, _)| *known == claim) {
            return;
        }
        self.last = match self.routes.iter().position(|(known, _)| *known == claim) {
            Some(known) => known,
            None => {
                if self.routes.len() >= ROUTES_MAX {
                    self.routes.clear();
                }
                let [product, category, service] = &claim;
                let claimed = LogsourceRef {
                    product: product.as_deref(),
                    category: category.as_deref(),
                    service: service.as_deref(),
                };
                let candidates = self.ruleset.candidates(claimed);
                let route = self.ruleset.program().route(&candidates, self.ruleset.rules().len());
                self.routes.push((claim, route));
                self.routes.len() - 1
            }
        };
    }

    /// Asks the rules about the event in the record.
    fn run(&mut self) {
        self.matches.clear();
        let Some((_, route)) = self.routes.get(self.last).filter(|(_, route)| !route.is_empty)
        else {
            return;
        };
        let program = self.ruleset.program();
        self.hits.clear();
        find(program, route, &self.record, &mut self.hits);
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
            if !rules.iter().any(|rule| route.admits(*rule as usize)) || !memo.holds(*hit as usize)
            {
                continue;
            }
            for rule in rules.iter().map(|rule| *rule as usize) {
                if route.admits(rule) && self.asked.insert(rule) {
                    let detection = self.ruleset.detection(rule);
                    if detection.is_some_and(|detection| detection.holds(&mut memo)) {
                        self.matches.push(rule);
                    }
                }
            }
        }
        for rule in &route.always {
            let detection = self.ruleset.detection(*rule);
            if detection.is_some_and(|detection| detection.holds(&mut memo)) {
                self.matches.push(*rule);
            }
        }
        self.matches.sort_unstable();
    }
}

/// The predicates that may be true and matter.
fn find(program: &Program, route: &Route, record: &Record, hits: &mut Vec<u32>) {
    for (value, folded) in record.searched() {
        if route.wants(value.slot) {
            program.search(value.slot, folded, hits);
            if program.knows_numbers(value.slot)
                && let Some(number) = record.number(value)
            {
                program.search_number(value.slot, number, hits);
            }
        }
        if route.keywords && value.kind == Kind::Text {
            program.search_keywords(folded, hits);
        }
    }
    if route.keywords {
        hits.extend_from_slice(program.other_keywords());
    }
}
