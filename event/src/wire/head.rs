use crate::Timestamp;

/// How a line begins that [`super::encode_event`] wrote: what stands before the fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head<'l> {
    /// When it happened.
    pub time: Timestamp,
    /// What kind of thing it is.
    pub kind: &'l str,
    /// Of the logsource.
    pub product: Option<&'l str>,
    /// Of the logsource.
    pub category: Option<&'l str>,
    /// Of the logsource.
    pub service: Option<&'l str>,
    /// Where the object of fields begins, in bytes.
    pub fields_at: usize,
}

/// Bytes of a time as it is written.
const TIME_BYTES: usize = "2026-11-22T10:16:42.123456Z".len();

impl<'l> Head<'l> {
    /// Reads the beginning of a line; nothing for one that is written in another way, or with escapes
    /// here: it may be an event all the same.
    pub fn of(line: &'l [u8]) -> Option<Self> {
        let rest = line.strip_prefix(b"{\"time\":\"")?;
        let (time, rest) = rest.split_at_checked(TIME_BYTES)?;
        let time = str::from_utf8(time).ok()?.parse().ok()?;
        let (kind, rest) = text(rest.strip_prefix(b"\",\"kind\":\"")?)?;
        let mut rest = rest.strip_prefix(b",\"logsource\":{")?;
        let mut is_first = true;
        let mut part = |name: &[u8]| -> Option<Option<&'l str>> {
            let next = if is_first { Some(rest) } else { rest.strip_prefix(b",") };
            let Some(held) = next.and_then(|next| next.strip_prefix(name)) else {
                return Some(None);
            };
            let (held, after) = text(held)?;
            (rest, is_first) = (after, false);
            Some(Some(held))
        };
        let product = part(b"\"product\":\"")?;
        let category = part(b"\"category\":\"")?;
        let service = part(b"\"service\":\"")?;
        let rest = rest.strip_prefix(b"},\"fields\":")?;
        let fields_at = line.len().checked_sub(rest.len())?;
        Some(Self { time, kind, product, category, service, fields_at })
    }
}

/// A text up to its quote, and what stands behind the quote.
fn text(from: &[u8]) -> Option<(&str, &[u8])> {
    let end = memchr::memchr2(b'"', b'\\', from)?;
    let (held, rest) = from.split_at_checked(end)?;
    Some((str::from_utf8(held).ok()?, rest.strip_prefix(b"\"")?))
}

#[cfg(test)]
mod tests {
    use super::super::{decode_event, encode_event};
    use super::*;
    use crate::{Event, Logsource, kind};

    #[test]
    fn the_head_of_a_line_is_what_the_event_says() {
        let time = Timestamp::from_micros(1_800_000_000_123_456);
        let parts = || [None, Some("linux".to_owned()), Some(String::new())];
        for product in parts() {
            for category in parts() {
                for service in parts() {
                    let (product, category) = (product.clone(), category.clone());
                    let logsource = Logsource { product, category, service };
                    let event = Event::new(time, kind::LOG, logsource).with("a", "b");
                    let line = encode_event(&event);
                    let head = Head::of(line.as_bytes()).unwrap();
                    assert_eq!((head.time, head.kind), (time, "log"));
                    let source = &event.logsource;
                    let expected = (&source.product, &source.category, &source.service);
                    let found = [head.product, head.category, head.service];
                    let [product, category, service] = found.map(|part| part.map(str::to_owned));
                    assert_eq!((&product, &category, &service), expected);
                    assert_eq!(line.get(head.fields_at..), Some(r#"{"a":"b"}}"#));
                }
            }
        }
    }

    #[test]
    fn what_is_written_in_another_way_has_no_head() {
        let time = "2026-11-22T10:16:42.123456Z";
        let check = |line: &str, expected: bool| {
            assert_eq!(Head::of(line.as_bytes()).is_some(), expected, "{line}");
        };
        let line = format!(r#"{{"time":"{time}","kind":"log","logsource":{{}},"fields":{{}}}}"#);
        check(&line, true);
        for (from, to) in [
            ("log\"", "l\\u006fg\""),
            (":{}", ": {}"),
            ("{}", "{\"service\":\"a\",\"product\":\"b\"}"),
            ("{}", "{\"x\":\"a\"}"),
            ("Z", "+00:00"),
            ("\"kind\":\"log\",", ""),
        ] {
            check(&line.replacen(from, to, 1), false);
        }
        for end in 0..line.len() - 4 {
            check(&line[..end], false);
        }
        assert!(decode_event(line.replace("log\"", "l\\u006fg\"").as_bytes(), 1).is_ok());
    }
}
