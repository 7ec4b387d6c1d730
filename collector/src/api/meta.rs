use axum::Json;
use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{HeaderValue, Method, StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::OpenApi;

use super::{Api, Problem};

/// What this is.
#[derive(Debug, Serialize, ToSchema)]
pub struct Meta {
    name: &'static str,
    version: &'static str,
    /// Languages of the page.
    languages: [&'static str; 2],
    /// What the button of the identity provider says, where there is one.
    provider: Option<String>,
}

/// What this is.
#[utoipa::path(get, path = "/meta", tag = "meta", security(()),
    responses((status = 200, body = Meta)))]
pub async fn meta(State(api): State<Api>) -> Json<Meta> {
    let version = env!("CARGO_PKG_VERSION");
    let provider = api.access.provider().map(|provider| provider.label().to_owned());
    Json(Meta { name: "soc", version, languages: ["vi", "en"], provider })
}

/// The description of all other routes.
pub(super) fn document_route(document: &OpenApi) -> Router<Api> {
    let json = document.to_json().unwrap_or_default();
    let answer = move || async move {
        let json_type = HeaderValue::from_static("application/json");
        ([(header::CONTENT_TYPE, json_type)], json)
    };
    Router::new().route("/api/v1/openapi.json", get(answer))
}

/// Whatever no route answers: a file or place of the page, or nothing.
pub(super) async fn page(State(api): State<Api>, request: Request) -> Response {
    let path = request.uri().path();
    if path == "/api" || path.starts_with("/api/") {
        let detail = "There is no such path; /api/v1/openapi.json lists those there are.";
        return Problem::not_found(detail).into_response();
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let detail = "Only GET and HEAD work here.";
        return Problem::new(StatusCode::METHOD_NOT_ALLOWED, detail).into_response();
    }
    api.dashboard.answer(path, request.headers())
}

pub(super) async fn method_not_allowed() -> StatusCode {
    StatusCode::METHOD_NOT_ALLOWED
}
