//! The fast engine against the plain one: whatever the rules and the events, they say the same.
//!
//! Events are made of what the rules ask for, and of what nearly is: other case, one character more
//! or less, another dash, escaped in another way, as a number, in a list, nested in objects.

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use soc_rules::{Evaluator, Event, FieldValue, JsonEvent, LogsourceRef, Ruleset, Source};

/// Texts rules are made of: with escapes, wildcards, dashes, other scripts, short and long.
const TEXTS: [&str; 24] = [
    "\\powershell.exe",
    " -enc ",
    "/c ",
    "whoami",
    "C:\\Windows\\System32\\",
    "\\\\\\\\server\\\\share",
    "a*b",
    "x?z",
    "\\*star",
    "é",
    "ΑΒΓ",
    "Straße",
    "\"quoted\"",
    "tab\there",
    "4688",
    "22",
    "1.50",
    "true",
    "ls",
    "p",
    "",
    "comsvcs.dll",
    "Invoke-Mimikatz -DumpCreds",
    "\u{2013}exec",
];

const MODIFIERS: [&str; 15] = [
    "",
    "|contains",
    "|startswith",
    "|endswith",
    "|contains|all",
    "|cased",
    "|contains|windash",
    "|endswith|windash",
    "|base64offset|contains",
    "|wide|base64offset|contains",
    "|re",
    "|re|i",
    "|contains|cased",
    "|neq",
    "|exists",
];

const FIELDS: [&str; 5] = ["Image", "CommandLine", "process.name", "EventID", "process"];

#[derive(Clone, Debug)]
struct Line {
    field: usize,
    modifier: usize,
    texts: Vec<usize>,
}

#[derive(Clone, Debug)]
struct Made {
    selections: Vec<Vec<Line>>,
    keywords: Vec<usize>,
    condition: usize,
}

const CONDITIONS: [&str; 8] = [
    "s0",
    "s0 and not s1",
    "s0 or s1",
    "1 of s*",
    "all of s*",
    "2 of s*",
    "keywords or s0",
    "not s0 and keywords",
];

fn line() -> impl Strategy<Value = Line> {
    (0..FIELDS.len(), 0..MODIFIERS.len(), prop::collection::vec(0..TEXTS.len(), 1..4))
        .prop_map(|(field, modifier, texts)| Line { field, modifier, texts })
}

fn made() -> impl Strategy<Value = Made> {
    let selection = prop::collection::vec(line(), 1..3);
    (
        prop::collection::vec(selection, 3..4),
        prop::collection::vec(0..TEXTS.len(), 1..3),
        0..CONDITIONS.len(),
    )
        .prop_map(|(selections, keywords, condition)| Made { selections, keywords, condition })
}

fn rule(number: usize, made: &Made) -> String {
    let mut detection = Map::new();
    for (at, selection) in made.selections.iter().enumerate() {
        let mut lines = Map::new();
        for line in selection {
            let key = format!("{}{}", FIELDS[line.field], MODIFIERS[line.modifier]);
            let texts: Vec<Value> = line.texts.iter().map(|text| value(TEXTS[*text])).collect();
            let is_presence = MODIFIERS[line.modifier] == "|exists";
            lines.insert(key, if is_presence { json!(texts.len() > 1) } else { texts.into() });
        }
        detection.insert(format!("s{at}"), lines.into());
    }
    let keywords: Vec<&str> =
        made.keywords.iter().map(|text| TEXTS[*text]).filter(|text| !text.is_empty()).collect();
    if !keywords.is_empty() {
        detection.insert("keywords".into(), keywords.into());
    }
    detection.insert("condition".into(), CONDITIONS[made.condition].into());
    let id = format!("11111111-2222-4333-8444-{number:012}");
    let rule = json!({
        "title": format!("R{number}"), "id": id, "logsource": {"product": "p"}, "detection": detection,
    });
    rule.to_string()
}

