//! Coming in, going out, and what is one's own: password, second factor, sessions, API tokens.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::page::Items;
use super::signed::{COOKIE, Session};
use super::{Api, Peer, Problem};
use crate::access::{
    self, ApiTokenMade, ApiTokenRow, Enrolment, Error, NewApiToken, Operator, Password, Permission,
    Recovery, SessionRow, Token,
};

/// Name, password, and a code where there is a second factor.
#[derive(Debug, Deserialize, ToSchema)]
pub struct SignIn {
    name: String,
    #[schema(value_type = String, format = Password)]
    password: Password,
    /// Six digits of the authenticator, or a recovery code.
    code: Option<String>,
}

/// Who has signed in, and what they may do.
#[derive(Debug, Serialize, ToSchema)]
pub struct Person {
    #[serde(flatten)]
    operator: Operator,
    /// What the page offers; the collector checks by itself.
    permissions: Vec<Permission>,
}

impl From<Operator> for Person {
    fn from(operator: Operator) -> Self {
        let may = |permission: &Permission| operator.may(*permission);
        Self { permissions: Permission::ALL.into_iter().filter(may).collect(), operator }
    }
}

/// Who has signed in, and the token for scripts.
#[derive(Debug, Serialize, ToSchema)]
pub struct SignedIn {
    #[serde(flatten)]
    person: Person,
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
            Error::SecondFactor => Self::second_factor_required(),
            Error::Unknown(_) => Self::not_found(said),
            Error::Refused(_) => Self::invalid(said),
            Error::Provider(_) => Self::new(StatusCode::BAD_GATEWAY, said),
            Error::Changed => Self::new(StatusCode::CONFLICT, said),
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
    Json(SignIn { name, password, code }): Json<SignIn>,
) -> Result<Response, Problem> {
    let address = api.address(peer.map(|peer| peer.0), &headers);
    let client = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
    let client = client.unwrap_or_default().to_owned();
    let who = access::SignIn { name, password, code, address, client };
    let (token, operator) = match api.access.sign_in(who).await {
        Err(Error::TooMany(wait_s)) => return Ok(wait(wait_s)),
        result => result?,
    };
    let cookie = cookie(&api, &token);
    let signed_in = SignedIn { person: operator.into(), token: token.reveal().to_owned() };
    Ok(with_cookie(Json(signed_in).into_response(), &cookie))
}

/// Who has signed in.
#[utoipa::path(get, path = "/session", tag = "session",
    responses((status = 200, body = Person), (status = 401, body = Problem)))]
pub async fn show(session: Session) -> Json<Person> {
    Json(session.operator.into())
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
    let changed = api.access.change_password(&session.caller, &session.token, old, new).await;
    changed.map_err(|error| not_ended(error, "The old password is wrong."))?;
    Ok(StatusCode::NO_CONTENT)
}

/// A code of the authenticator.
#[derive(Debug, Deserialize, ToSchema)]
pub struct Code {
    /// Six digits.
    code: String,
}

/// The password, to show that it is still the same person.
#[derive(Debug, Deserialize, ToSchema)]
pub struct Confirmation {
    #[schema(value_type = String, format = Password)]
    password: Password,
}

/// Makes a key for an authenticator; it is in use once a code of it was confirmed.
#[utoipa::path(post, path = "/session/second-factor", tag = "session",
    responses((status = 200, body = Enrolment), (status = 422, body = Problem)))]
pub async fn begin_second_factor(
    State(api): State<Api>,
    session: Session,
) -> Result<Json<Enrolment>, Problem> {
    Ok(Json(api.access.begin_second_factor(&session.caller).await?))
}

/// Puts the key into use; gives recovery codes, this once.
#[utoipa::path(post, path = "/session/second-factor/confirm", tag = "session",
    request_body = Code, responses((status = 200, body = Recovery), (status = 422, body = Problem)))]
pub async fn confirm_second_factor(
    State(api): State<Api>,
    session: Session,
    Json(Code { code }): Json<Code>,
) -> Result<Json<Recovery>, Problem> {
    let confirmed = api.access.confirm_second_factor(&code, &session.caller).await;
    let wrong = "This is not the code that the authenticator shows now.";
    Ok(Json(confirmed.map_err(|error| not_ended(error, wrong))?))
}

