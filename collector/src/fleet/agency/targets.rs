//! What a province has promised, as figures: of an agency and all below it, or of all.

use serde::Serialize;
use soc_archive::Agencies;
use sqlx::{QueryBuilder, Sqlite};
use utoipa::ToSchema;

use super::share;
use crate::fleet::views::push_agencies;
use crate::fleet::{Error, Fleet};

/// A system counts as monitored while a host of it was heard within so long.
pub(in crate::fleet) const MONITORED_MICROS: i64 = 86_400 * 1_000_000;

/// Targets of the provincial plans.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
pub struct Targets {
    /// Machines with an agent.
    pub machines: i64,
    /// Of these, protected by antivirus.
    pub protected: i64,
    /// Share of machines that are protected, 0 to 1; none without machines.
    pub antivirus_coverage: Option<f64>,
    /// Information systems owned or operated.
    pub systems: i64,
    /// Of these, with a host heard within a day.
    pub systems_monitored: i64,
    /// Share of systems that are monitored, 0 to 1.
    pub monitored: Option<f64>,
    /// Systems whose measures are approved.
    pub systems_approved: i64,
    /// Share of systems with approved measures, 0 to 1.
    pub approved: Option<f64>,
    /// Machines known to be on the network that have no agent; none where nobody looks for them.
    pub without_agent: Option<i64>,
}

impl Fleet {
    /// The targets of these agencies.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn targets(&self, which: &Agencies) -> Result<Targets, Error> {
        let overview = self.overview(which).await?;
        let since = self.0.clock.now().plus_micros(-MONITORED_MICROS);
        let mut query: QueryBuilder<Sqlite> = QueryBuilder::new(
            "SELECT COUNT(*), COALESCE(SUM(approval = 'approved'), 0),
                COALESCE(SUM(EXISTS (SELECT 1 FROM system_host JOIN agent ON agent.id = agent
                    WHERE system = information_system.id AND revoked_at IS NULL
                      AND heard_at >= ",
        );
        query.push_bind(since.as_micros()).push(")), 0) FROM information_system WHERE TRUE");
        query.push(" AND (");
        push_agencies(&mut query, "owner", which);
        query.push(" OR ");
        push_agencies(&mut query, "operator", which);
        query.push(")");
        let (systems, systems_approved, systems_monitored): (i64, i64, i64) =
            query.build_query_as().fetch_one(self.0.store.pool()).await?;
        Ok(Targets {
            machines: overview.machines.total,
            protected: overview.antivirus.protected,
            antivirus_coverage: overview.antivirus.coverage,
            systems,
            systems_monitored,
            monitored: share(systems_monitored, systems),
            systems_approved,
            approved: share(systems_approved, systems),
            without_agent: overview.antivirus.without_agent,
        })
    }
}
