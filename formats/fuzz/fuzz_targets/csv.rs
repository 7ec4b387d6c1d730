//! `cargo fuzz run csv`: a table read piece by piece gives the rows of the whole.
#![no_main]

use soc_event::Timestamp;
use soc_formats::csv::Table;
use soc_formats::text::Moment;
use soc_formats::{Cut, Cutter, Format, Stretch};

libfuzzer_sys::fuzz_target!(|input: (u8, &[u8])| {
    let (piece, bytes) = input;
    let Ok(table) = Table::of_header(bytes, None) else { return };
    let zone = jiff::tz::TimeZone::UTC;
    let moment = Moment::kept(Timestamp::default(), &zone);
    let format = Format::Csv(table);
    let read = |step: usize| {
        let (mut cutter, mut held, mut shown) = (Cutter::new(format.clone()), Vec::new(), 0);
        let mut rows = Vec::new();
        loop {
            let is_end = shown == bytes.len();
            match cutter.cut(&held, is_end) {
                Cut::Take { bytes: taken, first } => {
                    let stretch = Stretch { bytes: &held[..taken], first };
                    format.read(stretch, moment, &mut |found| rows.push(format!("{found:?}")));
                    held.drain(..taken);
                }
                Cut::Drop { bytes, .. } => drop(held.drain(..bytes)),
                Cut::More if is_end => return rows,
                Cut::More => {
                    let end = (shown + step).min(bytes.len());
                    held.extend_from_slice(&bytes[shown..end]);
                    shown = end;
                }
            }
        }
    };
    assert_eq!(read(usize::from(piece) + 1), read(bytes.len() + 1));
});
