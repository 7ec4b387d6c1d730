//! Rules over events of the past: no clock, no database, no files but those that sort.
//!
//! What one event matches needs no other, so events come as they are read. Correlations need them as
//! live detection had them: all events, those that nothing matched too (windows end by them), in the
//! order of the journal. So a pass keeps of each event what correlations need, until
//! [`Pass::settle`] says that nothing of a lower position follows.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io;
use std::path::Path;

use soc_event::{Fields, Timestamp};
use soc_rules::{
    CarriedFields, CorrelationLimits, Correlator, Evaluator, Event as _, FieldValue, LogsourceRef,
    Origin, Ruleset,
};

use super::order::Order;
use super::tally::Found;
use crate::detect::{grouped, happened, joined};
use crate::seen::value;
use crate::subject::{Body, Subject};

/// Where an event stands and when it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub position: u64,
    pub received: Timestamp,
}

/// Rules, and how far they have looked.
pub(super) struct Pass {
    ruleset: Ruleset,
    evaluator: Evaluator,
    /// By number of rule: whether anybody asks what it finds.
    asked: Vec<bool>,
    /// What happened before is only looked at for correlations.
    from: Timestamp,
    /// Rules that are not asked any more, and the position of the event that was too much for each.
    overdone: BTreeMap<usize, u64>,
    over_time: Option<OverTime>,
}

/// Correlations, and what waits to be shown to them.
struct OverTime {
    correlator: Correlator,
    carried: CarriedFields,
    order: Order,
    machines: Vec<Known>,
    numbers: HashMap<(Box<str>, Box<str>), u32>,
    last: u32,
    record: Vec<u8>,
}

#[derive(Debug)]
struct Known {
    scope: Box<str>,
    agent: Box<str>,
}

/// What is kept of an event until correlations see it, in JSON behind the fixed part.
#[derive(serde::Serialize, serde::Deserialize)]
struct Kept {
    matches: Vec<usize>,
    fields: Fields,
    /// What alerts are grouped by, as it is shown.
    shown: BTreeMap<String, String>,
}

impl Pass {
    /// Of the rules with these ids; correlations sort below `folder`.
    pub(super) fn new(
        ruleset: &Ruleset,
        asked: &HashSet<String>,
        from: Timestamp,
        folder: &Path,
    ) -> Self {
        let over_time = ruleset.correlates().then(|| OverTime {
            correlator: Correlator::new(ruleset, CorrelationLimits::default()),
            carried: ruleset.carried_fields(),
            order: Order::new(folder),
            machines: Vec::new(),
            numbers: HashMap::new(),
            last: u32::MAX,
            record: Vec::new(),
        });
        Self {
            evaluator: Evaluator::new(ruleset),
            asked: ruleset.rules().iter().map(|rule| asked.contains(&rule.id)).collect(),
            ruleset: ruleset.clone(),
            from,
            overdone: BTreeMap::new(),
            over_time,
        }
    }

    /// Continues from what [`Self::take_changes`] gave.
    pub(super) fn restore(&mut self, windows: Vec<(String, Vec<u8>)>) {
        if let Some(over_time) = &mut self.over_time {
            over_time.correlator.restore(windows);
        }
    }

    /// Windows that changed since the last call.
    pub(super) fn take_changes(&mut self) -> Vec<(String, Option<Vec<u8>>)> {
        let over_time = self.over_time.as_mut();
        over_time.map(|over_time| over_time.correlator.take_changes()).unwrap_or_default()
    }

    /// Rules that were too slow for an event, by number, with that event's position.
    pub(super) fn overdone(&self) -> &BTreeMap<usize, u64> {
        &self.overdone
    }

    /// Does not ask a rule any more; it was too slow before.
    pub(super) fn park(&mut self, rule: usize, position: u64) {
        self.evaluator.park(rule);
        self.overdone.insert(rule, position);
    }

    /// After something failed in the middle of an event.
    pub(super) fn recover(&mut self) {
        self.evaluator = Evaluator::new(&self.ruleset);
        self.overdone.keys().for_each(|rule| self.evaluator.park(*rule));
    }

    /// Shows one event to the rules.
    ///
    /// # Errors
    /// When what correlations need cannot be put aside.
    pub(super) fn look<'a, B: Body<'a>>(
        &mut self,
        subject: &Subject<'a, B>,
        place: Place,
        tell: &mut dyn FnMut(Found),
    ) -> io::Result<()> {
        let matches = self.evaluator.evaluate(subject);
        let at = happened(Timestamp::from_micros(subject.time_us()), place.received);
        if !matches.is_empty() && at >= self.from {
            let is_asked = |rule: &&usize| self.asked.get(**rule).is_some_and(|asked| *asked);
            for number in matches.iter().filter(is_asked) {
                let Some(rule) = self.ruleset.rules().get(*number) else { continue };
                tell(Found {
                    rule: rule.id.clone(),
                    agent: subject.about.agent.to_owned(),
                    group: grouped(rule, &|name| subject.text(name)),
                    at,
                    positions: vec![place.position],
                });
            }
        }
        if let Some(over_time) = &mut self.over_time {
            over_time.keep(subject, place, matches)?;
        }
        for rule in self.evaluator.take_parked() {
            self.park(rule, place.position);
        }
        Ok(())
    }

    /// Shows correlations what has been put aside: from here on only later positions follow.
    ///
    /// # Errors
    /// When it cannot be read again.
    pub(super) fn settle(&mut self, tell: &mut dyn FnMut(Found)) -> io::Result<()> {
        let Some(over_time) = &mut self.over_time else { return Ok(()) };
        let (ruleset, asked, from) = (&self.ruleset, &self.asked, self.from);
        let OverTime { correlator, order, machines, .. } = over_time;
        let mut feeding = Feeding { ruleset, asked, from, correlator, machines, tell };
        order.drain(&mut |position, record| feeding.feed(position, record))
    }
}

