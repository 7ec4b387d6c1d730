use axum::Json;
use axum::extract::{Query, State};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use soc_archive::Agencies;
use utoipa::{IntoParams, ToSchema};

use super::signed::Session;
use super::{Api, Problem};
use crate::configuration::{self, Change, Error, Scope, View};

/// Which scope.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ScopeQuery {
    /// `fleet`, `agency:NUMBER` or `machine:ID`
    scope: String,
}

/// What a scope shall say.
#[derive(Debug, Deserialize, ToSchema)]
pub struct NewConfiguration {
    /// `fleet`, `agency:NUMBER` or `machine:ID`
    scope: String,
    /// TOML of the shape of an agent's file; empty to say nothing any more.
    text: String,
    /// Why, for those who read it later.
    why: String,
    /// The version that was looked at; 0 when there was none.
    after: Option<i64>,
}

/// Which version shall be in force again.
#[derive(Debug, Deserialize, ToSchema)]
pub struct Restore {
    /// `fleet`, `agency:NUMBER` or `machine:ID`
    scope: String,
    /// An earlier version of the scope.
    version: i64,
    /// Why.
    why: String,
}

/// A text that somebody is writing.
#[derive(Debug, Deserialize, ToSchema)]
pub struct Text {
    /// TOML.
    text: String,
}

/// What is wrong with it.
#[derive(Debug, Serialize, ToSchema)]
pub struct CheckedText {
    /// What is wrong, as far as it can be known without a machine.
    problems: Vec<configuration::Problem>,
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::Unknown(why) => Self::not_found(format!("{why}.")),
            Error::Changed(_) => Self::new(StatusCode::CONFLICT, format!("{error}.")),
            Error::Wrong(_) | Error::Why => Self::invalid(format!("{error}.")),
            Error::Fleet(error) => Self::from(error),
            Error::Store(error) => Self::internal(&error),
        }
    }
}

/// The scope a text names, if the operator sees all of it.
async fn scope(api: &Api, session: &Session, text: &str) -> Result<Scope, Problem> {
    let scope = text.parse().map_err(|why| Problem::invalid(format!("{why}.")))?;
    let sees = match scope {
        Scope::Fleet => session.agencies == Agencies::All,
        Scope::Agency(id) => session.agencies.hold(id),
        Scope::Machine(id) => api.fleet.sees(&session.agencies, id).await?,
    };
    if sees { Ok(scope) } else { Err(Problem::not_found("There is no such scope.")) }
}

/// What a scope says, what it inherits, and how its machines took it.
#[utoipa::path(get, path = "/configurations", tag = "configurations", params(ScopeQuery),
    responses((status = 200, body = View), (status = 404, body = Problem)))]
pub async fn show(
    State(api): State<Api>,
    session: Session,
    Query(query): Query<ScopeQuery>,
) -> Result<Json<View>, Problem> {
    Ok(Json(api.control.configurations.view(&scope(&api, &session, &query.scope).await?).await?))
}

/// Says something else about a scope.
#[utoipa::path(post, path = "/configurations", tag = "configurations",
    request_body = NewConfiguration,
    responses((status = 201, body = View), (status = 409, body = Problem),
              (status = 422, body = Problem)))]
pub async fn set(
    State(api): State<Api>,
    session: Session,
    Json(NewConfiguration { scope: of, text, why, after }): Json<NewConfiguration>,
) -> Result<(StatusCode, Json<View>), Problem> {
    let of = scope(&api, &session, &of).await?;
    let configurations = &api.control.configurations;
    // It has to be there.
    configurations.view(&of).await?;
    let change = Change { text, why, after, restores: None };
    configurations.set(&of, &change, &session.caller).await?;
    Ok((StatusCode::CREATED, Json(configurations.view(&of).await?)))
}

/// Says again what an earlier version said.
#[utoipa::path(post, path = "/configurations/restore", tag = "configurations",
    request_body = Restore,
    responses((status = 201, body = View), (status = 404, body = Problem)))]
pub async fn restore(
    State(api): State<Api>,
    session: Session,
    Json(Restore { scope: of, version, why }): Json<Restore>,
) -> Result<(StatusCode, Json<View>), Problem> {
    let of = scope(&api, &session, &of).await?;
    let configurations = &api.control.configurations;
    configurations.restore(&of, version, &why, &session.caller).await?;
    Ok((StatusCode::CREATED, Json(configurations.view(&of).await?)))
}

/// Looks through a text without putting it in force.
#[utoipa::path(post, path = "/configurations/check", tag = "configurations", request_body = Text,
    responses((status = 200, body = CheckedText)))]
pub async fn check(_: State<Api>, Json(Text { text }): Json<Text>) -> Json<CheckedText> {
    Json(CheckedText { problems: configuration::check(&text) })
}
