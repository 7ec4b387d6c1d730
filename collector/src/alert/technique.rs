//! ATT&CK techniques of alerts.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use soc_archive::Agencies;
use soc_event::Timestamp;
use sqlx::QueryBuilder;
use utoipa::ToSchema;

use super::query::of_agencies;
use super::{Alerts, Error, Said};

/// How often alerts named a technique.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct SeenTechnique {
    /// Alerts of it.
    pub alerts: i64,
    /// Of these, such as are not closed.
    pub unclosed: i64,
}

/// The ids of the techniques that tags name: `attack.t1110.001` is `T1110.001`.
pub fn techniques_of(tags: &[String]) -> BTreeSet<String> {
    let id = |tag: &String| {
        let id = tag.strip_prefix("attack.")?.to_uppercase();
        let digits = id.strip_prefix('T')?;
        let is_id = digits.len() >= 4 && digits.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        is_id.then_some(id)
    };
    tags.iter().filter_map(id).collect()
}

impl Alerts {
    /// Techniques of alerts last seen from one moment to another, with how many there are; what
    /// turned out to be a false positive is left out.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn techniques(
        &self,
        agencies: &Agencies,
        (from, to): (Timestamp, Timestamp),
    ) -> Result<BTreeMap<String, SeenTechnique>, Error> {
        // What a rule said is read once for all its alerts: of the latest.
        let mut query = QueryBuilder::new(
            "SELECT count(*), sum(state <> 'closed'), rule_said, max(number) FROM alert
             WHERE coalesce(verdict, '') <> 'false_positive' AND last_at >= ",
        );
        query.push_bind(from.as_micros()).push(" AND last_at < ").push_bind(to.as_micros());
        of_agencies(&mut query, agencies);
        query.push(" GROUP BY rule");
        let rows: Vec<(i64, i64, String, i64)> =
            query.build_query_as().fetch_all(self.store.pool()).await?;
        let mut found: BTreeMap<String, SeenTechnique> = BTreeMap::new();
        for (alerts, unclosed, said, _) in rows {
            let said: Said = serde_json::from_str(&said)?;
            for technique in techniques_of(&said.tags) {
                let sum = found.entry(technique).or_default();
                sum.alerts += alerts;
                sum.unclosed += unclosed;
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::techniques_of;

    #[test]
    fn only_techniques_are_techniques() {
        let tags =
            ["attack.t1110.001", "attack.credential-access", "cve.2021-44228", "attack.g0016"];
        let found = techniques_of(&tags.map(str::to_owned));
        assert_eq!(found.into_iter().collect::<Vec<_>>(), ["T1110.001"]);
    }
}
