use std::collections::HashMap;

use super::Logsources;
use super::candidates::Candidates;
use super::envelope::Envelopes;
use super::file::Entry;
use super::route::{Route, Scope, Sets};
use super::shape::{Field, Look, Shape, Tells, Vocabulary};
use super::words::{STRANGE, UNSAID, Word, Words};
use crate::event::LogsourceRef;
use crate::rule::Logsource;
use crate::view::Slot;

/// Logsource files compiled for one rule set: says what an event is, and which rules that concerns.
pub(crate) struct Router {
    logsources: Logsources,
    products: Words,
    categories: Words,
    services: Words,
    fields: Vec<Field>,
    /// By product, in the order they are tried when an event claims none.
    groups: Vec<Group>,
    /// What does not depend on the product.
    general: Group,
    adds: Vec<Adds>,
    candidates: Candidates,
}

/// All entries of one product.
#[derive(Default)]
struct Group {
    product: Word,
    telltale: Vec<Slot>,
    /// Those that look at fields alone.
    first: Vec<Shape>,
    /// Those that look at what the event is.
    then: Vec<Shape>,
}

/// What an entry adds to an event that it fits.
struct Adds {
    categories: Vec<Word>,
    services: Vec<Word>,
    /// A slot some rule asks for, and one that answers in its place.
    aliases: Vec<(Slot, Slot)>,
    /// Whether it looked at the event at all.
    is_finding: bool,
}

/// Gives names of fields their slots.
pub(crate) trait Slots {
    /// The slot of a name, a new one when it has none.
    fn slot(&mut self, name: &str) -> Slot;
    /// The slot of a name that some rule asks for.
    fn find(&self, name: &str) -> Option<Slot>;
}

impl Router {
    /// Compiles; `slots` already has the fields of all rules.
    pub fn new(logsources: &Logsources, slots: &mut dyn Slots) -> Self {
        let mut router = Self {
            logsources: logsources.clone(),
            products: Words::default(),
            categories: Words::default(),
            services: Words::default(),
            fields: Vec::new(),
            groups: Vec::new(),
            general: Group::default(),
            adds: Vec::new(),
            candidates: Candidates::default(),
        };
        let mut numbers = HashMap::new();
        for document in logsources.documents() {
            let product = document.product.as_deref();
            let product = product.map_or(UNSAID, |product| router.products.number(product));
            let mut group = router.take(product);
            group.telltale.extend(document.telltale.iter().map(|name| slots.slot(name)));
            for entry in &document.entries {
                router.compile(entry, &mut group, &mut numbers, slots);
            }
            router.put(group);
        }
        router
    }

    /// Notes a rule under its logsource.
    pub fn add(&mut self, logsource: &Logsource, rule: usize) {
        let number = |words: &mut Words, part: &Option<String>| {
            part.as_deref().map_or(UNSAID, |part| words.number(part))
        };
        let parts = [
            number(&mut self.products, &logsource.product),
            number(&mut self.categories, &logsource.category),
            number(&mut self.services, &logsource.service),
        ];
        self.candidates.add(parts, rule);
    }

    /// Under which names fields answer.
    pub fn envelopes(&self) -> &Envelopes {
        self.logsources.envelopes()
    }

    /// What an event is, by what it claims and what it holds.
    pub fn route(&self, claim: LogsourceRef<'_>, look: &mut Look<'_, '_>) -> Route {
        let category = self.categories.find_said(claim.category);
        let service = self.services.find_said(claim.service);
        let claimed = self.products.find_said(claim.product);
        let group = match claimed {
            UNSAID => self.decide(look),
            product => self.groups.iter().find(|group| group.product == product),
        };
        let product = group.map_or(claimed, |group| group.product);
        let mut route = Route { product, category, service, ..Route::default() };
        let mut sets = Sets::claimed(category, service);
        let mut fits = false;
        for group in group.into_iter().chain([&self.general]) {
            fits |= self.fit(&group.first, &mut route, &mut sets, look);
            fits |= self.fit(&group.then, &mut route, &mut sets, look);
        }
        let nothing = |word: Word| word == UNSAID || word == STRANGE;
        let told = |group: &Group| group.telltale.iter().any(|slot| look(*slot).is_some());
        if !fits && product == UNSAID && nothing(category) && nothing(service) {
            route.scope = Scope::Nothing;
        } else if !fits && (category, service) == (UNSAID, UNSAID) && !group.is_some_and(told) {
            route.scope = Scope::Product;
        }
        route
    }

    /// The rules to ask about an event of this route, ascending. Worth remembering by route.
    pub fn candidates(&self, route: &Route) -> Vec<usize> {
        let mut sets = Sets::claimed(route.category, route.service);
        for adds in self.adds_of(route) {
            adds.add(&mut sets);
        }
        self.candidates.find(route.scope, route.product, &sets)
    }

