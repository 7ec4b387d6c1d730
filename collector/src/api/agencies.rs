use std::collections::HashMap;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::Deserialize;
use soc_archive::Agencies;
use soc_event::Timestamp;
use utoipa::ToSchema;

use super::page::{self, Items};
use super::signed::Session;
use super::{Api, Problem};
use crate::access::meet;
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
pub async fn list(
    State(api): State<Api>,
    session: Session,
) -> Result<Json<Items<AgencyView>>, Problem> {
    Ok(Json(Items { items: api.fleet.agencies(&session.agencies).await? }))
}

/// Adds an agency.
#[utoipa::path(post, path = "/agencies", tag = "agencies", request_body = NewAgency,
    responses((status = 201, body = Agency), (status = 422, body = Problem)))]
pub async fn add(
    State(api): State<Api>,
    session: Session,
    Json(NewAgency { code, name, parent }): Json<NewAgency>,
) -> Result<(StatusCode, Json<Agency>), Problem> {
    let parent = parent.as_deref();
    named(&api, &session, parent).await?;
    let agency = api.control.add_agency(&code, &name, parent, &session.caller).await?;
    Ok((StatusCode::CREATED, Json(agency)))
}

/// Makes a token with which machines enrol.
#[utoipa::path(post, path = "/tokens", tag = "agencies", request_body = NewToken,
    responses((status = 201, body = TokenMade), (status = 422, body = Problem)))]
pub async fn create_token(
    State(api): State<Api>,
    session: Session,
    Json(NewToken { agency, uses, expires }): Json<NewToken>,
) -> Result<(StatusCode, Json<TokenMade>), Problem> {
    let uses = uses.unwrap_or(1);
    named(&api, &session, Some(&agency)).await?;
    let made = api.control.create_token(&agency, uses, expires, &session.caller).await?;
    Ok((StatusCode::CREATED, Json(made)))
}

/// Refuses what is about an agency that is not the operator's; about none, where they are bound.
async fn named(api: &Api, session: &Session, code: Option<&str>) -> Result<(), Problem> {
    let Some(code) = code else {
        let is_free = session.agencies == Agencies::All;
        return if is_free { Ok(()) } else { Err(Problem::invalid("Name an agency of yours.")) };
    };
    match api.fleet.agency(code).await {
        Ok(agency) if session.agencies.hold(agency.id) => Ok(()),
        Ok(_) | Err(crate::fleet::Error::NoSuchAgency(_)) => {
            Err(Problem::invalid(format!("no agency has the code {code:?}.")))
        }
        Err(error) => Err(error.into()),
    }
}

/// What a question is limited to.
pub(super) struct Scope {
    /// The agency that was named.
    pub(super) named: Option<i64>,
    /// It and all below it, as far as the operator may see them.
    pub(super) agencies: Agencies,
}

/// The agency with this number or else this code, and all below it; all that the operator may see
/// when nothing is named.
pub(super) async fn scope(
    api: &Api,
    session: &Session,
    named: Option<String>,
) -> Result<Scope, Problem> {
    let Some(named) = page::text(named) else {
        return Ok(Scope { named: None, agencies: session.agencies.clone() });
    };
    let named = named.trim();
    let agencies = api.fleet.agencies(&session.agencies).await?;
    let number = named.parse::<i64>().ok();
    // A code may look like a number; what the page sends is a number.
    let by_number = agencies.iter().find(|view| Some(view.agency.id) == number);
    let by_code = || agencies.iter().find(|view| view.agency.code == named);
    let Some(top) = by_number.or_else(by_code) else {
        return Err(Problem::invalid("There is no such agency."));
    };
    let below = and_below(&agencies, top.agency.id).into_iter().collect();
    Ok(Scope { named: Some(top.agency.id), agencies: meet(session.agencies.clone(), below) })
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
