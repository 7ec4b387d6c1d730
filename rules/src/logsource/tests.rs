use super::*;
use crate::rule::Logsource;
use crate::{JsonEvent, Options, Ruleset, Severity};

const SYSMON: &str = r#""Channel": "Microsoft-Windows-Sysmon/Operational""#;

fn rule(logsource: &str, field: &str) -> String {
    format!(
        "title: T\nid: 11111111-2222-4333-8444-555555555555\nlogsource: {logsource}\ndetection:\n  s:\n    {field}: x\n  condition: s\n"
    )
}

/// Whether a rule of this logsource is asked about an event.
fn asked_with(logsources: &Logsources, logsource: &str, event: &str) -> bool {
    let text = rule(logsource, "field");
    let options = Options { logsources: logsources.clone(), ..Options::default() };
    let (ruleset, problems) = Ruleset::load_with([Source { path: "r.yml", text: &text }], options);
    assert!(problems.is_empty(), "{problems:?}");
    let event = JsonEvent::parse(event.as_bytes()).unwrap();
    !ruleset.candidates(&event).is_empty()
}

fn asked(logsource: &str, event: &str) -> bool {
    asked_with(&Logsources::default(), logsource, event)
}

/// Whether a rule whose only line is `field: x` matches.
fn answers(logsource: &str, field: &str, event: &str) -> bool {
    let text = rule(logsource, field);
    let (ruleset, _) = Ruleset::load([Source { path: "r.yml", text: &text }]);
    !ruleset.matching(&JsonEvent::parse(event.as_bytes()).unwrap()).is_empty()
}

#[test]
fn the_files_shipped_are_without_fault() {
    assert_eq!(shipped::problems(), []);
    assert!(Logsources::default().documents().len() > 25);
}

