use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use soc_event::Value;

use super::Sink;
use crate::limits::DEPTH_MAX;

/// What an element's attributes are under.
const ATTRIBUTES: &str = "#attributes";
/// What an element's own text is under, when it has attributes.
const TEXT: &str = "#text";

/// The whole object: looks for `Event`.
pub(super) struct Top<'s>(pub &'s mut Sink);

/// `Event`: looks for the parts that hold data.
struct Parts<'s>(&'s mut Sink);

/// An element and everything in it, under its name.
struct Element<'s> {
    sink: &'s mut Sink,
    name: String,
    /// Whether emptiness is worth a field: not in `System`, which has many empty parts.
    keeps_null: bool,
    depth: usize,
}

/// The attributes of an element.
struct Attributes<'s> {
    sink: &'s mut Sink,
    element: String,
}

impl<'de> DeserializeSeed<'de> for Top<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Top<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a Windows event")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            if key == "Event" {
                map.next_value_seed(Parts(self.0))?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Parts<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Parts<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the parts of a Windows event")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<String>()? {
            let keeps_null = match name.as_str() {
                "System" => false,
                "EventData" | "UserData" => true,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
            let part = Element { sink: &mut *self.0, name, keeps_null, depth: 0 };
            map.next_value_seed(part)?;
        }
        Ok(())
    }
}

impl Element<'_> {
    fn put(self, value: impl Into<Value>) {
        let value = value.into();
        // A part without children has nothing to say, and neither has a blank between elements.
        if self.depth > 0 && (self.keeps_null || value != Value::Null) {
            self.sink.put(self.name, value);
        }
    }
}

impl<'de> DeserializeSeed<'de> for Element<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Element<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an element of a Windows event")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.put(Value::Null);
        Ok(())
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.put(value);
        Ok(())
    }

    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        self.put(value);
        Ok(())
    }

    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        self.put(value);
        Ok(())
    }

    fn visit_f64<E>(self, value: f64) -> Result<(), E> {
        self.put(value);
        Ok(())
    }

    fn visit_str<E>(self, value: &str) -> Result<(), E> {
        self.put(value);
        Ok(())
    }

    fn visit_string<E>(self, value: String) -> Result<(), E> {
        self.put(value);
        Ok(())
    }

    /// An element that comes several times, or several texts of one.
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let Self { sink, name, keeps_null, depth } = self;
        loop {
            let item = Element { sink: &mut *sink, name: name.clone(), keeps_null, depth };
            if items.next_element_seed(item)?.is_none() {
                return Ok(());
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { sink, name, keeps_null, depth } = self;
        let depth = depth + 1;
        if depth > DEPTH_MAX {
            return Err(A::Error::custom(format!("deeper than {DEPTH_MAX} elements")));
        }
        while let Some(key) = map.next_key::<String>()? {
            let sink = &mut *sink;
            if key == ATTRIBUTES {
                map.next_value_seed(Attributes { sink, element: name.clone() })?;
            } else {
                let name = if key == TEXT { name.clone() } else { key };
                map.next_value_seed(Element { sink, name, keeps_null, depth })?;
            }
        }
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Attributes<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Attributes<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("attributes")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { sink, element } = self;
        while let Some(key) = map.next_key::<String>()? {
            // Names of XML's own say nothing about the event.
            if key.starts_with("xmlns") {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            let name = match (element.as_str(), key.as_str()) {
                ("TimeCreated", "SystemTime") => element.clone(),
                _ => format!("{element}_{key}"),
            };
            let sink = &mut *sink;
            map.next_value_seed(Element { sink, name, keeps_null: false, depth: 1 })?;
        }
        Ok(())
    }
}
