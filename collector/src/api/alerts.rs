use axum::Json;
use axum::extract::{Query, State};
use http::StatusCode;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::page::{self, Page};
use super::signed::{SeenAlert, Session};
use super::{Api, Problem, events};
use crate::alert::Timeline;
use crate::alert::{
    Action, Alert, AlertRow, Assignee, Change, Cursor, Error, Filter, Level, NormalRow, Scope,
    Silenced, State as AlertState, Verdict,
};

/// Which alerts.
#[derive(Debug, Default, Deserialize, IntoParams, ToSchema)]
#[into_params(parameter_in = Query)]
#[schema(as = AlertQuery)]
pub struct ListQuery {
    /// `open,acknowledged,closed`
    state: Option<String>,
    /// `critical,high,medium,low,informational`
    level: Option<String>,
    /// `true_positive,false_positive,benign`
    verdict: Option<String>,
    /// Whose work: an operator's name, `me`, or `nobody`.
    assignee: Option<String>,
    /// Alerts of planned work that are not closed: `no` (as when not given), `only` or `all`.
    silenced: Option<String>,
    /// An ATT&CK technique, its sub-techniques included: `T1110`.
    technique: Option<String>,
    /// Name of a user that the alert names.
    user: Option<String>,
    /// Text in title, machine, agency, rule or grouping values; or the alert's number.
    q: Option<String>,
    /// Id of a machine.
    machine: Option<String>,
    /// Id of a rule.
    rule: Option<String>,
    /// Number or code of an agency; those below it belong to it.
    agency: Option<String>,
    /// Last seen at or after this time.
    from: Option<String>,
    /// Last seen before this time.
    to: Option<String>,
    /// Rows of a page.
    limit: Option<u32>,
    /// Where the page before ended.
    cursor: Option<String>,
}

/// Which stretch of time.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct TimelineQuery {
    /// Begin; a day before the end when not given.
    from: Option<String>,
    /// End; now when not given.
    to: Option<String>,
    /// Number of steps, 1 to 1000.
    buckets: Option<u32>,
    /// Number or code of an agency; those below it belong to it.
    agency: Option<String>,
}

/// Words about it.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub struct Comment {
    /// Needed for closing and commenting.
    #[serde(default)]
    comment: Option<String>,
    /// The alert's version as it was seen: if it is another one by now, nothing is done.
    #[serde(default)]
    version: Option<i64>,
}

/// What an alert turned out to be.
#[derive(Debug, Deserialize, ToSchema)]
pub struct Closing {
    /// What.
    verdict: Verdict,
    /// How it was handled.
    #[serde(default)]
    comment: Option<String>,
    /// The alert's version as it was seen: if it is another one by now, nothing is done.
    #[serde(default)]
    version: Option<i64>,
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let said = format!("{error}.");
        match error {
            Error::NotFound => Self::not_found(said),
            Error::Conflict(_) | Error::SeenAgain(_) | Error::Changed | Error::CountChanged(_) => {
                Self::new(StatusCode::CONFLICT, said)
            }
            Error::CommentMissing
            | Error::CommentTooLong
            | Error::NoAnomaly
            | Error::NoOperator
            | Error::TooMany => Self::invalid(said),
            Error::Sql(_) | Error::Row(_) => Self::internal(&error),
        }
    }
}

/// Alerts, last seen first.
#[utoipa::path(get, path = "/alerts", tag = "alerts", params(ListQuery),
    responses((status = 200, body = Page<AlertRow>), (status = 422, body = Problem)))]
pub async fn list(
    State(api): State<Api>,
    session: Session,
    Query(query): Query<ListQuery>,
) -> Result<Json<Page<AlertRow>>, Problem> {
    let limit = page::limit(query.limit);
    let cursor: Option<Cursor> = page::value("cursor", query.cursor.as_deref())?;
    let filter = filter(&api, &session, query).await?;
    let (items, next, total) = api.alerts.list(&filter, cursor, limit).await?;
    Ok(Json(Page { items, next: next.map(|next| next.to_string()), total }))
}

