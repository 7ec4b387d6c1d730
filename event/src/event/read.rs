//! An event as it is read from a map: what the library would derive, but fields are sorted once
//! instead of being sorted in one by one.

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::{Event, Kind, Logsource};
use crate::{Fields, Timestamp, Value};

impl<'de> Deserialize<'de> for Event {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EventVisitor)
    }
}

struct EventVisitor;

impl<'de> Visitor<'de> for EventVisitor {
    type Value = Event;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an event")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Event, A::Error> {
        let (mut time, mut kind, mut logsource) = (None, None, None);
        let (mut fields, mut raw) = (None, None);
        let mut unknown = serde_json::Map::new();
        while let Some(Key(key)) = map.next_key()? {
            match &*key {
                "time" => once(&mut time, "time", map.next_value::<Timestamp>()?)?,
                "kind" => once(&mut kind, "kind", map.next_value::<Kind>()?)?,
                "logsource" => once(&mut logsource, "logsource", map.next_value::<Logsource>()?)?,
                "fields" => once(&mut fields, "fields", map.next_value::<Read>()?.0)?,
                "raw" => once(&mut raw, "raw", map.next_value::<Option<String>>()?)?,
                _ => {
                    unknown.insert(key.into_owned(), map.next_value()?);
                }
            }
        }
        Ok(Event {
            time: time.ok_or_else(|| de::Error::missing_field("time"))?,
            kind: kind.ok_or_else(|| de::Error::missing_field("kind"))?,
            logsource: logsource.unwrap_or_default(),
            fields: fields.unwrap_or_default(),
            raw: raw.flatten(),
            unknown,
        })
    }
}

/// Keeps the value of a key, which may be there only once.
///
/// # Errors
/// The library's, when it was there before.
pub(crate) fn once<T, E: de::Error>(
    place: &mut Option<T>,
    name: &'static str,
    value: T,
) -> Result<(), E> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(E::duplicate_field(name)),
    }
}

/// A key, copied only where it is written with escapes.
#[derive(Deserialize)]
#[serde(transparent)]
pub(crate) struct Key<'a>(#[serde(borrow)] pub(crate) Cow<'a, str>);

/// The fields of an event.
struct Read(Fields);

impl<'de> Deserialize<'de> for Read {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FieldsVisitor)
    }
}

struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = Read;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map of fields")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Read, A::Error> {
        let mut read: Vec<(String, Value)> = Vec::with_capacity(USUAL);
        while let Some(field) = map.next_entry()? {
            read.push(field);
        }
        // Of a name that is there twice the last one stays, as in any map.
        Ok(Read(read.into_iter().collect()))
    }
}

/// Most events have no more fields.
const USUAL: usize = 32;
