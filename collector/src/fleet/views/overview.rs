use std::sync::PoisonError;

use soc_archive::Agencies;
use sqlx::{QueryBuilder, Row as _};

use super::{AntivirusCounts, MachineCounts, OverviewFleet, ReasonCount, push_scope};
use crate::fleet::agency::share;
use crate::fleet::antivirus::by_reason;
use crate::fleet::{Error, Fleet};

/// Older signatures are counted as outdated: a figure that reports ask for.
const OUTDATED_MICROS: i64 = 15 * 86_400 * 1_000_000;

impl Fleet {
    /// Counts of machines, antivirus and outdated signatures.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn overview(&self, agencies: &Agencies) -> Result<OverviewFleet, Error> {
        let outdated = self.0.clock.now().plus_micros(-OUTDATED_MICROS);
        let mut query = QueryBuilder::new(
            "SELECT COUNT(*) AS total,
                COALESCE(SUM(state = 'online'), 0) AS online,
                COALESCE(SUM(state = 'silent'), 0) AS silent,
                COALESCE(SUM(state = 'stopped'), 0) AS stopped,
                COALESCE(SUM(state = 'asleep'), 0) AS asleep,
                COALESCE(SUM(state = 'never'), 0) AS never,
                COALESCE(SUM(antivirus_state = 'protected'), 0) AS protected,
                COALESCE(SUM(antivirus_state = 'weak'), 0) AS weak,
                COALESCE(SUM(antivirus_state IN ('off', 'missing')), 0) AS unprotected,
                COALESCE(SUM(antivirus_state = 'unknown'), 0) AS unknown,
                COALESCE(SUM(antivirus_signatures_at < ",
        );
        query.push_bind(outdated.as_micros());
        query.push("), 0) AS outdated FROM agent WHERE revoked_at IS NULL");
        push_scope(&mut query, "agent.agency", agencies);
        let row = query.build().fetch_one(self.0.store.pool()).await?;
        let count = |name: &str| row.try_get::<i64, _>(name);
        let weak_reasons = self.weak_reasons(agencies).await?;
        let total = count("total")?;
        let protected = count("protected")?;
        Ok(OverviewFleet {
            machines: MachineCounts {
                total,
                online: count("online")?,
                silent: count("silent")?,
                stopped: count("stopped")?,
                asleep: count("asleep")?,
                never: count("never")?,
            },
            antivirus: AntivirusCounts {
                protected,
                weak: count("weak")?,
                unprotected: count("unprotected")?,
                unknown: count("unknown")?,
                coverage: share(protected, total),
                weak_reasons,
                without_agent: self.counted_without_agent(agencies).await?,
            },
            signatures_outdated: count("outdated")?,
        })
    }

    /// Machines without an agent, as last counted; nothing where no agent looks around.
    async fn counted_without_agent(&self, scope: &Agencies) -> Result<Option<i64>, Error> {
        let mut query = QueryBuilder::new("SELECT DISTINCT agent.agency FROM agent WHERE TRUE");
        push_scope(&mut query, "agent.agency", scope);
        let agencies: Vec<i64> = query.build_query_scalar().fetch_all(self.0.store.pool()).await?;
        let counted = self.0.without_agent.read().unwrap_or_else(PoisonError::into_inner);
        let found = agencies.iter().filter_map(|agency| counted.get(agency));
        Ok(found.copied().reduce(|sum, count| sum.saturating_add(count)))
    }

    /// Why weak machines are weak.
    async fn weak_reasons(&self, scope: &Agencies) -> Result<Vec<ReasonCount>, Error> {
        let mut query = QueryBuilder::new(
            "SELECT reason.value, COUNT(*) FROM agent, json_each(antivirus_reasons) AS reason
             WHERE revoked_at IS NULL AND antivirus_state = 'weak'",
        );
        push_scope(&mut query, "agent.agency", scope);
        query.push(" GROUP BY reason.value");
        let found: Vec<(String, i64)> =
            query.build_query_as().fetch_all(self.0.store.pool()).await?;
        let counted = by_reason(found).into_iter();
        let row =
            |(reason, machines): (&str, i64)| ReasonCount { reason: reason.to_owned(), machines };
        Ok(counted.map(row).collect())
    }
}