/// Numbers and booleans as such, sometimes.
fn value(text: &str) -> Value {
    match text {
        "4688" => json!(4688),
        "true" => json!(true),
        other => json!(other),
    }
}

/// A text an event holds: of a rule, or nearly.
fn near() -> impl Strategy<Value = Value> {
    let text = (0..TEXTS.len(), 0..TEXTS.len(), 0..9_usize).prop_map(|(one, other, how)| {
        let text = TEXTS[one].replace("\\\\", "\\");
        match how {
            0 => json!(text),
            1 => json!(text.to_uppercase()),
            2 => json!(format!("{} {text} {}", TEXTS[other], TEXTS[one])),
            3 => json!(text.chars().skip(1).collect::<String>()),
            4 => json!(text.replace('-', "/").replace('/', "\u{2014}")),
            5 => json!(format!("{text}\n{}", TEXTS[other])),
            6 => value(&text),
            7 => json!([text, TEXTS[other], 22, null]),
            _ => json!(text.replace('*', "anything").replace('?', "y")),
        }
    });
    prop_oneof![
        8 => text,
        1 => any::<i32>().prop_map(Value::from),
        1 => Just(Value::Null),
        1 => "\\PC{0,12}".prop_map(Value::from),
        1 => Just(json!(22.0)),
        1 => Just(json!("d2hvYW1p IABjb21zdmNzLmRsbA==")),
    ]
}

fn event() -> impl Strategy<Value = Value> {
    (prop::array::uniform6(prop::option::of(near())), any::<bool>()).prop_map(|(values, known)| {
        let mut fields = Map::new();
        let [image, command, name, id, other, nested] = values;
        let all = [("Image", image), ("CommandLine", command), ("EventID", id), ("other", other)];
        for (key, value) in all {
            fields.extend(value.map(|value| (key.to_owned(), value)));
        }
        fields.extend(
            name.map(|name| ("process".to_owned(), json!({"name": name, "x": [{"y": 1}]}))),
        );
        fields.extend(
            nested.map(|value| ("Event".to_owned(), json!({"EventData": {"Image": value}}))),
        );
        if known {
            fields.insert("product".into(), "P".into());
        }
        Value::Object(fields)
    })
}

/// JSON with escapes where none are needed.
fn escaped(text: &str) -> String {
    text.replace('/', "\\/").replace('w', "\\u0077")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn the_fast_engine_says_what_the_plain_one_says(
        rules in prop::collection::vec(made(), 1..6),
        events in prop::collection::vec(event(), 1..8),
    ) {
        let texts: Vec<String> = rules.iter().enumerate().map(|(n, made)| rule(n, made)).collect();
        let sources = texts.iter().map(|text| Source { path: "r.yml", text });
        let (ruleset, _) = Ruleset::load(sources);
        let mut evaluator = Evaluator::new(&ruleset);
        for event in events {
            let text = event.to_string();
            let read = JsonEvent::parse(text.as_bytes()).unwrap();
            let plain = ruleset.matching(&read);
            let of_event = evaluator.evaluate(&read).to_vec();
            prop_assert_eq!(&of_event, &plain, "{}", &text);
            for text in [text.clone(), escaped(&text)] {
                let of_text = evaluator.evaluate_json(text.as_bytes()).unwrap();
                prop_assert_eq!(of_text, &plain, "{}", text);
            }
        }
    }

    #[test]
    fn any_json_is_read_like_the_library_reads_it(text in "[\\[\\]{}\",:\\\\ 0-9eE+.tfn-]{0,24}|\\{\"a\": ?.{0,12}\\}") {
        let (ruleset, _) = Ruleset::load([]);
        let fast = Evaluator::new(&ruleset).evaluate_json(text.as_bytes()).is_ok();
        // Half a surrogate pair is read as a replacement character.
        let known = serde_json::from_str::<Map<String, Value>>(&text).is_ok();
        prop_assert!(fast == known || text.contains("\\u"), "{}", text);
    }
}

