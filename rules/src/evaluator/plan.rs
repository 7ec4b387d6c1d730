use std::borrow::Cow;
use std::collections::HashMap;

use hashbrown::HashMap as FastMap;

use crate::event::LogsourceRef;
use crate::logsource::Origin;
use crate::program::{Bits, Route};
use crate::record::Record;
use crate::ruleset::Ruleset;
use crate::view::Slot;

/// What follows from an event's logsource.
pub(super) struct Plan {
    pub route: Route,
    /// A slot that another answers for where it is empty.
    pub aliases: Vec<(Slot, Slot)>,
}

/// Who says which logsource an event has.
#[derive(Clone, Copy)]
pub(super) enum Claim<'a> {
    Said(LogsourceRef<'a>),
    /// Its own fields `product`, `category` and `service`.
    Fields,
}

/// Plans, by what tells them apart: an event's telling fields are compared as they stand with those
/// of events before, and only what is new is looked at closely.
pub(super) struct Plans {
    plans: Vec<Plan>,
    by_origin: HashMap<Origin, usize>,
    /// Its hash is seeded, for anyone can make up what it sees.
    by_sight: FastMap<Box<[u8]>, usize>,
    /// Whether a slot tells.
    tells: Bits,
    bytes: usize,
    claims: [Slot; 3],
    sight: Vec<u8>,
    last: (Vec<u8>, usize),
}

/// What is remembered; anyone can make up fields, so it has an end.
const SIGHTS_MAX: usize = 8_192;

impl Plans {
    pub fn new(ruleset: &Ruleset) -> Self {
        let (slots, bytes) = ruleset.router().looks_at();
        let mut tells = Bits::new(ruleset.names().len());
        slots.for_each(|slot| {
            tells.insert(slot);
        });
        let claims = ["product", "category", "service"];
        let claims = claims.map(|claim| {
            ruleset.names().iter().position(|name| name == claim).unwrap_or(usize::MAX)
        });
        claims.iter().for_each(|slot| {
            tells.insert(*slot);
        });
        Self {
            plans: Vec::new(),
            by_origin: HashMap::new(),
            by_sight: FastMap::new(),
            tells,
            bytes,
            claims,
            sight: Vec::new(),
            last: (Vec::new(), usize::MAX),
        }
    }

    /// The plan for the event in the record.
    pub fn find(&mut self, ruleset: &Ruleset, claim: Claim<'_>, record: &mut Record) -> &Plan {
        self.look(claim, record);
        if self.last.1 >= self.plans.len() || self.last.0 != self.sight {
            let number = match self.by_sight.get(self.sight.as_slice()) {
                Some(number) => *number,
                None => self.decide(ruleset, claim, record),
            };
            self.last.0.clone_from(&self.sight);
            self.last.1 = number;
        }
        &self.plans[self.last.1]
    }

    /// Writes down what tells: slot, length and beginning of each value.
    fn look(&mut self, claim: Claim<'_>, record: &Record) {
        self.sight.clear();
        if let Claim::Said(LogsourceRef { product, category, service }) = claim {
            for part in [product, category, service] {
                note(&mut self.sight, 0, part.unwrap_or("").as_bytes(), self.bytes);
            }
        }
        for (value, folded) in record.searched() {
            if !value.dropped && self.tells.contains(value.slot) {
                note(&mut self.sight, value.slot + 1, folded, self.bytes);
            }
        }
    }

    fn decide(&mut self, ruleset: &Ruleset, claim: Claim<'_>, record: &mut Record) -> usize {
        let claims = self.claims.map(|slot| record.first(slot).map(str::to_owned));
        let [product, category, service] = &claims;
        let said = match claim {
            Claim::Said(said) => said,
            Claim::Fields => LogsourceRef {
                product: product.as_deref(),
                category: category.as_deref(),
                service: service.as_deref(),
            },
        };
        let router = ruleset.router();
        let origin = router
            .route(said, &mut |slot| record.first(slot).map(|text| Cow::Owned(text.to_owned())));
        if self.by_sight.len() >= SIGHTS_MAX {
            self.by_sight.clear();
            self.by_origin.clear();
            self.plans.clear();
        }
        let plans = &mut self.plans;
        let number = *self.by_origin.entry(origin).or_insert_with_key(|origin| {
            let candidates = router.candidates(origin);
            let route = ruleset.program().route(&candidates, ruleset.rules().len());
            plans.push(Plan { route, aliases: router.aliases(origin) });
            plans.len() - 1
        });
        self.by_sight.insert(self.sight.as_slice().into(), number);
        number
    }
}

fn note(sight: &mut Vec<u8>, slot: usize, text: &[u8], bytes: usize) {
    let text = text.get(..bytes).unwrap_or(text);
    // Both fit: slots are numbers of fields rules name, lengths are cut above.
    let [a, b, c, ..] = slot.to_le_bytes();
    let [length, ..] = text.len().to_le_bytes();
    sight.extend_from_slice(&[a, b, c, length]);
    sight.extend_from_slice(text);
}
