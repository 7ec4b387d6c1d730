use super::*;

const RULE: &str = "title: Marker\nid: 3f5a1a52-6f0d-4a52-9df2-0a3c8f1b7d11\nlogsource:\n  \
    product: linux\ndetection:\n  selection:\n    message|contains: marker\n  condition: selection\n\
    level: high\n";

impl Watcher {
    /// Until nothing changes any more.
    async fn settle(&mut self) {
        self.look().await;
        self.look().await;
    }
}

fn opened(folder: &std::path::Path) -> (Rulebook, Watcher, Bus) {
    let config = Config::of(vec![folder.to_owned()]);
    let bus = Bus::default();
    let (rulebook, watcher) = open(config, bus.clone(), &Registry::new()).unwrap();
    (rulebook, watcher, bus)
}

#[tokio::test]
async fn a_new_file_is_in_force_once_it_has_settled_and_a_removed_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let (rulebook, mut watcher, bus) = opened(folder.path());
    let packs = rulebook.current().ruleset.rules().len();
    let mut listener = bus.listen();
    let file = folder.path().join("deeper").join("marker.yml");
    std::fs::create_dir(file.parent().unwrap()).unwrap();
    std::fs::write(&file, RULE).unwrap();
    watcher.settle().await;
    assert_eq!(rulebook.current().ruleset.rules().len(), packs + 1);
    assert_eq!(listener.try_recv().unwrap(), Notice::Rules);
    watcher.settle().await;
    assert!(listener.try_recv().is_err(), "nothing has changed");
    std::fs::remove_file(&file).unwrap();
    watcher.settle().await;
    assert_eq!(rulebook.current().ruleset.rules().len(), packs);
}

#[tokio::test]
async fn a_file_that_is_being_written_keeps_its_rule_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("marker.yml");
    std::fs::write(&file, RULE).unwrap();
    let (rulebook, mut watcher, _) = opened(folder.path());
    let before = rulebook.current();
    for half in [40, 80, 120] {
        std::fs::write(&file, &RULE[..half]).unwrap();
        watcher.look().await;
        assert!(Arc::ptr_eq(&before, &rulebook.current()), "{half} bytes");
    }
    let changed = RULE.replace("level: high", "level: critical");
    std::fs::write(&file, &changed).unwrap();
    watcher.settle().await;
    let book = rulebook.current();
    let rule = book.ruleset.rule("3f5a1a52-6f0d-4a52-9df2-0a3c8f1b7d11");
    assert_eq!(rule.unwrap().level, soc_rules::Level::Critical);
    assert_eq!(book.problems, []);
}

#[tokio::test]
async fn files_that_never_stop_changing_are_loaded_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let (rulebook, mut watcher, _) = opened(folder.path());
    let packs = rulebook.current().ruleset.rules().len();
    for look in 0..=LOOKS_MAX {
        let name = format!("{look}.yml");
        std::fs::write(folder.path().join(name), RULE.replace("3f5a", &format!("{look:04}")))
            .unwrap();
        watcher.look().await;
    }
    assert!(rulebook.current().ruleset.rules().len() > packs);
}

#[tokio::test]
async fn a_broken_file_disables_itself_alone_and_is_told_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("good.yml"), RULE).unwrap();
    let broken = RULE.replace("contains", "contain").replace("3f5a", "4f5a");
    std::fs::write(folder.path().join("broken.yml"), broken).unwrap();
    std::fs::write(folder.path().join("bytes.yml"), [0xff, 0xfe]).unwrap();
    std::fs::write(folder.path().join("good.test.yml"), "not: looked at").unwrap();
    let (rulebook, ..) = opened(folder.path());
    let book = rulebook.current();
    assert!(book.ruleset.rule("3f5a1a52-6f0d-4a52-9df2-0a3c8f1b7d11").is_some());
    let paths: Vec<&str> = book.problems.iter().map(|problem| problem.path.as_str()).collect();
    assert_eq!(paths.len(), 2, "{:?}", book.problems);
    let placed = book.problems.iter().find(|problem| problem.path.ends_with("broken.yml"));
    assert!(placed.unwrap().line.is_some(), "{placed:?}");
}

