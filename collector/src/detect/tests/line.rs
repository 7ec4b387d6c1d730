//! Rules asked about a line say what they say about the event in it.

use soc_event::wire;
use soc_rules::{Evaluator, Ruleset, Source};

use super::super::line;
use super::super::subject::{Machines, Subject};
use super::*;
use crate::fleet::{Who, WhoThen};
use crate::journal::{Entry, Position};

/// One rule a line: `field: value`, or a keyword.
const CONDITIONS: [&str; 12] = [
    "{source.ip: 192.0.2.1}",
    "{event.outcome: failure}",
    "{agent.id|startswith: '0707'}",
    "{agency.code: SO-1}",
    "{agency.code: forged}",
    "{kind: log}",
    "{event.kind: forged}",
    "{host.hostname: pc-7}",
    "{host.hostname: own}",
    "{count|gte: 7}",
    "[broken pipe]",
    "[forged]",
];

fn rules() -> Ruleset {
    let rule = |(number, condition): (usize, &&str)| {
        format!(
            "title: T{number}\nid: 11111111-2222-4333-8444-{number:012}\n\
             logsource: {{product: linux}}\n\
             detection: {{selection: {condition}, condition: selection}}\n"
        )
    };
    let texts: Vec<String> = CONDITIONS.iter().enumerate().map(rule).collect();
    let sources = texts.iter().map(|text| Source { path: "r.yml", text });
    let (ruleset, problems) = Ruleset::load(sources);
    assert!(ruleset.rules().len() == CONDITIONS.len(), "{problems:?}");
    ruleset
}

fn who(_: AgentId, _: Position) -> WhoThen {
    WhoThen::always(Some(Who {
        agency_id: 1,
        agency_code: "SO-1".into(),
        agency_name: "One".into(),
        hostname: "pc-7".into(),
        imported: false,
    }))
}

#[test]
fn a_line_is_judged_as_the_event_in_it() {
    let ruleset = rules();
    let (mut of_line, mut of_event) = (Evaluator::new(&ruleset), Evaluator::new(&ruleset));
    let raw = |event: Event, raw: &str| Event { raw: Some(raw.to_owned()), ..event };
    let unknown = |mut event: Event| {
        event.unknown.insert("later".into(), "broken pipe".into());
        event
    };
    let plain = || login(0, 1, "failure");
    let events = [
        (plain(), true),
        (plain().with("host.hostname", "own").with("count", 7_i64), true),
        (plain().with("host.hostname", soc_event::Value::Null).with("count", 7.5), true),
        (plain().with("agent.id", "forged").with("agency.code", "forged"), true),
        (plain().with("kind", "forged").with("event.kind", "forged"), true),
        (plain().with("list", vec!["x", "a \"Broken Pipe\" \\ here"]), true),
        (raw(plain(), "sshd[7]: Broken\tpipe, write failed: Broken pipe"), true),
        (raw(Event { logsource: Logsource::default(), ..plain() }, "broken pipe"), true),
        (unknown(raw(plain(), "nothing")), false),
        (Event { kind: soc_event::Kind::from_name("a\"b"), ..plain() }, false),
    ];
    let mut machines = Machines::new(&who);
    for (event, is_read) in events {
        let id = soc_event::EventId {
            agent: AgentId::from_bytes([7; 16]),
            epoch: Epoch(1),
            lane: Lane::Log,
            sequence: Sequence(1),
        };
        let text = wire::encode_event(&event);
        let received = Timestamp::from_micros(NOW);
        let entry = Entry { position: Position(1), received, id, event };
        let machine = machines.of(&entry);
        let found = line::ask(&mut of_line, text.as_bytes(), machine.about());
        let subject = Subject { entry: &entry, machine: &machine };
        let expected = of_event.evaluate(&subject.seen()).to_vec();
        let expected = is_read.then_some((entry.event.time, expected));
        assert_eq!(found, expected, "{text}");
    }
}
