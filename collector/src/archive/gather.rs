//! Files on disk. Everything here blocks, and writes nothing in SQL.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use soc_archive::store::{self, Folder};
use soc_archive::{Effort, FileRef, Packed, Row, Run};
use soc_event::wire;

use super::Error;
use super::fresh::{Group, Set};
use super::manifest::New;

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

/// Makes a file of each group. With `is_careful` an event that cannot be packed is found and kept
/// as it is beside the archive, instead of being an error.
pub(super) fn write(
    folder: &Folder,
    set: &Set,
    is_careful: bool,
) -> Result<(Vec<New>, Vec<Odd>), Error> {
    let (mut files, mut odd) = (Vec::new(), set.odd.clone());
    for ((agency, code, date), Group { picks, raw_bytes }) in &set.groups {
        let place = Place { agency: *agency, code, date };
        let packed = if is_careful {
            let (packed, refused) = pack_what_can_be(&set.runs, picks);
            for (pick, reason) in refused {
                odd.push(Odd { path: put_aside(folder, &row_of(&set.runs, pick)?)?, reason });
            }
            packed
        } else {
            vec![pack(&set.runs, picks)?]
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

fn pack(runs: &[Arc<Run>], picks: &[(u32, u32)]) -> Result<Packed, Error> {
    let packed =
        catch_unwind(AssertUnwindSafe(|| soc_archive::pack_picked(runs, picks, Effort::Fresh)));
    packed.map_err(|_| Error::Thread("packing panicked".into()))?.map_err(Error::from)
}

/// An event, and why it could not be packed.
type Refused = ((u32, u32), String);

/// Halves what cannot be packed until the events that are to blame are alone.
fn pack_what_can_be(runs: &[Arc<Run>], picks: &[(u32, u32)]) -> (Vec<Packed>, Vec<Refused>) {
    let (mut packed, mut refused) = (Vec::new(), Vec::new());
    let mut waiting = vec![picks];
    while let Some(picks) = waiting.pop() {
        match (pack(runs, picks), picks) {
            (Ok(one), _) => packed.push(one),
            (Err(_), []) => {}
            (Err(error), [pick]) => refused.push((*pick, error.to_string())),
            (Err(_), _) => {
                let (one, other) = picks.split_at(picks.len() / 2);
                waiting.extend([other, one]);
            }
        }
    }
    (packed, refused)
}

fn row_of(runs: &[Arc<Run>], (run, row): (u32, u32)) -> Result<Row, Error> {
    let run = usize::try_from(run).ok().and_then(|run| runs.get(run));
    let row = usize::try_from(row).unwrap_or(usize::MAX);
    let alone = run.filter(|run| row < run.owners().len()).map(|run| run.batch().slice(row, 1));
    let rows = alone.map(|alone| soc_archive::rows_of(&alone)).transpose()?;
    let row = rows.and_then(|rows| rows.into_iter().next());
    row.ok_or(Error::Columns(soc_archive::Error::Unfit("a row that is not there")))
}

pub(super) fn put_aside(folder: &Folder, row: &Row) -> Result<String, Error> {
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
