use axum::Json;
use axum::extract::{Query, State};
use serde::Deserialize;
use utoipa::IntoParams;

use super::page::{self, Page};
use super::signed::Session;
use super::{Api, Problem};
use crate::access::{DeedFilter, DeedRow, Verdict};

/// Which page.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AuditQuery {
    /// By this operator.
    who: Option<String>,
    /// With this text in action, subject or detail.
    q: Option<String>,
    /// At or after.
    from: Option<String>,
    /// Before.
    to: Option<String>,
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
    _: Session,
    Query(query): Query<AuditQuery>,
) -> Result<Json<Page<DeedRow>>, Problem> {
    let limit = page::limit(query.limit);
    let before: Option<i64> = page::value("cursor", query.cursor.as_deref())?;
    let filter = DeedFilter {
        who: page::text(query.who),
        search: page::text(query.q),
        from: page::time("from", query.from.as_deref())?,
        to: page::time("to", query.to.as_deref())?,
    };
    let deeds = api.access.deeds(&filter, before, limit).await;
    let (items, total) = deeds.map_err(|error| Problem::internal(&error))?;
    let full = items.len() == limit as usize;
    let next = items.last().filter(|_| full).map(|deed| deed.number.to_string());
    Ok(Json(Page { items, next, total }))
}

/// Looks through all deeds, whether one was changed or taken out.
#[utoipa::path(get, path = "/audit/verify", tag = "audit", responses((status = 200, body = Verdict)))]
pub async fn verify(State(api): State<Api>) -> Result<Json<Verdict>, Problem> {
    Ok(Json(api.access.verify_deeds().await?))
}