/// Takes the second factor away.
#[utoipa::path(post, path = "/session/second-factor/remove", tag = "session",
    request_body = Confirmation, responses((status = 204), (status = 422, body = Problem)))]
pub async fn end_second_factor(
    State(api): State<Api>,
    session: Session,
    Json(Confirmation { password }): Json<Confirmation>,
) -> Result<StatusCode, Problem> {
    let ended = api.access.end_second_factor(password, &session.caller).await;
    ended.map_err(|error| not_ended(error, "The password is wrong."))?;
    Ok(StatusCode::NO_CONTENT)
}

/// One's own sessions, the one used last first.
#[utoipa::path(get, path = "/session/all", tag = "session",
    responses((status = 200, body = Items<SessionRow>)))]
pub async fn list(
    State(api): State<Api>,
    session: Session,
) -> Result<Json<Items<SessionRow>>, Problem> {
    let items = api.access.sessions(&session.caller.who, &session.token).await?;
    Ok(Json(Items { items }))
}

/// Ends one of one's sessions; `others` ends all but this.
#[utoipa::path(delete, path = "/session/all/{id}", tag = "session", params(("id" = String, Path)),
    responses((status = 204), (status = 404, body = Problem)))]
pub async fn end(
    State(api): State<Api>,
    session: Session,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let which = (id != "others").then_some(id.as_str());
    let caller = &session.caller;
    api.access.end_sessions(&caller.who, which, &session.token, caller).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// One's API tokens that have not ended, newest first.
#[utoipa::path(get, path = "/session/tokens", tag = "session",
    responses((status = 200, body = Items<ApiTokenRow>)))]
pub async fn tokens(
    State(api): State<Api>,
    session: Session,
) -> Result<Json<Items<ApiTokenRow>>, Problem> {
    Ok(Json(Items { items: api.access.api_tokens(&session.caller.who).await? }))
}

/// Makes an API token; its text is told this once.
#[utoipa::path(post, path = "/session/tokens", tag = "session", request_body = NewApiToken,
    responses((status = 201, body = ApiTokenMade), (status = 422, body = Problem)))]
pub async fn make_token(
    State(api): State<Api>,
    session: Session,
    Json(new): Json<NewApiToken>,
) -> Result<(StatusCode, Json<ApiTokenMade>), Problem> {
    Ok((StatusCode::CREATED, Json(api.access.make_api_token(&new, &session.caller).await?)))
}

/// Ends an API token.
#[utoipa::path(delete, path = "/session/tokens/{id}", tag = "session", params(("id" = i64, Path)),
    responses((status = 204), (status = 404, body = Problem)))]
pub async fn revoke_token(
    State(api): State<Api>,
    session: Session,
    Path(id): Path<i64>,
) -> Result<StatusCode, Problem> {
    let caller = &session.caller;
    api.access.revoke_api_token(&caller.who, id, caller).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// 401 would say that the session has ended.
fn not_ended(error: Error, said: &str) -> Problem {
    if matches!(error, Error::Wrong) { Problem::invalid(said) } else { error.into() }
}

/// The cookie of a session.
pub(super) fn cookie(api: &Api, token: &Token) -> String {
    let (secure, seconds) = (secure(api), api.access.session_max().as_secs());
    let token = token.reveal();
    format!("{COOKIE}={token}; HttpOnly; SameSite=Strict; Path=/; Max-Age={seconds}{secure}")
}

/// Keeps a cookie from travelling without TLS, where people come by TLS.
pub(super) fn secure(api: &Api) -> &'static str {
    if api.is_secure() { "; Secure" } else { "" }
}

fn wait(wait_s: u64) -> Response {
    let mut response = Problem::from(Error::TooMany(wait_s)).into_response();
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait_s));
    response
}

pub(super) fn with_cookie(mut response: Response, cookie: &str) -> Response {
    if let Ok(value) = HeaderValue::from_str(cookie) {
        response.headers_mut().insert(header::SET_COOKIE, value);
    }
    response
}
