//! ATT&CK: what was seen, over what the rules look for.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Query, State};
use serde::{Deserialize, Serialize};
use soc_event::Timestamp;
use utoipa::{IntoParams, ToSchema};

use super::page;
use super::signed::Session;
use super::{Api, Problem};
use crate::alert::techniques_of;

/// Which stretch of time.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AttackQuery {
    /// Alerts last seen at or after this time; 30 days before the end when not given.
    from: Option<String>,
    /// Last seen before this time; now when not given.
    to: Option<String>,
    /// Number or code of an agency; those below it belong to it.
    agency: Option<String>,
}

/// Techniques that rules look for or alerts named.
#[derive(Debug, Serialize, ToSchema)]
pub struct Attack {
    /// Begin.
    #[schema(value_type = String, format = DateTime)]
    from: Timestamp,
    /// End.
    #[schema(value_type = String, format = DateTime)]
    to: Timestamp,
    /// In the order of their ids.
    techniques: Vec<Technique>,
}

/// One technique or sub-technique.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct Technique {
    /// `T1110` or `T1110.001`
    id: String,
    /// Tactics that the rules which look for it name: `credential-access`.
    tactics: Vec<String>,
    /// Rules in force that look for it and raise alerts.
    rules: usize,
    /// Alerts of that time, without false positives.
    alerts: i64,
    /// Of these, such as are not closed.
    unclosed: i64,
}

/// Techniques seen in a stretch of time, over those that the rules in force look for.
#[utoipa::path(get, path = "/attack", tag = "alerts", params(AttackQuery),
    responses((status = 200, body = Attack), (status = 422, body = Problem)))]
pub async fn show(
    State(api): State<Api>,
    session: Session,
    Query(query): Query<AttackQuery>,
) -> Result<Json<Attack>, Problem> {
    const RANGE_US: i64 = 30 * 86_400 * 1_000_000;
    let to = page::time("to", query.to.as_deref())?.unwrap_or_else(|| api.clock.now());
    let from = page::time("from", query.from.as_deref())?.unwrap_or(to.plus_micros(-RANGE_US));
    let scope = super::agencies::scope(&api, &session, query.agency).await?;
    let mut techniques = covered(&api);
    let seen = api.alerts.techniques(&scope.agencies, (from, to)).await?;
    for (id, sum) in seen {
        let technique = techniques.entry(id).or_default();
        (technique.alerts, technique.unclosed) = (sum.alerts, sum.unclosed);
    }
    let named = techniques.into_iter().map(|(id, technique)| Technique { id, ..technique });
    Ok(Json(Attack { from, to, techniques: named.collect() }))
}

/// What the rules in force look for.
fn covered(api: &Api) -> BTreeMap<String, Technique> {
    let mut covered: BTreeMap<String, Technique> = BTreeMap::new();
    let book = api.rulebook.current();
    for rule in book.ruleset.rules().iter().filter(|rule| rule.alerts) {
        let tags = rule.tags.iter().filter_map(|tag| tag.strip_prefix("attack."));
        let is_tactic =
            |tag: &&str| tag.bytes().all(|b| b.is_ascii_lowercase() || b"-_".contains(&b));
        let tactics: Vec<String> =
            tags.filter(is_tactic).map(|tag| tag.replace('_', "-")).collect();
        for id in techniques_of(&rule.tags) {
            let technique = covered.entry(id).or_default();
            technique.rules += 1;
            for tactic in &tactics {
                if !technique.tactics.contains(tactic) {
                    technique.tactics.push(tactic.clone());
                }
            }
        }
    }
    covered
}
