use serde::{Deserialize, Serialize};
use soc_rules::{Ruleset, Source};
use utoipa::ToSchema;

use super::{CONDITIONS_MAX, Error};

/// Longest name of a field and longest value, in characters.
const FIELD_MAX: usize = 256;
const VALUE_MAX: usize = 1024;

/// How a value is compared; letters compare without regard to case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum How {
    /// It is the whole value.
    Equals,
    /// The value begins with it.
    StartsWith,
    /// The value ends with it.
    EndsWith,
    /// It stands somewhere in the value.
    Contains,
    /// The value is an address of this network.
    Cidr,
}

/// One thing that has to be so for an event to be hidden.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// Name of a field of the event; of a list one value is enough.
    pub field: String,
    /// How it is compared.
    pub how: How,
    /// With what; not a pattern: `*` is an asterisk.
    pub value: String,
}

/// Whether they can be the conditions of an exception.
pub(super) fn check(conditions: &[Condition]) -> Result<(), Error> {
    let refuse = |why: &str| Err(Error::Refused(why.to_owned()));
    if conditions.is_empty() {
        return refuse("choose at least one field: to hide all of a rule, switch it off");
    }
    if conditions.len() > CONDITIONS_MAX {
        return refuse("an exception has at most 16 conditions");
    }
    for Condition { field, how, value } in conditions {
        let is_name = |letter: char| !letter.is_control() && letter != '|';
        if field.is_empty() || field.chars().count() > FIELD_MAX || !field.chars().all(is_name) {
            return refuse("the name of a field has 1 to 256 characters, and no '|'");
        }
        if value.chars().count() > VALUE_MAX {
            return refuse("a value has at most 1024 characters");
        }
        if value.is_empty() && *how != How::Equals {
            return refuse("with nothing, only 'equals' can compare");
        }
    }
    compile(&[(0, conditions)]).map(|_| ())
}

/// Conditions by number of their exception, as rules: rule number n of them is the n-th.
pub(super) fn compile(all: &[(i64, &[Condition])]) -> Result<Ruleset, Error> {
    let texts: Vec<String> = all.iter().map(|(id, conditions)| rule(*id, conditions)).collect();
    let sources = texts.iter().map(|text| Source { path: "exception", text });
    let (ruleset, problems) = Ruleset::load(sources);
    if ruleset.rules().len() == all.len() {
        return Ok(ruleset);
    }
    let why = problems.first().map(|problem| problem.what.clone()).unwrap_or_default();
    Err(Error::Refused(format!("a condition cannot be compared: {why}")))
}

/// A Sigma rule that matches what the exception hides, as JSON, which is YAML.
fn rule(id: i64, conditions: &[Condition]) -> String {
    let mut detection = serde_json::Map::new();
    let mut names = Vec::new();
    for (number, Condition { field, how, value }) in conditions.iter().enumerate() {
        let key = match how {
            How::Equals => field.clone(),
            How::StartsWith => format!("{field}|startswith"),
            How::EndsWith => format!("{field}|endswith"),
            How::Contains => format!("{field}|contains"),
            How::Cidr => format!("{field}|cidr"),
        };
        let value = if *how == How::Cidr { value.clone() } else { escaped(value) };
        let name = format!("c{number}");
        detection.insert(name.clone(), serde_json::json!({ key: value }));
        names.push(name);
    }
    detection.insert("condition".into(), names.join(" and ").into());
    serde_json::json!({
        "title": format!("exception {id}"),
        "id": format!("exception-{id}"),
        "logsource": { "product": "any" },
        "detection": detection,
    })
    .to_string()
}

/// The value as Sigma writes a text without wildcards.
fn escaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for letter in value.chars() {
        if matches!(letter, '*' | '?' | '\\') {
            text.push('\\');
        }
        text.push(letter);
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use soc_event::{Event, Timestamp, kind};

    use super::*;
    use crate::seen::Seen;

    fn holds(event: &Event, field: &str, how: How, value: &str) -> bool {
        let condition = Condition { field: field.into(), how, value: value.into() };
        compile(&[(1, &[condition])]).unwrap().is_match(0, &Seen(event))
    }

    #[test]
    fn conditions_compare_as_sigma_does_and_signs_are_signs() {
        let at = Timestamp::from_micros(0);
        let event = Event::own(at, kind::LOG)
            .with("source.ip", "10.20.30.40")
            .with("process.command_line", r"C:\Tools\*.exe --all? yes")
            .with("source.port", 22_i64)
            .with("empty", "");
        for (field, how, value, expected) in [
            ("source.ip", How::Equals, "10.20.30.40", true),
            ("source.ip", How::Equals, "10.20.30.4", false),
            ("source.ip", How::Cidr, "10.20.0.0/16", true),
            ("source.ip", How::Cidr, "10.21.0.0/16", false),
            ("source.port", How::Equals, "22", true),
            ("source.port", How::Equals, "2", false),
            ("process.command_line", How::StartsWith, r"c:\tools\*.EXE", true),
            ("process.command_line", How::StartsWith, r"c:\tools\a*", false),
            ("process.command_line", How::Contains, "all?", true),
            ("process.command_line", How::Contains, "al?", false),
            ("process.command_line", How::EndsWith, "YES", true),
            ("process.command_line", How::Equals, "*", false),
            ("empty", How::Equals, "", true),
            ("not.there", How::Equals, "x", false),
        ] {
            assert_eq!(holds(&event, field, how, value), expected, "{field} {how:?} {value}");
        }
    }

    #[test]
    fn what_cannot_be_a_condition_is_refused() {
        let one = |field: &str, how, value: &str| {
            check(&[Condition { field: field.into(), how, value: value.into() }])
        };
        assert!(check(&[]).is_err());
        assert!(one("a|re", How::Equals, ".*").is_err());
        assert!(one("a", How::Contains, "").is_err());
        assert!(one("a", How::Cidr, "no network").is_err());
        assert!(one("a", How::Equals, &"x".repeat(1025)).is_err());
        assert!(one("a b-c.d@e", How::Equals, "{[\"'&*!%#").is_ok());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn any_value_equals_itself_and_nothing_longer(value in "[ -~à-ỹ]{1,40}") {
            let at = Timestamp::from_micros(0);
            let event = |text: &str| Event::own(at, kind::LOG).with("f", text);
            let (longer, later) = ([value.as_str(), "x"].concat(), ["x", &value].concat());
            prop_assert!(holds(&event(&value), "f", How::Equals, &value));
            prop_assert!(!holds(&event(&longer), "f", How::Equals, &value));
            prop_assert!(holds(&event(&longer), "f", How::StartsWith, &value));
            prop_assert!(holds(&event(&later), "f", How::EndsWith, &value));
        }
    }
}
