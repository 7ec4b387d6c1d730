//! Which rules a pass shows events to: those in force, or somebody's draft among them.

use std::collections::HashSet;

use soc_rules::{Problem, Rule, Ruleset, Severity, Source};

use super::{Ask, Backtests, Error};
use crate::rulebook::Book;

/// How a draft is called in problems.
pub(super) const DRAFT: &str = "draft.yml";

/// Rules somebody asks about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    /// Id and title of each.
    pub rules: Vec<(String, String)>,
    /// The text they come from, where they are in no file.
    pub draft: Option<String>,
}

impl Asked {
    pub(super) fn ids(&self) -> HashSet<String> {
        self.rules.iter().map(|(id, _)| id.clone()).collect()
    }
}

impl Backtests {
    pub(super) async fn asked(&self, ask: Ask) -> Result<Asked, Error> {
        let book = self.0.rooms.rulebook.current();
        match ask {
            Ask::Rule(id) => match book.ruleset.rule(&id) {
                Some(rule) => Ok(Asked { rules: vec![named(rule)], draft: None }),
                None => Err(Error::NoSuchRule(id)),
            },
            Ask::Draft(text) => tokio::task::spawn_blocking(move || draft(&book, text)).await?,
        }
    }
}

fn named(rule: &Rule) -> (String, String) {
    (rule.id.clone(), rule.title.en.clone())
}

/// The rules of a draft; a broken one is an error, for its author waits.
fn draft(book: &Book, text: String) -> Result<Asked, Error> {
    let (ruleset, problems) = Ruleset::load_with(with_draft(book, &text), book.options.clone());
    let is_broken = |problem: &Problem| {
        problem.path == DRAFT && problem.severity == Severity::Error
    };
    let broken: Vec<Problem> = problems.into_iter().filter(is_broken).collect();
    if !broken.is_empty() {
        return Err(Error::Draft(broken));
    }
    let own: Vec<&Rule> = ruleset.rules().iter().filter(|rule| rule.path == DRAFT).collect();
    let alerting = own.iter().filter(|rule| rule.alerts);
    let mut rules: Vec<_> = alerting.map(|rule| named(rule)).collect();
    if rules.is_empty() {
        rules = own.into_iter().map(named).collect();
    }
    if rules.is_empty() {
        return Err(Error::Refused("the draft holds no rule".into()));
    }
    Ok(Asked { rules, draft: Some(text) })
}

/// A draft takes the place of rules in force that have its ids, and may refer to the others.
fn with_draft<'a>(book: &'a Book, text: &'a str) -> impl Iterator<Item = Source<'a>> {
    std::iter::once(Source { path: DRAFT, text }).chain(book.sources.iter())
}

/// Just these rules, and those they rest on.
pub(super) fn only(book: &Book, asked: &Asked) -> Ruleset {
    let options = book.options.clone();
    match &asked.draft {
        None => {
            let ids = book.ruleset.with_members(asked.ids());
            Ruleset::load_only(book.sources.iter(), options, &ids).0
        }
        Some(text) => {
            let (all, _) = Ruleset::load_with(with_draft(book, text), options.clone());
            let ids = all.with_members(asked.ids());
            Ruleset::load_only(with_draft(book, text), options, &ids).0
        }
    }
}
