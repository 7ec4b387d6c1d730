use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use soc_event::Timestamp;
use utoipa::ToSchema;

use super::page::{self, Items};
use super::signed::Session;
use super::{Api, Problem};
use crate::silence::{Draft, Error, Silence};

/// Planned work: a machine or an agency, a rule, or both.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSilence {
    /// Id of a machine.
    #[serde(default)]
    machine: Option<String>,
    /// Number or code of an agency, with those below it.
    #[serde(default)]
    agency: Option<String>,
    /// Id of a rule; all rules when not given.
    #[serde(default)]
    rule: Option<String>,
    /// From when; now when not given.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    from: Option<Timestamp>,
    /// Until when; at most seven days later.
    #[schema(value_type = String, format = DateTime)]
    until: Timestamp,
    /// What is worked on.
    why: String,
}

/// A silence that was made.
#[derive(Debug, Serialize, ToSchema)]
pub struct SilenceMade {
    /// Its number.
    id: i64,
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let said = format!("{error}.");
        match error {
            Error::NotFound => Self::not_found(said),
            Error::Refused(_) => Self::invalid(said),
            Error::Over => Self::new(StatusCode::CONFLICT, said),
            Error::Sql(_) => Self::internal(&error),
        }
    }
}

/// Silences, those that end last first.
#[utoipa::path(get, path = "/silences", tag = "silences",
    responses((status = 200, body = Items<Silence>)))]
pub async fn list(
    State(api): State<Api>,
    session: Session,
) -> Result<Json<Items<Silence>>, Problem> {
    Ok(Json(Items { items: api.silences.list(&session.agencies).await? }))
}

/// Silences alerts for planned work.
#[utoipa::path(post, path = "/silences", tag = "silences", request_body = NewSilence,
    responses((status = 201, body = SilenceMade), (status = 422, body = Problem)))]
pub async fn add(
    State(api): State<Api>,
    session: Session,
    Json(new): Json<NewSilence>,
) -> Result<(StatusCode, Json<SilenceMade>), Problem> {
    let draft = Draft {
        machine: page::value("machine", new.machine.as_deref())?,
        agency: super::agencies::scope(&api, &session, new.agency).await?.named,
        rule: page::text(new.rule),
        from: new.from.unwrap_or_else(|| api.clock.now()),
        until: new.until,
        why: new.why,
    };
    let id = api.silences.add(&draft, &session.agencies, &session.caller).await?;
    Ok((StatusCode::CREATED, Json(SilenceMade { id })))
}

/// Ends a silence now.
#[utoipa::path(post, path = "/silences/{id}/end", tag = "silences", params(("id" = i64, Path)),
    responses((status = 204), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub async fn end(
    State(api): State<Api>,
    session: Session,
    Path(id): Path<i64>,
) -> Result<StatusCode, Problem> {
    api.silences.end(id, &session.agencies, &session.caller).await?;
    Ok(StatusCode::NO_CONTENT)
}
