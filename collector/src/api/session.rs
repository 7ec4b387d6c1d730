use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::signed::{COOKIE, Session};
use super::{Api, Peer, Problem};
use crate::access::{Error, Operator, Password, SESSION_MAX};

/// Name and password.
#[derive(Debug, Deserialize, ToSchema)]
pub struct SignIn {
    name: String,
    #[schema(value_type = String, format = Password)]
    password: Password,
}

/// Who has signed in, and the token for scripts.
#[derive(Debug, Serialize, ToSchema)]
pub struct SignedIn {
    #[serde(flatten)]
    operator: Operator,
    /// What scripts send as `Authorization: Bearer …`.
    token: String,
}

/// The password that was, and the one that shall be.
#[derive(Debug, Deserialize, ToSchema)]
pub struct ChangePassword {
    #[schema(value_type = String, format = Password)]
    old: Password,
    /// At least 12 characters.
    #[schema(value_type = String, format = Password)]
    new: Password,
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let said = format!("{error}.");
        match error {
            Error::Wrong => Self::new(StatusCode::UNAUTHORIZED, said),
            Error::TooMany(_) => Self::new(StatusCode::TOO_MANY_REQUESTS, said),
            Error::Weak(_) | Error::Name => Self::invalid(said),
            Error::Exists => Self::new(StatusCode::CONFLICT, said),
            Error::Busy => Self::new(StatusCode::SERVICE_UNAVAILABLE, said),
            Error::Hash(_) | Error::File(_) | Error::Sql(_) => Self::internal(&error),
        }
    }
}

/// Signs in.
#[utoipa::path(post, path = "/session", tag = "session", security(()), request_body = SignIn,
    responses((status = 200, body = SignedIn), (status = 401, body = Problem),
        (status = 429, body = Problem)))]
pub async fn sign_in(
    State(api): State<Api>,
    peer: Option<axum::Extension<Peer>>,
    headers: HeaderMap,
    Json(SignIn { name, password }): Json<SignIn>,
) -> Result<Response, Problem> {
    let address = api.address(peer.map(|peer| peer.0), &headers);
    let (token, operator) = match api.access.sign_in(&name, password, &address).await {
        Err(Error::TooMany(wait_s)) => return Ok(wait(wait_s)),
        result => result?,
    };
    let secure = if api.is_secure() { "; Secure" } else { "" };
    let cookie = format!(
        "{COOKIE}={}; HttpOnly; SameSite=Strict; Path=/; Max-Age={}{secure}",
        token.reveal(),
        SESSION_MAX.as_secs()
    );
    let signed_in = SignedIn { operator, token: token.reveal().to_owned() };
    Ok(with_cookie(Json(signed_in).into_response(), &cookie))
}

/// Who has signed in.
#[utoipa::path(get, path = "/session", tag = "session",
    responses((status = 200, body = Operator), (status = 401, body = Problem)))]
pub async fn show(session: Session) -> Json<Operator> {
    Json(session.operator)
}

/// Signs out.
#[utoipa::path(delete, path = "/session", tag = "session",
    responses((status = 204), (status = 401, body = Problem)))]
pub async fn sign_out(State(api): State<Api>, session: Session) -> Result<Response, Problem> {
    let Session { token, caller, .. } = session;
    api.access.sign_out(&token, &caller.who, &caller.address).await?;
    let gone = format!("{COOKIE}=; HttpOnly; SameSite=Strict; Path=/; Max-Age=0");
    Ok(with_cookie(StatusCode::NO_CONTENT.into_response(), &gone))
}

/// Chooses a new password; other sessions of the operator end.
#[utoipa::path(post, path = "/session/password", tag = "session", request_body = ChangePassword,
    responses((status = 204), (status = 401, body = Problem), (status = 422, body = Problem)))]
pub async fn change_password(
    State(api): State<Api>,
    session: Session,
    Json(ChangePassword { old, new }): Json<ChangePassword>,
) -> Result<StatusCode, Problem> {
    match api.access.change_password(&session.caller, &session.token, old, new).await {
        // 401 would say that the session has ended.
        Err(Error::Wrong) => Err(Problem::invalid("The old password is wrong.")),
        result => Ok(result.map(|()| StatusCode::NO_CONTENT)?),
    }
}

fn wait(wait_s: u64) -> Response {
    let mut response = Problem::from(Error::TooMany(wait_s)).into_response();
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait_s));
    response
}

fn with_cookie(mut response: Response, cookie: &str) -> Response {
    if let Ok(value) = HeaderValue::from_str(cookie) {
        response.headers_mut().insert(header::SET_COOKIE, value);
    }
    response
}
