//! `cargo fuzz run event`: every line of bytes is an event or an error, to both engines alike; they
//! find the same rules in it; and the ranges of a match lie in its value.
#![no_main]

use std::cell::RefCell;

use soc_rules::{Evaluator, JsonEvent, Ruleset, Source, packs};

/// Something of every modifier, beside the rules we ship.
const RULES: &str = r#"title: Texts
id: 9a1f0a8e-63a4-4d4c-8d3f-6a0a3d4b7f10
logsource: {product: fuzz}
detection:
  a: {f: 'a*b?c', g|contains|all: [x, Y], h|startswith: '\\'}
  b: {f|endswith: [É, ß, ''], g|re: '^(a|b)+\d{2,4}$'}
  c: {f|windash|contains: ' -enc ', g|base64offset|contains: secret}
  d: {o.p|cased: Abc, g|neq: x}
  e: ['needle', '*two*words*', 404]
  filter: {h: null, g|exists: false}
  condition: (1 of a* or b or c or d or e) and not filter
---
title: Numbers
id: 9a1f0a8e-63a4-4d4c-8d3f-6a0a3d4b7f11
logsource: {product: fuzz}
detection:
  a: {n: [1, 1.5, -3, true], f|gt: 5}
  b: {n|lte: 1e3, f|cidr: [10.0.0.0/8, 'fe80::/10']}
  c: {f|hour: 3, n|exists: true}
  d: {f|fieldref|startswith: g}
  condition: 1 of them
"#;

thread_local! {
    static EVALUATOR: RefCell<Evaluator> = RefCell::new(Evaluator::new(&ruleset()));
}

fn ruleset() -> Ruleset {
    let own = Source { path: "fuzz.yml", text: RULES };
    Ruleset::load(packs().chain([own])).0
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    EVALUATOR.with_borrow_mut(|evaluator| {
        for line in bytes.split(|byte| *byte == b'\n').take(64) {
            let fast = evaluator.evaluate_json(line).map(<[usize]>::to_vec);
            let event = JsonEvent::parse(line);
            assert_eq!(fast.is_ok(), event.is_ok());
            let (Ok(fast), Ok(event)) = (fast, event) else { continue };
            assert_eq!(fast, evaluator.ruleset().matching(&event));
            assert_eq!(fast, evaluator.evaluate(&event));
            for rule in fast {
                for predicate in evaluator.ruleset().explain(rule, &event) {
                    if let (Some(start), Some(end)) = (predicate.start, predicate.end) {
                        assert!(predicate.value.get(start..end).is_some());
                    }
                }
            }
        }
    });
});
