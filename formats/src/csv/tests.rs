use jiff::tz::TimeZone;

use super::*;
use crate::{Cut, Cutter, Format};

const LOG: &str = "\u{feff}Time;Source IP;Event ID;Message\r\n\
    2026-11-22 10:00:00;192.0.2.7;4625;\"said \"\"no\"\"; twice\nin two lines\"\r\n\
    \r\n\
    2026-11-22 10:00:01;;0012;plain \"quoted\" text\r\n\
    tomorrow;192.0.2.8;1;x\r\n\
    2026-11-22 10:00:02;192.0.2.9\r\n\
    2026-11-22 10:00:03;192.0.2.9;1;last";

fn read_all(bytes: &[u8], pieces: usize) -> Vec<String> {
    let table = Table::of_header(bytes, None).unwrap();
    let format = Format::Csv(table);
    let zone = TimeZone::UTC;
    let moment = Moment::kept(Timestamp::default(), &zone);
    let (mut cutter, mut seen, mut shown) = (Cutter::new(format.clone()), Vec::new(), 0);
    let mut held: Vec<u8> = Vec::new();
    loop {
        let is_end = shown == bytes.len();
        match cutter.cut(&held, is_end) {
            Cut::Take { bytes: taken, first } => {
                let stretch = Stretch { bytes: &held[..taken], first };
                format.read(stretch, moment, &mut |Found { place, record }| {
                    seen.push(match record {
                        Ok(Record::Event(event)) => {
                            format!("{place} {} {:?}", event.time, event.fields)
                        }
                        Ok(other) => format!("{other:?}"),
                        Err(fault) => format!("{place} {fault}"),
                    });
                });
                held.drain(..taken);
            }
            Cut::Drop { bytes, .. } => drop(held.drain(..bytes)),
            Cut::More if is_end => return seen,
            Cut::More => {
                let end = (shown + pieces).min(bytes.len());
                held.extend(&bytes[shown..end]);
                shown = end;
            }
        }
    }
}

#[test]
fn rows_are_events_whatever_is_quoted_and_wherever_reading_pauses() {
    let whole = read_all(LOG.as_bytes(), usize::MAX / 2);
    assert_eq!(whole.len(), 5, "{whole:#?}");
    assert!(whole[0].starts_with("line 2 2026-11-22T10:00:00.000000Z"), "{}", whole[0]);
    assert!(whole[0].contains(r#"Text("said \"no\"; twice\nin two lines")"#), "{}", whole[0]);
    assert!(whole[0].contains("\"Event ID\": Number(Number(4625))"), "{}", whole[0]);
    assert!(whole[1].starts_with("line 5"), "{}", whole[1]);
    assert!(whole[1].contains("Text(\"0012\")") && !whole[1].contains("Source IP"));
    assert_eq!(whole[2], "line 6 column \"Time\": \"tomorrow\" is no time");
    assert_eq!(whole[3], "line 7 2 cells where the header names 4");
    assert!(whole[4].contains("last"));
    for pieces in [1, 2, 7, 50] {
        assert_eq!(read_all(LOG.as_bytes(), pieces), whole, "{pieces}");
    }
}

#[test]
fn a_quote_that_never_closes_is_told_and_no_other_row_is_lost() {
    let log = "time,b\n2026-11-22 10:00:00,x\n2026-11-22 10:00:01,\"open\n";
    let rows = read_all(log.as_bytes(), 9);
    assert_eq!(rows.len(), 2);
    assert!(rows[1].contains("ends in the middle"), "{rows:?}");
}

#[test]
fn headers_tell_delimiter_and_time() {
    let check = |head: &str, delimiter: u8, time: Option<usize>| {
        let table = Table::of_header(head.as_bytes(), None).unwrap();
        assert_eq!((table.delimiter, table.time), (delimiter, time), "{head}");
    };
    check("Level,Date and Time,Source,Event ID,Task Category\n", b',', Some(1));
    check("@timestamp\thost\n", b'\t', Some(0));
    check("a|b|c", b'|', None);
    check("id;\"a,b\";UtcTime\n", b';', Some(2));
    assert!(Table::of_header(b"one\n", None).is_err());
    let table = Table::of_header(b"a,b\n", None).unwrap();
    assert!(table.clone().with_time("B").is_ok());
    assert!(table.with_time("c").unwrap_err().contains("a, b"));
}
