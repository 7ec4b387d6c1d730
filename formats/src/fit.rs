//! An event is cut until it keeps the limits of the wire, and says so in `event.truncated`.
//!
//! What agents send keeps them from the start; logs that were written elsewhere need not.

use soc_event::{Event, Value, limits, wire};

/// The field that says that an event was cut.
pub const TRUNCATED: &str = "event.truncated";
/// Below this an event fits even if every byte is written as `\u0000`.
const SURELY_FITS_BYTES: usize = 32 * 1024;
/// What texts keep, tried one after the other until the event fits.
const TEXT_STEPS: [usize; 4] = [limits::TEXT_BYTES_MAX, 16 * 1024, 4 * 1024, 256];

/// Cuts names, lists and texts so that the event keeps every limit of [`limits`].
pub fn fit(event: &mut Event) {
    let mut is_cut = cut_names(event) | cut_lists(event);
    let bytes: usize =
        event.fields.iter().map(|(name, value)| name.len() + text_bytes(value)).sum();
    if bytes + event.raw.as_ref().map_or(0, String::len) > SURELY_FITS_BYTES {
        for most in TEXT_STEPS {
            is_cut |= cut_texts(event, most);
            if wire::encode_event(event).len() < limits::EVENT_BYTES_MAX {
                break;
            }
        }
        if wire::encode_event(event).len() >= limits::EVENT_BYTES_MAX {
            is_cut = true;
            // Lists of long texts: nothing shorter is left of them.
            event.fields.retain(|_, value| !matches!(value, Value::List(_)));
        }
    }
    if is_cut {
        if event.fields.len() >= limits::FIELDS_MAX {
            event.fields.pop_last();
        }
        event.fields.insert(TRUNCATED.to_owned(), true.into());
    }
}

/// Fields beyond the limit, and those whose names are too long, have no place.
fn cut_names(event: &mut Event) -> bool {
    let before = event.fields.len() + event.unknown.len();
    event.fields.retain(|name, _| name.len() <= limits::FIELD_NAME_BYTES_MAX);
    event.unknown.retain(|name, _| name.len() <= limits::FIELD_NAME_BYTES_MAX);
    while event.fields.len() > limits::FIELDS_MAX {
        event.fields.pop_last();
    }
    event.fields.len() + event.unknown.len() < before
}

fn cut_lists(event: &mut Event) -> bool {
    let mut is_cut = false;
    for value in event.fields.values_mut() {
        if let Value::List(items) = value
            && items.len() > limits::LIST_MAX
        {
            items.truncate(limits::LIST_MAX);
            is_cut = true;
        }
    }
    is_cut
}

fn cut_texts(event: &mut Event, most: usize) -> bool {
    let mut is_cut = event.raw.as_mut().is_some_and(|raw| cut(raw, most));
    for value in event.fields.values_mut() {
        match value {
            Value::Text(text) => is_cut |= cut(text, most),
            Value::List(items) => {
                for item in items {
                    if let Value::Text(text) = item {
                        is_cut |= cut(text, most);
                    }
                }
            }
            Value::Null | Value::Boolean(_) | Value::Number(_) => {}
        }
    }
    is_cut
}

/// At the last boundary of a character that is not after `most`.
fn cut(text: &mut String, most: usize) -> bool {
    let is_long = text.len() > most;
    if is_long {
        text.truncate(text.floor_char_boundary(most));
    }
    is_long
}

fn text_bytes(value: &Value) -> usize {
    match value {
        Value::Text(text) => text.len(),
        Value::List(items) => items.iter().map(text_bytes).sum(),
        Value::Null | Value::Boolean(_) | Value::Number(_) => 8,
    }
}

#[cfg(test)]
mod tests {
    use soc_event::{Logsource, Timestamp, kind};

    use super::*;

    fn check(mut event: Event, is_cut: bool) {
        fit(&mut event);
        let line = wire::encode_event(&event);
        let read = wire::decode_event(line.as_bytes(), 1).unwrap();
        assert_eq!(read, event);
        assert_eq!(event.fields.contains_key(TRUNCATED), is_cut);
    }

    fn event() -> Event {
        Event::new(Timestamp::default(), kind::LOG, Logsource::default())
    }

    #[test]
    fn whatever_it_holds_the_wire_takes_it_afterwards() {
        check(event().with("a", "b"), false);
        check(event().with("a", "\u{1}".repeat(1 << 20)), true);
        check(event().with(&"n".repeat(300), "b"), true);
        let list = Value::List(vec![Value::from("\u{1}".repeat(9000)); 2000]);
        let mut long = event();
        long.fields.insert("list".into(), list);
        long.raw = Some("đ".repeat(1 << 19));
        check(long, true);
        let many = (0..600).fold(event(), |event, n| event.with(&format!("f{n}"), "x".repeat(999)));
        check(many, true);
    }
}
