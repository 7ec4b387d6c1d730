use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::Deserialize;
use soc_event::Timestamp;
use utoipa::ToSchema;

use super::page::Items;
use super::signed::Signed;
use super::{Api, Problem};
use crate::control::{Error, TokenMade};
use crate::fleet::{Agency, AgencyView};

/// A new agency.
#[derive(Debug, Deserialize, ToSchema)]
pub struct NewAgency {
    /// Short and unique.
    code: String,
    /// What it is called.
    name: String,
    /// Code of the agency above it.
    parent: Option<String>,
}

/// A new token.
#[derive(Debug, Deserialize, ToSchema)]
pub struct NewToken {
    /// Code of the agency the machines belong to.
    agency: String,
    /// How many machines may enrol with it; one when not given.
    uses: Option<u32>,
    /// Until when.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires: Option<Timestamp>,
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::Refused(why) => Self::invalid(format!("{why}.")),
            Error::Failed(_) | Error::Socket { .. } => Self::internal(&error),
        }
    }
}

/// All agencies.
#[utoipa::path(get, path = "/agencies", tag = "agencies",
    responses((status = 200, body = Items<AgencyView>)))]
pub async fn list(State(api): State<Api>, _: Signed) -> Result<Json<Items<AgencyView>>, Problem> {
    Ok(Json(Items { items: api.control.fleet.agencies().await? }))
}

/// Adds an agency.
#[utoipa::path(post, path = "/agencies", tag = "agencies", request_body = NewAgency,
    responses((status = 201, body = Agency), (status = 422, body = Problem)))]
pub async fn add(
    State(api): State<Api>,
    Signed(session): Signed,
    Json(NewAgency { code, name, parent }): Json<NewAgency>,
) -> Result<(StatusCode, Json<Agency>), Problem> {
    let parent = parent.as_deref();
    let agency = api.control.add_agency(&code, &name, parent, &session.caller).await?;
    Ok((StatusCode::CREATED, Json(agency)))
}

/// Makes a token with which machines enrol.
#[utoipa::path(post, path = "/tokens", tag = "agencies", request_body = NewToken,
    responses((status = 201, body = TokenMade), (status = 422, body = Problem)))]
pub async fn create_token(
    State(api): State<Api>,
    Signed(session): Signed,
    Json(NewToken { agency, uses, expires }): Json<NewToken>,
) -> Result<(StatusCode, Json<TokenMade>), Problem> {
    let uses = uses.unwrap_or(1);
    let made = api.control.create_token(&agency, uses, expires, &session.caller).await?;
    Ok((StatusCode::CREATED, Json(made)))
}

/// Numbers of the agency with this code or number, and of all below it.
pub(super) async fn and_below(api: &Api, named: &str) -> Result<Vec<i64>, Problem> {
    let agencies = api.control.fleet.agencies().await?;
    let is_named = |view: &&AgencyView| {
        view.agency.code == named || named.parse::<i64>().is_ok_and(|id| id == view.agency.id)
    };
    let Some(top) = agencies.iter().find(is_named) else {
        return Err(Problem::invalid("There is no such agency."));
    };
    let mut ids = vec![top.agency.id];
    let mut place = 0;
    while let Some(above) = ids.get(place).copied() {
        let below = agencies.iter().map(|view| &view.agency);
        let below = below.filter(|agency| agency.parent == Some(above)).map(|agency| agency.id);
        let new: Vec<i64> = below.filter(|id| !ids.contains(id)).collect();
        ids.extend(new);
        place += 1;
    }
    Ok(ids)
}
