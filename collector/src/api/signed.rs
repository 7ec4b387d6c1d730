//! Who asks: the operator behind a cookie or a bearer token.

use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{HeaderMap, StatusCode, header};

use soc_archive::Agencies;

use super::{Api, Peer, Problem};
use crate::access::{Caller, Operator, Role, Token};

/// Name of the cookie.
pub(super) const COOKIE: &str = "soc_session";

/// An operator who may do everything.
#[derive(Clone, Debug)]
pub struct Signed(pub Session);

/// An operator who may hunt, and in whose events.
#[derive(Clone, Debug)]
pub struct Hunter {
    /// Who.
    pub session: Session,
    /// In whose events.
    pub agencies: Agencies,
}

/// An operator who has signed in, but perhaps has to choose a password first.
#[derive(Clone, Debug)]
pub struct Session {
    /// Who.
    pub operator: Operator,
    /// What proved it.
    pub token: Token,
    /// Who and whence, for the audit.
    pub caller: Caller,
}

impl FromRequestParts<Api> for Session {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let unknown = || {
            let detail = "Sign in first: POST /api/v1/session with name and password.";
            Problem::new(StatusCode::UNAUTHORIZED, detail)
        };
        let token = token(&parts.headers).ok_or_else(unknown)?;
        let operator = api.access.session(&token).await?.ok_or_else(unknown)?;
        let peer = parts.extensions.get::<Peer>().copied();
        let address = api.address(peer, &parts.headers);
        let caller = Caller { who: operator.name.clone(), address };
        Ok(Self { operator, token, caller })
    }
}

impl FromRequestParts<Api> for Signed {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let session = Session::from_request_parts(parts, api).await?;
        if session.operator.must_change {
            return Err(Problem::password_change_required());
        }
        match session.operator.role {
            Role::Administrator => Ok(Self(session)),
            Role::Analyst => {
                let detail = "This is for administrators; your account is for hunts.";
                Err(Problem::new(StatusCode::FORBIDDEN, detail))
            }
        }
    }
}

impl FromRequestParts<Api> for Hunter {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let session = Session::from_request_parts(parts, api).await?;
        if session.operator.must_change {
            return Err(Problem::password_change_required());
        }
        let agencies = api.hunts.agencies_of(&session.operator).await?;
        Ok(Self { session, agencies })
    }
}

fn token(headers: &HeaderMap) -> Option<Token> {
    let text = |name| headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    let bearer = text(header::AUTHORIZATION).find_map(|value| value.strip_prefix("Bearer "));
    let cookie = || {
        text(header::COOKIE).flat_map(|value| value.split(';')).find_map(|pair| {
            let (name, value) = pair.trim().split_once('=')?;
            (name == COOKIE).then_some(value)
        })
    };
    bearer.or_else(cookie).map(|text| Token::from_text(text.trim()))
}
