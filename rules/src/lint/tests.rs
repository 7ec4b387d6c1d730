use super::*;

fn lines(logsource: &str, detection: &str) -> Vec<String> {
    let text = format!(
        "title: T\nid: 11111111-2222-4333-8444-555555555555\nlogsource: {logsource}\ndetection:\n{detection}\n"
    );
    let source = Source { path: "r.yml", text: &text };
    let (ruleset, problems) = crate::Ruleset::load([source]);
    assert_eq!(ruleset.rules().len(), 1, "a warning disables nothing: {problems:?}");
    lint([source], &Options::default()).iter().map(ToString::to_string).collect()
}

const CREATION: &str = "{product: windows, category: process_creation}";

#[test]
fn what_is_odd_is_told_with_its_place_and_what_to_do() {
    for (logsource, detection, expected) in [
        (
            CREATION,
            "  s:\n    Imgae|endswith: x\n  condition: s",
            "r.yml:6:5: warning: events of the category 'process_creation' have no field 'Imgae' (hint: did you mean 'Image'?)",
        ),
        (
            CREATION,
            "  s:\n    - Image: x\n    - ScriptBlockText: y\n  condition: s",
            "r.yml:7:7: warning: events of the category 'process_creation' have no field 'ScriptBlockText' (hint: if your events do, name it in a logsource file under 'known')",
        ),
        (
            "{product: windows, category: process_create}",
            "  s:\n    a: x\n  condition: s",
            "r.yml:3:1: warning: no logsource file knows the category 'process_create' of 'windows' (hint: did you mean 'process_creation'?)",
        ),
        (
            "\n  product: wndows",
            "  s:\n    a: x\n  condition: s",
            "r.yml:4:3: warning: no logsource file knows the product 'wndows' (hint: did you mean 'windows'?)",
        ),
        (
            "{product: acme}",
            "  s:\n    a: x\n  condition: s",
            "r.yml:3:1: warning: no logsource file knows the product 'acme' (hint: only events that claim it themselves",
        ),
        (
            "{product: linux}",
            "  s:\n    a|all: [x, y]\n  condition: s",
            "r.yml:6:5: warning: no single value of 'a' is all of x, y (hint: only a field that holds a list can",
        ),
        (
            "{product: linux}",
            "  s:\n    a: [x.exe, y.exe]\n    a|endswith: .dll\n  condition: s",
            "r.yml:7:5: warning: the selection 's' can never hold: no value of 'a' fits all that is said of it",
        ),
        (
            "{product: linux}",
            "  s:\n    a: 1\n  t:\n    a: [2, 3]\n  condition: s and t",
            "r.yml:9:3: warning: the condition can never hold: '(s and t)'",
        ),
        (
            "{product: linux}",
            "  s:\n    a: 1\n  condition: s and not 1 of s*",
            "r.yml:7:3: warning: the condition can never hold",
        ),
        (
            "{product: linux}",
            "  s:\n    a: 1\n  t:\n    b: 2\n  condition: s or (s and t)",
            "r.yml:7:3: warning: whether 't' holds changes nothing",
        ),
        (
            "{product: linux}",
            "  s:\n    a|re: '-k \\w{1,30}'\n  condition: s",
            "r.yml:6:5: warning: a costly regular expression",
        ),
        (
            "{product: linux}",
            "  s:\n    a|re: whoami\n  condition: s",
            "r.yml:6:5: warning: 'whoami' is plain text: no expression is needed (hint: 'contains'",
        ),
    ] {
        let told = lines(logsource, detection);
        assert!(
            told.first().is_some_and(|told| told.starts_with(expected)),
            "{told:?}\n{expected}"
        );
    }
}

#[test]
fn what_is_well_is_not_told_about() {
    for (logsource, detection) in [
        (
            CREATION,
            "  s:\n    Image|endswith: x\n    Channel: y\n    NewProcessName: z\n  condition: s",
        ),
        ("{category: process_creation}", "  s:\n    whatever: x\n  condition: s"),
        ("{product: windows, service: security}", "  s:\n    whatever: x\n  condition: s"),
        ("{product: linux}", "  s:\n    a: [x.exe, y.dll]\n    a|endswith: .dll\n  condition: s"),
        ("{product: linux}", "  s:\n    a: 1\n  t:\n    a: [1, 2]\n  condition: s and t"),
        ("{product: linux}", "  s:\n    a: 1\n  t:\n    a: 2\n  condition: s or t"),
        ("{product: linux}", "  s:\n    a: 1\n  f:\n    a: 2\n  condition: s and not f"),
        ("{product: linux}", "  s:\n    a|contains|all: [x, y]\n  condition: all of s*"),
        ("{product: linux}", "  s:\n    a|re: 'who.*i'\n  condition: s"),
    ] {
        assert_eq!(lines(logsource, detection), Vec::<String>::new(), "{detection}");
    }
}

#[test]
fn the_rules_shipped_are_without_warning() {
    let warnings = lint(crate::packs(), &Options::default());
    assert!(
        warnings.is_empty(),
        "{}",
        warnings.iter().map(|p| format!("{p}\n")).collect::<String>()
    );
}
