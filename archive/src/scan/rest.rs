//! Fields without a column of their own: one JSON object a row.

use std::fmt;

use serde::de::{self, DeserializeSeed, IgnoredAny, MapAccess, Visitor};
use soc_event::{Fields, Value};

use super::Wanted;
use crate::Error;

/// The fields of a row that are asked for.
pub(super) fn read(text: &str, wanted: &Wanted) -> Result<Fields, Error> {
    let mut json = serde_json::Deserializer::from_str(text);
    Asked(wanted).deserialize(&mut json).map_err(|error| Error::Damaged(format!("rest: {error}")))
}

/// Reads what is asked for and passes over the others.
struct Asked<'w>(&'w Wanted);

impl<'de> DeserializeSeed<'de> for Asked<'_> {
    type Value = Fields;

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<Fields, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Asked<'_> {
    type Value = Fields;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with fields")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
        let mut fields = Fields::new();
        while let Some(name) = map.next_key::<String>()? {
            if self.0.texts || (self.0.field)(&name) {
                fields.insert(name, map.next_value::<Value>()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(fields)
    }
}
