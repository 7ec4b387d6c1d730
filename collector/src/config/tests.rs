use super::*;

const EXAMPLE: &str = include_str!("../../../deploy/collector.example.toml");

fn mistakes(text: &str) -> Vec<String> {
    let mistakes = parse(Path::new("/data"), "c.toml", text).unwrap_err();
    mistakes.iter().map(Mistake::to_string).collect()
}

#[test]
fn all_mistakes_are_told_at_once_with_their_lines() {
    let text = "[gateway]\nlisten = \"nowhere\"\nnames = [\"a b\"]\n\n[journal]\nretention_day = 3\n\
                bytes_max = \"20 GB\"\n[fleet]\nsilence_after = \"1s\"\n[fleat]\n[api]\nlisten = 8080\n";
    let found = mistakes(text);
    for (line, expected) in [
        "c.toml:2: `gateway.listen` has to be an address with a port",
        "c.toml:3: `gateway.names` has to be a list of host names",
        "c.toml:6: there is no `retention_day` in [journal]; did you mean `retention_days`?",
        "c.toml:7: `journal.bytes_max` has to be a size such as \"20 GiB\"",
        "c.toml:9: `fleet.silence_after` has to be a time from \"30s\"",
        "c.toml:10: there is no section `fleat`; did you mean `fleet`?",
        "c.toml:12: `api.listen` has to be an address with a port",
    ]
    .iter()
    .enumerate()
    {
        assert!(found[line].starts_with(expected), "{found:#?}");
    }
    assert_eq!(found.len(), 7, "{found:#?}");
}

#[test]
fn what_is_not_toml_is_told_with_its_line_too() {
    let found = mistakes("[api]\nlisten = = 3\n");
    assert!(found[0].starts_with("c.toml:2: "), "{found:?}");
}

#[test]
fn no_file_is_fine_and_a_missing_one_is_not() {
    let config = load(Path::new("/data"), None).unwrap();
    assert_eq!(config.api.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.agents_listen.to_string(), "0.0.0.0:7443");
    assert_eq!(config.rulebook.folders, [PathBuf::from("/data/rules")]);
    assert!(load(Path::new("/data"), Some(Path::new("/nowhere/c.toml"))).is_err());
}

#[test]
fn the_example_is_read_and_says_the_defaults() {
    let example = parse(Path::new("/data"), "example", EXAMPLE).unwrap();
    let uncommented: String = EXAMPLE
        .lines()
        .map(|line| line.strip_prefix("# ").filter(|rest| rest.contains(" = ")).unwrap_or(line))
        .map(|line| format!("{line}\n"))
        .collect();
    let given = parse(Path::new("/data"), "example", &uncommented).unwrap();
    let default = load(Path::new("/data"), None).unwrap();
    for config in [&example, &given] {
        assert_eq!(config.journal, default.journal);
        assert_eq!(config.fleet, default.fleet);
        assert_eq!(config.hunt, default.hunt);
        assert_eq!(config.api.listen, default.api.listen);
    }
    let keys = uncommented.lines().filter(|line| line.contains(" = ")).count();
    assert_eq!(keys, 38, "every key is in the example");
}

#[test]
fn times_and_sizes_are_read_as_people_write_them() {
    for (text, seconds) in [("85s", Some(85)), ("12h", Some(43_200)), ("7d", Some(604_800))] {
        assert_eq!(duration_of(text).map(|time| time.as_secs()), seconds);
    }
    for text in ["", "7", "d", "0s", "7 weeks", "-1s", "999999999999999999999d", "7é"] {
        assert_eq!(duration_of(text), None, "{text}");
    }
}
