use std::collections::BTreeSet;

use super::Logsources;
use super::file::{Entry, Of, Written};
use crate::rule::Logsource;

/// The part of a rule's logsource that no file knows, and a word like it that one does.
pub(crate) struct Unknown {
    pub part: &'static str,
    pub word: String,
    pub similar: Option<String>,
}

impl Logsources {
    /// Whether an event can belong to this logsource as far as the files know.
    pub(crate) fn knows(&self, logsource: &Logsource) -> Result<(), Unknown> {
        let product = logsource.product.as_deref();
        let documents = || self.documents().iter().filter(move |one| may_be(one, product));
        if let Some(product) = product
            && !self.documents().iter().any(|one| is(one.product.as_deref(), product))
        {
            let products = self.documents().iter().filter_map(|one| one.product.as_deref());
            return Err(unknown("product", product, products));
        }
        let categories = || documents().flat_map(categories);
        if let Some(category) = &logsource.category
            && !categories().any(|known| known.eq_ignore_ascii_case(category))
        {
            return Err(unknown("category", category, categories()));
        }
        let services = || documents().flat_map(services);
        if let Some(service) = &logsource.service
            && !services().any(|known| known.eq_ignore_ascii_case(service))
        {
            return Err(unknown("service", service, services()));
        }
        Ok(())
    }

    /// The fields events of this logsource have, where the files say that they know all.
    pub(crate) fn fields(&self, logsource: &Logsource) -> Option<BTreeSet<&str>> {
        let product = logsource.product.as_deref()?;
        let category = logsource.category.as_deref()?;
        let mut fields = BTreeSet::new();
        let mut complete = false;
        for document in self.documents().iter().filter(|one| may_be(one, Some(product))) {
            fields.extend(document.common.iter().map(String::as_str));
            for known in document.known.iter().filter(|known| has(&known.of.category.0, category)) {
                complete = true;
                fields.extend(known.fields.iter().map(String::as_str));
            }
            let entries = document.entries.iter();
            for entry in entries.filter(|entry| has(&entry.category.0, category)) {
                fields.extend(entry.fields.keys().chain(entry.when.keys()).map(String::as_str));
                fields.extend(entry.fields.values().flat_map(|names| &names.0).map(String::as_str));
            }
        }
        complete.then_some(fields)
    }
}

fn is(known: Option<&str>, word: &str) -> bool {
    known.is_some_and(|known| known.eq_ignore_ascii_case(word))
}

fn has(words: &[String], word: &str) -> bool {
    words.iter().any(|known| known.eq_ignore_ascii_case(word))
}

/// Whether a document may be about a product: it names it, or none.
fn may_be(document: &Written, product: Option<&str>) -> bool {
    product.is_none_or(|product| {
        document.product.is_none() || is(document.product.as_deref(), product)
    })
}

fn categories(document: &Written) -> impl Iterator<Item = &str> {
    let added = document.entries.iter().flat_map(|entry: &Entry| &entry.category.0);
    let claimed = document.claimed.iter().flat_map(|of: &Of| &of.category.0);
    added.chain(claimed).map(String::as_str)
}

fn services(document: &Written) -> impl Iterator<Item = &str> {
    let added = document.entries.iter().flat_map(|entry: &Entry| &entry.service.0);
    let claimed = document.claimed.iter().flat_map(|of: &Of| &of.service.0);
    added.chain(claimed).map(String::as_str)
}

fn unknown<'a>(part: &'static str, word: &str, known: impl Iterator<Item = &'a str>) -> Unknown {
    let similar = crate::source::similar(word, known).map(str::to_owned);
    Unknown { part, word: word.to_owned(), similar }
}
