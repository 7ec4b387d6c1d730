//! The filter never denies a word that is there, and seldom claims one that is not.

use soc_archive::{Effort, Row, Words, pack, words};
use soc_event::{AgentId, Epoch, Event, EventId, Lane, Sequence, Timestamp, Value, kind};

fn row(position: u64) -> Row {
    let id = EventId {
        agent: AgentId::COLLECTOR,
        epoch: Epoch(7),
        lane: Lane::Log,
        sequence: Sequence(position),
    };
    let received = Timestamp::from_micros(1_800_000_000_000_000);
    let mut event = Event::own(received, kind::LOG)
        .with("a.rare.field", format!("rare{position}"))
        .with("event.code", position)
        .with("list", vec![format!("Item{position}")])
        .with("mixed", Value::List(vec![position.into(), "Ünïcode".into()]))
        .with("source.ip", format!("10.0.{}.{}", position / 250, position % 250));
    event.raw = Some(format!("Accepted password from port={position} Straße ЖУК"));
    event.unknown.insert("later".into(), serde_json::json!({"deep": [format!("deep{position}")]}));
    Row { position, received, agency: "A".into(), host: "web-1".into(), id, event }
}

fn split(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    words::split(text, &mut |word| found.push(word.to_owned()));
    found
}

#[test]
fn every_word_of_an_event_may_be_there() {
    let words =
        Words::open(pack(&(1..500).map(row).collect::<Vec<_>>(), Effort::Fresh).unwrap().words);
    let words = words.unwrap();
    assert_eq!(words.row_groups(), 1);
    for position in 1..500 {
        let row = row(position);
        let mut texts = vec![row.host.to_string(), row.event.raw.clone().unwrap()];
        texts.push(serde_json::to_string(&row.event.unknown).unwrap());
        texts.extend(row.event.fields.values().map(Value::to_string));
        for word in texts.iter().flat_map(|text| split(text)) {
            assert!(words.may_hold(0, &word), "{word}");
        }
    }
    assert!(words.may_hold(99, "anything"), "of a row group that is not there nothing is known");
}

#[test]
fn few_words_that_are_not_there_seem_to_be() {
    let packed = pack(&(1..5_000).map(row).collect::<Vec<_>>(), Effort::Fresh).unwrap();
    let words = Words::open(packed.words).unwrap();
    let claimed = (0..10_000).filter(|n| words.may_hold(0, &format!("absent{n}"))).count();
    assert!(claimed < 500, "{claimed} of 10,000; one of 32 is 312");
}

#[test]
fn words_are_runs_of_letters_and_digits_and_addresses_besides() {
    let check = |text: &str, wanted: &[&str]| assert_eq!(split(text), wanted, "{text}");
    check("Failed from 192.0.2.7:22", &["failed", "from", "192", "0", "2", "7", "22", "192.0.2.7"]);
    check("C:\\Temp\\x_Y.exe", &["c", "temp", "x", "y", "exe"]);
    check(
        "version 1.2.3.4.5 and 1.2.3.",
        &["version", "1", "2", "3", "4", "5", "and", "1", "2", "3"],
    );
    check("10.0.0.1.", &["10", "0", "0", "1", "10.0.0.1"]);
    check("Straße ЖУК ÀÉ", &["straße", "жук", "àé"]);
    check(" \t--", &[]);
}
