use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use yaml_serde::{Mapping, Value};

use crate::limits;

/// Reads one document. It counts what it builds, so that one that would bloat is refused before it
/// does, and YAML is scanned once.
///
/// # Errors
/// What the YAML parser says, a key that stands twice, a tag, or that a limit is passed.
pub(crate) fn parse(text: &str) -> Result<Value, yaml_serde::Error> {
    let (values, bytes) = (Cell::new(limits::VALUES_MAX), Cell::new(limits::TEXT_BYTES_MAX));
    Bounded { values: &values, bytes: &bytes, depth: 0 }
        .deserialize(yaml_serde::Deserializer::from_str(text))
}

/// Builds a value while something is left to spend.
#[derive(Clone, Copy)]
struct Bounded<'a> {
    values: &'a Cell<usize>,
    bytes: &'a Cell<usize>,
    depth: usize,
}

impl Bounded<'_> {
    fn spend<E: Error>(self) -> Result<(), E> {
        let most = limits::VALUES_MAX;
        let left = self.values.get().checked_sub(1);
        let left =
            left.ok_or_else(|| E::custom(format!("more than {most} values in one document")))?;
        self.values.set(left);
        Ok(())
    }

    fn text<E: Error>(self, text: &str) -> Result<(), E> {
        let most = limits::TEXT_BYTES_MAX;
        let left = self.bytes.get().checked_sub(text.len());
        let left = left.ok_or_else(|| {
            E::custom(format!("more than {most} bytes of text in one document, aliases followed"))
        })?;
        self.bytes.set(left);
        self.spend()
    }

    fn one<E: Error>(self, value: impl Into<Value>) -> Result<Value, E> {
        self.spend()?;
        Ok(value.into())
    }

    fn deeper<E: Error>(self) -> Result<Self, E> {
        self.spend()?;
        if self.depth == limits::DEPTH_MAX {
            return Err(E::custom(format!("nested deeper than {}", limits::DEPTH_MAX)));
        }
        Ok(Self { depth: self.depth + 1, ..self })
    }
}

impl<'de> DeserializeSeed<'de> for Bounded<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Bounded<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("YAML without tags")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        self.one(value)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        self.one(value)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        self.one(value)
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        self.one(value)
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        self.text(value)?;
        Ok(value.into())
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Value, E> {
        self.text(&value)?;
        Ok(value.into())
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        self.one(Value::Null)
    }

    fn visit_none<E: Error>(self) -> Result<Value, E> {
        self.one(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut values = Vec::new();
        while let Some(value) = items.next_element_seed(inner)? {
            values.push(value);
        }
        Ok(Value::Sequence(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut map = Mapping::new();
        while let Some((key, value)) = entries.next_entry_seed(inner, inner)? {
            if map.contains_key(&key) {
                let key = key.as_str().unwrap_or("of another kind than text");
                return Err(A::Error::custom(format!("duplicate entry with key '{key}'")));
            }
            map.insert(key, value);
        }
        Ok(Value::Mapping(map))
    }
}
