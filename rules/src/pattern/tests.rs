use proptest::prelude::*;

use super::*;

fn glob(pattern: &str, within: Within, cased: bool) -> Glob {
    Glob::new(tokens(&rsigma_parser::SigmaString::new(pattern)), within, cased)
}

fn matched(pattern: &str, within: Within, text: &str) -> Option<String> {
    let found = with_held(text, |held| Test::Glob(glob(pattern, within, false)).find(held))?;
    found.map(|range| text[range].to_owned())
}

/// A wildcard matcher that is right at a glance, and slow.
fn plainly(pattern: &[char], text: &[char]) -> bool {
    match (pattern.split_first(), text.split_first()) {
        (None, rest) => rest.is_none(),
        (Some(('*', rest)), None) => plainly(rest, text),
        (Some(('*', rest)), Some((_, tail))) => plainly(rest, text) || plainly(pattern, tail),
        (Some((wanted, rest)), Some((c, tail))) => {
            (wanted == c || *wanted == '?') && plainly(rest, tail)
        }
        (Some(_), None) => false,
    }
}

proptest! {
    #[test]
    fn wildcards_match_like_the_plain_recursion(pattern in "[abé?*]{0,8}", text in "[abé]{0,10}") {
        let p: Vec<char> = pattern.chars().collect();
        let t: Vec<char> = text.chars().collect();
        let found = glob(&pattern, Within::Whole, true).find(&text);
        prop_assert_eq!(found.is_some(), plainly(&p, &t));
        if let Some(range) = found {
            prop_assert!(text.get(range).is_some());
        }
    }

    #[test]
    fn modifiers_are_wildcards_at_the_ends(pattern in "[ab?]{0,5}", text in "[ab]{0,10}") {
        for (within, same) in [
            (Within::Contains, format!("*{pattern}*")),
            (Within::StartsWith, format!("{pattern}*")),
            (Within::EndsWith, format!("*{pattern}")),
        ] {
            let short = glob(&pattern, within, true).find(&text).is_some();
            prop_assert_eq!(short, glob(&same, Within::Whole, true).find(&text).is_some());
        }
    }

    #[test]
    fn case_does_not_count_and_ranges_are_of_the_original(text in "\\PC{0,12}", part in 0_usize..6) {
        let letters: Vec<char> = text.chars().collect();
        let wanted: String = letters.iter().skip(part).take(3).collect();
        prop_assume!(!wanted.is_empty());
        let escaped = wanted.replace('\\', "\\\\").replace('*', "\\*").replace('?', "\\?");
        let found = matched(&escaped, Within::Contains, &text);
        let found = found.expect("a part of a text is in it");
        prop_assert_eq!(fold(&found), fold(&wanted));
    }

    #[test]
    fn counting_finds_what_the_automaton_finds(text in "[ab\né]{0,12}", least in 1_usize..5) {
        for class in [".", "[a-b]", "(?s:.)", "[^a]"] {
            let expression = format!("{class}{{{least},}}");
            let counted = Regex::new(&expression, "").unwrap();
            let plain = regex_automata::meta::Regex::new(&expression).unwrap();
            prop_assert_eq!(counted.find(&text), plain.find(&text).map(|found| found.range()));
            prop_assert_eq!(counted.is_in(&text, 1_000).0, plain.is_match(&text));
        }
    }

    #[test]
    fn base64_of_a_text_is_found_at_every_offset(before in "[ -~]{0,5}", text in "[ -~]{3,9}", after in "[ -~]{0,5}") {
        let whole = encode(format!("{before}{text}{after}").as_bytes(), Encoding::Base64);
        let parts = encode(text.as_bytes(), Encoding::Base64Offset);
        prop_assert!(parts.iter().any(|part| whole[0].contains(part.as_str())));
    }

    #[test]
    fn a_network_contains_what_shares_its_prefix(network: u32, address: u32, prefix in 0_u32..=32) {
        let text = |n: u32| std::net::Ipv4Addr::from(n).to_string();
        let parsed = Network::parse(&format!("{}/{prefix}", text(network))).unwrap();
        let mask = u32::MAX.checked_shl(32 - prefix).unwrap_or(0);
        prop_assert_eq!(parsed.contains(&text(address)), network & mask == address & mask);
        let mapped = format!("::ffff:{}", text(address));
        prop_assert_eq!(parsed.contains(&mapped), parsed.contains(&text(address)));
    }
}

