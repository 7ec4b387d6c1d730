use axum::Json;
use axum::extract::{Path, Query, State};
use http::StatusCode;
use serde::Deserialize;
use soc_event::Timestamp;
use utoipa::{IntoParams, ToSchema};

use super::page::{self, Page};
use super::signed::Session;
use super::{Api, Problem};
use crate::alert::Verdict;
use crate::tuning::{
    Condition, Draft, End, Error, Exception, ExceptionFilter, ExceptionState, Preview, Renewal,
};

/// Which exceptions.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// `in_force,expiring,expired,ended`
    state: Option<String>,
    /// That hide findings of this rule, those of all rules among them.
    rule: Option<String>,
    /// Number or code of an agency; those below it belong to it.
    agency: Option<String>,
    /// Rows of a page.
    limit: Option<u32>,
    /// Where the page before ended.
    cursor: Option<String>,
}

/// A new exception.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewException {
    /// Id of a rule; all rules when not given.
    #[serde(default)]
    rule: Option<String>,
    /// Id of a machine.
    #[serde(default)]
    machine: Option<String>,
    /// Number or code of an agency, with those below it; everywhere without either.
    #[serde(default)]
    agency: Option<String>,
    /// What has to be so of the event; all of it.
    conditions: Vec<Condition>,
    /// Why; not needed for a preview.
    #[serde(default)]
    why: String,
    /// Who answers for it; who makes it when not given.
    #[serde(default)]
    owner: Option<String>,
    /// Until when; 90 days when not given, at most a year.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    until: Option<Timestamp>,
    /// Id of the alert it is made from.
    #[serde(default)]
    alert: Option<String>,
    /// Closes that alert with this verdict.
    #[serde(default)]
    close: Option<Verdict>,
}

/// A longer life.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Renew {
    /// Until when; 90 days from now when not given, at most a year.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    until: Option<Timestamp>,
    /// Why it is still right.
    why: String,
    /// Its version as it was seen.
    version: i64,
}

/// The end of it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Ending {
    /// Why.
    why: String,
    /// Its version as it was seen.
    version: i64,
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let said = format!("{error}.");
        match error {
            Error::NotFound => Self::not_found(said),
            Error::Refused(_) => Self::invalid(said),
            Error::Changed | Error::Over => Self::new(StatusCode::CONFLICT, said),
            Error::Alert(error) => error.into(),
            Error::Journal(_) | Error::Sql(_) | Error::Row(_) | Error::Thread(_) => {
                Self::internal(&error)
            }
        }
    }
}

/// Exceptions, the youngest first.
#[utoipa::path(get, path = "/exceptions", tag = "exceptions", params(ListQuery),
    responses((status = 200, body = Page<Exception>), (status = 422, body = Problem)))]
pub async fn list(
    State(api): State<Api>,
    session: Session,
    Query(query): Query<ListQuery>,
) -> Result<Json<Page<Exception>>, Problem> {
    let limit = page::limit(query.limit);
    let before: Option<i64> = page::value("cursor", query.cursor.as_deref())?;
    let filter = ExceptionFilter {
        states: page::words("state", query.state.as_deref(), ExceptionState::from_word)?,
        rule: page::text(query.rule),
    };
    let scope = super::agencies::scope(&api, &session, query.agency).await?;
    let page = api.tuning.exceptions(&filter, &scope.agencies, before, limit).await?;
    let (items, next, total) = page;
    Ok(Json(Page { items, next: next.map(|next| next.to_string()), total }))
}

/// One exception with its history.
#[utoipa::path(get, path = "/exceptions/{id}", tag = "exceptions", params(("id" = i64, Path)),
    responses((status = 200, body = Exception), (status = 404, body = Problem)))]
pub async fn show(
    State(api): State<Api>,
    session: Session,
    Path(id): Path<i64>,
) -> Result<Json<Exception>, Problem> {
    Ok(Json(api.tuning.exception(id, &session.agencies).await?))
}

/// Makes an exception, which hides from now on.
#[utoipa::path(post, path = "/exceptions", tag = "exceptions", request_body = NewException,
    responses((status = 201, body = Exception), (status = 404, body = Problem),
        (status = 422, body = Problem)))]
pub async fn add(
    State(api): State<Api>,
    session: Session,
    Json(new): Json<NewException>,
) -> Result<(StatusCode, Json<Exception>), Problem> {
    let draft = draft(&api, &session, new).await?;
    let id = api.tuning.except(&draft, &session.agencies, &session.caller).await?;
    Ok((StatusCode::CREATED, Json(api.tuning.exception(id, &session.agencies).await?)))
}

/// What an exception would have hidden in the last 30 days.
#[utoipa::path(post, path = "/exceptions/preview", tag = "exceptions", request_body = NewException,
    responses((status = 200, body = Preview), (status = 422, body = Problem)))]
pub async fn preview(
    State(api): State<Api>,
    session: Session,
    Json(new): Json<NewException>,
) -> Result<Json<Preview>, Problem> {
    let draft = draft(&api, &session, new).await?;
    Ok(Json(api.tuning.preview(&draft, &session.agencies).await?))
}

/// Lets an exception hide on, also one that ran out.
#[utoipa::path(post, path = "/exceptions/{id}/renew", tag = "exceptions",
    params(("id" = i64, Path)), request_body = Renew,
    responses((status = 200, body = Exception), (status = 404, body = Problem),
        (status = 409, body = Problem), (status = 422, body = Problem)))]
pub async fn renew(
    State(api): State<Api>,
    session: Session,
    Path(id): Path<i64>,
    Json(Renew { until, why, version }): Json<Renew>,
) -> Result<Json<Exception>, Problem> {
    let renewal = Renewal { until, why, version };
    let done = api.tuning.renew(id, &renewal, &session.agencies, &session.caller).await;
    changed(&api, &session, id, done).await
}

/// Ends an exception.
#[utoipa::path(post, path = "/exceptions/{id}/end", tag = "exceptions",
    params(("id" = i64, Path)), request_body = Ending,
    responses((status = 200, body = Exception), (status = 404, body = Problem),
        (status = 409, body = Problem), (status = 422, body = Problem)))]
pub async fn end(
    State(api): State<Api>,
    session: Session,
    Path(id): Path<i64>,
    Json(Ending { why, version }): Json<Ending>,
) -> Result<Json<Exception>, Problem> {
    let done = api.tuning.end(id, &End { why, version }, &session.agencies, &session.caller).await;
    changed(&api, &session, id, done).await
}

/// The exception as it is; who was slower than somebody else is told so with it.
async fn changed(
    api: &Api,
    session: &Session,
    id: i64,
    done: Result<(), Error>,
) -> Result<Json<Exception>, Problem> {
    match done {
        Ok(()) => Ok(Json(api.tuning.exception(id, &session.agencies).await?)),
        Err(error @ (Error::Changed | Error::Over)) => {
            let current = api.tuning.exception(id, &session.agencies).await?;
            Err(Problem::changed(format!("{error}."), &current))
        }
        Err(error) => Err(error.into()),
    }
}

async fn draft(api: &Api, session: &Session, new: NewException) -> Result<Draft, Problem> {
    let agency = super::agencies::scope(api, session, new.agency).await?.named;
    Ok(Draft {
        rule: page::text(new.rule),
        machine: page::value("machine", new.machine.as_deref())?,
        agency,
        conditions: new.conditions,
        why: new.why,
        owner: page::text(new.owner),
        until: new.until,
        alert: page::text(new.alert),
        close: new.close,
    })
}
