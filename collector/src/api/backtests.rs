use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use soc_event::Timestamp;
use utoipa::ToSchema;

use super::rules::DRAFT;
use super::signed::Session;
use super::{Api, Problem};
use crate::backtest::{Ask, Backtest, DraftFile, Error};

/// What is to be looked for: a rule in force or a draft, not both.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewBacktest {
    /// Rules in YAML, as they would stand in a file.
    rule: Option<String>,
    /// Id of a rule in force.
    rule_id: Option<String>,
    /// From this event time
    #[schema(value_type = String, format = DateTime)]
    from: Timestamp,
    /// to this.
    #[schema(value_type = String, format = DateTime)]
    to: Timestamp,
}

/// What was begun.
#[derive(Debug, Serialize, ToSchema)]
pub struct BacktestMade {
    /// The look back of the rule, or of the first of several.
    id: String,
    /// All of them: a draft may hold several rules.
    ids: Vec<String>,
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::NotFound => Self::not_found("There is no such look back."),
            Error::NoSuchRule(_) => Self::not_found("There is no rule with this id in force."),
            Error::Draft(_) | Error::Refused(_) => Self::invalid(error.to_string()),
            error => Self::internal(&error),
        }
    }
}

/// Rules that look back: those that wait, run, or ended, the newest first.
#[utoipa::path(get, path = "/backtests", tag = "rules", responses((status = 200, body = [Backtest])))]
pub async fn list(State(api): State<Api>, _: Session) -> Result<Json<Vec<Backtest>>, Problem> {
    Ok(Json(api.backtests.list().await?))
}

/// Lets a rule look back over the stored events. Raises no alert.
#[utoipa::path(post, path = "/backtests", tag = "rules", request_body = NewBacktest,
    responses((status = 202, body = BacktestMade), (status = 404, body = Problem),
        (status = 422, body = Problem)))]
pub async fn ask(
    State(api): State<Api>,
    session: Session,
    Json(NewBacktest { rule, rule_id, from, to }): Json<NewBacktest>,
) -> Result<(StatusCode, Json<BacktestMade>), Problem> {
    let ask = match (rule, rule_id) {
        (Some(text), None) => Ask::Draft(vec![DraftFile { path: DRAFT.to_owned(), text }]),
        (None, Some(id)) => Ask::Rule(id),
        _ => return Err(Problem::invalid("Give either `rule` (YAML) or `rule_id`.")),
    };
    let ids = api.backtests.ask(ask, (from, to), &session.caller).await?;
    let id = ids.first().cloned().unwrap_or_default();
    Ok((StatusCode::ACCEPTED, Json(BacktestMade { id, ids })))
}

/// One rule that looks back, with what it found so far.
#[utoipa::path(get, path = "/backtests/{id}", tag = "rules", params(("id" = String, Path)),
    responses((status = 200, body = Backtest), (status = 404, body = Problem)))]
pub async fn show(
    State(api): State<Api>,
    _: Session,
    Path(id): Path<String>,
) -> Result<Json<Backtest>, Problem> {
    Ok(Json(api.backtests.show(&id).await?))
}

/// Stops one that waits or runs; forgets one that ended.
#[utoipa::path(delete, path = "/backtests/{id}", tag = "rules", params(("id" = String, Path)),
    responses((status = 204), (status = 404, body = Problem)))]
pub async fn stop(
    State(api): State<Api>,
    session: Session,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    api.backtests.stop(&id, &session.caller).await?;
    Ok(StatusCode::NO_CONTENT)
}