/// An event as a collector has it: fields, some of them its own addition, and a raw line.
struct Flat<'a> {
    fields: &'a Map<String, Value>,
    raw: &'a str,
    set: &'a [(&'a str, &'a str)],
}

fn held(value: &Value) -> FieldValue<'_> {
    match value {
        Value::Bool(value) => FieldValue::Boolean(*value),
        Value::Number(number) => match number.as_i64() {
            Some(number) => FieldValue::Integer(number),
            None => FieldValue::Float(number.as_f64().unwrap_or_default()),
        },
        Value::String(text) => FieldValue::Text(text.into()),
        Value::Array(items) => FieldValue::List(items.iter().map(held).collect()),
        Value::Null | Value::Object(_) => FieldValue::Null,
    }
}

impl Event for Flat<'_> {
    fn field(&self, name: &str) -> Option<FieldValue<'_>> {
        let set = self.set.iter().find(|(own, _)| *own == name);
        match set {
            Some((_, text)) => Some(FieldValue::Text((*text).into())),
            None => self.fields.get(name).map(held),
        }
    }

    fn fields<'e>(&'e self, visit: &mut dyn FnMut(&'e str, FieldValue<'e>)) {
        self.set.iter().for_each(|(name, text)| visit(name, FieldValue::Text((*text).into())));
        let is_set = |name: &String| self.set.iter().any(|(set, _)| set == name);
        let own = self.fields.iter().filter(|(name, _)| !is_set(name));
        own.for_each(|(name, value)| visit(name, held(value)));
    }

    fn texts(&self, visit: &mut dyn FnMut(&str) -> bool) {
        let mut all = vec![self.raw];
        for value in self.fields.values() {
            all.extend(value.as_str());
            all.extend(value.as_array().into_iter().flatten().filter_map(Value::as_str));
        }
        all.into_iter().any(visit);
    }

    fn logsource(&self) -> LogsourceRef<'_> {
        LogsourceRef { product: Some("p"), ..LogsourceRef::default() }
    }

    fn time_us(&self) -> i64 {
        0
    }
}