/// How many alerts were last seen when: the alerts that the list of the same time shows.
#[utoipa::path(get, path = "/alerts/timeline", tag = "alerts", params(TimelineQuery),
    responses((status = 200, body = Timeline), (status = 422, body = Problem)))]
pub async fn timeline(
    State(api): State<Api>,
    session: Session,
    Query(query): Query<TimelineQuery>,
) -> Result<Json<Timeline>, Problem> {
    const DAY_US: i64 = 86_400 * 1_000_000;
    let to = page::time("to", query.to.as_deref())?.unwrap_or_else(|| api.clock.now());
    let from = page::time("from", query.from.as_deref())?.unwrap_or(to.plus_micros(-DAY_US));
    if from >= to {
        return Err(Problem::invalid("`from` has to be before `to`."));
    }
    let agencies = super::agencies::scope(&api, &session, query.agency).await?.agencies;
    Ok(Json(api.alerts.timeline(&agencies, from, to, query.buckets.unwrap_or(48)).await?))
}

/// One alert with everything known about it.
#[utoipa::path(get, path = "/alerts/{id}", tag = "alerts", params(("id" = String, Path)),
    responses((status = 200, body = Alert), (status = 404, body = Problem)))]
pub async fn show(
    State(api): State<Api>,
    session: Session,
    SeenAlert(id): SeenAlert,
) -> Result<Json<Alert>, Problem> {
    let Json(alert) = whole(&api, &session, &id).await?;
    let subject = format!("alert {}", alert.row.number);
    api.access.looked_at(&session.operator, &session.caller, &subject).await?;
    Ok(Json(alert))
}

/// Takes it.
#[utoipa::path(post, path = "/alerts/{id}/acknowledge", tag = "alerts",
    params(("id" = String, Path)), request_body = Option<Comment>,
    responses((status = 200, body = Alert), (status = 404, body = Problem),
        (status = 409, body = Problem)))]
pub async fn acknowledge(
    State(api): State<Api>,
    session: Session,
    SeenAlert(id): SeenAlert,
    comment: Option<Json<Comment>>,
) -> Result<Json<Alert>, Problem> {
    operate(&api, &session, &id, Action::Acknowledge, comment).await
}

/// Finishes it: what it turned out to be, with words on how it was handled.
#[utoipa::path(post, path = "/alerts/{id}/close", tag = "alerts",
    params(("id" = String, Path)), request_body = Closing,
    responses((status = 200, body = Alert), (status = 404, body = Problem),
        (status = 409, body = Problem), (status = 422, body = Problem)))]
pub async fn close(
    State(api): State<Api>,
    session: Session,
    SeenAlert(id): SeenAlert,
    Json(Closing { verdict, comment, version }): Json<Closing>,
) -> Result<Json<Alert>, Problem> {
    let comment = Some(Json(Comment { comment, version }));
    operate(&api, &session, &id, Action::Close(verdict), comment).await
}

/// Takes it up again.
#[utoipa::path(post, path = "/alerts/{id}/reopen", tag = "alerts",
    params(("id" = String, Path)), request_body = Option<Comment>,
    responses((status = 200, body = Alert), (status = 404, body = Problem),
        (status = 409, body = Problem)))]
pub async fn reopen(
    State(api): State<Api>,
    session: Session,
    SeenAlert(id): SeenAlert,
    comment: Option<Json<Comment>>,
) -> Result<Json<Alert>, Problem> {
    operate(&api, &session, &id, Action::Reopen, comment).await
}

/// Says something about it.
#[utoipa::path(post, path = "/alerts/{id}/comment", tag = "alerts",
    params(("id" = String, Path)), request_body = Comment,
    responses((status = 200, body = Alert), (status = 404, body = Problem),
        (status = 422, body = Problem)))]
pub async fn comment(
    State(api): State<Api>,
    session: Session,
    SeenAlert(id): SeenAlert,
    comment: Option<Json<Comment>>,
) -> Result<Json<Alert>, Problem> {
    operate(&api, &session, &id, Action::Comment, comment).await
}

/// Where an anomaly is normal, and words about it.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Normal {
    /// `machine`, or `agency` for all machines of it.
    scope: Scope,
    /// Why.
    comment: Option<String>,
}

