//! Tables that come in and go out.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse as _, Response};
use http::header;
use serde::Deserialize;
use utoipa::IntoParams;

use super::signed::Signed;
use super::{Api, Problem};
use crate::exchange::{self, Preview, What};
use crate::fleet::Scope;
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

fn what(word: &str) -> Result<What, Problem> {
    What::from_word(word).ok_or_else(|| Problem::not_found("There is no such table."))
}

/// What a table (CSV or XLSX, the body) would change: every row, and every mistake with its line.
#[utoipa::path(post, path = "/tables/{what}/preview", tag = "tables",
    params(("what" = String, Path, description = "`agencies`, `systems` or `machines`")),
    request_body(content = String, content_type = "application/octet-stream"),
    responses((status = 200, body = Preview), (status = 422, body = Problem)))]
pub async fn preview(
    State(api): State<Api>,
    _: Signed,
    Path(of): Path<String>,
    file: Bytes,
) -> Result<Json<Preview>, Problem> {
    Ok(Json(api.control.agencies.preview_import(what(&of)?, &file).await?))
}

/// Takes over a table as it was previewed, all of it or nothing.
#[utoipa::path(post, path = "/tables/{what}", tag = "tables",
    params(("what" = String, Path), Mark),
    request_body(content = String, content_type = "application/octet-stream"),
    responses((status = 200, body = Preview), (status = 409, body = Problem),
        (status = 422, body = Problem)))]
pub async fn import(
    State(api): State<Api>,
    Signed(session): Signed,
    Path(of): Path<String>,
    Query(Mark { mark }): Query<Mark>,
    file: Bytes,
) -> Result<Json<Preview>, Problem> {
    let (what, caller) = (what(&of)?, &session.caller);
    Ok(Json(api.control.agencies.import(what, &file, Some(&mark), caller).await?))
}

/// A table of what there is, in the columns that come in; nothing in it is taken for a formula.
#[utoipa::path(get, path = "/tables/{what}", tag = "tables",
    params(("what" = String, Path), Out),
    responses((status = 200, description = "The file."), (status = 422, body = Problem)))]
pub async fn export(
    State(api): State<Api>,
    _: Signed,
    Path(of): Path<String>,
    Query(Out { format, agency, language }): Query<Out>,
) -> Result<Response, Problem> {
    let what = what(&of)?;
    let unknown = || Problem::invalid("`format` is `csv` or `xlsx`.");
    let format = Format::from_word(format.as_deref().unwrap_or("csv")).ok_or_else(unknown)?;
    let scope = super::agencies::scope(&api, agency).await?;
    let scope = scope.map_or(Scope::All, |scope| Scope::Agencies(scope.all));
    let is_vietnamese = language.as_deref() == Some("vi");
    let table = exchange::write(&api.store, &api.fleet, what, &scope, format, is_vietnamese);
    let name = format!("attachment; filename=\"{}.{}\"", what.as_str(), format.as_str());
    let headers = [
        (header::CONTENT_TYPE, format.media_type().to_owned()),
        (header::CONTENT_DISPOSITION, name),
    ];
    Ok((headers, table.await?).into_response())
}
