//! Events in, findings out. No clock, no database, no thread: the same in, the same out.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use soc_event::{AgentId, Timestamp};
use soc_rules::{CorrelationLimits, CorrelationMatch, Correlator, Match, Origin, Predicate, Rule};

use super::subject::{Subject, agent_of};
use crate::alert::{
    AgencyRef, CorrelationView, EventView, Finding, Level, MachineRef, PredicateView, Said, Steps,
    Text,
};
use crate::fleet::Who;
use crate::journal::{Entry, Position, Stretch};
use crate::rulebook::Book;

/// An event that came later than this after it happened makes its alert a late one.
const LATE_AFTER_US: i64 = 5 * 60 * 1_000_000;

/// Rules and the windows of their correlations.
pub(super) struct Engine {
    book: Arc<Book>,
    correlator: Correlator,
    /// Told of [`Correlator::evicted`] so far.
    evicted: u64,
}

/// What a batch of events came to.
#[derive(Debug, Default)]
pub(super) struct Digest {
    pub findings: Vec<Finding>,
    /// Windows that changed: key and state, or nothing when it ended.
    pub changes: Vec<(String, Option<Vec<u8>>)>,
    /// The first position after the batch.
    pub next: Position,
    pub events: u64,
    /// Events that could not be read or evaluated.
    pub failed: u64,
    /// Evidence of correlations given up for lack of room.
    pub evicted: u64,
}

impl Engine {
    pub(super) fn new(book: Arc<Book>, windows: Vec<(String, Vec<u8>)>) -> Self {
        let mut correlator = Correlator::new(&book.ruleset, CorrelationLimits::default());
        correlator.restore(windows);
        Self { book, correlator, evicted: 0 }
    }

    pub(super) fn version(&self) -> &str {
        self.book.ruleset.version()
    }

    pub(super) fn digest(
        &mut self,
        stretch: &Stretch,
        who: &dyn Fn(AgentId) -> Option<Who>,
    ) -> Digest {
        let mut digest =
            Digest { next: stretch.next, failed: stretch.damaged, ..Digest::default() };
        for entry in &stretch.entries {
            digest.events += 1;
            // Nothing in an event may stop the reading of the others.
            let evaluated = catch_unwind(AssertUnwindSafe(|| self.evaluate(entry, who)));
            match evaluated {
                Ok(findings) => digest.findings.extend(findings),
                Err(_) => {
                    digest.failed += 1;
                    tracing::error!(event = %entry.id, "event could not be evaluated; skipped");
                }
            }
        }
        digest.changes = self.correlator.take_changes();
        let evicted = self.correlator.evicted();
        digest.evicted = evicted.saturating_sub(self.evicted);
        self.evicted = evicted;
        digest
    }

    fn evaluate(&mut self, entry: &Entry, who: &dyn Fn(AgentId) -> Option<Who>) -> Vec<Finding> {
        let agent = agent_of(entry);
        let who = who(agent);
        let subject = Subject::new(entry, agent, who.as_ref());
        let matches = self.book.ruleset.evaluate(&subject);
        let position = entry.position.0.to_string();
        let numbers: Vec<usize> = matches.iter().map(|matched| matched.rule).collect();
        let agency = who.as_ref().map_or_else(String::new, |who| who.agency_id.to_string());
        let host = agent.to_string();
        let from = Origin { scope: &agency, host: &host };
        let correlated = self.correlator.feed(from, &position, &subject, &numbers);
        let rules = self.book.ruleset.rules();
        let mut findings = Vec::new();
        for Match { rule, predicates } in matches {
            if let Some(rule) = rules.get(rule).filter(|rule| rule.alerts) {
                findings.push(detection(rule, &subject, who.as_ref(), predicates));
            }
        }
        for found in correlated {
            if let Some(rule) = rules.get(found.rule).filter(|rule| rule.alerts) {
                findings.push(correlation(rule, &subject, who.as_ref(), found));
            }
        }
        findings
    }
}

fn detection(
    rule: &Rule,
    subject: &Subject<'_>,
    who: Option<&Who>,
    predicates: Vec<Predicate>,
) -> Finding {
    let mut finding = finding(rule, subject, who);
    finding.predicates = predicates.into_iter().map(predicate_view).collect();
    finding
}

fn correlation(
    rule: &Rule,
    subject: &Subject<'_>,
    who: Option<&Who>,
    found: CorrelationMatch,
) -> Finding {
    let mut finding = finding(rule, subject, who);
    let CorrelationMatch { group, count, first_us, last_us, events, late, .. } = found;
    finding.late |= late;
    let more = finding
        .group
        .into_iter()
        .filter(|(field, _)| !group.iter().any(|(grouped, _)| grouped == field));
    finding.group = group.iter().cloned().chain(more).collect();
    finding.correlation = Some(CorrelationView {
        count,
        first_at: Timestamp::from_micros(first_us),
        last_at: Timestamp::from_micros(last_us),
    });
    finding.positions = events.iter().filter_map(|position| position.parse().ok()).collect();
    finding
}

fn finding(rule: &Rule, subject: &Subject<'_>, who: Option<&Who>) -> Finding {
    let entry = subject.entry;
    let (agent, hostname) = (subject.agent, subject.hostname().to_owned());
    let machine = MachineRef { id: agent, hostname: hostname.clone() };
    let position = entry.position.0;
    let late_us = entry.received.as_micros().saturating_sub(entry.event.time.as_micros());
    Finding {
        rule: rule.id.clone(),
        level: level(rule.level),
        said: said(rule),
        agent,
        hostname,
        agency: who.map(agency).unwrap_or_default(),
        group: rule.group_by.iter().map(|name| (name.clone(), subject.text(name))).collect(),
        predicates: Vec::new(),
        correlation: None,
        event_id: entry.id,
        event: EventView::new(position, &entry.id, entry.received, &entry.event, machine),
        positions: vec![position],
        // A clock that runs ahead must not put an alert before all others for years.
        at: entry.event.time.min(entry.received),
        received: entry.received,
        late: late_us > LATE_AFTER_US,
    }
}

fn agency(who: &Who) -> AgencyRef {
    AgencyRef { id: who.agency_id, code: who.agency_code.clone(), name: who.agency_name.clone() }
}

pub(crate) fn said(rule: &Rule) -> Said {
    let text = |text: &soc_rules::Text| Text { en: text.en.clone(), vi: text.vi.clone() };
    Said {
        title: text(&rule.title),
        description: text(&rule.description),
        steps: Steps { en: rule.steps.en.clone(), vi: rule.steps.vi.clone() },
        tags: rule.tags.clone(),
    }
}

pub(crate) fn level(level: soc_rules::Level) -> Level {
    match level {
        soc_rules::Level::Informational => Level::Informational,
        soc_rules::Level::Low => Level::Low,
        soc_rules::Level::Medium => Level::Medium,
        soc_rules::Level::High => Level::High,
        soc_rules::Level::Critical => Level::Critical,
    }
}

fn predicate_view(predicate: Predicate) -> PredicateView {
    let Predicate { selection, field, modifiers, pattern, value, start, end } = predicate;
    PredicateView { selection, field, modifiers, pattern, value, start, end }
}