    /// For each slot in front: where it is empty, the slot behind answers; the first that does.
    /// Worth remembering by route.
    pub fn aliases(&self, route: &Route) -> Vec<(Slot, Slot)> {
        self.adds_of(route).flat_map(|adds| adds.aliases.iter().copied()).collect()
    }

    fn adds_of<'r>(&'r self, route: &'r Route) -> impl Iterator<Item = &'r Adds> {
        route.entries.iter().filter_map(|number| self.adds.get(number as usize))
    }

    /// The first product one of whose entries fits; values say more than presence.
    fn decide(&self, look: &mut Look<'_, '_>) -> Option<&Group> {
        let sets = Sets::default();
        for tells in [Tells::ByValue, Tells::ByPresence] {
            for group in &self.groups {
                for shape in group.first.iter().filter(|shape| shape.tells() == tells) {
                    let mut found = false;
                    shape.fitting(&self.fields, &sets, look, &mut |_| found = true);
                    if found {
                        return Some(group);
                    }
                }
            }
        }
        None
    }

    /// Adds what fits; whether anything does.
    fn fit(
        &self,
        shapes: &[Shape],
        route: &mut Route,
        sets: &mut Sets,
        look: &mut Look<'_, '_>,
    ) -> bool {
        let mut fits = false;
        let mut added = Sets::default();
        for shape in shapes {
            shape.fitting(&self.fields, sets, look, &mut |number| {
                let Some(adds) = self.adds.get(number as usize) else { return };
                fits |= adds.is_finding;
                if !adds.is_nothing() {
                    route.entries.add(number);
                    adds.add(&mut added);
                }
            });
        }
        added.categories.iter().for_each(|word| sets.categories.add(word));
        added.services.iter().for_each(|word| sets.services.add(word));
        fits
    }

    fn take(&mut self, product: Word) -> Group {
        if product == UNSAID {
            return std::mem::take(&mut self.general);
        }
        let known = self.groups.iter_mut().find(|group| group.product == product);
        known.map(std::mem::take).unwrap_or_else(|| Group { product, ..Group::default() })
    }

    fn put(&mut self, group: Group) {
        if group.product == UNSAID {
            self.general = group;
            return;
        }
        // A group taken out leaves an empty one in its place.
        match self.groups.iter_mut().find(|place| place.product == UNSAID) {
            Some(place) => *place = group,
            None => self.groups.push(group),
        }
    }

    fn compile(
        &mut self,
        entry: &Entry,
        group: &mut Group,
        numbers: &mut HashMap<String, usize>,
        slots: &mut dyn Slots,
    ) {
        let number = u32::try_from(self.adds.len()).unwrap_or(u32::MAX);
        let fields = &mut self.fields;
        let shape = Shape::of(entry, &mut |name| {
            *numbers.entry(name.to_owned()).or_insert_with(|| {
                fields.push(Field { slot: slots.slot(name), values: Words::default() });
                fields.len() - 1
            })
        });
        self.adds.push(Adds {
            categories: entry.category.0.iter().map(|word| self.categories.number(word)).collect(),
            services: entry.service.0.iter().map(|word| self.services.number(word)).collect(),
            aliases: aliases(entry, slots),
            is_finding: shape.refers() || shape.tells() != Tells::Nothing,
        });
        let shapes = if shape.refers() { &mut group.then } else { &mut group.first };
        let place = shapes.iter().position(|known| known.is_like(&shape)).unwrap_or_else(|| {
            shapes.push(shape);
            shapes.len() - 1
        });
        let mut vocabulary = Vocabulary {
            categories: &mut self.categories,
            services: &mut self.services,
            fields: &mut self.fields,
        };
        if let Some(shape) = shapes.get_mut(place) {
            shape.add(entry, number, &mut vocabulary);
        }
    }
}

impl Adds {
    fn add(&self, sets: &mut Sets) {
        self.categories.iter().for_each(|word| sets.categories.add(*word));
        self.services.iter().for_each(|word| sets.services.add(*word));
    }

    fn is_nothing(&self) -> bool {
        self.categories.is_empty() && self.services.is_empty() && self.aliases.is_empty()
    }
}

/// Of the names an entry explains only those that some rule asks for.
fn aliases(entry: &Entry, slots: &mut dyn Slots) -> Vec<(Slot, Slot)> {
    let mut aliases = Vec::new();
    for (sigma, names) in &entry.fields {
        if let Some(slot) = slots.find(sigma) {
            aliases.extend(names.0.iter().map(|name| (slot, slots.slot(name))));
        }
    }
    aliases
}
