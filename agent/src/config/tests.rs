use super::*;

fn mistakes(text: &str) -> Vec<(Option<usize>, String)> {
    let mistakes = Config::parse(text).unwrap_err();
    mistakes.into_iter().map(|mistake| (mistake.line, mistake.what)).collect()
}

#[test]
fn no_file_is_needed() {
    assert_eq!(Config::parse("").unwrap(), Config::default());
}

#[test]
fn all_mistakes_are_reported_together_each_with_its_line() {
    let text = "[spool]\nbytes_max = \"much\"\ncolour = 1\n\n[uplink]\nbatch_bytes = \"\"\n\
                [metrics]\nlisten = 9101\n[nonsense]\nx = 1\n";
    let found = mistakes(text);
    let lines: Vec<_> = found.iter().filter_map(|(line, _)| *line).collect();
    assert_eq!(lines, [2, 3, 6, 8, 9], "{found:#?}");
    assert!(found[0].1.contains("a size above zero"), "{found:#?}");
    assert!(found[1].1.contains("unknown field `colour`"), "{found:#?}");
    assert!(found[4].1.contains("nonsense"), "{found:#?}");
}

#[test]
fn what_is_not_toml_is_said_with_its_line() {
    let found = mistakes("[spool]\nbytes_max = \"1 MiB\"\n[uplink\n");
    assert_eq!(found[0].0, Some(3), "{found:#?}");
}

#[test]
fn metrics_may_be_listened_for_on_loopback_only() {
    assert!(mistakes("[metrics]\nlisten = \"0.0.0.0:9101\"\n")[0].1.contains("loopback"));
    assert!(Config::parse("[metrics]\nlisten = \"127.0.0.1:9101\"\n").is_ok());
}

#[test]
fn the_example_shows_every_default() {
    let example = include_str!("../../../deploy/agent.example.toml");
    assert_eq!(Config::parse(example).unwrap(), Config::default(), "as shipped");
    // A setting has no space after the mark, or four where it goes on; explanations have one.
    let is_setting = |rest: &str| {
        rest.starts_with("    ") || rest.starts_with(|c: char| c.is_ascii_lowercase() || c == ']')
    };
    let uncommented: String = example
        .lines()
        .map(|line| line.strip_prefix('#').filter(|rest| is_setting(rest)).unwrap_or(line))
        .flat_map(|line| [line, "\n"])
        .collect();
    assert_eq!(Config::parse(&uncommented).unwrap(), Config::default(), "uncommented");
}

#[test]
fn a_value_out_of_range_is_said_with_its_line() {
    let text = "[port]\npoll_ms = 1\n[spool]\nbytes_max = 9\n[uplink]\nbatch_bytes = \"9 MiB\"\n";
    let found = mistakes(text);
    let lines: Vec<_> = found.iter().filter_map(|(line, _)| *line).collect();
    assert_eq!(lines, [2, 4, 6], "{found:#?}");
    assert!(found[0].1.contains("port.poll_ms is 1"), "{found:#?}");
}