#[test]
fn a_folder_that_is_not_there_is_told() {
    let (rulebook, ..) = opened(std::path::Path::new("/nowhere/rules"));
    assert_eq!(rulebook.current().problems[0].path, "/nowhere/rules");
}

#[test]
fn the_tests_beside_a_named_rule_come_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("marker.yml");
    std::fs::write(&file, RULE).unwrap();
    std::fs::write(folder.path().join("marker.test.yml"), "[]").unwrap();
    for path in [&file, &folder.path().to_owned()] {
        let Collected { rules, tests, problems } = collect(std::slice::from_ref(path));
        assert_eq!((rules.len(), tests.len(), problems.len()), (1, 1, 0));
    }
}

#[tokio::test]
async fn what_the_site_adds_is_taken_over_as_rules_are() {
    let (folder, site) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let rule = RULE.replace("message|contains: marker", "message|expand: '%servers%'");
    std::fs::write(folder.path().join("marker.yml"), rule).unwrap();
    let (values, pipeline) = (site.path().join("values.toml"), site.path().join("pipeline.yml"));
    std::fs::write(&values, "servers = [\"srv-01\"]\n").unwrap();
    let transform = "name: site\npriority: 10\ntransformations:\n  - type: field_name_mapping\n    \
                     mapping:\n      message: msg\n";
    std::fs::write(&pipeline, transform).unwrap();
    let config = Config {
        site: Site {
            pipelines: vec![pipeline.clone()],
            placeholders: Some(values.clone()),
            ..Site::default()
        },
        ..Config::of(vec![folder.path().to_owned()])
    };
    let (rulebook, mut watcher) = open(config, Bus::default(), &Registry::new()).unwrap();
    let matches = |name: &str, value: &str| {
        let text = format!(r#"{{"product":"linux","{name}":"{value}"}}"#);
        let event = soc_rules::JsonEvent::parse(text.as_bytes()).unwrap();
        rulebook.current().ruleset.matching(&event).len()
    };
    assert_eq!(rulebook.current().problems, []);
    assert_eq!((matches("msg", "srv-01"), matches("message", "srv-01")), (1, 0));
    std::fs::write(&values, "servers = [\"srv-01\", \"srv-02\"]\n").unwrap();
    watcher.settle().await;
    assert_eq!(matches("msg", "srv-02"), 1);
    std::fs::write(&values, "servers = [\"srv-01\"\nmore = 1").unwrap();
    watcher.settle().await;
    let book = rulebook.current();
    let told = book.problems.iter().find(|problem| problem.path.ends_with("values.toml"));
    assert_eq!(told.and_then(|problem| problem.line), Some(2), "{:?}", book.problems);
}

#[tokio::test]
async fn a_list_is_a_placeholders_values_and_rules_change_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let (rules, lists) = (folder.path().join("rules"), folder.path().join("lists"));
    std::fs::create_dir(&rules).unwrap();
    std::fs::create_dir(&lists).unwrap();
    let rule = RULE.replace("message|contains: marker", "address|expand: '%bad-addresses%'");
    std::fs::write(rules.join("bad.yml"), rule).unwrap();
    let list = lists.join("bad-addresses.txt");
    std::fs::write(&list, "\u{feff}# from the centre\r\n192.0.2.1\r\n\r\n192.0.2.1\r\n").unwrap();
    let mut config = Config::of(vec![rules]);
    config.site.lists.push(lists.clone());
    let (rulebook, mut watcher) = open(config, Bus::default(), &Registry::new()).unwrap();
    let book = rulebook.current();
    assert_eq!(book.problems, []);
    assert_eq!(book.options.placeholders["bad-addresses"], ["192.0.2.1"]);
    let number = book.ruleset.rules().len() - 1;
    let before = book.ruleset.lists(number, &book.options);
    std::fs::write(&list, "192.0.2.1\n192.0.2.2\n").unwrap();
    std::fs::write(lists.join("no name.txt"), "1").unwrap();
    watcher.settle().await;
    let book = rulebook.current();
    assert_ne!(book.ruleset.lists(number, &book.options), before);
    assert_eq!(book.ruleset.meaning(number), rulebook.current().ruleset.meaning(number));
    assert!(book.problems[0].what.contains("the name of a list"), "{:?}", book.problems);
}
