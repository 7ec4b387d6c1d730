//! `cargo fuzz run utmp`: any bytes are records of logins or none.
#![no_main]

use soc_event::Timestamp;
use soc_formats::text::Moment;
use soc_formats::utmp::{Book, Layout};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let zone = jiff::tz::TimeZone::UTC;
    let moment = Moment::live(Timestamp::default(), &zone);
    let _ = Layout::detect(bytes);
    for layout in [Layout::Short, Layout::Long] {
        for record in bytes.chunks(layout.bytes()).filter_map(|bytes| layout.record(bytes)) {
            for event in [Book::Sessions, Book::Failures].map(|book| record.event(book, moment)) {
                let raw = event.and_then(|event| event.raw).unwrap_or_default();
                assert!(!raw.contains(char::is_control));
            }
        }
    }
});
