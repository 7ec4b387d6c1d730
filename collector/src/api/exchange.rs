//! Tables that come in and go out.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::response::{IntoResponse as _, Response};
use http::header;
use serde::Deserialize;
use utoipa::IntoParams;

use super::signed::Session;
use super::{Api, Problem};
use crate::exchange::{self, Preview, What};
use crate::sheet::Format;

/// Largest table in bytes.
pub(super) const TABLE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// What was previewed.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Mark {
    /// Of the preview: the table is taken over only if it still does what that has shown.
    mark: String,
}

/// How a table is written.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Out {
    /// `csv` or `xlsx`
    format: Option<String>,
    /// Number or code of an agency; those below it belong to it.
    agency: Option<String>,
    /// `vi` for Vietnamese names of columns.
    language: Option<String>,
}

type Answer = Result<Json<Preview>, Problem>;

async fn preview(api: &Api, session: &Session, what: What, file: &[u8]) -> Answer {
    Ok(Json(api.control.agencies.preview_import(what, file, &session.agencies).await?))
}

async fn take(api: &Api, session: &Session, what: What, mark: &str, file: &[u8]) -> Answer {
    let Session { agencies, caller, .. } = session;
    Ok(Json(api.control.agencies.import(what, file, Some(mark), agencies, caller).await?))
}

async fn out(api: &Api, session: &Session, what: What, query: Out) -> Result<Response, Problem> {
    let Out { format, agency, language } = query;
    let unknown = || Problem::invalid("`format` is `csv` or `xlsx`.");
    let format = Format::from_word(format.as_deref().unwrap_or("csv")).ok_or_else(unknown)?;
    let which = super::agencies::scope(api, session, agency).await?.agencies;
    let is_vietnamese = language.as_deref() == Some("vi");
    let table = exchange::write(&api.store, &api.fleet, what, &which, format, is_vietnamese);
    let name = format!("attachment; filename=\"{}.{}\"", what.as_str(), format.as_str());
    let headers = [
        (header::CONTENT_TYPE, format.media_type().to_owned()),
        (header::CONTENT_DISPOSITION, name),
    ];
    Ok((headers, table.await?).into_response())
}

/// A table of agencies, in the columns that come in; nothing in it is taken for a formula.
#[utoipa::path(get, path = "/tables/agencies", tag = "tables", params(Out),
    responses((status = 200, description = "The file."), (status = 422, body = Problem)))]
pub async fn agencies_out(
    State(api): State<Api>,
    session: Session,
    Query(query): Query<Out>,
) -> Result<Response, Problem> {
    out(&api, &session, What::Agencies, query).await
}

/// What a table (CSV or XLSX, the body) of agencies would change: every row and every mistake.
#[utoipa::path(post, path = "/tables/agencies/preview", tag = "tables",
    request_body(content = String, content_type = "application/octet-stream"),
    responses((status = 200, body = Preview), (status = 422, body = Problem)))]
pub async fn agencies_preview(State(api): State<Api>, session: Session, file: Bytes) -> Answer {
    preview(&api, &session, What::Agencies, &file).await
}

/// Takes over a table of agencies as it was previewed, all of it or nothing.
#[utoipa::path(post, path = "/tables/agencies", tag = "tables", params(Mark),
    request_body(content = String, content_type = "application/octet-stream"),
    responses((status = 200, body = Preview), (status = 409, body = Problem),
        (status = 422, body = Problem)))]
pub async fn agencies_in(
    State(api): State<Api>,
    session: Session,
    Query(Mark { mark }): Query<Mark>,
    file: Bytes,
) -> Answer {
    take(&api, &session, What::Agencies, &mark, &file).await
}

/// A table of information systems, in the columns that come in; nothing in it is taken for a formula.
#[utoipa::path(get, path = "/tables/systems", tag = "tables", params(Out),
    responses((status = 200, description = "The file."), (status = 422, body = Problem)))]
pub async fn systems_out(
    State(api): State<Api>,
    session: Session,
    Query(query): Query<Out>,
) -> Result<Response, Problem> {
    out(&api, &session, What::Systems, query).await
}

/// What a table (CSV or XLSX, the body) of information systems would change: every row and every mistake.
#[utoipa::path(post, path = "/tables/systems/preview", tag = "tables",
    request_body(content = String, content_type = "application/octet-stream"),
    responses((status = 200, body = Preview), (status = 422, body = Problem)))]
pub async fn systems_preview(State(api): State<Api>, session: Session, file: Bytes) -> Answer {
    preview(&api, &session, What::Systems, &file).await
}

/// Takes over a table of information systems as it was previewed, all of it or nothing.
#[utoipa::path(post, path = "/tables/systems", tag = "tables", params(Mark),
    request_body(content = String, content_type = "application/octet-stream"),
    responses((status = 200, body = Preview), (status = 409, body = Problem),
        (status = 422, body = Problem)))]
pub async fn systems_in(
    State(api): State<Api>,
    session: Session,
    Query(Mark { mark }): Query<Mark>,
    file: Bytes,
) -> Answer {
    take(&api, &session, What::Systems, &mark, &file).await
}

/// A table of what is written down about machines, in the columns that come in; nothing in it is taken for a formula.
#[utoipa::path(get, path = "/tables/machines", tag = "tables", params(Out),
    responses((status = 200, description = "The file."), (status = 422, body = Problem)))]
pub async fn machines_out(
    State(api): State<Api>,
    session: Session,
    Query(query): Query<Out>,
) -> Result<Response, Problem> {
    out(&api, &session, What::Machines, query).await
}

/// What a table (CSV or XLSX, the body) of what is written down about machines would change: every row and every mistake.
#[utoipa::path(post, path = "/tables/machines/preview", tag = "tables",
    request_body(content = String, content_type = "application/octet-stream"),
    responses((status = 200, body = Preview), (status = 422, body = Problem)))]
pub async fn machines_preview(State(api): State<Api>, session: Session, file: Bytes) -> Answer {
    preview(&api, &session, What::Machines, &file).await
}

/// Takes over a table of what is written down about machines as it was previewed, all of it or nothing.
#[utoipa::path(post, path = "/tables/machines", tag = "tables", params(Mark),
    request_body(content = String, content_type = "application/octet-stream"),
    responses((status = 200, body = Preview), (status = 409, body = Problem),
        (status = 422, body = Problem)))]
pub async fn machines_in(
    State(api): State<Api>,
    session: Session,
    Query(Mark { mark }): Query<Mark>,
    file: Bytes,
) -> Answer {
    take(&api, &session, What::Machines, &mark, &file).await
}
