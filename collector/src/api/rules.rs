use std::collections::HashMap;

use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use soc_rules::{Logsource, Rule, RuleUse, Ruleset, Severity, Source};
use utoipa::ToSchema;

use soc_archive::Agencies;

use super::signed::Session;
use super::{Api, Problem};
use crate::access::Deed;
use crate::alert::{Level, Noise, Text};
use crate::detect::{Parking, level, said};
use crate::tuning::{Setting, Switch};

/// Over how long noise is counted, in microseconds: 30 days.
const NOISE_US: i64 = 30 * 86_400 * 1_000_000;
/// What a draft is called in its problems.
pub(super) const DRAFT: &str = "draft.yml";

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
    /// Events it was asked about since the collector started.
    asked: u64,
    /// Events it matched since then, also where that made no alert.
    matched: u64,
    /// Its part of the work of all rules since then, 0 to 1.
    cost: f64,
    /// Why it is not asked any more, when it is parked.
    parked: Option<Parking>,
    /// What it gave people to do in the last 30 days.
    noise: Noise,
    /// Its exceptions that are in force.
    exceptions: i64,
    /// Findings that its exceptions hid.
    hidden: i64,
    /// Where it was switched off or on.
    settings: Vec<Setting>,
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

/// Rules that somebody is writing.
#[derive(Debug, Deserialize, ToSchema)]
pub struct Draft {
    /// The YAML, as it would stand in a file.
    source: String,
}

/// What is wrong with a draft.
#[derive(Debug, Serialize, ToSchema)]
pub struct Checked {
    /// How many rules of it would be in force.
    rules: usize,
    /// What is wrong, and where.
    problems: Vec<RuleProblem>,
}

/// Rules in force and problems of others.
#[utoipa::path(get, path = "/rules", tag = "rules", responses((status = 200, body = Rules)))]
pub async fn list(State(api): State<Api>, session: Session) -> Result<Json<Rules>, Problem> {
    let book = api.rulebook.current();
    let figures = Figures::of(&api, &session.agencies).await?;
    let items = book.ruleset.rules().iter().map(|rule| figures.row(rule)).collect();
    let problems = book.problems.iter().map(problem).collect();
    Ok(Json(Rules { version: book.ruleset.version().to_owned(), items, problems }))
}

/// One rule with its text.
#[utoipa::path(get, path = "/rules/{id}", tag = "rules", params(("id" = String, Path)),
    responses((status = 200, body = RuleText), (status = 404, body = Problem)))]
pub async fn show(
    State(api): State<Api>,
    session: Session,
    Path(id): Path<String>,
) -> Result<Json<RuleText>, Problem> {
    let book = api.rulebook.current();
    let gone = || Problem::not_found("There is no rule with this id in force.");
    let rule = book.ruleset.rule(&id).ok_or_else(gone)?;
    let row = Figures::of(&api, &session.agencies).await?.row(rule);
    Ok(Json(RuleText { row, source: rule.source.to_string() }))
}

/// Asks a parked rule again.
#[utoipa::path(post, path = "/rules/{id}/unpark", tag = "rules", params(("id" = String, Path)),
    responses((status = 204), (status = 409, body = Problem)))]
pub async fn unpark(
    State(api): State<Api>,
    session: Session,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let caller = &session.caller;
    let deed = Deed::new(&caller.who, &caller.address, "rule unparked", &id);
    let was_parked = api.detect.unpark(&id, &deed).await;
    if was_parked.map_err(|error| Problem::internal(&error))? {
        return Ok(StatusCode::NO_CONTENT);
    }
    Err(Problem::new(StatusCode::CONFLICT, "This rule is not parked."))
}

/// A rule to be switched.
#[derive(Debug, Deserialize, ToSchema)]
pub struct Switching {
    /// Number or code of an agency, for it and those below it; everywhere when not given.
    #[serde(default)]
    agency: Option<String>,
    /// On or off; as it is above when not given.
    #[serde(default)]
    enabled: Option<bool>,
    /// Why.
    why: String,
}