fn flat() -> impl Strategy<Value = Map<String, Value>> {
    const NAMES: [&str; 7] = [
        "Image",
        "CommandLine",
        "process.name",
        "EventID",
        "process",
        "Event.EventData.Image",
        "other",
    ];
    prop::collection::vec((0..NAMES.len(), near()), 0..7).prop_map(|all| {
        all.into_iter().map(|(name, held)| (NAMES[name].to_owned(), held)).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_line_is_judged_as_the_event_that_stands_in_it(
        rules in prop::collection::vec(made(), 1..6),
        events in prop::collection::vec((flat(), near(), 0..3_usize), 1..8),
    ) {
        let texts: Vec<String> = rules.iter().enumerate().map(|(n, made)| rule(n, made)).collect();
        let sources = texts.iter().map(|text| Source { path: "r.yml", text });
        let (ruleset, _) = Ruleset::load(sources);
        let (mut of_event, mut of_line) = (Evaluator::new(&ruleset), Evaluator::new(&ruleset));
        for (fields, raw, set) in events {
            let raw = raw.to_string();
            let all = [("process", "whoami"), ("Image", "C:\\ls"), ("EventID", "22")];
            let missing = ("CommandLine", "x /c ls");
            let set = all[..set].to_vec();
            let (own, text) = (json!(fields).to_string(), json!(raw).to_string());
            for (own, text) in [(own.clone(), text.clone()), (escaped(&own), escaped(&text))] {
                let line = format!("{{\"fields\":{own},\"raw\":{text}}}");
                let mut reading = of_line.read(line.as_bytes()).unwrap();
                let end = reading.fields("{\"fields\":".len()).unwrap();
                let end = reading.text(end + ",\"raw\":".len()).unwrap();
                prop_assert_eq!(&line[end..], "}");
                set.iter().for_each(|(name, text)| reading.set(name, text));
                reading.set_missing(missing.0, missing.1);
                let found = reading.ask(Flat { fields: &fields, raw: "", set: &[] }.logsource());
                let found = found.to_vec();
                let mut set = set.clone();
                set.extend((!fields.contains_key(missing.0)).then_some(missing));
                let event = Flat { fields: &fields, raw: &raw, set: &set };
                prop_assert_eq!(&found, of_event.evaluate(&event), "{}", line);
                prop_assert_eq!(&found, &ruleset.matching(&event), "{}", line);
            }
        }
    }
}

#[test]
fn a_line_whose_fields_say_something_twice_or_in_objects_is_refused() {
    let (ruleset, _) = Ruleset::load([]);
    let mut evaluator = Evaluator::new(&ruleset);
    let mut check = |fields: &str, expected: bool| {
        for _ in 0..2 {
            let mut reading = evaluator.read(fields.as_bytes()).unwrap();
            assert_eq!(reading.fields(0).is_ok(), expected, "{fields}");
        }
    };
    check(r#"{"a":1,"b":[1,"x",null],"c":{}}"#, false);
    check(r#"{"a":1,"b":[1,"x",null],"c":null}"#, true);
    check(r#"{"a":1,"b":[],"a":1}"#, false);
    check(r#"{"a":1,"\u0061":1}"#, false);
    check(r#"{"a":[[1]]}"#, false);
    check(r#"{"a":[{}]}"#, false);
    check("{}", true);
}

#[test]
fn every_cut_of_an_event_is_an_error_and_nothing_worse() {
    let (ruleset, _) = Ruleset::load([]);
    let mut evaluator = Evaluator::new(&ruleset);
    let text = r#"{"a": [1, -2.5e3, {"b": "c\\\"\u00e9\ud83d\ude00"}], "é": null, "t": true}"#;
    assert!(evaluator.evaluate_json(text.as_bytes()).is_ok());
    for end in 0..text.len() {
        assert!(evaluator.evaluate_json(&text.as_bytes()[..end]).is_err(), "{end}");
    }
    assert!(evaluator.evaluate_json(b"{\"a\": \"\xff\"}").is_err());
    let deep = format!("{}1{}", "{\"a\":".repeat(200), "}".repeat(200));
    assert!(evaluator.evaluate_json(deep.as_bytes()).is_err());
}

/// A line of a log of which one field was made out.
struct RawLine;

impl Event for RawLine {
    fn field(&self, name: &str) -> Option<FieldValue<'_>> {
        (name == "user").then_some(FieldValue::Text("zoe".into()))
    }

    fn fields<'e>(&'e self, visit: &mut dyn FnMut(&'e str, FieldValue<'e>)) {
        visit("user", FieldValue::Text("zoe".into()));
    }

    fn texts(&self, visit: &mut dyn FnMut(&str) -> bool) {
        visit("sshd[7]: Bad protocol version from ZOË");
    }

    fn logsource(&self) -> LogsourceRef<'_> {
        LogsourceRef { product: Some("p"), ..LogsourceRef::default() }
    }

    fn time_us(&self) -> i64 {
        0
    }
}

#[test]
fn keywords_are_looked_for_in_the_texts_of_an_event_and_nowhere_else() {
    let rule = |number: usize, keyword: &str| {
        let id = format!("11111111-2222-4333-8444-{number:012}");
        let detection = json!({"keywords": [keyword], "condition": "keywords"});
        json!({"title": "T", "id": id, "logsource": {"product": "p"}, "detection": detection})
            .to_string()
    };
    let texts = [rule(0, "bad PROTOCOL"), rule(1, "zoe"), rule(2, "zoë"), rule(3, "[7]")];
    let sources = texts.iter().map(|text| Source { path: "r.yml", text });
    let (ruleset, problems) = Ruleset::load(sources);
    assert_eq!(problems, []);
    assert_eq!(ruleset.matching(&RawLine), [0, 2, 3]);
    assert_eq!(Evaluator::new(&ruleset).evaluate(&RawLine), [0, 2, 3]);
}
