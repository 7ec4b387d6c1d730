//! Whether a line is an event, without making one: whoever only stores lines need not build them.
//! Sound, not complete: what passes here can be decoded; what does not is decoded to know why.

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::event::{Key, once};
use crate::{Timestamp, limits};

/// A line that [`super::decode_event`] would read; it may be over in bytes and too deep.
pub(super) fn is_event(line: &[u8]) -> bool {
    serde_json::from_slice::<Checked>(line).is_ok()
}

struct Checked;

impl<'de> Deserialize<'de> for Checked {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EventVisitor)
    }
}

struct EventVisitor;

impl<'de> Visitor<'de> for EventVisitor {
    type Value = Checked;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an event")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Checked, A::Error> {
        let (mut time, mut kind, mut logsource) = (None, None, None);
        let (mut fields, mut raw) = (None, None);
        while let Some(Key(key)) = map.next_key()? {
            match &*key {
                "time" => once(&mut time, "time", map.next_value::<Timestamp>()?)?,
                "kind" => once(&mut kind, "kind", map.next_value::<Text>()?)?,
                "logsource" => once(&mut logsource, "logsource", map.next_value::<Source<'_>>()?)?,
                "fields" => once(&mut fields, "fields", map.next_value::<Fields>()?)?,
                "raw" => once(&mut raw, "raw", map.next_value::<Option<Text>>()?)?,
                name if name.len() > limits::FIELD_NAME_BYTES_MAX => return Err(over()),
                // Rare, and read as it will be read.
                _ => drop(map.next_value::<serde_json::Value>()?),
            }
        }
        match (time, kind) {
            (Some(_), Some(_)) => Ok(Checked),
            _ => Err(de::Error::missing_field("time or kind")),
        }
    }
}

fn over<E: de::Error>() -> E {
    E::custom("over a limit")
}

/// As [`crate::Logsource`].
#[derive(Deserialize)]
struct Source<'a> {
    #[serde(default, borrow, rename = "product")]
    _product: Option<Cow<'a, str>>,
    #[serde(default, borrow, rename = "category")]
    _category: Option<Cow<'a, str>>,
    #[serde(default, borrow, rename = "service")]
    _service: Option<Cow<'a, str>>,
}

/// A text that nobody needs.
struct Text;

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(TextVisitor)
    }
}

struct TextVisitor;

impl Visitor<'_> for TextVisitor {
    type Value = Text;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E>(self, _: &str) -> Result<Text, E> {
        Ok(Text)
    }
}

struct Fields;

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FieldsVisitor)
    }
}

struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = Fields;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map of fields")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
        let mut count = 0;
        while let Some(Key(name)) = map.next_key()? {
            count += 1;
            if count > limits::FIELDS_MAX || name.len() > limits::FIELD_NAME_BYTES_MAX {
                return Err(over());
            }
            map.next_value_seed(Value { inside_list: false })?;
        }
        Ok(Fields)
    }
}

/// As [`crate::Value`].
struct Value {
    inside_list: bool,
}

impl<'de> de::DeserializeSeed<'de> for Value {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text, a number, true, false, null or a flat list of these")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        if self.inside_list {
            return Err(over());
        }
        let mut count = 0;
        while items.next_element_seed(Self { inside_list: true })?.is_some() {
            count += 1;
            if count > limits::LIST_MAX {
                return Err(over());
            }
        }
        Ok(())
    }
}
