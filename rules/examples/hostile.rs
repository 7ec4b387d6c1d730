//! `cargo run --release -p soc-rules --example hostile`: how long hostile rule files take to be
//! refused, and, where one loads, how long it takes to look at events of 64 KiB that are made for it.

use std::time::{Duration, Instant};

use soc_rules::{Evaluator, Ruleset, Source};

fn main() {
    let mut worst = Duration::ZERO;
    for (name, text) in files() {
        let start = Instant::now();
        let (ruleset, problems) = Ruleset::load([Source { path: "hostile.yml", text: &text }]);
        let loading = start.elapsed();
        worst = worst.max(loading);
        let verdict = match problems.first() {
            Some(problem) if ruleset.rules().is_empty() => problem.to_string(),
            _ => asked(&ruleset),
        };
        let verdict: String = verdict.chars().take(300).collect();
        println!("{:>9.3} ms  {name:<28} {verdict}", loading.as_secs_f64() * 1e3);
    }
    println!("worst: {worst:?}");
}

/// What the rules do with values made for them, each asked twice: the second time is what every
/// further event takes.
fn asked(ruleset: &Ruleset) -> String {
    let mut said = "loaded;".to_owned();
    for value in values() {
        let event = serde_json::json!({"product": "linux", "a": value}).to_string();
        let mut evaluator = Evaluator::new(ruleset);
        for _ in 0..2 {
            let start = Instant::now();
            let found = evaluator.evaluate_json(event.as_bytes()).map_or(0, <[usize]>::len);
            let took = start.elapsed();
            let steps: u64 = evaluator.take_use().iter().map(|(_, rule)| rule.steps).sum();
            let parked = if evaluator.take_parked().is_empty() { "" } else { ", parked" };
            said += &format!(" {found} in {took:.1?} ({steps} steps{parked})");
        }
    }
    said
}

/// One letter again and again; two letters, blanks and signs in no order; letters of many kinds.
fn values() -> [String; 3] {
    let mut state = 1_u32;
    let mut any = |letters: &str| {
        let letters: Vec<char> = letters.chars().collect();
        let next = |_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            letters[(state >> 16) as usize % letters.len()]
        };
        (0..32 * 1024).map(next).collect::<String>()
    };
    ["a".repeat(64 * 1024), any("abab =x5").repeat(2), any("aéжaЖ漢bw")]
}

/// Name and text.
fn files() -> Vec<(&'static str, String)> {
    let mut files = Vec::new();
    let mut add = |name, text: String| files.push((name, text));
    let deep = |open: &str, count: usize| rule(&format!("  s: {}", open.repeat(count)));
    add("brackets", deep("[", 200_000));
    add("braces", deep("{a: ", 100_000));
    add("braces within the limit", deep("{a: ", 990));
    add("dashes", deep("- ", 200_000));
    add("dashes on lines", deep("\n-", 200_000));
    add("question marks", deep("? ", 200_000));
    add("anchors", deep("&a ", 100_000));
    add("tags", deep("!a ", 100_000));
    add(
        "indentation",
        rule(&(1..700).map(|n| format!("{}a:\n", " ".repeat(n))).collect::<String>()),
    );
    add("alias bomb", rule("  s: {a: 1}\n  condition: s\n") + &bomb());
    add("aliases of a long text", long_aliases());
    add("a long text shared", shared("global"));
    add("a long text repeated", shared("repeat"));
    add("many odd relations", format!("related:\n{}{}", "  - x\n".repeat(15_000), condition("s")));
    add("merge keys", rule(&format!("  s: {{{}}}", "<<: *a, ".repeat(10_000))));
    add("a million documents", "---\na: 1\n".repeat(50_000));
    add("a million empty documents", "---\n".repeat(125_000));
    add("long line", rule(&format!("  s:\n    a: {}\n  condition: s", "x".repeat(500_000))));
    add("many keys", rule(&keys(19_000)));
    add("same key", rule(&"  s: 1\n".repeat(40_000)));
    add("many values", list(19_000, ""));
    add("values with wildcards", list(19_000, "*?*x*"));
    add("parentheses", condition(&format!("{}s{}", "(".repeat(4000), ")".repeat(4000))));
    add("only opening", condition(&"(".repeat(500_000)));
    add(
        "parentheses within the limit",
        condition(&format!("{}s{}", "(".repeat(32), ")".repeat(32))),
    );
    add("nested in width", condition(&format!("{}s", "(s and (s or s)) or ".repeat(200))));
    add("not not not", condition(&"not ".repeat(2000)));
    add("long condition", condition(&format!("{}s", "s and ".repeat(20_000))));
    add("half a condition", condition(&"s and ".repeat(650)));
    add("many conditions", many_conditions());
    add("all of them", them(250));
    add("dashes to expand", field("a|windash|base64", &"-a ".repeat(50)));
    add("stars", field("a", &"*a".repeat(8_000)));
    add("question marks to match", field("a", &format!("*{}b", "?".repeat(8_000))));
    for (name, regex) in [
        ("(a+)+$", "(a+)+$".to_owned()),
        ("(a|aa)*b", "(a|aa)*b".to_owned()),
        ("a{1000}{1000}", "a{1000}{1000}".to_owned()),
        ("((a{100}){100}){100}", "((a{100}){100}){100}".to_owned()),
        (r"(\w{1,100}){100}", r"(\w{1,100}){100}".to_owned()),
        (r"\pL{500}", r"\pL{500}".to_owned()),
        (r"[\pL\pN\pM]{200}", r"[\pL\pN\pM]{200}".to_owned()),
        (r"(?i)\w{300}", r"(?i)\w{300}".to_owned()),
        (r"\w{40}", r"\w{40}".to_owned()),
        ("a{0,5000}", "a{0,5000}".to_owned()),
        ("(.*a){40}", "(.*a){40}".to_owned()),
        ("(.{0,30}a){30}b", "(.{0,30}a){30}b".to_owned()),
        ("[ab]*a[ab]{200}c", "[ab]*a[ab]{200}c".to_owned()),
        (".*.*.*.*.*=.*", ".*.*.*.*.*=.*".to_owned()),
        ("(x+x+)+y", "(x+x+)+y".to_owned()),
        ("(((((", "(".repeat(5_000)),
        ("long alternation", (0..2_000).map(|n| format!("w{n}|")).collect::<String>() + "x"),
        ("alternation of classes", r"(\w|\d|\s)".repeat(80)),
        ("empty repeated", "(|a)*".repeat(50)),
    ] {
        add(name, field("a|re", &regex));
    }
    add("many regexes", regexes(15_000, r"\w{5}"));
    add("many regexes of size", regexes(2_000, r"\w{30}"));
    add("many rules of regexes", rules_of_regexes(250, 60));
    files
}

