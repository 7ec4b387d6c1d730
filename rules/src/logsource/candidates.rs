use std::collections::HashMap;

use super::route::{Scope, Sets};
use super::words::{Fast, UNSAID, Word};

/// Which rules look at which logsource.
#[derive(Default)]
pub(super) struct Candidates {
    /// By product, category, service; [`UNSAID`]: the rule does not care.
    rules: HashMap<[Word; 3], Vec<usize>, Fast>,
    of_product: HashMap<Word, Vec<usize>, Fast>,
    all: Vec<usize>,
}

impl Candidates {
    pub fn add(&mut self, [product, category, service]: [Word; 3], rule: usize) {
        self.rules.entry([product, category, service]).or_default().push(rule);
        if product != UNSAID {
            self.of_product.entry(product).or_default().push(rule);
        }
        self.all.push(rule);
    }

    /// The rules to ask, ascending: those whose every given part is in what the event is.
    pub fn find(&self, scope: Scope, product: Word, sets: &Sets) -> Vec<usize> {
        if scope == Scope::Nothing {
            return self.all.clone();
        }
        let mut found = Vec::new();
        if scope == Scope::Product {
            found.extend(self.of_product.get(&product).into_iter().flatten());
        }
        let or_none = |few: &super::few::Few| -> Vec<Word> {
            std::iter::once(UNSAID).chain(few.iter().filter(|word| *word != UNSAID)).collect()
        };
        let products = if product == UNSAID { vec![UNSAID] } else { vec![UNSAID, product] };
        let (categories, services) = (or_none(&sets.categories), or_none(&sets.services));
        for product in products {
            for category in &categories {
                for service in &services {
                    let rules = self.rules.get(&[product, *category, *service]);
                    found.extend(rules.into_iter().flatten());
                }
            }
        }
        found.sort_unstable();
        found.dedup();
        found
    }
}
