use jiff::tz::TimeZone;

use super::*;
use crate::{Format, Stretch};

/// Two resources; the shapes are those of the protocol's own examples.
const MESSAGE: &str = r#"{"resourceLogs":[{"resource":{"attributes":[
    {"key":"service.name","value":{"stringValue":"shop"}},{"key":"host.name","value":{"stringValue":"web1"}}]},
  "scopeLogs":[{"scope":{"name":"lib","version":"1.0"},"logRecords":[
    {"timeUnixNano":"1795341642500000000","severityNumber":17,"severityText":"ERROR",
     "traceId":"5b8efff798038103d269b633813fc60c","body":{"stringValue":"login failed for root"},
     "attributes":[{"key":"user.name","value":{"stringValue":"root"}},
       {"key":"tries","value":{"intValue":"10"}},{"key":"ok","value":{"boolValue":false}},
       {"key":"tags","value":{"arrayValue":{"values":[{"stringValue":"a"},{"stringValue":"b"}]}}},
       {"key":"http","value":{"kvlistValue":{"values":[{"key":"status","value":{"intValue":500}}]}}}]},
    {"observedTimeUnixNano":"1795341643500000000","body":{"kvlistValue":{"values":[
       {"key":"msg","value":{"stringValue":"x"}}]}}}]}]},
  {"scopeLogs":[{"logRecords":[{"timeUnixNano":1795341644000000000,"body":{"kvlistValue":{"values":[
    {"key":"channel","value":{"stringValue":"Security"}},
    {"key":"computer","value":{"stringValue":"PC-01"}},
    {"key":"event_id","value":{"kvlistValue":{"values":[{"key":"id","value":{"intValue":"4625"}}]}}},
    {"key":"event_data","value":{"kvlistValue":{"values":[
       {"key":"TargetUserName","value":{"stringValue":"root"}}]}}}]}}}]}]}]}"#;

fn events(log: &str) -> Vec<Event> {
    let format = Format::detect(log.as_bytes(), "logs.json");
    assert_eq!(format, Format::Otlp);
    let zone = TimeZone::UTC;
    let moment = Moment::kept(Timestamp::default(), &zone);
    let mut events = Vec::new();
    let stretch = Stretch { bytes: log.as_bytes(), first: 1 };
    format.read(stretch, moment, &mut |Found { record, .. }| match record {
        Ok(Record::Event(event)) => events.push(*event),
        other => panic!("{other:?}"),
    });
    events
}

#[test]
fn every_record_of_every_resource_is_an_event() {
    for log in [MESSAGE.to_owned(), format!("{}\n{}\n", MESSAGE.replace('\n', ""), MESSAGE)] {
        let events = events(&log);
        assert_eq!(events.len() % 3, 0);
        let [first, second, third] = &events[..3] else { panic!("{events:?}") };
        for (name, expected) in [
            ("service.name", "shop"),
            ("host.name", "web1"),
            ("user.name", "root"),
            ("tries", "10"),
            ("ok", "false"),
            ("tags", "a, b"),
            ("http.status", "500"),
            ("log.level", "ERROR"),
            ("log.severity", "17"),
            ("message", "login failed for root"),
            ("otel.scope.name", "lib"),
            ("trace.id", "5b8efff798038103d269b633813fc60c"),
        ] {
            let found = first.fields.get(name).map(ToString::to_string);
            assert_eq!(found.as_deref(), Some(expected), "{name}");
        }
        assert_eq!(first.time.to_string(), "2026-11-22T10:00:42.500000Z");
        assert_eq!(first.raw.as_deref(), Some("login failed for root"));
        assert_eq!(second.text("msg"), Some("x"));
        assert_eq!(second.time.to_string(), "2026-11-22T10:00:43.500000Z");
        assert_eq!(third.logsource.product.as_deref(), Some("windows"));
        assert_eq!(third.text("TargetUserName"), Some("root"));
        assert_eq!(third.fields.get("EventID"), Some(&Value::from(4625_u64)));
    }
}