#[test]
fn a_match_names_the_bytes_that_matched() {
    assert_eq!(matched("WGET", Within::Contains, "run Wget now").as_deref(), Some("Wget"));
    assert_eq!(matched("a*c", Within::Contains, "xxAbbCyy").as_deref(), Some("AbbC"));
    assert_eq!(matched("ư", Within::Contains, "HƯNG").as_deref(), Some("Ư"));
    assert_eq!(matched("x", Within::Contains, "İX").as_deref(), Some("X"));
    assert_eq!(
        matched(r"\\*.exe", Within::EndsWith, r"C:\Temp\a.exe").as_deref(),
        Some(r"\Temp\a.exe")
    );
    assert_eq!(matched("", Within::Whole, ""), Some(String::new()));
    assert_eq!(matched("", Within::Whole, "a"), None);
    assert_eq!(matched("*", Within::Whole, ""), Some(String::new()));
    assert_eq!(matched("a", Within::Whole, "ab"), None);
}

#[test]
fn a_dash_stands_for_every_dash_that_begins_an_option() {
    let pattern = tokens(&rsigma_parser::SigmaString::new("net-x -enc "));
    let glob = Glob::new(dashes(pattern.clone()), Within::Contains, false);
    for option in ["-", "/", "–", "—", "―"] {
        assert!(glob.find(&format!("net-x {option}enc aaa")).is_some(), "{option}");
    }
    assert!(glob.find("net/x -enc ").is_none(), "a dash inside a word is itself");
    assert_eq!(expand_dashes(&dashes(pattern)).unwrap().len(), 5);
}

#[test]
fn numbers_compare_by_value_not_by_spelling() {
    let holds = |how: Comparison, found: &str, wanted: &str| {
        how.holds(Number::parse(found).unwrap(), Number::parse(wanted).unwrap())
    };
    assert!(holds(Comparison::Equal, "5.0", "5"));
    assert!(holds(Comparison::Greater, "9007199254740993", "9007199254740992"));
    assert!(holds(Comparison::Less, "-3e2", "-299.5"));
    assert!(Number::parse("0x10").is_none() && Number::parse("nan").is_none());
    assert!(Number::parse("inf").is_none() && Number::parse("").is_none());
}

#[test]
fn parts_of_a_moment_are_those_of_utc() {
    let part = |text: &str, part| with_held(text, |held| part_of(held, part));
    let text = "2026-01-01T05:30:00+07:00";
    let found: Vec<_> = [Part::Minute, Part::Hour, Part::Day, Part::Week, Part::Month, Part::Year]
        .into_iter()
        .map(|p| part(text, p).unwrap())
        .collect();
    assert_eq!(found, [30, 22, 31, 1, 12, 2025]);
    assert_eq!(part("1764547200", Part::Month), Some(12));
    assert_eq!(part("1764547200000", Part::Month), Some(12));
    assert_eq!(part("2024-02-29 23:59:59Z", Part::Day), Some(29));
    assert_eq!(part("2021-01-03T00:00:00Z", Part::Week), Some(53));
    assert_eq!(part("soon", Part::Day), None);
}

#[test]
fn wide_text_is_utf16() {
    assert_eq!(wide("ab", false, false), b"a\0b\0");
    assert_eq!(wide("ab", true, false), b"\0a\0b");
    assert_eq!(wide("a", false, true), b"\xff\xfea\0");
}

#[test]
fn network_addresses_keep_their_family() {
    let network = Network::parse("2001:db8::/32").unwrap();
    assert!(network.contains("2001:DB8:1::5") && !network.contains("2001:db9::1"));
    assert!(!network.contains("32.1.13.184") && !network.contains("text"));
    assert!(Network::parse("10.0.0.0/33").is_none() && Network::parse("ten/8").is_none());
    assert!(Network::parse("0.0.0.0/0").unwrap().contains("192.0.2.1"));
}
