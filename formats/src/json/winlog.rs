//! Windows events as Winlogbeat and Elastic Agent send them, with the names of the event log again.
//!
//! Source: the fields of Winlogbeat's module `winlog` in Elastic's documentation ("Exported
//! fields"), and the Elastic Common Schema.

use soc_event::{Event, Fields, Logsource, Value, kind};

use super::take_time;
use crate::text::Moment;

/// What `winlog` calls otherwise.
const NAMES: [(&str, &str); 14] = [
    ("winlog.channel", "Channel"),
    ("winlog.event_id", "EventID"),
    ("event.code", "EventID"),
    ("winlog.provider_name", "Provider_Name"),
    ("winlog.provider_guid", "Provider_Guid"),
    ("winlog.computer_name", "Computer"),
    ("winlog.record_id", "EventRecordID"),
    ("winlog.keywords", "Keywords"),
    ("winlog.opcode", "Opcode"),
    ("winlog.task", "Task"),
    ("winlog.version", "Version"),
    ("winlog.process.pid", "Execution_ProcessID"),
    ("winlog.process.thread.id", "Execution_ThreadID"),
    ("winlog.user.identifier", "Security_UserID"),
];

/// Sysmon's data that its module moves into the common schema and leaves there alone.
const MOVED: [(&str, &str); 24] = [
    ("process.executable", "Image"),
    ("process.command_line", "CommandLine"),
    ("process.working_directory", "CurrentDirectory"),
    ("process.entity_id", "ProcessGuid"),
    ("process.pid", "ProcessId"),
    ("process.pe.original_file_name", "OriginalFileName"),
    ("process.pe.product", "Product"),
    ("process.pe.company", "Company"),
    ("process.pe.description", "Description"),
    ("process.parent.executable", "ParentImage"),
    ("process.parent.command_line", "ParentCommandLine"),
    ("process.parent.entity_id", "ParentProcessGuid"),
    ("process.parent.pid", "ParentProcessId"),
    ("dll.path", "ImageLoaded"),
    ("file.path", "TargetFilename"),
    ("registry.path", "TargetObject"),
    ("registry.data.strings", "Details"),
    ("source.ip", "SourceIp"),
    ("source.port", "SourcePort"),
    ("destination.ip", "DestinationIp"),
    ("destination.port", "DestinationPort"),
    ("destination.domain", "DestinationHostname"),
    ("dns.question.name", "QueryName"),
    ("rule.name", "RuleName"),
];

/// The event of fields that hold `winlog.…`.
pub(crate) fn event(mut fields: Fields, moment: Moment<'_>) -> Event {
    let time = take_time(&mut fields, moment).unwrap_or(moment.now);
    let logsource = Logsource { product: Some("windows".to_owned()), ..Logsource::default() };
    let mut event = Event::new(time, kind::LOG, logsource);
    unwrap_data(&mut fields);
    for (from, to) in NAMES {
        rename(&mut fields, from, to);
    }
    if is_sysmon(&fields) {
        move_back(&mut fields);
    }
    if let Some(Value::Text(raw)) = fields.remove("event.original") {
        event.raw = Some(raw);
    }
    event.fields = fields;
    event
}

/// Data have their own names; of user data every leaf does.
fn unwrap_data(fields: &mut Fields) {
    let wrapped: Vec<String> = fields
        .keys()
        .filter(|name| {
            name.starts_with("winlog.event_data.") || name.starts_with("winlog.user_data.")
        })
        .cloned()
        .collect();
    for name in wrapped {
        let bare = match name.strip_prefix("winlog.event_data.") {
            Some(bare) => bare,
            None => name.rsplit('.').next().unwrap_or(&name),
        };
        let bare = bare.to_owned();
        rename(fields, &name, &bare);
    }
}

/// Where the name is free; else the field stays what it is called.
fn rename(fields: &mut Fields, from: &str, to: &str) {
    if fields.contains_key(to) {
        return;
    }
    let Some(value) = fields.remove(from) else { return };
    let value = match (&value, to) {
        // Winlogbeat writes numbers of events as text.
        (Value::Text(text), "EventID") => match text.parse::<u64>() {
            Ok(number) => number.into(),
            Err(_) => value,
        },
        _ => value,
    };
    fields.insert(to.to_owned(), value);
}

fn is_sysmon(fields: &Fields) -> bool {
    let channel = fields.get("Channel").and_then(Value::as_text);
    channel == Some("Microsoft-Windows-Sysmon/Operational")
}

/// Adds the names rules know; what the common schema says stays.
fn move_back(fields: &mut Fields) {
    for (from, to) in MOVED {
        if let (Some(value), false) = (fields.get(from), fields.contains_key(to)) {
            let value = value.clone();
            fields.insert(to.to_owned(), value);
        }
    }
    let text = |name: &str| fields.get(name).and_then(Value::as_text);
    let user = match (text("user.domain"), text("user.name")) {
        (Some(domain), Some(name)) => Some(format!("{domain}\\{name}")),
        _ => None,
    };
    let hashes: Vec<String> = ["md5", "sha1", "sha256", "imphash"]
        .iter()
        .filter_map(|kind| {
            let found = text(&format!("process.hash.{kind}"))
                .or_else(|| text(&format!("process.pe.{kind}")))?;
            Some(format!("{}={}", kind.to_uppercase(), found.to_uppercase()))
        })
        .collect();
    if let (Some(user), false) = (user, fields.contains_key("User")) {
        fields.insert("User".to_owned(), user.into());
    }
    if !hashes.is_empty() && !fields.contains_key("Hashes") {
        fields.insert("Hashes".to_owned(), hashes.join(",").into());
    }
}
