use soc_rules::FieldValue;

/// Names under which logs have the machine they are about.
const HOST_FIELDS: [&str; 6] =
    ["host.hostname", "host.name", "Computer", "hostname", "host", "agent.hostname"];

/// The machine an event is about, as far as it says so; empty otherwise.
pub(super) fn host(event: &dyn soc_rules::Event) -> String {
    let named = HOST_FIELDS.iter().find_map(|name| match event.field(name) {
        Some(FieldValue::Text(text)) if !text.is_empty() => Some(text.into_owned()),
        _ => None,
    });
    named.unwrap_or_default()
}
