//! Cuts what is over the limits of an event, and says so in the event.

use soc_event::{Event, Value, limits, wire};

/// Appends the event as one line within all limits, without a line feed; what had to be cut is named
/// in `event.truncated`.
pub(super) fn append_fitted(mut event: Event, lines: &mut Vec<u8>) {
    let cut = cut_parts(&mut event);
    mark(&mut event, cut);
    let start = lines.len();
    wire::append_event(&event, lines);
    if lines.len() - start > limits::EVENT_BYTES_MAX {
        lines.truncate(start);
        shrink(&mut event);
        wire::append_event(&event, lines);
    }
}

/// Cuts each part to its own limit; the names of what was cut.
fn cut_parts(event: &mut Event) -> Vec<String> {
    let mut cut = Vec::new();
    if event.raw.as_mut().is_some_and(|raw| cut_text(raw, limits::TEXT_BYTES_MAX)) {
        cut.push("raw".to_owned());
    }
    let before = event.fields.len() + event.unknown.len();
    event.fields.retain(|name, _| name.len() <= limits::FIELD_NAME_BYTES_MAX);
    event.unknown.retain(|name, _| name.len() <= limits::FIELD_NAME_BYTES_MAX);
    // One place is left for the mark.
    while event.fields.len() >= limits::FIELDS_MAX {
        event.fields.pop_last();
    }
    if event.fields.len() + event.unknown.len() < before {
        cut.push("fields".to_owned());
    }
    for (name, value) in &mut event.fields {
        if cut_value(value) {
            cut.push(name.clone());
        }
    }
    cut
}

fn cut_value(value: &mut Value) -> bool {
    match value {
        Value::Text(text) => cut_text(text, limits::TEXT_BYTES_MAX),
        Value::List(list) => {
            let long = list.len() > limits::LIST_MAX;
            list.truncate(limits::LIST_MAX);
            list.iter_mut().fold(long, |cut, element| cut_value(element) || cut)
        }
        _ => false,
    }
}

/// Cuts at a character; whether it did.
fn cut_text(text: &mut String, bytes_max: usize) -> bool {
    if text.len() <= bytes_max {
        return false;
    }
    let end = (0..=bytes_max).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    text.truncate(end);
    true
}

/// Each part fits, all together do not: the line as it stood in the log goes first (its fields say
/// the same), then keys of later versions, then the largest fields.
fn shrink(event: &mut Event) {
    event.raw = None;
    event.unknown.clear();
    mark(event, vec!["raw".to_owned(), "fields".to_owned()]);
    while wire::encode_event(event).len() > limits::EVENT_BYTES_MAX {
        let size = |value: &Value| serde_json::to_string(value).map_or(0, |text| text.len());
        let largest = event.fields.iter().max_by_key(|(_, value)| size(value));
        let Some(name) = largest.map(|(name, _)| name.clone()) else { return };
        event.fields.remove(&name);
    }
}

fn mark(event: &mut Event, cut: Vec<String>) {
    if !cut.is_empty() {
        let names = cut.into_iter().take(limits::LIST_MAX).map(Value::Text).collect();
        event.fields.insert("event.truncated".to_owned(), Value::List(names));
    }
}

#[cfg(test)]
mod tests {
    use soc_event::{Kind, Timestamp};

    use super::*;

    fn fitted_line(event: Event) -> Vec<u8> {
        let mut line = Vec::new();
        append_fitted(event, &mut line);
        line
    }

    fn event() -> Event {
        Event::own(Timestamp::default(), Kind::new("log"))
    }

    #[test]
    fn what_fits_is_left_alone() {
        let event = event().with("message", "hello");
        assert_eq!(fitted_line(event.clone()), wire::encode_event(&event).into_bytes());
    }

    #[test]
    fn whatever_is_given_the_line_is_one_the_collector_takes() {
        let check = |event: Event, cut: &str| {
            let line = fitted_line(event);
            let decoded = wire::decode_event(&line, 1).unwrap();
            let named = decoded.fields.get("event.truncated").cloned();
            assert!(
                matches!(&named, Some(Value::List(list))
                if list.contains(&Value::Text(cut.into()))),
                "{cut}: {named:?}"
            );
        };
        let long = "ộ".repeat(limits::TEXT_BYTES_MAX);
        let mut raw = event();
        raw.raw = Some(long.clone());
        check(raw, "raw");
        check(event().with("message", long.as_str()), "message");
        check(event().with(&"n".repeat(300), 1_i64), "fields");
        let many = (0..600).fold(event(), |event, n| event.with(&format!("f{n}"), 1_i64));
        check(many, "fields");
        let heavy = (0..9).fold(event(), |event, n| event.with(&format!("f{n}"), long.as_str()));
        check(heavy, "fields");
        let list = Value::List(vec![Value::from(1_i64); 2000]);
        check(event().with("list", list), "list");
    }
}
