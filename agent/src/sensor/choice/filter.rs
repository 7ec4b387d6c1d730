use serde::Deserialize;
use soc_event::{Event, Value};

use crate::sensor::pattern::matches;

/// One filter; of several the first that matches decides. What is left out matches anything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Filter {
    /// What becomes of lines that match.
    pub action: Action,
    /// A path or pattern (`*` and `?`, also over folders), or `journald`.
    pub source: Option<String>,
    /// The program that wrote the line, or a pattern.
    pub program: Option<String>,
    /// Lines of this severity and less severe ones: 0 is an emergency, 7 is for debugging.
    pub severity_from: Option<u8>,
    /// What the line holds, upper and lower case as here.
    pub contains: Option<String>,
}

/// Longest name of a filter in what is told.
const NAME_BYTES_MAX: usize = 120;

/// What becomes of a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// It is left out, and counted.
    #[default]
    Drop,
    /// It is sent, whatever later filters say.
    Keep,
}

impl Filter {
    /// What is wrong with it.
    pub(in crate::sensor) fn mistake(&self) -> Option<String> {
        let names_nothing = self.source.is_none()
            && self.program.is_none()
            && self.severity_from.is_none()
            && self.contains.is_none();
        if names_nothing {
            return Some("a filter names neither source, program, severity nor text".to_owned());
        }
        let severity = self.severity_from.filter(|severity| *severity > 7)?;
        Some(format!("severity_from is {severity}; it must be 0 to 7"))
    }

    /// How it is called when its count is told: `filter 2: program=kernel`.
    pub(super) fn name(&self, place: usize) -> String {
        let mut name = format!("filter {}:", place + 1);
        let severity = self.severity_from.map(|severity| severity.to_string());
        for (key, value) in [
            ("source", &self.source),
            ("program", &self.program),
            ("severity_from", &severity),
            ("contains", &self.contains),
        ] {
            if let Some(value) = value {
                name.push_str(&format!(" {key}={value}"));
            }
        }
        name.truncate(name.floor_char_boundary(NAME_BYTES_MAX));
        name
    }

    pub(super) fn matches(&self, log: &str, event: &Event) -> bool {
        let like = |pattern: &Option<String>, text: &str| {
            pattern.as_deref().is_none_or(|pattern| matches(pattern, text))
        };
        let is_severe_as = |least: u8| severity(event).is_some_and(|found| found >= least);
        like(&self.source, log)
            && (self.program.is_none()
                || event.text("process.name").is_some_and(|name| like(&self.program, name)))
            && self.severity_from.is_none_or(is_severe_as)
            && self
                .contains
                .as_deref()
                .is_none_or(|text| event.raw.as_deref().is_some_and(|raw| raw.contains(text)))
    }
}

/// Of syslog, or what the program's own word for it comes to.
pub(super) fn severity(event: &Event) -> Option<u8> {
    let code = event.fields.get("log.syslog.severity.code").and_then(Value::as_i64);
    if let Some(code) = code {
        return u8::try_from(code).ok();
    }
    Some(match event.text("log.level")? {
        "emerg" | "panic" | "fatal" => 0,
        "alert" => 1,
        "crit" | "critical" => 2,
        "err" | "error" => 3,
        "warn" | "warning" => 4,
        "notice" | "note" | "system" => 5,
        "info" | "log" | "statement" | "detail" | "hint" => 6,
        "debug" | "trace" => 7,
        _ => return None,
    })
}
