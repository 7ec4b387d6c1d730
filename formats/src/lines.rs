use memchr::{memchr_iter, memrchr};

use crate::fault::{Fault, Place};
use crate::format::{Found, Record, Stretch};
use crate::limits::LINE_BYTES_MAX;

/// Shows every line that is not blank, without the blanks around it.
pub(crate) fn read<'a>(
    stretch: Stretch<'a>,
    read: impl Fn(&'a [u8]) -> Result<Record<'a>, Fault>,
    each: &mut dyn FnMut(Found<'_>),
) {
    let Stretch { bytes, first } = stretch;
    let (mut start, mut number) = (0, first);
    for end in memchr_iter(b'\n', bytes).chain([bytes.len()]) {
        let line = bytes.get(start..end).unwrap_or_default().trim_ascii();
        // Some programs of Windows begin a text with a mark of its encoding.
        let line =
            if number == 1 { line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line) } else { line };
        if line.len() > LINE_BYTES_MAX {
            let record = Err(Fault::TooLong(LINE_BYTES_MAX));
            each(Found { place: Place::Line(number), record });
        } else if !line.is_empty() {
            each(Found { place: Place::Line(number), record: read(line) });
        }
        start = end.saturating_add(1);
        number = number.saturating_add(1);
    }
}

/// Until behind the last end of a line.
pub(crate) fn whole(bytes: &[u8], is_end: bool) -> (usize, u64) {
    let end = if is_end { bytes.len() } else { memrchr(b'\n', bytes).map_or(0, |at| at + 1) };
    let taken = bytes.get(..end).unwrap_or_default();
    let ends = memchr_iter(b'\n', taken).count();
    let open = usize::from(taken.last().is_some_and(|last| *last != b'\n'));
    (end, u64::try_from(ends + open).unwrap_or(u64::MAX))
}
