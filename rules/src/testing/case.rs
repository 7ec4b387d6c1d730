use std::collections::BTreeMap;

use serde::Deserialize;

use crate::limits;
use crate::problem::{Problem, Severity};
use crate::rule::Logsource;
use crate::source::{Source, guard, yaml};

/// One promise.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Case {
    pub name: String,
    #[serde(default)]
    pub rule: Option<String>,
    #[serde(default)]
    pub logsource: Option<Logsource>,
    pub events: Vec<Given>,
    #[serde(default)]
    pub fires: Option<bool>,
    #[serde(default)]
    pub alerts: Option<usize>,
}

/// An event as a test writes it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Given {
    #[serde(default)]
    pub time: Option<String>,
    #[serde(default)]
    pub host: Option<String>,
    #[serde(default)]
    pub agency: Option<String>,
    #[serde(default)]
    pub kind: Option<String>,
    #[serde(default)]
    pub logsource: Option<Logsource>,
    #[serde(default)]
    pub fields: BTreeMap<String, serde_json::Value>,
    #[serde(default)]
    pub raw: Option<String>,
    /// So many of it, `every_s` apart.
    #[serde(default)]
    pub repeat: Option<u32>,
    #[serde(default)]
    pub every_s: Option<u32>,
}

/// Reads a test file.
pub(super) fn read(file: Source<'_>) -> Result<Vec<Case>, Box<Problem>> {
    let problem = |what: String, at: Option<(usize, usize)>| {
        let number = |n: usize| u32::try_from(n).ok();
        Box::new(Problem {
            path: file.path.to_owned(),
            line: at.and_then(|(line, _)| number(line)),
            column: at.and_then(|(_, column)| number(column)),
            rule: None,
            what,
            hint: Some(
                "a test file is a list of cases with name, events, and fires or alerts".into(),
            ),
            severity: Severity::Error,
        })
    };
    if file.text.len() > limits::FILE_BYTES_MAX || guard::opens_too_much(file.text) {
        return Err(problem("the test file is too large or holds too many brackets".into(), None));
    }
    let parsed = yaml::parse(file.text).and_then(|_| yaml_serde::from_str(file.text));
    let cases: Vec<Case> = parsed.map_err(|error| {
        let at = error.location().map(|at| (at.line(), at.column()));
        problem(format!("cannot read the test file: {error}"), at)
    })?;
    match cases.iter().find(|case| case.fires.is_some() == case.alerts.is_some()) {
        Some(case) => {
            Err(problem(format!("the case '{}' wants either fires or alerts", case.name), None))
        }
        None => Ok(cases),
    }
}
