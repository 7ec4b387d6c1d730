use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::*;

/// A record as a program would write it.
fn written(layout: Layout, kind: u16, user: &str, host: &str, address: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; layout.bytes()];
    let mut put = |at: usize, what: &[u8]| bytes[at..at + what.len()].copy_from_slice(what);
    put(0, &kind.to_le_bytes());
    put(4, &77_u32.to_le_bytes());
    put(8, b"ssh:notty");
    put(44, user.as_bytes());
    put(76, host.as_bytes());
    match layout {
        Layout::Short => {
            put(340, &1_795_366_825_u32.to_le_bytes());
            put(344, &250_000_u32.to_le_bytes());
            put(348, address);
        }
        Layout::Long => {
            put(344, &1_795_366_825_i64.to_le_bytes());
            put(352, &250_000_i64.to_le_bytes());
            put(360, address);
        }
    }
    bytes
}

fn shown(layout: Layout, book: Book, bytes: &[u8]) -> String {
    let zone = TimeZone::UTC;
    let moment = Moment::kept("2026-11-22T18:00:00Z".parse().unwrap(), &zone);
    let record = layout.record(bytes).unwrap();
    let Some(event) = record.event(book, moment) else { return String::new() };
    assert_eq!(event.time.to_string(), "2026-11-22T17:00:25.250000Z");
    let fields = event.fields.iter().filter(|(name, _)| *name != "message");
    fields.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
}

#[test]
fn failed_logins_have_the_fields_of_sshds() {
    for layout in [Layout::Short, Layout::Long] {
        let bytes = written(layout, 6, "root", "192.0.2.7", &[192, 0, 2, 7]);
        assert_eq!(Layout::detect(&bytes), Some(layout));
        assert_eq!(
            shown(layout, Book::Failures, &bytes),
            "event.action=login event.outcome=failure process.pid=77 source.ip=192.0.2.7 \
             user.name=root user.terminal=ssh:notty"
        );
        let v6 = Ipv6Addr::LOCALHOST.octets();
        let bytes = written(layout, 7, "bob", "gw.example.vn", &v6);
        assert_eq!(
            shown(layout, Book::Sessions, &bytes),
            "event.action=login event.outcome=success process.pid=77 source.domain=gw.example.vn \
             source.ip=::1 user.name=bob user.terminal=ssh:notty"
        );
        let bytes = written(layout, 2, "reboot", "6.1.0-18-amd64", &[]);
        assert!(shown(layout, Book::Sessions, &bytes).contains("host_started"));
        assert_eq!(shown(layout, Book::Failures, &bytes), "");
    }
}

#[test]
fn a_name_that_was_typed_cannot_write_lines() {
    let bytes = written(Layout::Short, 6, "a\nroot\u{1b}[2J", "", &[]);
    assert!(shown(Layout::Short, Book::Failures, &bytes).contains("user.name=aroot[2J"));
}

#[test]
fn files_of_the_other_layout_and_of_neither_are_told_apart() {
    let one = |layout, user| written(layout, 7, user, "h", &[10, 0, 0, 1]);
    for layout in [Layout::Short, Layout::Long] {
        let bytes: Vec<u8> = (0..30).flat_map(|_| one(layout, "bob")).collect();
        assert_eq!(Layout::detect(&bytes), Some(layout));
    }
    assert_eq!(
        Layout::detect(b"Nov 22 10:00:00 this is no binary file".repeat(30).as_slice()),
        None
    );
    assert_eq!(Layout::detect(b""), None);
}

proptest! {
    #[test]
    fn any_bytes_are_a_record_or_none(bytes in prop::collection::vec(any::<u8>(), 0..900)) {
        let zone = TimeZone::UTC;
        let moment = Moment::live(Timestamp::default(), &zone);
        let _ = Layout::detect(&bytes);
        for layout in [Layout::Short, Layout::Long] {
            if let Some(record) = layout.record(&bytes) {
                let _ = record.event(Book::Sessions, moment);
                let _ = record.event(Book::Failures, moment);
            }
        }
    }
}
