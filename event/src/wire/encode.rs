//! An event as a line of JSON, byte for byte as the library would write it: this is done with every
//! line of every log, on the weakest machine.

use crate::{Event, Logsource, Value, time};

/// Bytes looked at together for one that has to be written in another way.
const STRIDE: usize = 32;

/// Appends the line, without a line feed.
pub(super) fn append(event: &Event, line: &mut Vec<u8>) {
    line.extend_from_slice(b"{\"time\":\"");
    line.extend_from_slice(&time::write(event.time.as_micros()));
    line.extend_from_slice(b"\",\"kind\":");
    text(event.kind.as_str(), line);
    line.extend_from_slice(b",\"logsource\":");
    logsource(&event.logsource, line);
    line.extend_from_slice(b",\"fields\":{");
    for (place, (name, held)) in event.fields.iter().enumerate() {
        if place > 0 {
            line.push(b',');
        }
        text(name, line);
        line.push(b':');
        value(held, line);
    }
    line.push(b'}');
    if let Some(raw) = &event.raw {
        line.extend_from_slice(b",\"raw\":");
        text(raw, line);
    }
    for (name, held) in &event.unknown {
        line.push(b',');
        text(name, line);
        line.push(b':');
        library(held, line);
    }
    line.push(b'}');
}

fn logsource(source: &Logsource, line: &mut Vec<u8>) {
    let parts = [
        ("\"product\":", &source.product),
        ("\"category\":", &source.category),
        ("\"service\":", &source.service),
    ];
    line.push(b'{');
    let mut is_first = true;
    for (name, held) in parts {
        if let Some(held) = held {
            if !std::mem::take(&mut is_first) {
                line.push(b',');
            }
            line.extend_from_slice(name.as_bytes());
            text(held, line);
        }
    }
    line.push(b'}');
}

fn value(held: &Value, line: &mut Vec<u8>) {
    match held {
        Value::Null => line.extend_from_slice(b"null"),
        Value::Boolean(true) => line.extend_from_slice(b"true"),
        Value::Boolean(false) => line.extend_from_slice(b"false"),
        Value::Number(number) => library(number, line),
        Value::Text(held) => text(held, line),
        Value::List(items) => {
            line.push(b'[');
            for (place, item) in items.iter().enumerate() {
                if place > 0 {
                    line.push(b',');
                }
                value(item, line);
            }
            line.push(b']');
        }
    }
}

/// What is rare, or has rules of its own.
fn library(held: &impl serde::Serialize, line: &mut Vec<u8>) {
    // Into memory, maps with text keys and finite numbers always serialise.
    let _ = serde_json::to_writer(line, held);
}

/// Source: RFC 8259, section 7.
fn text(held: &str, line: &mut Vec<u8>) {
    line.push(b'"');
    let mut rest = held.as_bytes();
    while let Some(at) = first_special(rest) {
        let (plain, special) = rest.split_at(at);
        line.extend_from_slice(plain);
        let Some((byte, after)) = special.split_first() else { break };
        escaped(*byte, line);
        rest = after;
    }
    line.extend_from_slice(rest);
    line.push(b'"');
}

/// Where the first byte is that cannot stand as it is. Most texts have none.
fn first_special(bytes: &[u8]) -> Option<usize> {
    let mut from = 0;
    for part in bytes.chunks(STRIDE) {
        if part.iter().fold(false, |found, byte| found | is_special(*byte)) {
            return part.iter().position(|byte| is_special(*byte)).map(|at| from + at);
        }
        from += part.len();
    }
    None
}

fn is_special(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

fn escaped(byte: u8, line: &mut Vec<u8>) {
    let short = match byte {
        b'"' | b'\\' => byte,
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        0x08 => b'b',
        0x0c => b'f',
        _ => {
            let digit = |half: u8| if half < 10 { b'0' + half } else { b'a' + half - 10 };
            let (high, low) = (digit(byte >> 4), digit(byte & 15));
            return line.extend_from_slice(&[b'\\', b'u', b'0', b'0', high, low]);
        }
    };
    line.extend_from_slice(&[b'\\', short]);
}