/// Calls the anomaly behind it normal, so that its machines do not tell it again; closes it.
/// Reopening takes it back.
#[utoipa::path(post, path = "/alerts/{id}/normal", tag = "alerts",
    params(("id" = String, Path)), request_body = Normal,
    responses((status = 200, body = Alert), (status = 404, body = Problem),
        (status = 422, body = Problem)))]
pub async fn normal(
    State(api): State<Api>,
    session: Session,
    SeenAlert(id): SeenAlert,
    Json(Normal { scope, comment }): Json<Normal>,
) -> Result<Json<Alert>, Problem> {
    api.alerts
        .call_normal(&id, scope, comment.as_deref(), &session.agencies, &session.caller)
        .await?;
    whole(&api, &session, &id).await
}

/// What is called normal.
#[derive(Debug, serde::Serialize, ToSchema)]
pub struct NormalList {
    /// Latest first.
    items: Vec<NormalRow>,
}

/// Anomalies that people called normal.
#[utoipa::path(get, path = "/anomalies/normal", tag = "alerts",
    responses((status = 200, body = NormalList)))]
pub async fn normal_list(
    State(api): State<Api>,
    session: Session,
) -> Result<Json<NormalList>, Problem> {
    Ok(Json(NormalList { items: api.alerts.normal(&session.agencies).await? }))
}

async fn operate(
    api: &Api,
    session: &Session,
    id: &str,
    action: Action,
    comment: Option<Json<Comment>>,
) -> Result<Json<Alert>, Problem> {
    let Comment { comment, version } = comment.map(|Json(comment)| comment).unwrap_or_default();
    change(api, session, id, &Change { action, comment, version }).await
}

/// Does it; who was slower than somebody else is given the alert as it is now.
pub(super) async fn change(
    api: &Api,
    session: &Session,
    id: &str,
    change: &Change,
) -> Result<Json<Alert>, Problem> {
    match api.alerts.operate(id, change, &session.agencies, &session.caller).await {
        Ok(()) => whole(api, session, id).await,
        Err(error @ (Error::Changed | Error::Conflict(_))) => {
            let Json(current) = whole(api, session, id).await?;
            Err(Problem::changed(format!("{error}."), &current))
        }
        Err(error) => Err(error.into()),
    }
}

/// An alert whose further events are read from the journal, as far as it still has them.
async fn whole(api: &Api, session: &Session, id: &str) -> Result<Json<Alert>, Problem> {
    let (mut alert, positions) = api.alerts.get(id, &session.agencies).await?;
    let first = alert.events.first().map(|event| event.position);
    let others = positions.into_iter().filter(|position| Some(*position) != first).collect();
    alert.events.extend(events::at(api, others).await?);
    Ok(Json(alert))
}

/// What a query asks for; `me` is who asks.
pub(super) async fn filter(
    api: &Api,
    session: &Session,
    query: ListQuery,
) -> Result<Filter, Problem> {
    let scope = super::agencies::scope(api, session, query.agency).await?;
    let assignee = page::text(query.assignee).map(|name| match name.as_str() {
        "me" => Assignee::Is(session.caller.who.clone()),
        "nobody" => Assignee::Nobody,
        _ => Assignee::Is(name),
    });
    let silenced = page::words("silenced", query.silenced.as_deref(), Silenced::from_word)?;
    Ok(Filter {
        states: page::words("state", query.state.as_deref(), AlertState::from_word)?,
        levels: page::words("level", query.level.as_deref(), Level::from_word)?,
        verdicts: page::words("verdict", query.verdict.as_deref(), Verdict::from_word)?,
        assignee,
        silenced: silenced.last().copied().unwrap_or_default(),
        technique: page::text(query.technique),
        user: page::text(query.user),
        search: page::text(query.q),
        machine: page::value("machine", query.machine.as_deref())?,
        rule: page::text(query.rule),
        agencies: scope.agencies,
        from: page::time("from", query.from.as_deref())?,
        to: page::time("to", query.to.as_deref())?,
    })
}
