use axum::Json;
use axum::extract::{Query, State};
use serde::Deserialize;
use utoipa::IntoParams;

use super::page::{self, Page};
use super::signed::Signed;
use super::{Api, Problem};
use crate::access::DeedRow;

/// Which page.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AuditQuery {
    /// Rows of a page.
    limit: Option<u32>,
    /// Where the page before ended.
    cursor: Option<String>,
}

/// What operators did, newest first.
#[utoipa::path(get, path = "/audit", tag = "audit", params(AuditQuery),
    responses((status = 200, body = Page<DeedRow>)))]
pub async fn list(
    State(api): State<Api>,
    _: Signed,
    Query(query): Query<AuditQuery>,
) -> Result<Json<Page<DeedRow>>, Problem> {
    let limit = page::limit(query.limit);
    let before: Option<i64> = page::value("cursor", query.cursor.as_deref())?;
    let deeds = api.access.deeds(before, limit).await;
    let (items, total) = deeds.map_err(|error| Problem::internal(&error))?;
    let full = items.len() == limit as usize;
    let next = items.last().filter(|_| full).map(|deed| deed.number.to_string());
    Ok(Json(Page { items, next, total }))
}
