use memchr::{memchr, memmem};

use super::Entry;
use crate::fault::{Fault, Place};
use crate::format::{Found, Record, Stretch};
use crate::text::Moment;

/// A field: its name, its bytes.
type Field<'a> = (&'a [u8], &'a [u8]);

/// What is at the beginning of the rest of an export.
enum Next<'a> {
    /// A field, and its length in the export.
    Field(Field<'a>, usize),
    /// The empty line behind an entry.
    End,
    /// Nothing whole.
    Open,
    /// A line that is no field, and its length.
    Nonsense(usize),
}

/// Shows every entry.
pub(crate) fn read(stretch: Stretch<'_>, moment: Moment<'_>, each: &mut dyn FnMut(Found<'_>)) {
    let (mut rest, mut number) = (stretch.bytes, stretch.first);
    let mut entry = Reading::default();
    while !rest.is_empty() {
        let taken = match next(rest) {
            Next::Field(field, length) => {
                entry.fields.push(field);
                length
            }
            Next::Nonsense(length) => {
                entry.is_damaged = true;
                length
            }
            Next::Open => {
                let record = Err(Fault::Incomplete);
                return each(Found { place: Place::Record(number), record });
            }
            Next::End => {
                number = number.saturating_add(u64::from(entry.show(number, moment, each)));
                1
            }
        };
        rest = rest.get(taken..).unwrap_or_default();
    }
    // The empty line behind the last entry may be missing.
    entry.show(number, moment, each);
}

/// Until behind the empty line after the last whole entry.
pub(crate) fn whole(bytes: &[u8], is_end: bool) -> (usize, u64) {
    let (mut at, mut taken, mut count) = (0, 0, 0);
    let mut has_fields = false;
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        at += match next(rest) {
            Next::Field(_, length) | Next::Nonsense(length) => {
                has_fields = true;
                length
            }
            Next::End => {
                taken = at + 1;
                count += u64::from(std::mem::take(&mut has_fields));
                1
            }
            Next::Open => break,
        };
    }
    if is_end { (bytes.len(), count + 1) } else { (taken, count) }
}

/// Behind an empty line that an entry follows.
pub(crate) fn resume(bytes: &[u8]) -> Option<usize> {
    memmem::find(bytes, b"\n\n__CURSOR=").map(|at| at + 2)
}

/// `NAME=text\n`, or `NAME\n`, the length as 64 bits little-endian, the bytes, `\n`.
fn next(rest: &[u8]) -> Next<'_> {
    let Some(end) = memchr(b'\n', rest) else { return Next::Open };
    let line = rest.get(..end).unwrap_or_default();
    if line.is_empty() {
        return Next::End;
    }
    if let Some(at) = memchr(b'=', line) {
        let field = (line.get(..at).unwrap_or_default(), line.get(at + 1..).unwrap_or_default());
        return Next::Field(field, end + 1);
    }
    let is_name = |byte: &u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'_';
    if !line.iter().all(is_name) {
        return Next::Nonsense(end + 1);
    }
    let behind = rest.get(end + 1..).unwrap_or_default();
    let Some((length, bytes)) = behind.split_first_chunk::<8>() else { return Next::Open };
    let Ok(length) = usize::try_from(u64::from_le_bytes(*length)) else { return Next::Open };
    match length.checked_add(1).and_then(|last| bytes.get(..last)?.split_last()) {
        Some((b'\n', value)) => Next::Field((line, value), end + 1 + 8 + length + 1),
        Some(_) => Next::Nonsense(end + 1),
        None => Next::Open,
    }
}

/// The entry that is being read.
#[derive(Default)]
struct Reading<'a> {
    fields: Vec<Field<'a>>,
    is_damaged: bool,
}

impl Reading<'_> {
    /// Shows the entry, if anything of it was there, and begins the next.
    fn show(&mut self, number: u64, moment: Moment<'_>, each: &mut dyn FnMut(Found<'_>)) -> bool {
        let Self { fields, is_damaged } = std::mem::take(self);
        if fields.is_empty() && !is_damaged {
            return false;
        }
        let field = |name: &str| {
            let found = fields.iter().find(|(known, _)| *known == name.as_bytes());
            found.map(|(_, value)| String::from_utf8_lossy(value).into_owned())
        };
        let entry = Entry::of(field).filter(|_| !is_damaged);
        let record = match entry {
            Some(entry) => Ok(Record::Event(Box::new(entry.event(moment)))),
            None => Err(Fault::Damaged("no journal entry".to_owned())),
        };
        each(Found { place: Place::Record(number), record });
        true
    }
}
