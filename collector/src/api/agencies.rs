use std::collections::HashMap;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::Deserialize;
use soc_event::Timestamp;
use utoipa::ToSchema;

use super::page::{self, Items};
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

/// An agency that a question is limited to.
pub(super) struct Scope {
    /// The one that was named.
    pub(super) named: i64,
    /// It, and all below it.
    pub(super) all: Vec<i64>,
}

/// The agency with this number or else this code, and all below it; nothing when nothing is named.
pub(super) async fn scope(api: &Api, named: Option<String>) -> Result<Option<Scope>, Problem> {
    let Some(named) = page::text(named) else { return Ok(None) };
    let named = named.trim();
    let agencies = api.control.fleet.agencies().await?;
    let number = named.parse::<i64>().ok();
    // A code may look like a number; what the page sends is a number.
    let by_number = agencies.iter().find(|view| Some(view.agency.id) == number);
    let by_code = || agencies.iter().find(|view| view.agency.code == named);
    let Some(top) = by_number.or_else(by_code) else {
        return Err(Problem::invalid("There is no such agency."));
    };
    Ok(Some(Scope { named: top.agency.id, all: and_below(&agencies, top.agency.id) }))
}

fn and_below(agencies: &[AgencyView], top: i64) -> Vec<i64> {
    let mut below: HashMap<i64, Vec<i64>> = HashMap::new();
    for AgencyView { agency, .. } in agencies {
        below.entry(agency.parent.unwrap_or_default()).or_default().push(agency.id);
    }
    let (mut all, mut place) = (vec![top], 0);
    while let Some(above) = all.get(place) {
        // Taken out, so that a circle of agencies, were there one, ends.
        all.extend(below.remove(above).unwrap_or_default());
        place += 1;
    }
    all
}
