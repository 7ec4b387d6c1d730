//! Errors as Problem Details. Source: RFC 9457.

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;

use crate::visible::visible;

/// What axum's own refusals say at most, in bytes.
const DETAIL_MAX: usize = 4096;
const MEDIA_TYPE: &str = "application/problem+json";

/// Marks an answer that is not a refusal in spite of its status.
#[derive(Clone, Copy, Debug)]
pub struct AsItIs;

/// Why a request was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Problem {
    /// `urn:soc:problem:not-found`
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind of problem in a few words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What exactly is wrong, and what to do.
    pub detail: String,
    /// What there is now, where somebody else was faster.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub current: Option<Box<serde_json::Value>>,
}

impl Problem {
    /// A problem whose kind is that of the status.
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        let title = status.canonical_reason().unwrap_or("Error").to_owned();
        let kind = format!("urn:soc:problem:{}", title.to_lowercase().replace(' ', "-"));
        Self { kind, title, status: status.as_u16(), detail: detail.into(), current: None }
    }

    /// Somebody else was faster: what there is now, for the person to choose.
    pub fn changed(detail: impl Into<String>, current: &impl Serialize) -> Self {
        let mut problem = Self::new(StatusCode::CONFLICT, detail);
        problem.kind = "urn:soc:problem:changed".into();
        problem.current = serde_json::to_value(current).ok().map(Box::new);
        problem
    }

    /// A request that says something that cannot be.
    pub fn invalid(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, detail)
    }

    /// Something that is not there.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    /// The collector's own fault: logged with its cause, told without it.
    pub fn internal(error: &dyn std::error::Error) -> Self {
        tracing::error!(error = %visible(&error.to_string()), "request failed");
        let detail = "The collector could not do this; its log says why. Try again.";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, detail)
    }

    /// The password was right; the second factor is asked for.
    pub fn second_factor_required() -> Self {
        let detail = "Send `code` too: six digits of the authenticator, or a recovery code.";
        let kind = "urn:soc:problem:second-factor-required".into();
        Self { kind, ..Self::new(StatusCode::UNAUTHORIZED, detail) }
    }

    /// The operator has to set up a second factor first.
    pub fn second_factor_setup_required() -> Self {
        let detail =
            "Administrators set up a second factor first (POST /api/v1/session/second-factor).";
        let kind = "urn:soc:problem:second-factor-setup-required".into();
        Self { kind, ..Self::new(StatusCode::FORBIDDEN, detail) }
    }

    /// The operator has to choose a password first.
    pub fn password_change_required() -> Self {
        let mut problem = Self::new(
            StatusCode::FORBIDDEN,
            "The password was given to you: choose your own first (POST /api/v1/session/password).",
        );
        problem.kind = "urn:soc:problem:password-change-required".into();
        problem
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, axum::Json(self)).into_response();
        let media_type = HeaderValue::from_static(MEDIA_TYPE);
        response.headers_mut().insert(header::CONTENT_TYPE, media_type);
        response
    }
}

/// Turns refusals that axum makes by itself (no such path, wrong method, body of another shape)
/// into problems.
pub async fn translate(request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    let is_error = response.status().is_client_error() || response.status().is_server_error();
    let is_problem = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(MEDIA_TYPE.as_bytes()));
    if !is_error || is_problem || response.extensions().get::<AsItIs>().is_some() {
        return response;
    }
    let (parts, body) = response.into_parts();
    let mut translated =
        Problem::new(parts.status, detail(parts.status, body).await).into_response();
    if let Some(allow) = parts.headers.get(header::ALLOW) {
        translated.headers_mut().insert(header::ALLOW, allow.clone());
    }
    translated
}

async fn detail(status: StatusCode, body: Body) -> String {
    let bytes = to_bytes(body, DETAIL_MAX).await.unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    match (text.is_empty(), status) {
        (false, _) => text,
        (true, StatusCode::METHOD_NOT_ALLOWED) => {
            "This path has other methods; the header Allow names them.".into()
        }
        (true, _) => "See /api/v1/openapi.json for what can be asked.".into(),
    }
}
