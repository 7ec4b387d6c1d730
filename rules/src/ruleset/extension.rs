use rsigma_parser::{CorrelationRule, Level as Sigma, SigmaRule};
use sha2::{Digest, Sha256};
use yaml_serde::Value;

use crate::problem::Fault;
use crate::rule::{Extension, Level, Logsource, Rule, Text};
use crate::source::Document;

/// What rules and correlations say about themselves in the same words.
struct Said<'a> {
    id: Option<&'a String>,
    name: Option<&'a String>,
    title: &'a str,
    description: Option<&'a String>,
    level: Option<Sigma>,
    tags: &'a [String],
    references: &'a [String],
    false_positives: &'a [String],
    author: Option<&'a String>,
    status: Option<rsigma_parser::Status>,
    logsource: Option<Logsource>,
    extension: Option<&'a Value>,
}

/// What is known about a detection rule, and what is odd about it.
pub(super) fn of_rule(rule: &SigmaRule, document: &Document<'_>) -> (Rule, Vec<Fault>) {
    let said = Said {
        id: rule.id.as_ref(),
        name: rule.name.as_ref(),
        title: &rule.title,
        description: rule.description.as_ref(),
        level: rule.level,
        tags: &rule.tags,
        references: &rule.references,
        false_positives: &rule.falsepositives,
        author: rule.author.as_ref(),
        status: rule.status,
        logsource: Some(Logsource {
            product: rule.logsource.product.clone(),
            category: rule.logsource.category.clone(),
            service: rule.logsource.service.clone(),
        }),
        extension: rule.custom_attributes.get("soc"),
    };
    said.into_rule(document)
}

/// What is known about a correlation, and what is odd about it.
pub(super) fn of_correlation(
    rule: &CorrelationRule,
    document: &Document<'_>,
) -> (Rule, Vec<Fault>) {
    let said = Said {
        id: rule.id.as_ref(),
        name: rule.name.as_ref(),
        title: &rule.title,
        description: rule.description.as_ref(),
        level: rule.level,
        tags: &rule.tags,
        references: &rule.references,
        false_positives: &rule.falsepositives,
        author: rule.author.as_ref(),
        status: rule.status,
        logsource: None,
        extension: rule.custom_attributes.get("soc"),
    };
    said.into_rule(document)
}

impl Said<'_> {
    /// [`Rule::alerts`] is what the extension says, else true until a correlation takes the rule.
    fn into_rule(self, document: &Document<'_>) -> (Rule, Vec<Fault>) {
        let mut faults = Vec::new();
        let extension = self.extension(&mut faults);
        let id = self.id(document, &mut faults);
        let text = |en: &str, vi: Option<String>| Text { en: en.trim().to_owned(), vi };
        let description = self.description.map_or("", String::as_str);
        let rule = Rule {
            id,
            name: self.name.cloned(),
            title: text(self.title, extension.title.vi),
            description: text(description, extension.description.vi),
            steps: extension.steps,
            level: self.level.map(level).unwrap_or_default(),
            tags: self.tags.to_vec(),
            path: document.path.to_owned(),
            line: document.line(),
            source: document.text.trim_matches(['\n', '\r']).into(),
            is_correlation: self.logsource.is_none(),
            logsource: self.logsource,
            group_by: extension.group_by,
            scope: extension.scope,
            alerts: extension.alerts.unwrap_or(true),
            references: self.references.to_vec(),
            false_positives: self.false_positives.to_vec(),
            author: self.author.cloned(),
            status: self.status.map(|status| format!("{status:?}").to_lowercase()),
        };
        (rule, faults)
    }

    fn extension(&self, faults: &mut Vec<Fault>) -> Extension {
        let Some(value) = self.extension else { return Extension::default() };
        match yaml_serde::from_value(value.clone()) {
            Ok(extension) => extension,
            Err(error) => {
                let fault = Fault::new(format!("the block 'soc' is ignored: {error}")).at(["soc"]);
                faults.push(
                    fault.hint("it holds title, description, steps, group_by, scope, alerts"),
                );
                Extension::default()
            }
        }
    }

    fn id(&self, document: &Document<'_>, faults: &mut Vec<Fault>) -> String {
        let Some(id) = self.id else {
            let id = made_id(self.title, document.path);
            let fault = Fault::new("the rule has no id; one was made from its title and file");
            faults.push(fault.at(["title"]).hint(format!("add 'id: {id}'")));
            return id;
        };
        if !is_uuid(id) {
            let fault = Fault::new(format!("the id '{id}' is not a UUID")).at(["id"]);
            faults.push(fault.hint("make one with uuidgen; ids must not change later"));
        }
        id.clone()
    }
}

/// A stable id in the form of a UUID (version 8: made by a rule of one's own).
fn made_id(title: &str, path: &str) -> String {
    let hash = Sha256::new().chain_update(title).chain_update([0]).chain_update(path).finalize();
    let hex: String = hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    let part = |range: std::ops::Range<usize>| hex.get(range).unwrap_or_default();
    format!("{}-{}-8{}-8{}-{}", part(0..8), part(8..12), part(13..16), part(17..20), part(20..32))
}

fn is_uuid(id: &str) -> bool {
    let lengths = id.split('-').map(str::len);
    lengths.eq([8, 4, 4, 4, 12]) && id.bytes().all(|b| b == b'-' || b.is_ascii_hexdigit())
}

fn level(level: Sigma) -> Level {
    match level {
        Sigma::Informational => Level::Informational,
        Sigma::Low => Level::Low,
        Sigma::Medium => Level::Medium,
        Sigma::High => Level::High,
        Sigma::Critical => Level::Critical,
    }
}
