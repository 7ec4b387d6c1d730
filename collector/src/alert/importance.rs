//! How much more an alert matters because of where it was raised.

use serde::{Deserialize, Serialize};
use sqlx::SqliteConnection;
use utoipa::ToSchema;

use super::Level;

/// Systems from this level on raise the alerts of their machines by a step: what is lost there harms
/// the public, or more than one agency.
const LEVEL_RAISES: i64 = 4;
/// The highest level raises by one step more.
const LEVEL_HIGHEST: i64 = 5;

/// Why an alert's level is higher than its rule's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Raise {
    /// `system`: the machine belongs to an information system of this level.
    pub because: String,
    /// What raised it: the name of the system.
    pub name: String,
    /// Its level, 1 to 5.
    pub level: i64,
    /// By how many steps.
    pub steps: u8,
}

/// Why alerts of a machine matter more: the highest of its information systems.
pub(super) async fn of_machine(
    tx: &mut SqliteConnection,
    agent: &str,
) -> sqlx::Result<Option<Raise>> {
    let system: Option<(String, i64)> = sqlx::query_as(
        "SELECT name, level FROM system_host
         JOIN information_system ON information_system.id = system_host.system
         WHERE agent = ? AND level >= ? ORDER BY level DESC, information_system.id LIMIT 1",
    )
    .bind(agent)
    .bind(LEVEL_RAISES)
    .fetch_optional(tx)
    .await?;
    Ok(system.map(|(name, level)| Raise {
        because: "system".to_owned(),
        name,
        level,
        steps: if level >= LEVEL_HIGHEST { 2 } else { 1 },
    }))
}

/// The rule's level raised; what is only good to know stays so.
pub(super) fn raised(level: Level, reason: Option<&Raise>) -> Level {
    match (level, reason) {
        (Level::Informational, _) | (_, None) => level,
        (level, Some(reason)) => Level::from_index(level.index() + i64::from(reason.steps)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::tests::{finding, fixture, raise};
    use soc_archive::Agencies;

    #[test]
    fn a_level_is_raised_by_what_the_machine_matters_and_never_beyond_critical() {
        let reason =
            |steps| Raise { because: "system".into(), name: "Cổng".into(), level: 4, steps };
        assert_eq!(raised(Level::Medium, None), Level::Medium);
        assert_eq!(raised(Level::Medium, Some(&reason(1))), Level::High);
        assert_eq!(raised(Level::Low, Some(&reason(2))), Level::High);
        assert_eq!(raised(Level::Critical, Some(&reason(2))), Level::Critical);
        assert_eq!(raised(Level::Informational, Some(&reason(2))), Level::Informational);
    }

    #[tokio::test]
    async fn the_highest_system_of_the_machine_raises_its_alerts_and_is_named() {
        let fixture = fixture().await;
        let agent = soc_event::AgentId::from_bytes([7; 16]).to_string();
        for sql in [
            "INSERT INTO agency (id, code, name) VALUES (1, 'LOCAL', 'Local')",
            "INSERT INTO agent (id, agency, hostname, fingerprint, os, version, key_hash,
                 enrolled_at, certificate_expires_at)
             VALUES (?, 1, 'pc-01', '', '', '', x'', 0, 0)",
            "INSERT INTO information_system (id, code, name, level, owner, operator, kind, approval,
                 decision, rollout, checked, regulation, contacts, note, changed_at, changed_by)
             SELECT value, value, 'level ' || value, value, 1, 1, 'portal', 'draft', '', 'none',
                 'never', '', '[]', '', 0, '' FROM json_each('[2, 3, 4]')",
            "INSERT INTO system_host (system, agent) SELECT value, ? FROM json_each('[2, 4]')",
        ] {
            let mut query = sqlx::query(sql);
            if sql.contains('?') {
                query = query.bind(&agent);
            }
            query.execute(fixture.alerts.store.pool()).await.unwrap();
        }
        let id = raise(&fixture, &[finding("r", "a", 1)]).await[0].id.clone();
        let (alert, _) = fixture.alerts.get(&id, &Agencies::All).await.unwrap();
        assert_eq!((alert.row.level, alert.row.rule_level), (Level::Critical, Level::High));
        assert_eq!(alert.row.raised_by[0].name, "level 4");
    }
}
