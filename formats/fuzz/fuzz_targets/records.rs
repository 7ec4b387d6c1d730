//! `cargo fuzz run records`: any log whose format is told by its bytes is read to its end.
#![no_main]

use soc_event::Timestamp;
use soc_formats::text::Moment;
use soc_formats::{Format, Stretch};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let zone = jiff::tz::TimeZone::UTC;
    let moment = Moment::kept(Timestamp::default(), &zone);
    let format = Format::detect(bytes, "/var/log/nginx/error.log");
    let mut records = 0_usize;
    format.read(Stretch { bytes, first: 1 }, moment, &mut |_| records += 1);
    assert!(records <= bytes.len() + 1);
});