fn rule(detection: &str) -> String {
    format!(
        "title: Hostile\nid: 0b0d4a52-6c9e-4a1e-9d33-0a6e5f1f2c11\nlogsource:\n  product: linux\n\
         detection:\n{detection}"
    )
}

fn condition(text: &str) -> String {
    rule(&format!("  s:\n    a: 1\n  condition: {text}"))
}

fn field(key: &str, value: &str) -> String {
    rule(&format!("  s:\n    {key}: '{value}'\n  condition: s"))
}

/// Ten lists of nine aliases of the list before.
fn bomb() -> String {
    let mut text = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n".to_owned();
    for number in 1..30 {
        let before = format!("*a{}", number - 1);
        text += &format!("a{number}: &a{number} [{}]\n", [before.as_str(); 9].join(","));
    }
    text
}

/// One text of 100 KB, 40,000 times.
fn long_aliases() -> String {
    let aliases = "      - *x\n".repeat(18_000);
    rule(&format!("  s:\n    a:\n      - &x '{}'\n{aliases}  condition: s", "x".repeat(100_000)))
}

/// A long document that all others share.
fn shared(action: &str) -> String {
    let long = format!("title: {}\n", "x".repeat(400_000));
    match action {
        "global" => format!("action: global\n{long}---\n{}", "id: a\n---\n".repeat(250)),
        _ => format!("{long}---\n{}", "action: repeat\nid: a\n---\n".repeat(250)),
    }
}

fn keys(count: usize) -> String {
    let keys: String = (0..count).map(|number| format!("    k{number}: 1\n")).collect();
    format!("  s:\n{keys}  condition: s")
}

fn list(count: usize, around: &str) -> String {
    let values = (0..count).map(|number| format!("      - '{around}v{number}{around}'\n"));
    rule(&format!("  s:\n    a|contains:\n{}  condition: s", values.collect::<String>()))
}

fn many_conditions() -> String {
    rule(&format!("  s:\n    a: 1\n  condition:\n{}", "    - s and not s\n".repeat(300)))
}

fn them(count: usize) -> String {
    let names: String =
        (0..count).map(|number| format!("  s{number}:\n    a: {number}\n")).collect();
    let condition = "1 of s* and ".repeat(330) + "all of them";
    rule(&format!("{names}  condition: {condition}"))
}

fn regexes(count: usize, regex: &str) -> String {
    let values = (0..count).map(|number| format!("      - 'x{number}{regex}'\n"));
    rule(&format!("  s:\n    a|re:\n{}  condition: s", values.collect::<String>()))
}

fn rules_of_regexes(rules: usize, each: usize) -> String {
    let one = regexes(each, r"\w{30}");
    let numbered = |number: usize| {
        one.replace("0b0d4a52-6c9e", &format!("0b0d{number:04}-6c9e"))
            .replace("x1", &format!("y{number}"))
    };
    (0..rules).map(|number| format!("{}\n---\n", numbered(number))).collect()
}
