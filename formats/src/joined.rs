//! Lines of text whose records take several of them: stack traces, the records of one audit event.

use std::borrow::Cow;

use memchr::memrchr;

use crate::fault::{Fault, Place};
use crate::format::{Found, Record, Stretch};
use crate::join::{BYTES_MAX, Joined, Joiner, Rule};
use crate::limits::LINE_BYTES_MAX;
use crate::lines;
use crate::text::{self, Moment, Profile};

/// How far back a record may have begun: a [`Joiner`] holds half of it.
const LOOK_BACK_BYTES: usize = 2 * BYTES_MAX;

/// Shows every record; what is open at the end of the stretch ends there.
pub(crate) fn read(
    profile: &Profile,
    stretch: Stretch<'_>,
    moment: Moment<'_>,
    each: &mut dyn FnMut(Found<'_>),
) {
    let rule = Rule::of(profile.format);
    let is_audit = rule == Rule::Audit;
    let mut show = |joined: Joined| {
        if is_audit && is_end_mark(&joined.text) {
            return;
        }
        let event = text::line(&joined.text, profile, moment);
        let place = Place::Line(joined.place);
        each(Found { place, record: Ok(Record::Event(Box::new(event))) });
    };
    let (mut joiner, mut number) = (Joiner::new(rule), stretch.first);
    let mut long = Vec::new();
    for line in stretch.bytes.split_inclusive(|byte| *byte == b'\n') {
        let line = line.trim_ascii_end();
        if line.len() > LINE_BYTES_MAX {
            long.push(number);
        } else if !line.is_empty() {
            joiner.push(&text_of(line, number), number, false, &mut show);
        }
        number = number.saturating_add(1);
    }
    joiner.flush(&mut show);
    for number in long {
        let record = Err(Fault::TooLong(LINE_BYTES_MAX));
        each(Found { place: Place::Line(number), record });
    }
}

/// The mark of an event that had ended by itself, before the stretch: it says nothing.
fn is_end_mark(text: &str) -> bool {
    !text.contains('\n') && text::audit_key(text).is_some_and(|(kind, _)| kind == "EOE")
}

/// Until behind the last record that is whole.
pub(crate) fn whole(profile: &Profile, bytes: &[u8], is_end: bool) -> (usize, u64) {
    let rule = Rule::of(profile.format);
    if is_end || rule == Rule::Single {
        return lines::whole(bytes, is_end);
    }
    let end = memrchr(b'\n', bytes).map_or(0, |at| at + 1);
    let taken = bytes.get(..end).unwrap_or_default();
    // A line near the end whose record began before the look back is a record of its own there:
    // what the joiner holds at last does not depend on it.
    let from = taken.len().saturating_sub(LOOK_BACK_BYTES);
    let from = match from {
        0 => 0,
        _ => memchr::memchr(b'\n', taken.get(from..).unwrap_or_default())
            .map_or(from, |at| from + at + 1),
    };
    let mut joiner = Joiner::new(rule);
    let mut at = from;
    for line in taken.get(from..).unwrap_or_default().split_inclusive(|byte| *byte == b'\n') {
        let text = line.trim_ascii_end();
        if text.len() <= LINE_BYTES_MAX && !text.is_empty() {
            joiner.push(
                &text_of(text, 0),
                u64::try_from(at).unwrap_or(u64::MAX),
                false,
                &mut |_| {},
            );
        }
        at += line.len();
    }
    let held = joiner.held().and_then(|at| usize::try_from(at).ok());
    lines::whole(taken.get(..held.unwrap_or(end)).unwrap_or_default(), false)
}

fn text_of(line: &[u8], number: u64) -> Cow<'_, str> {
    let line = if number == 1 { line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line) } else { line };
    String::from_utf8_lossy(line)
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;
    use soc_event::Timestamp;

    use super::*;
    use crate::{Cut, Cutter, Format};

    fn read_all(log: &str, path: &str, pieces: usize) -> Vec<String> {
        let format = Format::Text(Profile::of_path(path));
        let zone = TimeZone::UTC;
        let moment = Moment::kept(Timestamp::default(), &zone);
        let (mut cutter, mut held, mut shown) = (Cutter::new(format.clone()), Vec::new(), 0);
        let mut seen = Vec::new();
        loop {
            let is_end = shown == log.len();
            match cutter.cut(&held, is_end) {
                Cut::Take { bytes, first } => {
                    let stretch = Stretch { bytes: &held[..bytes], first };
                    format.read(stretch, moment, &mut |Found { place, record }| match record {
                        Ok(Record::Event(event)) => {
                            seen.push(format!("{place}: {}", event.raw.unwrap_or_default()));
                        }
                        other => panic!("{other:?}"),
                    });
                    held.drain(..bytes);
                }
                Cut::Drop { bytes, .. } => drop(held.drain(..bytes)),
                Cut::More if is_end => return seen,
                Cut::More => {
                    let end = (shown + pieces).min(log.len());
                    held.extend_from_slice(&log.as_bytes()[shown..end]);
                    shown = end;
                }
            }
        }
    }

    #[test]
    fn records_of_several_lines_are_the_same_wherever_reading_pauses() {
        let mut audit = String::new();
        for n in 0..200 {
            let id = format!("msg=audit(1795366825.{n:03}:{n}):");
            audit +=
                &format!("type=SYSCALL {id} arch=c000003e syscall=59 success=yes exe=\"/bin/a\"\n");
            audit += &format!("type=EXECVE {id} argc=1 a0=\"a\"\ntype=CWD {id} cwd=\"/\"\n");
            audit += &format!("type=PROCTITLE {id} proctitle=\"a\"\ntype=EOE {id}\n");
        }
        let java: String = (0..100)
            .map(|n| {
                format!(
                    "2026-11-22 10:00:{:02},000 ERROR [x] soap - boom\n\tat a.b\n\tat c\n",
                    n % 60
                )
            })
            .collect();
        for (log, path, records) in
            [(&audit, "/var/log/audit/audit.log", 200), (&java, "/opt/zimbra/log/mailbox.log", 100)]
        {
            let whole = read_all(log, path, usize::MAX / 2);
            assert_eq!(whole.len(), records, "{path}");
            for pieces in [333, 4096] {
                assert_eq!(read_all(log, path, pieces), whole, "{path} {pieces}");
            }
        }
    }
}