/// Switches a rule off or on for an agency and those below it; it counts from the next events on.
#[utoipa::path(post, path = "/rules/{id}/switch", tag = "rules", params(("id" = String, Path)),
    request_body = Switching,
    responses((status = 200, body = RuleText), (status = 404, body = Problem),
        (status = 422, body = Problem)))]
pub async fn switch(
    State(api): State<Api>,
    session: Session,
    Path(id): Path<String>,
    Json(Switching { agency, enabled, why }): Json<Switching>,
) -> Result<Json<RuleText>, Problem> {
    if api.rulebook.current().ruleset.rule(&id).is_none() {
        return Err(Problem::not_found("There is no rule with this id in force."));
    }
    let agency = super::agencies::scope(&api, &session, agency).await?.named;
    let switch = Switch { agency, enabled, why };
    api.tuning.switch(&id, &switch, &session.agencies, &session.caller).await?;
    show(State(api), session, Path(id)).await
}

/// Looks through the text of rules without putting them in force.
#[utoipa::path(post, path = "/rules/check", tag = "rules", request_body = Draft,
    responses((status = 200, body = Checked)))]
pub async fn check(
    State(api): State<Api>,
    _: Session,
    Json(Draft { source }): Json<Draft>,
) -> Result<Json<Checked>, Problem> {
    // Compiling takes what it takes; the limits of rules bound it.
    let options = api.rulebook.current().options.clone();
    let load = move || Ruleset::load_with([Source { path: DRAFT, text: &source }], options);
    let loaded = tokio::task::spawn_blocking(load).await;
    let (ruleset, problems) = loaded.map_err(|error| Problem::internal(&error))?;
    let problems = problems.iter().map(problem).collect();
    Ok(Json(Checked { rules: ruleset.rules().len(), problems }))
}

/// What is counted of rules.
struct Figures {
    hits: HashMap<String, i64>,
    costs: HashMap<String, RuleUse>,
    steps: u64,
    parked: HashMap<String, Parking>,
    noise: HashMap<String, Noise>,
    exceptions: HashMap<String, (i64, i64)>,
    settings: HashMap<String, Vec<Setting>>,
}

impl Figures {
    async fn of(api: &Api, agencies: &Agencies) -> Result<Self, Problem> {
        let (hits, costs) = (api.alerts.hits(agencies).await?, api.detect.costs());
        let parked = api.detect.parked().await.map_err(|error| Problem::internal(&error))?;
        let steps = costs.values().map(|cost| cost.steps).sum();
        let since = api.clock.now().plus_micros(-NOISE_US);
        let noise = api.alerts.noise(since, agencies).await?;
        let exceptions = api.tuning.by_rule(agencies).await?.into_iter();
        let exceptions = exceptions.map(|(rule, count, hidden)| (rule, (count, hidden))).collect();
        let mut settings: HashMap<String, Vec<Setting>> = HashMap::new();
        for setting in api.tuning.settings(agencies).await? {
            settings.entry(setting.rule.clone()).or_default().push(setting);
        }
        Ok(Self { hits, costs, steps, parked, noise, exceptions, settings })
    }

    fn row(&self, rule: &Rule) -> RuleRow {
        let said = said(rule);
        let cost = self.costs.get(&rule.id).copied().unwrap_or_default();
        let (exceptions, hidden) = self.exceptions.get(&rule.id).copied().unwrap_or_default();
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
            hits: self.hits.get(&rule.id).copied().unwrap_or_default(),
            asked: cost.asked,
            matched: cost.matched,
            cost: cost.steps as f64 / self.steps.max(1) as f64,
            parked: self.parked.get(&rule.id).cloned(),
            noise: self.noise.get(&rule.id).copied().unwrap_or_default(),
            exceptions,
            hidden,
            settings: self.settings.get(&rule.id).cloned().unwrap_or_default(),
        }
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
