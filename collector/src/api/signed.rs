//! Who asks, as the check before the handler left it; and the machines and alerts they may see.

use axum::extract::{FromRequestParts, RawPathParams};
use http::request::Parts;
use soc_archive::Agencies;
use soc_event::AgentId;

use super::{Api, Problem};
use crate::access::{Caller, Operator, Token};

/// Name of the cookie.
pub(super) const COOKIE: &str = "soc_session";

/// An operator who has signed in, and is allowed what the route's door says.
#[derive(Clone, Debug)]
pub struct Session {
    /// Who.
    pub operator: Operator,
    /// What proved it.
    pub token: Token,
    /// Who and whence, for the audit.
    pub caller: Caller,
    /// Whose data they may see.
    pub agencies: Agencies,
}

/// The machine `{id}` of the path, which the operator may see.
#[derive(Clone, Copy, Debug)]
pub struct SeenMachine(pub AgentId);

/// The alert `{id}` of the path, which the operator may see.
#[derive(Clone, Debug)]
pub struct SeenAlert(pub String);

impl FromRequestParts<Api> for Session {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Api) -> Result<Self, Problem> {
        let session = parts.extensions.get::<Self>().cloned();
        session.ok_or_else(|| Problem::internal(&NotAsked))
    }
}

impl FromRequestParts<Api> for SeenMachine {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let session = Session::from_request_parts(parts, api).await?;
        let id = super::machines::id(&path_id(parts, api).await?)?;
        if !api.fleet.sees(&session.agencies, id).await? {
            return Err(Problem::not_found("There is no such machine."));
        }
        Ok(Self(id))
    }
}

impl FromRequestParts<Api> for SeenAlert {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let session = Session::from_request_parts(parts, api).await?;
        let id = path_id(parts, api).await?;
        if !api.alerts.sees(&session.agencies, &id).await? {
            return Err(crate::alert::Error::NotFound.into());
        }
        Ok(Self(id))
    }
}

/// A mistake in this program: a route that needs nothing asks who it is, or a path has no `{id}`.
#[derive(Debug, thiserror::Error)]
#[error("the route was not told who asks, or for what")]
struct NotAsked;

async fn path_id(parts: &mut Parts, api: &Api) -> Result<String, Problem> {
    let params = RawPathParams::from_request_parts(parts, api).await;
    let params = params.map_err(|error| Problem::invalid(error.to_string()))?;
    let id = params.iter().find(|(name, _)| *name == "id").map(|(_, id)| id.to_owned());
    id.ok_or_else(|| Problem::internal(&NotAsked))
}
