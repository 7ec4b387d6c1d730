use std::fmt;
use std::sync::Arc;

use datafusion::arrow::array::StringViewBuilder;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;

use super::haystack::{columns, literal, refuse};

/// The value of one key of a JSON object, without building the others.
pub fn find(object: &str, key: &str) -> Option<Value> {
    // Most rows do not have the key at all, and then it is nowhere in the text; a key that JSON
    // writes with an escape is looked for by parsing.
    let is_plain = key.bytes().all(|byte| byte >= b' ' && byte != b'"' && byte != b'\\');
    if is_plain && memchr::memmem::find(object.as_bytes(), key.as_bytes()).is_none() {
        return None;
    }
    let mut reader = serde_json::Deserializer::from_str(object);
    Key(key).deserialize(&mut reader).ok().flatten()
}

struct Key<'a>(&'a str);

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = Option<Value>;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Self::Value, D::Error> {
        reader.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Key<'_> {
    type Value = Option<Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(key) = map.next_key::<std::borrow::Cow<'de, str>>()? {
            if key == self.0 {
                found = Some(map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

/// A JSON value as people read it: text without quotes, everything else as JSON; nothing for null.
pub fn plain(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// `json_get(text, 'a.b[0]')`.
pub fn json_get() -> ScalarUDF {
    ScalarUDF::from(JsonGet { signature: Signature::any(2, Volatility::Immutable) })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct JsonGet {
    signature: Signature,
}

impl ScalarUDFImpl for JsonGet {
    fn name(&self) -> &str {
        "json_get"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8View)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [text, path] = args.args.as_slice() else {
            return refuse("json_get wants a text and a path: json_get(raw, 'user.name')");
        };
        let path = literal("json_get", path)?;
        let pointer = pointer(&path);
        let columns = columns(std::slice::from_ref(text), args.number_rows)?;
        let mut answer = StringViewBuilder::with_capacity(args.number_rows);
        for row in 0..args.number_rows {
            let found = columns.first().and_then(|column| column.text(row)).and_then(|text| {
                let value: Value = serde_json::from_str(text).ok()?;
                let direct = value.get(&path).and_then(plain);
                direct.or_else(|| value.pointer(&pointer).and_then(plain))
            });
            answer.append_option(found);
        }
        Ok(ColumnarValue::Array(Arc::new(answer.finish())))
    }
}

/// `a.b[0]` as a JSON pointer (RFC 6901); one that begins with `/` is one already.
fn pointer(path: &str) -> String {
    if path.starts_with('/') {
        return path.to_owned();
    }
    let path = path.strip_prefix("$.").unwrap_or(path);
    let steps = path.split(['.', '[']).map(|step| step.strip_suffix(']').unwrap_or(step));
    let escaped = steps.map(|step| step.replace('~', "~0").replace('/', "~1"));
    escaped.fold(String::new(), |pointer, step| pointer + "/" + &step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_without_reading_the_others() {
        let object = r#"{"a":{"b":1},"b":"x","c\"d":2,"source.ip":["1","2"]}"#;
        let check = |key: &str, expected: Option<Value>| {
            assert_eq!(find(object, key), expected, "{key}");
        };
        check("b", Some(Value::from("x")));
        check("c\"d", Some(Value::from(2)));
        check("source.ip", Some(serde_json::json!(["1", "2"])));
        check("source", None);
        check("none", None);
        assert_eq!(find("not json b", "b"), None);
    }

    #[test]
    fn paths_are_pointers() {
        assert_eq!(pointer("a.b[0].c"), "/a/b/0/c");
        assert_eq!(pointer("$.a/b"), "/a~1b");
        assert_eq!(pointer("/x/y"), "/x/y");
    }
}