#[test]
fn an_event_is_what_its_channel_and_id_say_in_sets() {
    let set = format!(r#"{{{SYSMON}, "EventID": 13}}"#);
    for logsource in [
        "{product: windows}",
        "{product: windows, category: registry_set}",
        "{product: windows, category: registry_event}",
        "{product: Windows, category: Registry_Event, service: SYSMON}",
        "{service: sysmon}",
        "{category: registry_set}",
    ] {
        assert!(asked(logsource, &set), "{logsource}");
    }
    for logsource in [
        "{product: linux}",
        "{product: linux, category: registry_set}",
        "{product: windows, category: registry_add}",
        "{product: windows, category: registry_set, service: security}",
        "{category: webserver}",
    ] {
        assert!(!asked(logsource, &set), "{logsource}");
    }
}

#[test]
fn one_event_id_is_told_apart_by_another_field() {
    let of = |kind: &str, category: &str| {
        let event = format!(r#"{{{SYSMON}, "EventID": "12", "EventType": "{kind}"}}"#);
        asked(&format!("{{product: windows, category: {category}}}"), &event)
    };
    assert!(of("CreateKey", "registry_add") && !of("CreateKey", "registry_delete"));
    assert!(of("deletevalue", "registry_delete") && !of("DeleteValue", "registry_add"));
    assert!(of("CreateKey", "registry_event") && of("DeleteKey", "registry_event"));
}

#[test]
fn what_an_event_claims_adds_to_what_it_is() {
    let event = r#"{"product": "windows", "service": "powershell", "EventID": 4104}"#;
    assert!(asked("{product: windows, category: ps_script}", event));
    assert!(asked("{product: windows, service: powershell}", event));
    assert!(!asked("{product: windows, category: ps_module}", event));
    let event = r#"{"product": "linux", "category": "process_creation", "EventID": 1}"#;
    assert!(asked("{product: linux, category: process_creation}", event));
    assert!(!asked("{product: windows, category: process_creation}", event));
    assert!(!asked("{product: linux, service: auditd}", event));
    let event = r#"{"product": "linux", "service": "sshd"}"#;
    assert!(asked("{product: linux, service: auth}", event), "auth.log holds what sshd says");
}

#[test]
fn a_claimed_product_keeps_entries_of_others_out() {
    let event = format!(r#"{{"product": "macos", {SYSMON}, "EventID": 1}}"#);
    assert!(!asked("{product: windows}", &event) && !asked("{service: sysmon}", &event));
    assert!(asked("{product: macos, category: process_creation}", &event), "nothing says more");
}

#[test]
fn an_event_of_which_nothing_is_known_is_asked_by_every_rule() {
    for logsource in ["{product: windows, category: ps_script}", "{category: proxy}"] {
        assert!(asked(logsource, r#"{"EventID": 1, "Image": "x"}"#), "{logsource}");
        assert!(asked(logsource, r#"{"service": "payments", "message": "x"}"#), "{logsource}");
        assert!(!asked(logsource, r#"{"product": "payments", "message": "x"}"#), "{logsource}");
    }
}

#[test]
fn an_event_with_only_a_product_is_asked_by_all_rules_of_it() {
    let bare = r#"{"product": "windows", "EventID": 1, "Image": "x"}"#;
    assert!(asked("{product: windows, category: process_creation}", bare));
    assert!(asked("{product: windows, service: security}", bare));
    assert!(!asked("{category: antivirus}", bare) && !asked("{product: linux}", bare));
    let mapped_by_nobody =
        r#"{"product": "windows", "EventID": 1, "Channel": "Vendor/Operational"}"#;
    assert!(asked("{product: windows}", mapped_by_nobody));
    assert!(!asked("{product: windows, category: process_creation}", mapped_by_nobody));
    let unclaimed = r#"{"EventID": 1, "Channel": "Vendor/Operational"}"#;
    assert!(asked("{product: windows}", unclaimed) && !asked("{product: linux}", unclaimed));
    assert!(!asked("{product: windows, service: system}", unclaimed));
}

#[test]
fn values_decide_a_product_before_the_presence_of_fields_does() {
    let event = r#"{"Channel": "RPCFW", "EventID": 3}"#;
    assert!(asked("{product: rpc_firewall, category: application}", event));
    assert!(!asked("{product: windows}", event));
}

#[test]
fn process_creation_of_the_security_log_has_sysmons_names() {
    let windows = "{product: windows, category: process_creation}";
    let event = r#"{"Channel": "Security", "EventID": 4688, "NewProcessName": "x", "ParentProcessName": "x", "SubjectUserName": "x", "MandatoryLabel": "x"}"#;
    for field in ["Image", "ParentImage", "User", "IntegrityLevel", "NewProcessName"] {
        assert!(answers(windows, field, event), "{field}");
    }
    let both = r#"{"Channel": "Security", "EventID": 4688, "NewProcessName": "x", "Image": "y"}"#;
    assert!(!answers(windows, "Image", both), "a field that is there is not filled");
    let null = r#"{"Channel": "Security", "EventID": 4688, "NewProcessName": "x", "Image": null}"#;
    assert!(answers(windows, "Image", null), "null is absent");
    let logon = r#"{"Channel": "Security", "EventID": 4624, "NewProcessName": "x"}"#;
    assert!(!answers("{product: windows, service: security}", "Image", logon));
}

#[test]
fn names_that_stand_for_each_other_do_not_run_in_circles() {
    let proxy = "{category: proxy}";
    assert!(answers(proxy, "c-useragent", r#"{"category": "proxy", "cs-user-agent": "x"}"#));
    assert!(answers(proxy, "cs-user-agent", r#"{"category": "proxy", "c-useragent": "x"}"#));
    assert!(!answers(proxy, "cs-user-agent", r#"{"category": "proxy", "url": "x"}"#));
    assert!(answers(proxy, "cs-host", r#"{"category": "proxy", "url.domain": "x"}"#));
}

#[test]
fn wrapped_fields_and_names_with_blanks_answer_to_bare_names() {
    let windows = "{product: windows, category: process_creation}";
    for event in [
        r#"{"Event.System.Channel": "Security", "Event.System.EventID.#text": 4688, "Event.EventData.CommandLine": "x"}"#,
        r#"{"winlog.channel": "Security", "winlog.event_id": 4688, "winlog.event_data.CommandLine": "x"}"#,
        r#"{"Channel": "Security", "EventID": 4688, "Command Line": "x"}"#,
    ] {
        assert!(answers(windows, "CommandLine", event), "{event}");
        assert!(!answers("{product: windows, category: ps_script}", "CommandLine", event));
    }
    let own =
        r#"{"Channel": "Security", "EventID": 4688, "winlog.event_data.User": "y", "User": "x"}"#;
    assert!(answers(windows, "User", own), "its own name comes first");
    let all = Logsources::default();
    assert_eq!(all.answers_to("Event.UserData.EventXML.User"), ["User"]);
    assert_eq!(all.answers_to("Event.EventData.Threat Name"), ["Threat Name", "ThreatName"]);
    assert_eq!(all.answers_to("Event.System.Provider.#attributes.Name"), ["Provider_Name"]);
    assert_eq!(all.answers_to("CommandLine"), Vec::<String>::new());
    assert_eq!(all.answers_to("Event.EventData."), Vec::<String>::new());
}

#[test]
fn generic_categories_see_what_makers_call_otherwise() {
    for (logsource, field, event) in [
        (
            "{category: firewall}",
            "src_ip",
            r#"{"devid": "FG", "logid": "1", "type": "traffic", "srcip": "x"}"#,
        ),
        (
            "{category: antivirus}",
            "Signature",
            r#"{"kind": "antivirus.detection", "threat.name": "x"}"#,
        ),
        (
            "{category: antivirus}",
            "Signature",
            r#"{"Channel": "Microsoft-Windows-Windows Defender/Operational", "EventID": 1116, "Threat Name": "x"}"#,
        ),
        (
            "{category: dns}",
            "query",
            r#"{"devid": "FG", "logid": "1", "type": "utm", "subtype": "dns", "qname": "x"}"#,
        ),
        (
            "{category: webserver}",
            "cs-method",
            r#"{"category": "webserver", "http.request.method": "x"}"#,
        ),
        (
            "{product: linux, service: sudo}",
            "USER",
            r#"{"product": "linux", "service": "sudo", "user.effective.name": "x"}"#,
        ),
        (
            "{product: soc, service: port}",
            "server.port",
            r#"{"kind": "port.opened", "server.port": "x"}"#,
        ),
    ] {
        assert!(answers(logsource, field, event), "{logsource} {field} {event}");
    }
}

const OWN: &str = "
product: acme
telltale: [acme_log]
entries:
  - when: {acme_log: [door, gate]}
    service: access
    fields: {User: [badge_holder, badge]}
  - {of: {service: access}, when: {action: '*', result: [0, false]}, category: denied}
---
product: windows
entries:
  - {when: {Channel: Acme/Operational}, service: acme}
";

#[test]
fn own_files_add_to_those_shipped() {
    let (own, problems) = Logsources::load([Source { path: "own.yml", text: OWN }]);
    assert_eq!(problems, []);
    let door = r#"{"acme_log": "Door", "badge": "x", "action": "open", "result": 0}"#;
    assert!(asked_with(&own, "{product: acme, service: access, category: denied}", door));
    assert!(asked_with(
        &own,
        "{service: acme}",
        r#"{"Channel": "acme/operational", "EventID": 1}"#
    ));
    let granted = door.replace(": 0", ": 1");
    assert!(!asked_with(&own, "{product: acme, category: denied}", &granted));
    let unknown = r#"{"product": "acme", "acme_log": "roof"}"#;
    assert!(!asked_with(&own, "{product: acme, service: access}", unknown));
    assert!(asked_with(&own, "{product: acme, service: access}", r#"{"product": "acme"}"#));
    assert!(!own.hash().is_empty() && Logsources::default().hash().is_empty());
}

#[test]
fn a_broken_file_is_told_with_its_line_and_its_neighbours_load() {
    for (text, expected) in [
        ("product: [a", "own.yml:2:1: error: not valid YAML"),
        ("product: a\nentrys: []", "own.yml:2:1: error: unknown field `entrys`"),
        (
            "product: a\nentries:\n  - when: {x: 1}\n  - wenn: {x: 1}",
            "own.yml:4:5: error: entries[1]: unknown field `wenn`",
        ),
        (
            "entries:\n  - when: {x: 1}\n    service: a\n  - service: a",
            "own.yml:4:3: error: an entry without 'of', 'when' and product would fit every event",
        ),
        (
            "product: a\nentries:\n  - when: {x: []}",
            "own.yml:3:3: error: 'x' has no value; '*' means that the field is there",
        ),
        (
            "product: a\nentries:\n  - when: {a: 1, b: 1, c: 1, d: 1, e: 1}",
            "own.yml:3:3: error: more than 4 fields with values",
        ),
        (
            "product: a\nknown:\n  - {of: {service: x}, fields: [a]}",
            "own.yml:3:3: error: 'known' says",
        ),
        (
            "entries:\n  - when: {x: {y: 1}}",
            "own.yml:2:15: error: entries[0].when.x: invalid type: map",
        ),
    ] {
        let text = format!(
            "{text}\n---\nproduct: acme\nentries:\n  - {{when: {{k: 1}}, service: good}}\n"
        );
        let (own, problems) = Logsources::load([Source { path: "own.yml", text: &text }]);
        assert!(problems[0].to_string().starts_with(expected), "{}\n{expected}", problems[0]);
        assert!(problems.len() == 1 && problems[0].severity == Severity::Error);
        assert!(asked_with(&own, "{product: acme, service: good}", r#"{"k": 1}"#));
    }
}

#[test]
fn what_no_file_knows_is_named_with_what_was_meant() {
    let unknown = |product: Option<&str>, category: Option<&str>, service: Option<&str>| {
        let own = |part: Option<&str>| part.map(str::to_owned);
        let logsource =
            Logsource { product: own(product), category: own(category), service: own(service) };
        let found = Logsources::default().knows(&logsource).err();
        found.map(|found| (found.part, found.similar))
    };
    assert_eq!(unknown(Some("windows"), Some("process_creation"), None), None);
    assert_eq!(unknown(None, None, Some("nginx")), None);
    assert_eq!(unknown(Some("windws"), None, None), Some(("product", Some("windows".into()))));
    let meant = Some(("category", Some("process_creation".into())));
    assert_eq!(unknown(Some("windows"), Some("process_create"), None), meant);
    assert_eq!(unknown(Some("linux"), None, Some("sysmon")), None);
    assert_eq!(unknown(Some("linux"), Some("ps_script"), None), Some(("category", None)));
}
