use std::net::IpAddr;

use super::bytes::{byte, host_name, ipv4, ipv6, number};

/// Records of one message that are looked at.
const RECORDS_MAX: usize = 64;
/// Parts of one name that are read: what 255 bytes hold; more, and it goes in circles. Names of
/// addresses of IPv6 have 34. Source: RFC 1035, section 2.3.4.
const LABELS_MAX: usize = 128;

/// What the sender of an answer calls itself: the name, without `.local`, of a record that gives
/// the very address the answer came from. So nobody can name a neighbour but itself.
/// Source: RFC 6762, sections 3 and 18; RFC 1035, section 4.
pub fn name_of(message: &[u8], sender: IpAddr) -> Option<String> {
    let is_answer = number(message, 2)? & 0x8000 != 0;
    if !is_answer {
        return None;
    }
    let mut at = 12;
    for _ in 0..number(message, 4)?.min(16) {
        at = skip_name(message, at)?.checked_add(4)?;
    }
    let counts = [number(message, 6)?, number(message, 8)?, number(message, 10)?];
    let records = counts.into_iter().map(usize::from).sum::<usize>().min(RECORDS_MAX);
    for _ in 0..records {
        let name_at = at;
        let fields = skip_name(message, at)?;
        let length = usize::from(number(message, fields.checked_add(8)?)?);
        let data = fields.checked_add(10)?;
        if address(message, number(message, fields)?, data, length) == Some(sender) {
            return first_label(message, name_at);
        }
        at = data.checked_add(length)?;
    }
    None
}

/// Source: RFC 1035, section 3.4.1; RFC 3596, section 2.2.
fn address(message: &[u8], kind: u16, data: usize, length: usize) -> Option<IpAddr> {
    match (kind, length) {
        (1, 4) => ipv4(message, data).map(IpAddr::V4),
        (28, 16) => ipv6(message, data).map(IpAddr::V6),
        _ => None,
    }
}

/// Where the bytes after a name begin. Source: RFC 1035, section 4.1.4.
fn skip_name(message: &[u8], mut at: usize) -> Option<usize> {
    for _ in 0..LABELS_MAX {
        match byte(message, at)? {
            0 => return at.checked_add(1),
            length if length & 0xc0 == 0xc0 => return at.checked_add(2),
            length if length & 0xc0 == 0 => at = at.checked_add(usize::from(length) + 1)?,
            _ => return None,
        }
    }
    None
}

/// The first part of a name that ends in `.local`, following references.
fn first_label(message: &[u8], mut at: usize) -> Option<String> {
    let mut labels: Vec<&[u8]> = Vec::new();
    for _ in 0..LABELS_MAX {
        let length = byte(message, at)?;
        if length & 0xc0 == 0xc0 {
            at = usize::from(number(message, at)? & 0x3fff);
        } else if length == 0 {
            break;
        } else {
            let start = at.checked_add(1)?;
            let end = start.checked_add(usize::from(length))?;
            labels.push(message.get(start..end)?);
            at = end;
        }
    }
    let is_local = labels.last().is_some_and(|last| last.eq_ignore_ascii_case(b"local"));
    host_name(labels.first().filter(|_| is_local && labels.len() == 2)?)
}
