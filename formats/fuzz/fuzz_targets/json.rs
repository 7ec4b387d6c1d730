//! `cargo fuzz run json`: any object, OpenTelemetry's messages too, becomes events that the wire takes.
#![no_main]

use soc_event::{Timestamp, wire};
use soc_formats::text::Moment;
use soc_formats::{Format, Record, Stretch, fit, json};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let zone = jiff::tz::TimeZone::UTC;
    let moment = Moment::kept(Timestamp::default(), &zone);
    for format in [Format::Documents, Format::Ndjson, Format::Otlp] {
        format.read(Stretch { bytes, first: 1 }, moment, &mut |found| {
            let event = match found.record {
                Ok(Record::Json(object)) => json::event(object, moment),
                Ok(Record::Event(event)) => Ok(*event),
                Err(fault) => Err(fault),
            };
            let Ok(mut event) = event else { return };
            fit::fit(&mut event);
            let line = wire::encode_event(&event);
            assert!(wire::decode_event(line.as_bytes(), 1).is_ok(), "{line}");
        });
    }
});
