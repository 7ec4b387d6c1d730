use serde::Serialize;
use soc_archive::Agencies;
use sqlx::QueryBuilder;

use super::{Items, push_scope};
use crate::fleet::{Error, Fleet};

/// Products with their versions shown at the most, those on most machines first.
const PRODUCTS_MAX: i64 = 500;

/// An antivirus product in one version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, sqlx::FromRow, utoipa::ToSchema)]
pub struct AntivirusProduct {
    /// What it is called.
    pub product: String,
    /// Its version, or that of its engine, where it is known.
    pub version: Option<String>,
    /// Machines that have it.
    pub machines: i64,
    /// Machines that it protects.
    pub protected: i64,
}

impl Fleet {
    /// Which antivirus products there are, those on most machines first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn antivirus_products(
        &self,
        scope: &Agencies,
    ) -> Result<Items<AntivirusProduct>, Error> {
        let mut query = QueryBuilder::new(
            "SELECT product, COALESCE(fields ->> '$.\"antivirus.version\"',
                    fields ->> '$.\"antivirus.engine.version\"') AS version,
                    COUNT(*) AS machines, SUM(antivirus.state = 'protected') AS protected
             FROM antivirus JOIN agent ON agent.id = antivirus.agent
             WHERE revoked_at IS NULL AND product <> 'none'",
        );
        push_scope(&mut query, "agent.agency", scope);
        query.push(" GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2 LIMIT ").push_bind(PRODUCTS_MAX);
        let items = query.build_query_as().fetch_all(self.0.store.pool()).await?;
        Ok(Items { items })
    }
}