impl OverTime {
    /// | bytes | what |
    /// |---|---|
    /// | 8 | time, µs since 1970, little endian |
    /// | 8 | received |
    /// | 4 | number of the machine |
    /// | n | [`Kept`] in JSON; nothing where nothing is kept |
    fn keep<'a, B: Body<'a>>(
        &mut self,
        subject: &Subject<'a, B>,
        place: Place,
        matches: &[usize],
    ) -> io::Result<()> {
        let machine = self.machine(subject.about.agency.unwrap_or_default(), subject.about.agent);
        let CarriedFields { of_matches, of_others } = &self.carried;
        let names = if matches.is_empty() { of_others } else { of_matches };
        self.record.clear();
        self.record.extend_from_slice(&subject.time_us().to_le_bytes());
        self.record.extend_from_slice(&place.received.as_micros().to_le_bytes());
        self.record.extend_from_slice(&machine.to_le_bytes());
        if !(matches.is_empty() && names.is_empty()) {
            let held = |name: &String| Some((name.clone(), owned(subject.field(name)?)));
            let shown = of_others.iter().map(|name| (name.clone(), subject.text(name)));
            let kept = Kept {
                matches: matches.to_vec(),
                fields: names.iter().filter_map(held).collect(),
                shown: shown.collect(),
            };
            serde_json::to_writer(&mut self.record, &kept)?;
        }
        self.order.push(place.position, &self.record)
    }

    fn machine(&mut self, scope: &str, agent: &str) -> u32 {
        let last = usize::try_from(self.last).ok().and_then(|last| self.machines.get(last));
        if last.is_some_and(|last| &*last.agent == agent && &*last.scope == scope) {
            return self.last;
        }
        let machines = &mut self.machines;
        self.last = *self.numbers.entry((scope.into(), agent.into())).or_insert_with(|| {
            machines.push(Known { scope: scope.into(), agent: agent.into() });
            u32::try_from(machines.len() - 1).unwrap_or(u32::MAX)
        });
        self.last
    }
}

struct Feeding<'p> {
    ruleset: &'p Ruleset,
    asked: &'p [bool],
    from: Timestamp,
    correlator: &'p mut Correlator,
    machines: &'p [Known],
    tell: &'p mut dyn FnMut(Found),
}

impl Feeding<'_> {
    fn feed(&mut self, position: u64, record: &[u8]) -> io::Result<()> {
        let torn = || io::Error::new(io::ErrorKind::InvalidData, "a record that was put aside");
        let (time_us, rest) = record.split_first_chunk().ok_or_else(torn)?;
        let (received, rest) = rest.split_first_chunk().ok_or_else(torn)?;
        let (machine, kept) = rest.split_first_chunk().ok_or_else(torn)?;
        let machine = usize::try_from(u32::from_le_bytes(*machine)).map_err(io::Error::other)?;
        let Known { scope, agent } = self.machines.get(machine).ok_or_else(torn)?;
        let kept: Kept = match kept {
            [] => Kept { matches: Vec::new(), fields: Fields::new(), shown: BTreeMap::new() },
            kept => serde_json::from_slice(kept)?,
        };
        let event = Carried { time_us: i64::from_le_bytes(*time_us), fields: &kept.fields };
        let received = Timestamp::from_micros(i64::from_le_bytes(*received));
        let id = if kept.matches.is_empty() { String::new() } else { position.to_string() };
        let from = Origin { scope, host: agent };
        let at = happened(Timestamp::from_micros(event.time_us), received);
        for found in self.correlator.feed(from, &id, &event, &kept.matches) {
            let is_asked = self.asked.get(found.rule).is_some_and(|asked| *asked);
            let Some(rule) = self.ruleset.rules().get(found.rule) else { continue };
            if !is_asked || at < self.from {
                continue;
            }
            let more = grouped(rule, &|name| kept.shown.get(name).cloned().unwrap_or_default());
            (self.tell)(Found {
                rule: rule.id.clone(),
                agent: agent.to_string(),
                group: joined(found.group, more),
                at,
                positions: found.events.iter().filter_map(|id| id.parse().ok()).collect(),
            });
        }
        Ok(())
    }
}

/// What correlations see of an event.
struct Carried<'a> {
    time_us: i64,
    fields: &'a Fields,
}

impl soc_rules::Event for Carried<'_> {
    fn field(&self, name: &str) -> Option<FieldValue<'_>> {
        self.fields.get(name).map(value)
    }

    fn fields<'e>(&'e self, visit: &mut dyn FnMut(&'e str, FieldValue<'e>)) {
        self.fields.iter().for_each(|(name, held)| visit(name, value(held)));
    }

    fn texts(&self, _: &mut dyn FnMut(&str) -> bool) {}

    fn logsource(&self) -> LogsourceRef<'_> {
        LogsourceRef::default()
    }

    fn time_us(&self) -> i64 {
        self.time_us
    }
}

fn owned(held: FieldValue<'_>) -> soc_event::Value {
    use soc_event::Value;
    match held {
        FieldValue::Null => Value::Null,
        FieldValue::Boolean(held) => held.into(),
        FieldValue::Integer(held) => held.into(),
        FieldValue::Float(held) => held.into(),
        FieldValue::Text(held) => Value::Text(held.into_owned()),
        FieldValue::List(items) => Value::List(items.into_iter().map(owned).collect()),
    }
}
