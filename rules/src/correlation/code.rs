//! How a group is written down, in rows of state and for groups at rest in memory. Numbers are
//! LEB128, signed ones zigzag before that; a text is its length and its bytes.
//!
//! ```text
//! told      count, then each: first (signed), last − first
//! hosts     count, then each: text
//! entries   count, then each:
//!   time      signed, less the time of the entry before
//!   arrived, members, weight
//!   flags     1 late, 2 value, 4 of a match, 8 carried
//!   id        text
//!   2: value    16 bytes
//!   4: match    time − first time (signed), count of ids, then each: text
//!   8: carried  count, then each: 0, or 1 and text
//! ```

use std::collections::VecDeque;

use super::entry::{Entry, More, Value};
use super::group::Group;

const LATE: u64 = 1;
const VALUE: u64 = 2;
const OF_MATCH: u64 = 4;
const CARRIED: u64 = 8;

pub(super) fn write_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(u8::try_from(number & 0x7f).unwrap_or(0) | 0x80);
        number >>= 7;
    }
    out.push(u8::try_from(number).unwrap_or(0));
}

pub(super) fn write_signed(out: &mut Vec<u8>, number: i64) {
    write_number(out, ((number << 1) ^ (number >> 63)).cast_unsigned());
}

pub(super) fn write_text(out: &mut Vec<u8>, text: &str) {
    write_number(out, length(text.len()));
    out.extend_from_slice(text.as_bytes());
}

fn length(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// Writes a group.
pub(super) fn write_group(out: &mut Vec<u8>, group: &Group) {
    write_number(out, length(group.told.len()));
    for (first, last) in &group.told {
        write_signed(out, *first);
        write_signed(out, last.wrapping_sub(*first));
    }
    write_number(out, length(group.hosts.len()));
    group.hosts.iter().for_each(|host| write_text(out, host));
    write_number(out, length(group.entries.len()));
    let mut before = 0;
    for entry in &group.entries {
        write_signed(out, entry.time_us.wrapping_sub(before));
        before = entry.time_us;
        write_entry(out, entry);
    }
}

fn write_entry(out: &mut Vec<u8>, entry: &Entry) {
    let more = entry.more.as_deref();
    let of_match = more.and_then(|more| more.of_match.as_ref());
    let carried = more.map(|more| more.carried.as_slice()).filter(|carried| !carried.is_empty());
    let valued = entry.value != Value::default();
    let flag = |set: bool, flag: u64| if set { flag } else { 0 };
    write_number(out, entry.arrived);
    write_number(out, entry.members);
    write_number(out, entry.weight);
    write_number(
        out,
        flag(entry.late, LATE)
            | flag(valued, VALUE)
            | flag(of_match.is_some(), OF_MATCH)
            | flag(carried.is_some(), CARRIED),
    );
    write_text(out, &entry.id);
    if valued {
        out.extend_from_slice(&entry.value.bytes());
    }
    if let Some((first_us, ids)) = of_match {
        write_signed(out, entry.time_us.wrapping_sub(*first_us));
        write_number(out, length(ids.len()));
        ids.iter().for_each(|id| write_text(out, id));
    }
    if let Some(carried) = carried {
        write_number(out, length(carried.len()));
        for value in carried {
            write_number(out, u64::from(value.is_some()));
            if let Some(value) = value {
                write_text(out, value);
            }
        }
    }
}

/// Reads what was written. Anything else ends it with `None`.
pub(super) struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    pub fn number(&mut self) -> Option<u64> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = *self.take(1)?.first()?;
            let bits = u64::from(byte & 0x7f);
            if bits << shift >> shift != bits {
                return None;
            }
            number |= bits << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    pub fn signed(&mut self) -> Option<i64> {
        let number = self.number()?;
        Some((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
    }

    pub fn text(&mut self) -> Option<&'a str> {
        let count = usize::try_from(self.number()?).ok()?;
        std::str::from_utf8(self.take(count)?).ok()
    }

    /// A count of things that take a byte at least.
    fn count(&mut self) -> Option<usize> {
        let count = usize::try_from(self.number()?).ok()?;
        (count <= self.0.len()).then_some(count)
    }

    /// A group, and nothing after it.
    pub fn group(mut self) -> Option<Group> {
        let told = (0..self.count()?)
            .map(|_| {
                let first = self.signed()?;
                Some((first, first.wrapping_add(self.signed()?)))
            })
            .collect::<Option<Vec<_>>>()?;
        let hosts = (0..self.count()?).map(|_| Some(self.text()?.into())).collect::<Option<_>>()?;
        let mut entries = VecDeque::new();
        let mut time_us = 0_i64;
        for _ in 0..self.count()? {
            time_us = time_us.wrapping_add(self.signed()?);
            entries.push_back(self.entry(time_us)?);
        }
        self.0.is_empty().then(|| Group::of(entries, told, hosts))
    }

    fn entry(&mut self, time_us: i64) -> Option<Entry> {
        let (arrived, members, weight) = (self.number()?, self.number()?, self.number()?);
        let flags = self.number()?;
        let id = self.text()?.into();
        let mut value = Value::default();
        if flags & VALUE != 0 {
            value = <[u8; 16]>::try_from(self.take(16)?).ok()?.into();
        }
        let mut more = More::default();
        if flags & OF_MATCH != 0 {
            let first_us = time_us.wrapping_sub(self.signed()?);
            let ids = (0..self.count()?).map(|_| Some(self.text()?.to_owned()));
            more.of_match = Some((first_us, ids.collect::<Option<_>>()?));
        }
        if flags & CARRIED != 0 {
            let carried = (0..self.count()?).map(|_| {
                Some(if self.number()? == 1 { Some(self.text()?.to_owned()) } else { None })
            });
            more.carried = carried.collect::<Option<_>>()?;
        }
        let more = (flags & (OF_MATCH | CARRIED) != 0).then(|| Box::new(more));
        let late = flags & LATE != 0;
        Some(Entry { time_us, id, members, weight, value, arrived, late, more })
    }
}
