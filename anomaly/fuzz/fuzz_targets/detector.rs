//! `cargo fuzz run detector`: whatever was saved, whatever the clock says, nothing panics.
#![no_main]

use soc_anomaly::{Detector, Line, Now, Saved, Settings};

libfuzzer_sys::fuzz_target!(|input: (&[u8], Vec<(u64, i64, bool, String)>)| {
    let (saved, steps) = input;
    let saved: Option<Saved> = serde_json::from_slice(saved).ok();
    let settings = Settings { warmup_s: 0, ..Settings::default() };
    let restored = saved.and_then(|saved| Detector::restore(settings.clone(), saved).ok());
    let mut detector = restored.unwrap_or_else(|| Detector::new(settings));
    for (elapsed_s, local_s, is_confirmed, text) in steps {
        let now = Now { boot: 1, elapsed_s, local_s, is_confirmed };
        detector.tick(now);
        let line = Line { source: "log", message: &text, raw: &text, is_fresh: true, ..Line::default() };
        for anomaly in detector.see(&line, now) {
            assert!((0.0..=1.0).contains(&anomaly.score));
        }
    }
});
