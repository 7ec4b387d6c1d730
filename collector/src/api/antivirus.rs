use axum::Json;
use axum::extract::{Query, State};
use serde::Deserialize;
use utoipa::IntoParams;

use super::signed::Signed;
use super::{Api, Problem};
use crate::fleet::{AntivirusProduct, Items, Scope};

/// Of whom.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ProductsQuery {
    /// Number or code of an agency; those below it belong to it.
    agency: Option<String>,
}

/// Antivirus products with their versions, those on most machines first.
#[utoipa::path(get, path = "/antivirus/products", tag = "machines", params(ProductsQuery),
    responses((status = 200, body = Items<AntivirusProduct>), (status = 422, body = Problem)))]
pub async fn products(
    State(api): State<Api>,
    _: Signed,
    Query(query): Query<ProductsQuery>,
) -> Result<Json<Items<AntivirusProduct>>, Problem> {
    let scope = super::agencies::scope(&api, query.agency).await?;
    let scope = scope.map_or(Scope::All, |scope| Scope::Agencies(scope.all));
    Ok(Json(api.fleet.antivirus_products(&scope).await?))
}
