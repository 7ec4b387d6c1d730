use serde::Serialize;
use soc_archive::Agencies;

use crate::access::listed;

use crate::fleet::{Error, Fleet};

/// What a new collector has been told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, sqlx::FromRow, utoipa::ToSchema)]
pub struct Beginning {
    /// Agencies; the first one is there from the start.
    pub agencies: i64,
    /// Tokens that were made for enrolling.
    pub tokens: i64,
}

impl Fleet {
    /// What a new collector has been told.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn beginning(&self, agencies: &Agencies) -> Result<Beginning, Error> {
        let found = sqlx::query_as(
            "SELECT (SELECT COUNT(*) FROM agency
                     WHERE ?1 IS NULL OR id IN (SELECT value FROM json_each(?1))) AS agencies,
                    (SELECT COUNT(*) FROM enrolment_token WHERE for_run IS NULL
                     AND (?1 IS NULL OR agency IN (SELECT value FROM json_each(?1)))) AS tokens",
        );
        Ok(found.bind(listed(agencies)).fetch_one(self.0.store.pool()).await?)
    }
}
