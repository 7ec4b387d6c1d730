//! How an event looks to a rule: its own fields, and what the collector vouches for.
//!
//! Rules see events of the journal and events of the archive through this one view, so that they
//! find the same in both. What is added cannot be set by an agent: `agent.id`, `agency.code`,
//! `event.kind`, `kind`; `host.hostname` is added where the event does not say it itself.

use std::borrow::Cow;

use soc_rules::{FieldValue, LogsourceRef};

/// Fields the collector adds; see [`Subject::added`].
pub(crate) const ADDED: [&str; 5] =
    ["agent.id", "agency.code", "event.kind", "kind", "host.hostname"];

/// An event without what is added, wherever it is kept.
pub(crate) trait Body<'a>: Copy {
    /// What kind of thing it is.
    fn kind(self) -> &'a str;
    /// What a field holds.
    fn value(self, name: &str) -> Option<FieldValue<'a>>;
    /// What a field holds, as a person reads it; empty where it is missing.
    fn shown(self, name: &str) -> String;
    /// Every field.
    fn each(self, visit: &mut dyn FnMut(&'a str, FieldValue<'a>));
    /// Every text, the raw line too, until `visit` says that it is enough.
    fn texts(self, visit: &mut dyn FnMut(&str) -> bool);
    /// Where it comes from.
    fn source(self) -> LogsourceRef<'a>;
    /// When it happened.
    fn time_us(self) -> i64;
}

/// The machine an event is about: who sent it or, for events of the collector itself, whom they
/// name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct About<'a> {
    /// Its agent's id, as text.
    pub agent: &'a str,
    /// Code of its agency, empty for none; nothing where the collector speaks of no machine: then
    /// the event may name one.
    pub agency: Option<&'a str>,
    /// What it is called, as far as is known.
    pub host: Option<&'a str>,
}

impl<'a> About<'a> {
    /// Fields that are the collector's to say, for an event of a kind.
    pub(crate) fn set(&self, kind: &'a str) -> impl Iterator<Item = (&'static str, &'a str)> {
        let agency = self.agency.map(|agency| ("agency.code", agency));
        let set = [("agent.id", self.agent), ("event.kind", kind), ("kind", kind)];
        set.into_iter().chain(agency)
    }

    /// The field that is added where the event does not have it.
    pub(crate) fn set_missing(&self) -> (&'static str, &'a str) {
        ("host.hostname", self.host.unwrap_or(self.agent))
    }
}

/// An event as rules see it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject<'a, B> {
    pub body: B,
    pub about: About<'a>,
}

impl<'a, B: Body<'a>> Subject<'a, B> {
    /// What a field holds, as text for people and for grouping; empty where it is missing.
    pub(crate) fn text(&self, name: &str) -> String {
        match self.added(name) {
            Some(text) => text.to_owned(),
            None => self.body.shown(name),
        }
    }

    /// Fields the collector vouches for.
    fn added(&self, name: &str) -> Option<&'a str> {
        match name {
            "agent.id" => Some(self.about.agent),
            "agency.code" => self.about.agency,
            "event.kind" | "kind" => Some(self.body.kind()),
            "host.hostname" if self.body.value(name).is_none() => {
                Some(self.about.host.unwrap_or(self.about.agent))
            }
            _ => None,
        }
    }
}

impl<'a, B: Body<'a>> soc_rules::Event for Subject<'a, B> {
    fn field(&self, name: &str) -> Option<FieldValue<'_>> {
        match self.added(name) {
            Some(text) => Some(FieldValue::Text(Cow::Borrowed(text))),
            None => self.body.value(name),
        }
    }

    fn fields<'e>(&'e self, visit: &mut dyn FnMut(&'e str, FieldValue<'e>)) {
        let added = ADDED.map(|name| self.added(name));
        for (name, text) in ADDED.into_iter().zip(added) {
            if let Some(text) = text {
                visit(name, FieldValue::Text(Cow::Borrowed(text)));
            }
        }
        let is_added = |name: &str| {
            ADDED.into_iter().zip(added).any(|(of, text)| text.is_some() && of == name)
        };
        self.body.each(&mut |name, value| {
            if !is_added(name) {
                visit(name, value);
            }
        });
    }

    fn texts(&self, visit: &mut dyn FnMut(&str) -> bool) {
        self.body.texts(visit);
    }

    fn logsource(&self) -> LogsourceRef<'_> {
        self.body.source()
    }

    fn time_us(&self) -> i64 {
        self.body.time_us()
    }
}
