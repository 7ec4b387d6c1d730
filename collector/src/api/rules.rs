use std::collections::HashMap;

use axum::Json;
use axum::extract::{Path, State};
use serde::Serialize;
use soc_rules::{Logsource, Rule, Severity};
use utoipa::ToSchema;

use super::signed::Signed;
use super::{Api, Problem};
use crate::alert::{Level, Text};
use crate::detect::{level, said};

/// The rules in force, and what is wrong with the others.
#[derive(Debug, Serialize, ToSchema)]
pub struct Rules {
    /// Changes with every change of a rule.
    version: String,
    /// In the order of loading.
    items: Vec<RuleRow>,
    /// What is wrong, and where.
    problems: Vec<RuleProblem>,
}

/// A rule in a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct RuleRow {
    id: String,
    title: Text,
    description: Text,
    level: Level,
    /// ATT&CK and other tags.
    tags: Vec<String>,
    /// The file it stands in.
    path: String,
    #[schema(value_type = Object)]
    logsource: Logsource,
    /// Whether it joins events.
    correlation: bool,
    /// Whether it raises alerts, or only serves correlations.
    alerts: bool,
    /// How often it was seen, over all alerts that are kept.
    hits: i64,
}

/// A rule with its text.
#[derive(Debug, Serialize, ToSchema)]
pub struct RuleText {
    #[serde(flatten)]
    row: RuleRow,
    /// The YAML it was written as.
    source: String,
}

/// Something wrong with a rule file.
#[derive(Debug, Serialize, ToSchema)]
pub struct RuleProblem {
    path: String,
    line: Option<u32>,
    column: Option<u32>,
    rule: Option<String>,
    what: String,
    hint: Option<String>,
    /// `error` (the rule is off) or `warning`
    severity: &'static str,
}

/// Rules in force and problems of others.
#[utoipa::path(get, path = "/rules", tag = "rules", responses((status = 200, body = Rules)))]
pub async fn list(State(api): State<Api>, _: Signed) -> Result<Json<Rules>, Problem> {
    let book = api.rulebook.current();
    let hits = api.alerts.hits().await?;
    let items = book.ruleset.rules().iter().map(|rule| row(rule, &hits)).collect();
    let problems = book.problems.iter().map(problem).collect();
    Ok(Json(Rules { version: book.ruleset.version().to_owned(), items, problems }))
}

/// One rule with its text.
#[utoipa::path(get, path = "/rules/{id}", tag = "rules", params(("id" = String, Path)),
    responses((status = 200, body = RuleText), (status = 404, body = Problem)))]
pub async fn show(
    State(api): State<Api>,
    _: Signed,
    Path(id): Path<String>,
) -> Result<Json<RuleText>, Problem> {
    let book = api.rulebook.current();
    let gone = || Problem::not_found("There is no rule with this id in force.");
    let rule = book.ruleset.rule(&id).ok_or_else(gone)?;
    let row = row(rule, &api.alerts.hits().await?);
    Ok(Json(RuleText { row, source: rule.source.to_string() }))
}

fn row(rule: &Rule, hits: &HashMap<String, i64>) -> RuleRow {
    let said = said(rule);
    RuleRow {
        id: rule.id.clone(),
        title: said.title,
        description: said.description,
        level: level(rule.level),
        tags: said.tags,
        path: rule.path.clone(),
        logsource: rule.logsource.clone().unwrap_or_default(),
        correlation: rule.is_correlation,
        alerts: rule.alerts,
        hits: hits.get(&rule.id).copied().unwrap_or_default(),
    }
}

fn problem(problem: &soc_rules::Problem) -> RuleProblem {
    let soc_rules::Problem { path, line, column, rule, what, hint, severity } = problem.clone();
    let severity = match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    RuleProblem { path, line, column, rule, what, hint, severity }
}
