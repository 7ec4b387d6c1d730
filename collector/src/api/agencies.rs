use axum::Json;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use soc_archive::Agencies;
use soc_event::Timestamp;
use utoipa::{IntoParams, ToSchema};

use super::page::{self, Items};
use super::signed::Session;
use super::{Api, Problem};
use crate::access::meet;
use crate::control::{Error, TokenMade};
use crate::fleet::{Agency, AgencyPast, AgencyView, Order, Outcome, Targets, TokenRow};
use crate::{exchange, fleet, reorganise};

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

impl From<reorganise::Error> for Problem {
    fn from(error: reorganise::Error) -> Self {
        match error {
            reorganise::Error::Fleet(fleet::Error::NoSuchAgency(_)) => {
                Self::invalid(format!("{error}."))
            }
            reorganise::Error::Fleet(error) => error.into(),
            reorganise::Error::Exchange(error) => error.into(),
            error => Self::internal(&error),
        }
    }
}

impl From<exchange::Error> for Problem {
    fn from(error: exchange::Error) -> Self {
        match error {
            exchange::Error::Changed => Self::new(StatusCode::CONFLICT, format!("{error}.")),
            exchange::Error::Fleet(error) => error.into(),
            exchange::Error::Sheet(_) | exchange::Error::Mistakes(_) => {
                Self::invalid(error.to_string())
            }
            exchange::Error::Sql(_) => Self::internal(&error),
        }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::Refused(why) => Self::invalid(format!("{why}.")),
            Error::Failed(_) | Error::Socket { .. } => Self::internal(&error),
        }
    }
}

/// Since when.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// The tree as it was on this day, `2025-07-01`: then of each only number, code, name and
    /// agency above.
    at: Option<String>,
}

/// All agencies, past ones too; those of the past say until when they were.
#[utoipa::path(get, path = "/agencies", tag = "agencies", params(ListQuery),
    responses((status = 200, body = Items<AgencyView>), (status = 422, body = Problem)))]
pub async fn list(
    State(api): State<Api>,
    session: Session,
    Query(query): Query<ListQuery>,
) -> Result<Response, Problem> {
    let which = &session.agencies;
    Ok(match page::text(query.at) {
        Some(day) => {
            Json(Items { items: api.fleet.agencies_at(&day, which).await? }).into_response()
        }
        None => Json(Items { items: api.fleet.agencies(which).await? }).into_response(),
    })
}

/// One agency: what it was, who took it over, its tokens, its systems and targets.
#[derive(Debug, Serialize, ToSchema)]
pub struct AgencyDetail {
    #[serde(flatten)]
    agency: Agency,
    #[serde(flatten)]
    past: AgencyPast,
    /// Tokens with which machines may still enrol here.
    tokens: Vec<TokenRow>,
    /// Of it and all below it.
    targets: Targets,
}

/// One agency with its past.
#[utoipa::path(get, path = "/agencies/{id}", tag = "agencies", params(("id" = String, Path)),
    responses((status = 200, body = AgencyDetail), (status = 404, body = Problem)))]
pub async fn show(
    State(api): State<Api>,
    session: Session,
    Path(id): Path<String>,
) -> Result<Json<AgencyDetail>, Problem> {
    let named = api.fleet.agency_named(&id).await?;
    let named = named.filter(|found| session.agencies.hold(found.id));
    let named = named.ok_or_else(|| Problem::not_found("There is no such agency."))?;
    let agency = api.fleet.agency(&named.code).await?;
    let past = api.fleet.agency_past(agency.id, &session.agencies).await?;
    let tokens = api.fleet.tokens(agency.id).await?;
    let below = meet(session.agencies.clone(), api.fleet.visible(&[agency.id]).await?);
    let targets = api.fleet.targets(&below).await?;
    Ok(Json(AgencyDetail { agency, past, tokens, targets }))
}

/// Changes the tree: adds, renames, moves, dissolves, merges or splits.
#[utoipa::path(post, path = "/agencies/changes", tag = "agencies", request_body = Order,
    responses((status = 200, body = Outcome), (status = 409, body = Problem),
        (status = 422, body = Problem)))]
pub async fn change(
    State(api): State<Api>,
    session: Session,
    Json(order): Json<Order>,
) -> Result<Json<Outcome>, Problem> {
    Ok(Json(api.control.agencies.perform(&order, &session.agencies, &session.caller).await?))
}

/// What a change of the tree would do; nothing is changed.
#[utoipa::path(post, path = "/agencies/changes/preview", tag = "agencies", request_body = Order,
    responses((status = 200, body = Outcome), (status = 409, body = Problem),
        (status = 422, body = Problem)))]
pub async fn preview(
    State(api): State<Api>,
    session: Session,
    Json(order): Json<Order>,
) -> Result<Json<Outcome>, Problem> {
    Ok(Json(api.control.agencies.preview(&order, &session.agencies, &session.caller).await?))
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

/// The agency with this number or else this code, all below it, and those they took over, as far as
/// the operator may see them; all that they may see when nothing is named.
pub(super) async fn scope(
    api: &Api,
    session: &Session,
    named: Option<String>,
) -> Result<Scope, Problem> {
    let Some(named) = page::text(named) else {
        return Ok(Scope { named: None, agencies: session.agencies.clone() });
    };
    let found = api.fleet.agency_named(named.trim()).await?;
    let top = found.filter(|top| session.agencies.hold(top.id));
    let top = top.ok_or_else(|| Problem::invalid("There is no such agency."))?;
    let below = api.fleet.visible(&[top.id]).await?;
    Ok(Scope { named: Some(top.id), agencies: meet(session.agencies.clone(), below) })
}
