use axum::Json;
use axum::extract::{Query, State};
use serde::Deserialize;
use utoipa::IntoParams;

use super::signed::Session;
use super::{Api, Problem};
use crate::fleet::{AntivirusProduct, Items};

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
    session: Session,
    Query(query): Query<ProductsQuery>,
) -> Result<Json<Items<AntivirusProduct>>, Problem> {
    let scope = super::agencies::scope(&api, &session, query.agency).await?;
    Ok(Json(api.fleet.antivirus_products(&scope.agencies).await?))
}
