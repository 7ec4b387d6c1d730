use soc_event::{Event, Value, limits};

/// Below this many bytes of text an event fits even if every byte is written as `\u0000`.
const SURELY_FITS_BYTES: usize = 32 * 1024;
/// What a text field keeps in an event that might not fit.
const FIELD_BYTES_MAX: usize = 4 * 1024;
/// What the original line keeps in an event that does not fit otherwise: six times this is less
/// than the limit of an event.
const RAW_BYTES_MAX: usize = 24 * 1024;

/// Cuts long text so that the event keeps [`limits::EVENT_BYTES_MAX`] when it is written down, and
/// says so in `event.truncated`.
pub(super) fn fit(event: &mut Event) {
    let raw = event.raw.as_ref().map_or(0, String::len);
    let fields: usize = event.fields.values().map(value_bytes).sum();
    if raw + fields <= SURELY_FITS_BYTES {
        return;
    }
    for value in event.fields.values_mut() {
        if let Value::Text(text) = value {
            cut(text, FIELD_BYTES_MAX);
        }
    }
    if written_bytes(event) > limits::EVENT_BYTES_MAX
        && let Some(raw) = &mut event.raw
    {
        cut(raw, RAW_BYTES_MAX);
    }
    event.fields.insert("event.truncated".to_owned(), true.into());
}

/// Cuts text at the last boundary of a character that is not after `bytes_max`.
pub(super) fn cut(text: &mut String, bytes_max: usize) {
    if text.len() > bytes_max {
        text.truncate(text.floor_char_boundary(bytes_max));
    }
}

fn value_bytes(value: &Value) -> usize {
    match value {
        Value::Text(text) => text.len(),
        Value::List(values) => values.iter().map(value_bytes).sum(),
        _ => 8,
    }
}

fn written_bytes(event: &Event) -> usize {
    soc_event::wire::encode_event(event).len()
}

#[cfg(test)]
mod tests {
    use soc_event::{Timestamp, kind};

    use super::*;

    fn event_of(text: &str) -> Event {
        let mut event = Event::own(Timestamp::default(), kind::LOG)
            .with("message", text)
            .with("url.original", text);
        event.raw = Some(text.to_owned());
        fit(&mut event);
        event
    }

    #[test]
    fn the_worst_text_fits_and_is_said_to_be_cut() {
        let event = event_of(&"\u{1}".repeat(limits::TEXT_BYTES_MAX));
        assert!(written_bytes(&event) <= limits::EVENT_BYTES_MAX);
        assert_eq!(event.fields.get("event.truncated"), Some(&Value::Boolean(true)));
    }

    #[test]
    fn long_plain_text_keeps_its_raw_line_whole() {
        let text = "đ".repeat(limits::TEXT_BYTES_MAX / 2);
        assert_eq!(event_of(&text).raw.as_deref(), Some(text.as_str()));
    }

    #[test]
    fn short_text_is_left_alone() {
        assert_eq!(event_of("short").fields.get("event.truncated"), None);
    }
}
