//! What a match is to people: a finding.

use soc_event::Timestamp;
use soc_rules::{CorrelationMatch, Predicate, Rule};

use super::subject::Subject;
use super::worker::Seen;
use crate::alert::{
    AgencyRef, CorrelationView, EventView, Finding, Level, MachineRef, PredicateView, Said,
    Sighting, Steps, Text,
};
use crate::fleet::Who;
use crate::journal::{Entry, Position};

/// An event that came later than this after it happened makes its alert a late one.
const LATE_AFTER_US: i64 = 5 * 60 * 1_000_000;

/// What is told of a rule that matched, but for its group and what matched; `subject` is the event, or
/// the one that made the rule fire.
pub(super) fn finding(
    rule: &Rule,
    subject: &Subject<'_>,
    found: Option<&CorrelationMatch>,
) -> Finding {
    let (entry, machine) = (subject.entry, subject.machine);
    let Entry { position, received, id, event } = entry;
    let (agent, hostname) = (machine.agent, subject.hostname().to_owned());
    let seen_on = MachineRef { id: agent, hostname: hostname.clone() };
    let Sighting { at, correlation, positions } =
        sighting(event.time, (*position, *received), found);
    let late_us = received.as_micros().saturating_sub(event.time.as_micros());
    Finding {
        rule: rule.id.clone(),
        level: level(rule.level),
        said: said(rule),
        agent,
        hostname,
        agency: machine.who.as_ref().map(agency).unwrap_or_default(),
        group: Vec::new(),
        predicates: Vec::new(),
        correlation,
        event_id: *id,
        event: EventView::new(position.0, id, *received, event, seen_on),
        positions,
        at,
        received: *received,
        late: late_us > LATE_AFTER_US || found.is_some_and(|found| found.late),
    }
}

/// When and where something was found, with an event of this place in the journal.
pub(super) fn sighting(
    time: Timestamp,
    (position, received): (Position, Timestamp),
    found: Option<&CorrelationMatch>,
) -> Sighting {
    let view = |found: &CorrelationMatch| CorrelationView {
        count: found.count,
        first_at: Timestamp::from_micros(found.first_us),
        last_at: Timestamp::from_micros(found.last_us),
    };
    let events = |found: &CorrelationMatch| {
        found.events.iter().filter_map(|position| position.parse().ok()).collect()
    };
    Sighting {
        at: happened(time, received),
        correlation: found.map(view),
        positions: found.map_or_else(|| vec![position.0], events),
    }
}

/// Values that tell a finding from others of the rule on the machine.
pub(super) fn group(
    rule: &Rule,
    seen: &Seen<'_>,
    found: Option<&CorrelationMatch>,
) -> Vec<(String, String)> {
    let own = found.map(|found| found.group.clone()).unwrap_or_default();
    if rule.group_by.is_empty() {
        return own;
    }
    let Some(entry) = seen.entry() else { return own };
    let subject = Subject { entry: &entry, machine: &seen.machine };
    let subject = subject.seen();
    joined(own, grouped(rule, &|name| subject.text(name)))
}

/// The fields a rule groups by, with their values; `text` is of the event.
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

/// A comparison as an alert has it.
pub(super) fn predicate_view(predicate: Predicate) -> PredicateView {
    let Predicate { selection, field, modifiers, pattern, value, start, end } = predicate;
    PredicateView { selection, field, modifiers, pattern, value, start, end }
}
