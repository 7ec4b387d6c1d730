//! What a match looks like.

use serde_json::{Map, Value as Json};
use soc_event::{Event, Timestamp};
use soc_formats::Place;
use soc_rules::{CorrelationMatch, Event as _, JsonEvent, Level, Ruleset};

use super::Format;
use crate::logs::Log;
use crate::visible::visible;

/// Writes matches; what is the same for all matches of a rule is made once.
pub(super) struct Teller {
    format: Format,
    /// By number of rule: what stands before the event, nothing for rules that only serve others.
    heads: Vec<Option<Vec<u8>>>,
}

/// An event that matched, as it was read.
#[derive(Clone, Copy)]
pub(super) enum Subject<'a> {
    /// A JSON object, as written.
    Json(&'a [u8]),
    Event(&'a Event),
    /// There is none: the end of all events was what was waited for.
    None,
}

impl Teller {
    pub(super) fn new(ruleset: &Ruleset, format: Format) -> Self {
        let head = |rule: &soc_rules::Rule| {
            rule.alerts.then(|| match format {
                Format::Json => {
                    let text = |text: &str| Json::from(text).to_string();
                    let (id, title) = (text(&rule.id), text(&rule.title.en));
                    let level = level(rule.level);
                    format!(r#"{{"rule_id":{id},"rule":{title},"level":"{level}","event":"#)
                }
                Format::Table => format!("{:<13} {}", level(rule.level), visible(&rule.title.en)),
            })
        };
        let heads = ruleset.rules().iter().map(|rule| head(rule).map(String::into_bytes));
        Self { format, heads: heads.collect() }
    }

    /// Writes a match; false for a rule that only serves others.
    pub(super) fn tell(
        &self,
        rule: usize,
        subject: Subject<'_>,
        at: (&Log, Place),
        out: &mut Vec<u8>,
    ) -> bool {
        self.write(rule, subject, Some(at), None, out)
    }

    /// Writes a correlation that fired, with the event that completed it: none where the end of all
    /// events did.
    pub(super) fn tell_correlation(
        &self,
        found: &CorrelationMatch,
        subject: Subject<'_>,
        at: Option<(&Log, Place)>,
        out: &mut Vec<u8>,
    ) -> bool {
        self.write(found.rule, subject, at, Some(found), out)
    }

    fn write(
        &self,
        rule: usize,
        subject: Subject<'_>,
        at: Option<(&Log, Place)>,
        correlated: Option<&CorrelationMatch>,
        out: &mut Vec<u8>,
    ) -> bool {
        let Some(Some(head)) = self.heads.get(rule) else { return false };
        match self.format {
            Format::Json => {
                out.extend_from_slice(head);
                subject.write(out);
                if let Some(found) = correlated {
                    out.extend_from_slice(b",\"correlation\":");
                    out.extend_from_slice(correlation(found).to_string().as_bytes());
                }
                out.extend_from_slice(b"}\n");
            }
            Format::Table => {
                let at = at.map_or_else(String::new, |(log, place)| log.at(place));
                let at = visible(&at);
                let time = subject.time().map_or_else(|| "-".to_owned(), |time| time.to_string());
                out.extend_from_slice(format!("{time:<27} ").as_bytes());
                out.extend_from_slice(head);
                let group = correlated.map(group).unwrap_or_default();
                out.extend_from_slice(format!("  ({at}{})\n", visible(&group)).as_bytes());
            }
        }
        true
    }
}

impl Subject<'_> {
    fn write(self, out: &mut Vec<u8>) {
        match self {
            Self::Json(json) if memchr::memchr2(b'\n', b'\r', json).is_none() => {
                out.extend_from_slice(json);
            }
            // Between the parts of JSON an end of a line is a blank; inside of texts there is none.
            Self::Json(json) => out.extend(json.iter().map(|byte| match byte {
                b'\n' | b'\r' => b' ',
                byte => *byte,
            })),
            Self::None => out.extend_from_slice(b"null"),
            Self::Event(event) => out.extend_from_slice(flat(event).to_string().as_bytes()),
        }
    }

    fn time(self) -> Option<Timestamp> {
        match self {
            Self::Json(json) => {
                let time = JsonEvent::parse(json).ok()?.time_us();
                (time != 0).then(|| Timestamp::from_micros(time))
            }
            Self::Event(event) => Some(event.time),
            Self::None => None,
        }
    }
}

/// The fields of an event, and its time.
fn flat(event: &Event) -> Json {
    let mut all = Map::new();
    all.insert("time".to_owned(), event.time.to_string().into());
    for (name, value) in &event.fields {
        all.insert(name.clone(), serde_json::to_value(value).unwrap_or_default());
    }
    Json::Object(all)
}

fn correlation(found: &CorrelationMatch) -> Json {
    let group: Map<String, Json> =
        found.group.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect();
    serde_json::json!({
        "count": found.count,
        "first": Timestamp::from_micros(found.first_us).to_string(),
        "last": Timestamp::from_micros(found.last_us).to_string(),
        "group": group,
    })
}

/// `, 5 times, user=bob`
fn group(found: &CorrelationMatch) -> String {
    let parts = found.group.iter().map(|(name, value)| format!(", {name}={value}"));
    parts.fold(format!(", {} times", found.count), |text, part| text + &part)
}

fn level(level: Level) -> &'static str {
    match level {
        Level::Informational => "informational",
        Level::Low => "low",
        Level::Medium => "medium",
        Level::High => "high",
        Level::Critical => "critical",
    }
}
