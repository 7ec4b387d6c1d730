//! Work on alerts that is more than one click: who does it, many at once, what belongs together.

use axum::Json;
use axum::extract::{Path, Query, State};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::alerts::{self, ListQuery};
use super::page::{self, Items};
use super::signed::Session;
use super::{Api, Problem};
use crate::access::{OperatorRow, Permission};
use crate::alert::{Action, Alert, Change, Outcome, Related, UserRisk, Verdict, Which};

/// Whose work an alert is to be.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
pub struct Assign {
    /// Name of an operator; nobody's when not given: back to the queue.
    to: Option<String>,
    /// Words about it.
    comment: Option<String>,
    /// The alert's version as it was seen: if it is another one by now, nothing is done.
    version: Option<i64>,
}

/// Gives it to an operator, or back to the queue.
#[utoipa::path(post, path = "/alerts/{id}/assign", tag = "alerts", params(("id" = String, Path)),
    request_body = Assign,
    responses((status = 200, body = Alert), (status = 404, body = Problem),
        (status = 409, body = Problem), (status = 422, body = Problem)))]
pub async fn assign(
    State(api): State<Api>,
    session: Session,
    Path(id): Path<String>,
    Json(Assign { to, comment, version }): Json<Assign>,
) -> Result<Json<Alert>, Problem> {
    let change = Change { action: Action::Assign(page::text(to)), comment, version };
    alerts::change(&api, &session, &id, &change).await
}

/// What is done to many alerts.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(tag = "action", rename_all = "lowercase")]
pub enum BulkAction {
    /// Take them.
    Acknowledge,
    /// Finish them.
    Close {
        /// What they turned out to be.
        verdict: Verdict,
    },
    /// Take them up again.
    Reopen,
    /// Say something about them.
    Comment,
    /// Give them to an operator.
    Assign {
        /// Name of an operator; nobody's when not given.
        to: Option<String>,
    },
}

/// The same for many alerts: those of `ids`, or all that `matching` lists.
#[derive(Debug, Deserialize, ToSchema)]
pub struct Bulk {
    /// What is done.
    #[serde(flatten)]
    action: BulkAction,
    /// Words about it; needed for closing and commenting.
    #[serde(default)]
    comment: Option<String>,
    /// Which.
    #[serde(default)]
    ids: Vec<String>,
    /// Or all that the list with this query has.
    #[serde(default)]
    matching: Option<ListQuery>,
    /// How many that were when the person saw them: are there others by now, nothing is done.
    #[serde(default)]
    count: Option<i64>,
}

/// What became of them.
#[derive(Debug, Serialize, ToSchema)]
pub struct BulkDone {
    /// To how many it was done.
    done: usize,
    /// Those to which it could not be done, and why.
    refused: Vec<Outcome>,
}

/// Does the same to many alerts, in one transaction.
#[utoipa::path(post, path = "/alerts/bulk", tag = "alerts", request_body = Bulk,
    responses((status = 200, body = BulkDone), (status = 409, body = Problem),
        (status = 422, body = Problem)))]
pub async fn bulk(
    State(api): State<Api>,
    session: Session,
    Json(Bulk { action, comment, ids, matching, count }): Json<Bulk>,
) -> Result<Json<BulkDone>, Problem> {
    let which = match (matching, count) {
        (None, _) => Which::Ids(ids),
        (Some(query), Some(count)) if ids.is_empty() => {
            let filter = alerts::filter(&api, &session, query).await?;
            Which::Matching(Box::new(filter), count)
        }
        (Some(_), _) => {
            let detail = "Give `ids`, or `matching` with the `count` that was seen.";
            return Err(Problem::invalid(detail));
        }
    };
    let action = match action {
        BulkAction::Acknowledge => Action::Acknowledge,
        BulkAction::Close { verdict } => Action::Close(verdict),
        BulkAction::Reopen => Action::Reopen,
        BulkAction::Comment => Action::Comment,
        BulkAction::Assign { to } => Action::Assign(page::text(to)),
    };
    let change = Change { action, comment, version: None };
    let outcomes =
        api.alerts.operate_all(which, &change, &session.agencies, &session.caller).await?;
    let all = outcomes.len();
    let refused: Vec<_> = outcomes.into_iter().filter(|one| one.refused.is_some()).collect();
    Ok(Json(BulkDone { done: all - refused.len(), refused }))
}

/// Alerts about the same machine, user, address, file or hash within a day, in order of time.
#[utoipa::path(get, path = "/alerts/{id}/related", tag = "alerts", params(("id" = String, Path)),
    responses((status = 200, body = Items<Related>), (status = 404, body = Problem)))]
pub async fn related(
    State(api): State<Api>,
    session: Session,
    Path(id): Path<String>,
) -> Result<Json<Items<Related>>, Problem> {
    Ok(Json(Items { items: api.alerts.related(&id, &session.agencies).await? }))
}

/// Names of those who can work on alerts: all, or of the agencies one sees.
#[utoipa::path(get, path = "/alerts/assignees", tag = "alerts",
    responses((status = 200, body = Items<String>)))]
pub async fn assignees(
    State(api): State<Api>,
    session: Session,
) -> Result<Json<Items<String>>, Problem> {
    let can = |one: &OperatorRow| {
        one.disabled_at.is_none() && one.role.may(Permission::HandleAlerts, !one.whole)
    };
    let all = api.access.operators(&session.agencies).await?;
    Ok(Json(Items { items: all.into_iter().filter(can).map(|one| one.name).collect() }))
}

/// Whose users.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct UsersQuery {
    /// Number or code of an agency; those below it belong to it.
    agency: Option<String>,
    /// How many at the most.
    limit: Option<u32>,
}

/// Users with the highest risk, as their alerts say.
#[utoipa::path(get, path = "/risk/users", tag = "alerts", params(UsersQuery),
    responses((status = 200, body = Items<UserRisk>), (status = 422, body = Problem)))]
pub async fn risky_users(
    State(api): State<Api>,
    session: Session,
    Query(UsersQuery { agency, limit }): Query<UsersQuery>,
) -> Result<Json<Items<UserRisk>>, Problem> {
    let scope = super::agencies::scope(&api, &session, agency).await?;
    let users = api.alerts.risky_users(&scope.agencies, page::limit(limit)).await?;
    Ok(Json(Items { items: users }))
}
