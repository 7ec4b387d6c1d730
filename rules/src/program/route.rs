use super::Program;
use super::memo::Bits;
use crate::detection::Among;

/// What is worth looking at in events of one origin: which rules, and so which fields.
#[derive(Debug)]
pub(crate) struct Route {
    admitted: Bits,
    /// Rules that have no anchor.
    pub always: Vec<usize>,
    /// By slot: whether an anchor of an admitted rule is looked for there.
    wanted: Vec<bool>,
    pub keywords: bool,
    /// Predicates the index decides where it is not a maybe.
    settled: Bits,
    /// Whether any rule is admitted at all.
    pub is_empty: bool,
}

impl Program {
    /// The route of events that only these rules look at.
    pub fn route(&self, candidates: &[usize], rules: usize) -> Route {
        let mut admitted = Bits::new(rules);
        candidates.iter().for_each(|rule| {
            admitted.insert(*rule);
        });
        let always = self.unanchored.iter().copied().filter(|rule| admitted.contains(*rule));
        let mut route = Route {
            always: always.collect(),
            wanted: vec![false; self.fields.len()],
            keywords: false,
            settled: Bits::new(self.slots.len()),
            is_empty: candidates.is_empty(),
            admitted,
        };
        for (predicate, slot) in self.slots.iter().enumerate() {
            let rules = self.rules_of(super::narrow(predicate));
            if !rules.iter().any(|rule| route.admits(*rule as usize)) {
                continue;
            }
            match slot {
                None => route.keywords = true,
                Some(slot) => {
                    if let Some(wanted) = route.wanted.get_mut(*slot) {
                        *wanted = true;
                    }
                }
            }
        }
        for (predicate, slot) in self.slots.iter().enumerate() {
            let is_looked_for = slot.map_or(route.keywords, |slot| route.wants(slot));
            if is_looked_for && self.indexed.contains(predicate) {
                route.settled.insert(predicate);
            }
        }
        route
    }
}

impl Route {
    #[inline]
    pub fn admits(&self, rule: usize) -> bool {
        self.admitted.contains(rule)
    }

    /// Whether a predicate is true only if the index finds it.
    #[inline]
    pub fn settles(&self, predicate: usize) -> bool {
        self.settled.contains(predicate)
    }

    /// Whether that is so of all of these.
    pub fn settles_all(&self, among: &Among) -> bool {
        self.settled.has_all(among)
    }

    #[inline]
    pub fn wants(&self, slot: usize) -> bool {
        self.wanted.get(slot).copied().unwrap_or(false)
    }
}
