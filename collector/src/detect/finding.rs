//! What a match is to people: a finding.

use soc_event::Timestamp;
use soc_rules::{CorrelationMatch, Predicate, Rule};

use super::subject::Subject;
use crate::alert::{
    AgencyRef, CorrelationView, EventView, Finding, Level, MachineRef, PredicateView, Said, Steps,
    Text,
};
use crate::fleet::Who;

/// An event that came later than this after it happened makes its alert a late one.
const LATE_AFTER_US: i64 = 5 * 60 * 1_000_000;

/// Of a rule that matched one event.
pub(super) fn detection(rule: &Rule, subject: &Subject<'_>, predicates: Vec<Predicate>) -> Finding {
    let mut finding = finding(rule, subject);
    finding.predicates = predicates.into_iter().map(predicate_view).collect();
    finding
}

/// Of a rule that matched over time; `subject` is the event that made it fire.
pub(super) fn correlation(rule: &Rule, subject: &Subject<'_>, found: CorrelationMatch) -> Finding {
    let mut finding = finding(rule, subject);
    let CorrelationMatch { group, count, first_us, last_us, events, late, .. } = found;
    finding.late |= late;
    finding.group = joined(group, finding.group);
    finding.correlation = Some(CorrelationView {
        count,
        first_at: Timestamp::from_micros(first_us),
        last_at: Timestamp::from_micros(last_us),
    });
    finding.positions = events.iter().filter_map(|position| position.parse().ok()).collect();
    finding
}

fn finding(rule: &Rule, subject: &Subject<'_>) -> Finding {
    let (entry, machine, seen) = (subject.entry, subject.machine, subject.seen());
    let (agent, hostname) = (machine.agent, subject.hostname().to_owned());
    let seen_on = MachineRef { id: agent, hostname: hostname.clone() };
    let position = entry.position.0;
    let late_us = entry.received.as_micros().saturating_sub(entry.event.time.as_micros());
    Finding {
        rule: rule.id.clone(),
        level: level(rule.level),
        said: said(rule),
        agent,
        hostname,
        agency: machine.who.as_ref().map(agency).unwrap_or_default(),
        group: grouped(rule, &|name| seen.text(name)),
        predicates: Vec::new(),
        correlation: None,
        event_id: entry.id,
        event: EventView::new(position, &entry.id, entry.received, &entry.event, seen_on),
        positions: vec![position],
        at: happened(entry.event.time, entry.received),
        received: entry.received,
        late: late_us > LATE_AFTER_US,
    }
}

/// Values that tell a finding from others of the rule on the machine; `text` is of the event.
pub(crate) fn grouped(rule: &Rule, text: &dyn Fn(&str) -> String) -> Vec<(String, String)> {
    rule.group_by.iter().map(|name| (name.clone(), text(name))).collect()
}

/// The same of a correlation: its own values come first, and count.
pub(crate) fn joined(
    own: Vec<(String, String)>,
    more: Vec<(String, String)>,
) -> Vec<(String, String)> {
    let is_new = |(field, _): &(String, String)| !own.iter().any(|(known, _)| known == field);
    let more: Vec<_> = more.into_iter().filter(is_new).collect();
    own.into_iter().chain(more).collect()
}

/// When a finding happened: a clock that runs ahead must not put it before all others for years.
pub(crate) fn happened(time: Timestamp, received: Timestamp) -> Timestamp {
    time.min(received)
}

fn agency(who: &Who) -> AgencyRef {
    AgencyRef { id: who.agency_id, code: who.agency_code.clone(), name: who.agency_name.clone() }
}

/// What the rule says, as an alert keeps it.
pub(crate) fn said(rule: &Rule) -> Said {
    let text = |text: &soc_rules::Text| Text { en: text.en.clone(), vi: text.vi.clone() };
    Said {
        title: text(&rule.title),
        description: text(&rule.description),
        steps: Steps { en: rule.steps.en.clone(), vi: rule.steps.vi.clone() },
        tags: rule.tags.clone(),
    }
}

/// The rule's level, as an alert has it.
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
