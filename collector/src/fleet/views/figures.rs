use std::sync::PoisonError;

use soc_archive::Agencies;
use soc_event::Timestamp;
use sqlx::QueryBuilder;

use super::push_scope;
use crate::fleet::{Error, Fleet};

/// What the machines of one agency are like now (not those of agencies below it).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, sqlx::FromRow)]
pub struct AgencyFigures {
    /// Which agency.
    pub agency: i64,
    /// All its machines.
    pub machines: i64,
    /// Those heard from since the moment asked for.
    pub heard: i64,
    /// Protected by antivirus.
    pub protected: i64,
    /// Protected, but something is lacking.
    pub weak: i64,
    /// Off or missing.
    pub unprotected: i64,
    /// Not known.
    pub unknown: i64,
    /// Known on the network without an agent; none where nobody looks.
    #[sqlx(skip)]
    pub without_agent: Option<i64>,
}

impl Fleet {
    /// Figures of each agency, also of those without machines.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn figures(
        &self,
        scope: &Agencies,
        heard_since: Timestamp,
    ) -> Result<Vec<AgencyFigures>, Error> {
        let mut query = QueryBuilder::new(
            "SELECT place.id AS agency, COUNT(agent.id) AS machines,
                COALESCE(SUM(agent.heard_at >= ",
        );
        query.push_bind(heard_since.as_micros());
        query.push(
            "), 0) AS heard,
                COALESCE(SUM(agent.antivirus_state = 'protected'), 0) AS protected,
                COALESCE(SUM(agent.antivirus_state = 'weak'), 0) AS weak,
                COALESCE(SUM(agent.antivirus_state IN ('off', 'missing')), 0) AS unprotected,
                COALESCE(SUM(agent.antivirus_state = 'unknown'), 0) AS unknown
             FROM agency AS place
             LEFT JOIN agent ON agent.agency = place.id AND agent.revoked_at IS NULL
             WHERE TRUE",
        );
        push_scope(&mut query, "place.id", scope);
        query.push(" GROUP BY place.id");
        let mut figures: Vec<AgencyFigures> =
            query.build_query_as().fetch_all(self.0.store.pool()).await?;
        let counted = self.0.without_agent.read().unwrap_or_else(PoisonError::into_inner);
        for one in &mut figures {
            one.without_agent = counted.get(&one.agency).copied();
        }
        Ok(figures)
    }
}
