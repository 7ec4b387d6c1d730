//! From the journal to files on disk. Everything here blocks, and writes nothing in SQL.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use soc_archive::store::{self, Folder};
use soc_archive::{Effort, FileRef, Packed, Row};
use soc_event::wire;

use super::manifest::{New, date_of};
use super::marks::Moved;
use super::row::Rows;
use super::{Config, Error};
use crate::fleet::Fleet;
use crate::journal::{Journal, Position};

/// Events of one reading of the journal.
const READ_EVENTS: usize = 16_384;

/// Events of one agency, received on one day.
#[derive(Debug, Default)]
pub(super) struct Group {
    pub(super) rows: Vec<Row>,
    pub(super) raw_bytes: u64,
}

/// Number and code of the agency, and the day.
pub(super) type Groups = BTreeMap<(i64, Arc<str>, String), Group>;

/// What was read: all events from one position up to another.
#[derive(Debug)]
pub(super) struct Gathered {
    pub(super) groups: Groups,
    pub(super) moved: Moved,
    pub(super) next: Position,
}

/// Whose events a file holds, and of which day.
pub(super) struct Place<'a> {
    pub(super) agency: i64,
    pub(super) code: &'a str,
    pub(super) date: &'a str,
}

/// An event that could not be put into a file; it is kept beside them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Odd {
    /// Where it is now.
    pub(super) path: String,
    /// Why.
    pub(super) reason: String,
}

/// Reads on until there is enough for a set of files, or no more.
pub(super) fn gather(
    journal: &Journal,
    fleet: &Fleet,
    from: Position,
    config: &Config,
) -> Result<Gathered, Error> {
    let mut rows = Rows::new(fleet);
    let mut gathered = Gathered { groups: BTreeMap::new(), moved: Moved::default(), next: from };
    let (mut count, mut bytes) = (0_usize, 0_usize);
    while count < config.rows_max && bytes < config.text_bytes_max {
        let most = READ_EVENTS.min(config.rows_max.saturating_sub(count));
        let lines = journal.lines(gathered.next, most)?;
        if lines.next <= gathered.next {
            break;
        }
        let mut damaged = 0;
        for part in lines.parts(usize::MAX) {
            for entry in part.measured() {
                let Some((entry, length)) = entry else {
                    damaged += 1;
                    continue;
                };
                gathered.moved.past(entry.id);
                let placed = rows.of(entry);
                let day = date_of(placed.row.received);
                let key = (placed.agency, placed.row.agency.clone(), day);
                let group = gathered.groups.entry(key).or_default();
                group.raw_bytes = group.raw_bytes.saturating_add(length as u64);
                group.rows.push(placed.row);
                (count, bytes) = (count.saturating_add(1), bytes.saturating_add(length));
            }
        }
        journal.count_damaged(damaged);
        gathered.next = lines.next;
    }
    Ok(gathered)
}

/// Makes a file of each group. With `is_careful` an event that cannot be packed is found and kept
/// as it is beside the archive, instead of being an error.
pub(super) fn write(
    folder: &Folder,
    groups: Groups,
    is_careful: bool,
) -> Result<(Vec<New>, Vec<Odd>), Error> {
    let (mut files, mut odd) = (Vec::new(), Vec::new());
    for ((agency, code, date), Group { rows, raw_bytes }) in groups {
        let place = Place { agency, code: &code, date: &date };
        let packed = if is_careful {
            let (packed, refused) = pack_what_can_be(rows);
            for (row, reason) in refused {
                odd.push(Odd { path: put_aside(folder, &row)?, reason });
            }
            packed
        } else {
            vec![pack(rows)?]
        };
        let all = packed.iter().map(|packed| packed.facts.rows).sum::<u64>();
        for packed in packed {
            let share = raw_bytes.saturating_mul(packed.facts.rows) / all.max(1);
            files.push(put(folder, packed, &place, share, false)?);
        }
    }
    Ok((files, odd))
}

/// Writes a file and its words to disk, durably.
pub(super) fn put(
    folder: &Folder,
    packed: Packed,
    place: &Place<'_>,
    raw_bytes: u64,
    is_settled: bool,
) -> Result<New, Error> {
    let Packed { parquet, words: words_bytes, facts } = packed;
    let (agency, agency_code) = (place.agency, place.code.to_owned());
    let (path, words) = store::path(&agency_code, facts.received.0, &facts.sha256);
    // The words first: a file without them would be read whole.
    folder.put(&words, &words_bytes)?;
    folder.put(&path, &parquet)?;
    let file = FileRef { path, words, agency, agency_code, facts };
    Ok(New { date: place.date.to_owned(), raw_bytes, is_settled, file })
}

fn pack(rows: Vec<Row>) -> Result<Packed, Error> {
    let packed = catch_unwind(AssertUnwindSafe(|| soc_archive::pack(rows, Effort::Fresh)));
    packed.map_err(|_| Error::Thread("packing panicked".into()))?.map_err(Error::from)
}

/// Halves what cannot be packed until the events that are to blame are alone.
fn pack_what_can_be(rows: Vec<Row>) -> (Vec<Packed>, Vec<(Row, String)>) {
    let (mut packed, mut refused) = (Vec::new(), Vec::new());
    let mut waiting = vec![rows];
    while let Some(mut rows) = waiting.pop() {
        match pack(rows.clone()) {
            Ok(one) => packed.push(one),
            Err(error) if rows.len() <= 1 => {
                refused.extend(rows.pop().map(|row| (row, error.to_string())));
            }
            Err(_) => {
                let half = rows.split_off(rows.len() / 2);
                waiting.extend([half, rows]);
            }
        }
    }
    (packed, refused)
}

fn put_aside(folder: &Folder, row: &Row) -> Result<String, Error> {
    let path = format!("quarantine/events/{}.json", row.position);
    let text = serde_json::json!({
        "position": row.position,
        "received": row.received,
        "agency": &*row.agency,
        "host": &*row.host,
        "id": row.id,
        "event": wire::encode_event(&row.event),
    });
    folder.put(&path, text.to_string().as_bytes())?;
    Ok(path)
}
