//! `cargo fuzz run condition`: every text is a condition or a problem, and a condition means the same
//! to the fast engine and to the plain one, whichever selections hold.
#![no_main]

use soc_rules::{Evaluator, JsonEvent, Ruleset, Source};

libfuzzer_sys::fuzz_target!(|text: &str| {
    let Ok(quoted) = serde_json::to_string(text) else { return };
    let rule = format!(
        "title: T\nid: 9a1f0a8e-63a4-4d4c-8d3f-6a0a3d4b7f10\nlogsource: {{product: fuzz}}\n\
         detection:\n  a: {{a: 1}}\n  b: {{b: 1}}\n  b2: {{c: 1}}\n  _c: {{c: 0}}\n  condition: {quoted}\n"
    );
    let (ruleset, problems) = Ruleset::load([Source { path: "fuzz.yml", text: &rule }]);
    assert!(!ruleset.rules().is_empty() || !problems.is_empty());
    let mut evaluator = Evaluator::new(&ruleset);
    for holds in 0..8_u8 {
        let bit = |number: u8| (holds >> number) & 1;
        let event = format!(r#"{{"product":"fuzz","a":{},"b":{},"c":{}}}"#, bit(0), bit(1), bit(2));
        let plain = JsonEvent::parse(event.as_bytes()).map(|event| ruleset.matching(&event));
        assert_eq!(evaluator.evaluate_json(event.as_bytes()).map(<[usize]>::to_vec), plain);
    }
});
