use memchr::memchr3;

use crate::fault::{Fault, Place};
use crate::format::{Found, Record, Stretch};
use crate::limits::RECORD_BYTES_MAX;

/// Shows every JSON object; what is between them (commas and brackets of an array) is passed over.
pub(crate) fn read<'a>(
    stretch: Stretch<'a>,
    read: impl Fn(&'a [u8]) -> Result<Record<'a>, Fault>,
    show: &mut dyn FnMut(Found<'_>),
) {
    each(stretch, RECORD_BYTES_MAX, &mut |place, object| {
        show(Found { place, record: object.and_then(&read) });
    });
}

/// The same with the bytes of each object, which are at most so many.
pub(crate) fn each<'a>(
    stretch: Stretch<'a>,
    bytes_max: usize,
    show: &mut dyn FnMut(Place, Result<&'a [u8], Fault>),
) {
    let (mut rest, mut number) = (stretch.bytes, stretch.first);
    while let Some(start) = memchr::memchr(b'{', rest) {
        let from = rest.get(start..).unwrap_or_default();
        let place = Place::Record(number);
        let Some(end) = end(from) else { return show(place, Err(Fault::Incomplete)) };
        let object = from.get(..end).unwrap_or_default();
        let is_long = object.len() > bytes_max;
        show(place, if is_long { Err(Fault::TooLong(bytes_max)) } else { Ok(object) });
        rest = from.get(end..).unwrap_or_default();
        number = number.saturating_add(1);
    }
}

/// Until behind the last whole object.
pub(crate) fn whole(bytes: &[u8], is_end: bool) -> (usize, u64) {
    let (mut taken, mut count) = (0, 0);
    while let Some(rest) = bytes.get(taken..)
        && let Some(start) = memchr::memchr(b'{', rest)
        && let Some(end) = rest.get(start..).and_then(end)
    {
        taken += start + end;
        count += 1;
    }
    if is_end { (bytes.len(), count + 1) } else { (taken, count) }
}

/// The length of the object that begins here.
fn end(bytes: &[u8]) -> Option<usize> {
    let (mut at, mut depth) = (0_usize, 0_usize);
    loop {
        at += memchr3(b'{', b'}', b'"', bytes.get(at..)?)?;
        match bytes.get(at)? {
            b'{' => depth += 1,
            b'}' => depth -= 1,
            _ => at += string(bytes.get(at + 1..)?)?,
        }
        at += 1;
        if depth == 0 {
            return Some(at);
        }
    }
}

/// The length of a string behind its first quote, with its last.
fn string(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        at += memchr::memchr2(b'"', b'\\', bytes.get(at..)?)?;
        match bytes.get(at)? {
            b'"' => return Some(at + 1),
            _ => at += 2,
        }
    }
}
