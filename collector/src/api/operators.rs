//! Operators: who they are, what they may do, and their sessions.

use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::page::Items;
use super::signed::Session;
use super::{Api, Problem};
use crate::access::{Change, NewOperator, OperatorRow};

/// A one-time password, told this once; to be changed at the first sign-in.
#[derive(Debug, Serialize, ToSchema)]
pub struct OneTime {
    /// Of this operator.
    name: String,
    /// The password.
    password: String,
}

/// What is taken from an operator who cannot come in.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Reset {
    /// The second factor as well as the password.
    second_factor: bool,
}

/// Operators: all, or those that are bound to agencies one sees.
#[utoipa::path(get, path = "/operators", tag = "operators",
    responses((status = 200, body = Items<OperatorRow>)))]
pub async fn list(
    State(api): State<Api>,
    session: Session,
) -> Result<Json<Items<OperatorRow>>, Problem> {
    Ok(Json(Items { items: api.access.operators(&session.agencies).await? }))
}

/// Adds an operator.
#[utoipa::path(post, path = "/operators", tag = "operators", request_body = NewOperator,
    responses((status = 201, body = OneTime), (status = 409, body = Problem),
        (status = 422, body = Problem)))]
pub async fn add(
    State(api): State<Api>,
    session: Session,
    Json(new): Json<NewOperator>,
) -> Result<(StatusCode, Json<OneTime>), Problem> {
    let name = new.name.trim().to_lowercase();
    let password = api.access.add_operator(new, &session.agencies, &session.caller).await?;
    Ok((StatusCode::CREATED, Json(OneTime { name, password: password.reveal().to_owned() })))
}

/// Changes what an operator is and may do.
#[utoipa::path(patch, path = "/operators/{name}", tag = "operators", request_body = Change,
    params(("name" = String, Path)),
    responses((status = 204), (status = 404, body = Problem), (status = 409, body = Problem),
        (status = 422, body = Problem)))]
pub async fn change(
    State(api): State<Api>,
    session: Session,
    Path(name): Path<String>,
    Json(change): Json<Change>,
) -> Result<StatusCode, Problem> {
    api.access.change_operator(&name, &change, &session.agencies, &session.caller).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Gives an operator a new one-time password and ends their sessions.
#[utoipa::path(post, path = "/operators/{name}/reset", tag = "operators", request_body = Reset,
    params(("name" = String, Path)),
    responses((status = 200, body = OneTime), (status = 404, body = Problem)))]
pub async fn reset(
    State(api): State<Api>,
    session: Session,
    Path(name): Path<String>,
    Json(Reset { second_factor }): Json<Reset>,
) -> Result<Json<OneTime>, Problem> {
    let (seen, caller) = (&session.agencies, &session.caller);
    let password = api.access.reset_operator(&name, second_factor, seen, caller).await?;
    Ok(Json(OneTime { name, password: password.reveal().to_owned() }))
}
