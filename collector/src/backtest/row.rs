//! An event of the archive as rules see it, without being put together first.

use std::borrow::Cow;

use soc_archive::scan::{BlockRow, Held};
use soc_event::{AgentId, Value};
use soc_rules::{FieldValue, LogsourceRef};

use crate::seen::value;
use crate::subject::{About, Body, Subject};

/// An event in columns.
#[derive(Clone, Copy, Debug)]
pub(super) struct InColumns<'a>(pub BlockRow<'a>);

impl<'a> Body<'a> for InColumns<'a> {
    fn kind(self) -> &'a str {
        self.0.kind()
    }

    fn value(self, name: &str) -> Option<FieldValue<'a>> {
        self.0.field(name).map(field_value)
    }

    fn shown(self, name: &str) -> String {
        self.0.field(name).map(|held| held.text().into_owned()).unwrap_or_default()
    }

    fn each(self, visit: &mut dyn FnMut(&'a str, FieldValue<'a>)) {
        self.0.fields().for_each(|(name, held)| visit(name, field_value(held)));
    }

    fn texts(self, visit: &mut dyn FnMut(&str) -> bool) {
        if self.0.raw().is_some_and(&mut *visit) {
            return;
        }
        let _ = self.0.fields().any(|(_, held)| match held {
            Held::Text(text) => visit(text),
            Held::Texts(items) => items.into_iter().flatten().any(&mut *visit),
            Held::Mixed(items) => items.iter().filter_map(Value::as_text).any(&mut *visit),
            Held::Null | Held::Boolean(_) | Held::Integer(_) => false,
            Held::Float(_) | Held::Number(_) => false,
        });
    }

    fn source(self) -> LogsourceRef<'a> {
        LogsourceRef {
            product: self.0.product(),
            category: self.0.category(),
            service: self.0.service(),
        }
    }

    fn time_us(self) -> i64 {
        self.0.time().as_micros()
    }
}

fn field_value(held: Held<'_>) -> FieldValue<'_> {
    match held {
        Held::Null => FieldValue::Null,
        Held::Boolean(held) => FieldValue::Boolean(held),
        Held::Integer(held) => FieldValue::Integer(held),
        Held::Float(held) => FieldValue::Float(held),
        Held::Text(held) => FieldValue::Text(Cow::Borrowed(held)),
        Held::Texts(items) => {
            let item = |item: Option<_>| {
                item.map_or(FieldValue::Null, |item| FieldValue::Text(Cow::Borrowed(item)))
            };
            FieldValue::List(items.into_iter().map(item).collect())
        }
        Held::Mixed(items) => FieldValue::List(items.iter().map(value).collect()),
        Held::Number(held) => value(held),
    }
}

/// Whom events of the collector itself are about, remembered from one row to the next.
#[derive(Debug, Default)]
pub(super) struct Named {
    collector: String,
    said: String,
    agent: String,
}

impl Named {
    pub(super) fn new() -> Self {
        Self { collector: AgentId::COLLECTOR.to_string(), ..Self::default() }
    }

    /// A row with the machine it is about, as it was known when it was archived.
    pub(super) fn subject<'a>(&'a mut self, row: BlockRow<'a>) -> Subject<'a, InColumns<'a>> {
        let is_own = row.agent() == self.collector;
        if is_own {
            self.look(row);
        }
        let agent = if is_own { self.agent.as_str() } else { row.agent() };
        let speaks_of_none = is_own && self.agent == self.collector;
        let agency = (!speaks_of_none).then(|| row.agency());
        let host = Some(row.host()).filter(|host| !host.is_empty());
        Subject { body: InColumns(row), about: About { agent, agency, host } }
    }

    fn look(&mut self, row: BlockRow<'_>) {
        let said = match row.field("agent.id") {
            Some(Held::Text(said)) => said,
            _ => "",
        };
        if said == self.said && !self.agent.is_empty() {
            return;
        }
        self.said = said.to_owned();
        let named = said.parse().unwrap_or(AgentId::COLLECTOR);
        self.agent = named.to_string();
    }
}
