//! How much more an alert matters because of where it was raised.

use serde::{Deserialize, Serialize};
use sqlx::SqliteConnection;
use utoipa::ToSchema;

use super::Level;

/// Steps all reasons together raise a level by, at the most.
const STEPS_MAX: u8 = 2;

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

/// Why alerts of a machine matter more: a host of a system of level 3 by one step, of level 4 and 5
/// by two.
pub(super) async fn of_machine(tx: &mut SqliteConnection, agent: &str) -> sqlx::Result<Vec<Raise>> {
    let system: Option<(String, i64)> = sqlx::query_as(
        "SELECT name, level FROM system_host
         JOIN information_system AS system ON system.id = system_host.system
         WHERE agent = ? AND level >= 3 ORDER BY level DESC, code LIMIT 1",
    )
    .bind(agent)
    .fetch_optional(tx)
    .await?;
    let raise = |(name, level): (String, i64)| {
        let steps = if level == 3 { 1 } else { 2 };
        Raise { because: "system".to_owned(), name, level, steps }
    };
    Ok(system.into_iter().map(raise).collect())
}

/// The rule's level raised; what is only good to know stays so.
pub(super) fn raised(level: Level, reasons: &[Raise]) -> Level {
    if level == Level::Informational {
        return level;
    }
    let steps: u8 = reasons.iter().map(|reason| reason.steps).sum();
    Level::from_index(level.index() + i64::from(steps.min(STEPS_MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_raised_by_what_the_machine_matters_and_never_beyond_critical() {
        let reason =
            |steps| Raise { because: "system".into(), name: "Cổng".into(), level: 4, steps };
        assert_eq!(raised(Level::Medium, &[]), Level::Medium);
        assert_eq!(raised(Level::Medium, &[reason(1)]), Level::High);
        assert_eq!(raised(Level::Low, &[reason(2), reason(2)]), Level::High);
        assert_eq!(raised(Level::Critical, &[reason(2)]), Level::Critical);
        assert_eq!(raised(Level::Informational, &[reason(2)]), Level::Informational);
    }
}
