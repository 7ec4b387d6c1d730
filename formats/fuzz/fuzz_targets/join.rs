//! `cargo fuzz run join`: by any rule every line is in exactly one record, and reading again from
//! where is held gives the rest.
#![no_main]

use soc_formats::Joiner;
use soc_formats::join::Rule;

fn join(rule: &Rule, lines: &[&str], flush: bool) -> (Vec<String>, Option<u64>) {
    let (mut joiner, mut found) = (Joiner::new(rule.clone()), Vec::new());
    for (place, line) in (0..).zip(lines) {
        joiner.push(line, place, false, &mut |joined| found.push(joined.text));
    }
    let held = joiner.held();
    if flush {
        joiner.flush(&mut |joined| found.push(joined.text));
    }
    (found, held)
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let [which, cut, rest @ ..] = bytes else { return };
    let text = String::from_utf8_lossy(rest);
    // The end mark of an audit event that had ended is left out.
    let lines: Vec<&str> = text.split('\n').filter(|line| !line.contains("type=EOE")).collect();
    let first = Rule::First("#?".to_owned());
    let rules = [Rule::Indented, Rule::Timed, first, Rule::Audit, Rule::Csv, Rule::Apt, Rule::Docker];
    let rule = &rules[usize::from(*which) % rules.len()];
    let cut = usize::from(*cut).min(lines.len());
    let (mut found, held) = join(rule, &lines[..cut], false);
    let from = held.map_or(cut, |held| usize::try_from(held).unwrap_or(cut));
    found.extend(join(rule, &lines[from..], true).0);
    let mut said: Vec<&str> = found.iter().flat_map(|text| text.split('\n')).collect();
    let mut all = lines.clone();
    said.sort_unstable();
    all.sort_unstable();
    assert_eq!(said, all);
});
