mod plan;
mod reading;

pub use reading::Reading;

use crate::detection::Facts;
use crate::event::Event;
use crate::json::{JsonError, Keys, read};
use crate::limits;
use crate::pattern::Kind;
use crate::program::{Bits, Memo, Program, Remembered};
use crate::record::{Record, Stored};
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
    found: Bits,
    asked: Bits,
    matches: Vec<usize>,
    uses: Vec<RuleUse>,
    /// Rules used since they were last told of.
    used: Bits,
    parked: Bits,
    /// Rules to be parked that were not told of yet.
    overdone: Vec<usize>,
}

/// What a rule was asked, found and cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RuleUse {
    /// Events it was asked about.
    pub asked: u64,
    /// Events it matched.
    pub matched: u64,
    /// Work, in steps of about a nanosecond; the same for the same event.
    pub steps: u64,
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
            found: Bits::new(ruleset.predicates().len()),
            asked: Bits::new(ruleset.rules().len()),
            matches: Vec::new(),
            uses: vec![RuleUse::default(); ruleset.rules().len()],
            used: Bits::new(ruleset.rules().len()),
            parked: Bits::new(ruleset.rules().len()),
            overdone: Vec::new(),
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
        self.keys.begin();
        let (keys, record) = (&mut self.keys, &mut self.record);
        event.fields(&mut |name, value| {
            let targets = keys.named(name);
            record.note(0, targets);
            scalars(value, &mut |text, kind| record.add_field(targets, &text, kind));
        });
        // What an event shows as text is not what its fields hold: there is the raw line.
        event.texts(&mut |text| {
            record.add_text(text);
            false
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
        self.found.clear();
        self.hits.retain(|hit| self.found.insert(*hit as usize));
        self.remembered.clear();
        self.asked.clear();
        let mut memo = Memo {
            program,
            route: &plan.route,
            found: &self.found,
            predicates: self.ruleset.predicates(),
            record: &mut self.record,
            remembered: &mut self.remembered,
            steps: 0,
            steps_max: limits::STEPS_MAX,
        };
        let mut asking = Asking {
            ruleset: &self.ruleset,
            parked: &self.parked,
            matches: &mut self.matches,
            uses: &mut self.uses,
            used: &mut self.used,
            overdone: &mut self.overdone,
        };
        let parked = asking.parked;
        for hit in &self.hits {
            let behind = program.rules_of(*hit).iter().map(|rule| *rule as usize);
            let rules = behind.filter(|rule| plan.route.admits(*rule) && !parked.contains(*rule));
            let Some(first) = rules.clone().next() else { continue };
            memo.steps = 0;
            let holds = memo.holds(*hit as usize);
            if memo.steps > memo.steps_max {
                for rule in rules.filter(|rule| self.asked.insert(*rule)) {
                    asking.overdo(rule, memo.steps);
                }
                continue;
            }
            asking.book(first, memo.steps);
            if holds {
                for rule in rules.filter(|rule| self.asked.insert(*rule)) {
                    asking.ask(rule, &mut memo);
                }
            }
        }
        plan.route.always.iter().for_each(|rule| asking.ask(*rule, &mut memo));
        self.matches.sort_unstable();
    }

    /// What rules were asked since the last call; those that were not are left out.
    pub fn take_use(&mut self) -> Vec<(usize, RuleUse)> {
        let taken = self
            .used
            .iter()
            .filter_map(|rule| self.uses.get_mut(rule).map(|found| (rule, std::mem::take(found))));
        let taken = taken.collect();
        self.used.clear();
        taken
    }

    /// Rules that did more work on one event than they may ([`limits::STEPS_MAX`]) since the last
    /// call; they count as not having matched it. Whoever cares parks them.
    pub fn take_parked(&mut self) -> Vec<usize> {
        std::mem::take(&mut self.overdone)
    }

    /// Does not ask a rule any more.
    pub fn park(&mut self, rule: usize) {
        self.parked.insert(rule);
    }
}

/// What asking a rule touches.
struct Asking<'a> {
    ruleset: &'a Ruleset,
    parked: &'a Bits,
    matches: &'a mut Vec<usize>,
    uses: &'a mut [RuleUse],
    used: &'a mut Bits,
    overdone: &'a mut Vec<usize>,
}

impl Asking<'_> {
    fn ask(&mut self, rule: usize, memo: &mut Memo<'_>) {
        let Some(detection) = self.ruleset.detection(rule) else { return };
        if self.parked.contains(rule) {
            return;
        }
        memo.steps = 0;
        let holds = detection.holds(memo);
        if memo.steps > memo.steps_max {
            self.overdo(rule, memo.steps);
            return;
        }
        if holds {
            self.matches.push(rule);
        }
        self.note(rule, RuleUse { asked: 1, matched: u64::from(holds), steps: memo.steps });
    }

    /// A rule was asked too much.
    fn overdo(&mut self, rule: usize, steps: u64) {
        self.overdone.push(rule);
        self.note(rule, RuleUse { asked: 1, matched: 0, steps });
    }

    /// Work to find out whether a rule is asked.
    fn book(&mut self, rule: usize, steps: u64) {
        self.note(rule, RuleUse { asked: 0, matched: 0, steps });
    }

    fn note(&mut self, rule: usize, more: RuleUse) {
        self.used.insert(rule);
        if let Some(known) = self.uses.get_mut(rule) {
            known.asked += more.asked;
            known.matched += more.matched;
            known.steps += more.steps;
        }
    }
}

/// The predicates that may be true and matter.
fn find(program: &Program, plan: &Plan, record: &mut Record, hits: &mut Vec<u32>) {
    for (empty, other) in &plan.aliases {
        if record.alias(*empty, *other) && plan.route.wants(*empty) {
            record.searched_in(*empty).for_each(|(value, folded)| {
                search(program, value, *empty, record.number(value), folded, hits);
            });
        }
    }
    for (value, folded) in record.searched() {
        if !value.dropped && plan.route.wants(value.slot) {
            let number =
                if program.knows_numbers(value.slot) { record.number(value) } else { None };
            search(program, value, value.slot, number, folded, hits);
        }
        if plan.route.keywords && value.kind == Kind::Text && !value.echo {
            program.search_keywords(folded, value.is_escaped(), hits);
        }
    }
}

fn search(
    program: &Program,
    value: &Stored,
    slot: Slot,
    number: Option<crate::pattern::Number>,
    folded: &[u8],
    hits: &mut Vec<u32>,
) {
    program.search(slot, folded, value.is_escaped(), hits);
    if let Some(number) = number {
        program.search_number(slot, number, hits);
    }
}
