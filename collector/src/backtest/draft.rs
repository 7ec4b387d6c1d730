//! Which rules a pass shows events to: those in force, or somebody's draft among them.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use soc_rules::{Problem, Rule, Ruleset, Severity, Source};

use super::{Ask, Backtests, Error};
use crate::rulebook::Book;

/// A rule file that is not in force: how it is called in problems, and its text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DraftFile {
    /// `ssh.yml`
    pub path: String,
    /// YAML.
    pub text: String,
}

/// Rules of one draft.
const DRAFT_RULES_MAX: usize = 400;

/// Rules somebody asks about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    /// Id and title of each.
    pub rules: Vec<(String, String)>,
    /// What they come from, where they are not in force; else empty.
    pub draft: Vec<DraftFile>,
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
                Some(rule) => Ok(Asked { rules: vec![named(rule)], draft: Vec::new() }),
                None => Err(Error::NoSuchRule(id)),
            },
            Ask::Draft(files) => tokio::task::spawn_blocking(move || draft(&book, files)).await?,
        }
    }
}

fn named(rule: &Rule) -> (String, String) {
    (rule.id.clone(), rule.title.en.clone())
}

/// The rules of a draft; a broken one is an error, for its author waits.
fn draft(book: &Book, draft: Vec<DraftFile>) -> Result<Asked, Error> {
    let (ruleset, problems) = Ruleset::load_with(with_draft(book, &draft), book.options.clone());
    let is_own = |path: &str| draft.iter().any(|file| file.path == path);
    let is_broken =
        |problem: &Problem| is_own(&problem.path) && problem.severity == Severity::Error;
    let broken: Vec<Problem> = problems.into_iter().filter(is_broken).collect();
    if !broken.is_empty() {
        return Err(Error::Draft(broken));
    }
    let own: Vec<&Rule> = ruleset.rules().iter().filter(|rule| is_own(&rule.path)).collect();
    let alerting = own.iter().filter(|rule| rule.alerts);
    let mut rules: Vec<_> = alerting.map(|rule| named(rule)).collect();
    if rules.is_empty() {
        rules = own.into_iter().map(named).collect();
    }
    match rules.len() {
        0 => Err(Error::Refused("there is no rule in it".into())),
        1..=DRAFT_RULES_MAX => Ok(Asked { rules, draft }),
        more => {
            let most = DRAFT_RULES_MAX;
            Err(Error::Refused(format!("{more} rules at once; the most are {most}")))
        }
    }
}

/// A draft takes the place of files in force that have its paths, and of rules that have its ids,
/// and may refer to the others.
fn with_draft<'a>(book: &'a Book, draft: &'a [DraftFile]) -> impl Iterator<Item = Source<'a>> {
    let own = draft.iter().map(|file| Source { path: &file.path, text: &file.text });
    let is_other = |source: &Source<'_>| !draft.iter().any(|file| file.path == source.path);
    own.chain(book.sources.iter().filter(is_other))
}

/// Just these rules, and those they rest on.
pub(super) fn only(book: &Book, asked: &Asked) -> Ruleset {
    let options = book.options.clone();
    if asked.draft.is_empty() {
        let ids = book.ruleset.with_members(asked.ids());
        return Ruleset::load_only(book.sources.iter(), options, &ids).0;
    }
    let (all, _) = Ruleset::load_with(with_draft(book, &asked.draft), options.clone());
    let ids = all.with_members(asked.ids());
    Ruleset::load_only(with_draft(book, &asked.draft), options, &ids).0
}
