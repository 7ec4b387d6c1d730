use proptest::prelude::*;

use super::*;

fn now() -> Timestamp {
    "2026-11-22T10:00:00Z".parse().unwrap()
}

/// Fields as `name=value`, after the way they are written in JSON.
fn shown(json: &str) -> String {
    let event = event(json.as_bytes(), now()).unwrap();
    assert_eq!(event.logsource.product.as_deref(), Some("windows"));
    serde_json::to_string(&event.fields).unwrap()
}

#[test]
fn fields_have_sigmas_names() {
    let json = r##"{"Event": {"#attributes": {"xmlns": "http://x"}, "System": {
        "Provider": {"#attributes": {"Name": "P", "Guid": "G"}},
        "EventID": {"#attributes": {"Qualifiers": 16384}, "#text": 4111},
        "Level": 4, "Keywords": "0x8000000000000000",
        "TimeCreated": {"#attributes": {"SystemTime": "2026-04-17T05:24:53.088849Z"}},
        "Correlation": null, "Security": {"#attributes": {}},
        "Execution": {"#attributes": {"ProcessID": 3208, "ThreadID": 1724}},
        "Channel": "C", "Computer": "srv"},
        "EventData": {"Image": "C:\\x.exe", "Source Name": "s", "LogonId": "0x3e7", "Empty": null,
            "Data": {"#text": ["one", "two"]}, "Number": 7}}}"##;
    assert_eq!(
        shown(json),
        r#"{"Channel":"C","Computer":"srv","Data":["one","two"],"Empty":null,"EventID":4111,"EventID_Qualifiers":16384,"Execution_ProcessID":3208,"Execution_ThreadID":1724,"Image":"C:\\x.exe","Keywords":"0x8000000000000000","Level":4,"LogonId":"0x3e7","Number":7,"Provider_Guid":"G","Provider_Name":"P","Source Name":"s","TimeCreated":"2026-04-17T05:24:53.088849Z"}"#
    );
    let event = event(json.as_bytes(), now()).unwrap();
    assert_eq!(event.time.to_string(), "2026-04-17T05:24:53.088849Z");
}

#[test]
fn leaves_of_user_data_are_fields_and_the_same_name_twice_is_a_list() {
    let json = r##"{"Event":{"System":{"EventID":104,"Channel":"System"},"UserData":{
        "LogFileCleared":{"#attributes":{"xmlns":"u"},"SubjectUserName":"bob","Channel":"Security",
        "Deep":{"#attributes":{"Kind":"k"},"#text":"t"}}}}}"##;
    assert_eq!(
        shown(json),
        r#"{"Channel":["System","Security"],"Deep":"t","Deep_Kind":"k","EventID":104,"SubjectUserName":"bob"}"#
    );
}

#[test]
fn what_is_no_windows_event_is_damaged() {
    let deep =
        format!(r#"{{"Event":{{"EventData":{}1{}}}}}"#, r#"{"a":"#.repeat(40), "}".repeat(40));
    for json in ["", "{", "[]", "{}", r#"{"Event":{}}"#, r#"{"Event":{"System":{}}} x"#, &deep] {
        assert!(event(json.as_bytes(), now()).is_err(), "{json}");
    }
}

#[test]
fn too_many_fields_are_cut_and_that_is_said() {
    let data: Vec<String> = (0..FIELDS_MAX + 5).map(|n| format!(r#""f{n}":1"#)).collect();
    let json = format!(r#"{{"Event":{{"EventData":{{{}}}}}}}"#, data.join(","));
    let event = event(json.as_bytes(), now()).unwrap();
    assert_eq!(event.fields.len(), FIELDS_MAX + 1);
    assert_eq!(event.fields.get("event.truncated"), Some(&Value::Boolean(true)));
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in r#"(\{"Event":\{)?["{}\[\]:,#a-z0-9\\]{0,60}"#) {
        let _ = event(text.as_bytes(), now());
        let _ = is_rendered(text.as_bytes());
    }
}
