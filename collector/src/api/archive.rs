use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::signed::Session;
use super::{Api, Problem};
use crate::archive::{ArchiveView, Error, NewHold};

/// How long an agency's events are to be kept.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRetention {
    /// Level of its systems, 1 to 5.
    level: i64,
    /// Months.
    months: i64,
    /// Why; on record.
    why: String,
}

/// A hold that was made.
#[derive(Debug, Serialize, ToSchema)]
pub struct Held {
    /// Its number.
    id: i64,
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::Refused(why) => Self::invalid(format!("{why}.")),
            error => Self::internal(&error),
        }
    }
}

/// What is archived, how long it is kept, and how the disk is.
#[utoipa::path(get, path = "/archive", tag = "archive",
    responses((status = 200, body = ArchiveView)))]
pub async fn show(State(api): State<Api>, _: Session) -> Result<Json<ArchiveView>, Problem> {
    Ok(Json(api.archive.view().await?))
}

/// Sets how long an agency's events are kept, and of those below it that have nothing of their own.
#[utoipa::path(put, path = "/archive/retention/{agency}", tag = "archive",
    params(("agency" = String, Path, description = "Code of the agency.")),
    request_body = NewRetention,
    responses((status = 204), (status = 422, body = Problem)))]
pub async fn set_retention(
    State(api): State<Api>,
    session: Session,
    Path(agency): Path<String>,
    Json(NewRetention { level, months, why }): Json<NewRetention>,
) -> Result<StatusCode, Problem> {
    api.archive.set_retention(&agency, level, months, &why, &session.caller).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Keeps events whatever their age.
#[utoipa::path(post, path = "/archive/holds", tag = "archive", request_body = NewHold,
    responses((status = 201, body = Held), (status = 422, body = Problem)))]
pub async fn hold(
    State(api): State<Api>,
    session: Session,
    Json(new): Json<NewHold>,
) -> Result<(StatusCode, Json<Held>), Problem> {
    let id = api.archive.hold(&new, &session.caller).await?;
    Ok((StatusCode::CREATED, Json(Held { id })))
}

/// Ends a hold.
#[utoipa::path(delete, path = "/archive/holds/{id}", tag = "archive",
    params(("id" = i64, Path, description = "Number of the hold.")),
    responses((status = 204), (status = 404, body = Problem)))]
pub async fn end_hold(
    State(api): State<Api>,
    session: Session,
    Path(id): Path<i64>,
) -> Result<StatusCode, Problem> {
    match api.archive.end_hold(id, &session.caller).await? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(Problem::not_found("There is no such hold, or it has ended.")),
    }
}
