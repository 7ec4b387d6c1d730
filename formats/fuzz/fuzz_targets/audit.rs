//! `cargo fuzz run audit`: any records of Linux's audit, in one line or several, are one event; and
//! parents are named without the memory growing.
#![no_main]

use soc_event::Timestamp;
use soc_formats::Lineage;
use soc_formats::text::{Moment, Profile, line};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    let zone = jiff::tz::TimeZone::UTC;
    let moment = Moment::kept(Timestamp::default(), &zone);
    let records: Vec<String> =
        text.split('\n').map(|body| format!("type=SYSCALL msg=audit(1.0:1): {body}")).collect();
    let mut lineage = Lineage::default();
    for text in [text.into_owned(), records.join("\n")] {
        let mut event = line(&text, &Profile::auditd(), moment);
        lineage.name_parent(&mut event);
    }
});
