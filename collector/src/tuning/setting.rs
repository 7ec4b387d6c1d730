//! Rules switched off and on, by agency.

use serde::Serialize;
use soc_archive::Agencies;
use soc_event::Timestamp;
use utoipa::ToSchema;

use super::{Error, Tuning, WHY_MAX};
use crate::access::{Caller, Deed, listed};

/// A rule switched off or on somewhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Setting {
    /// Id of the rule.
    #[serde(skip)]
    pub rule: String,
    /// For this agency and those below it that do not say otherwise; none: for all.
    pub agency: Option<i64>,
    /// Its name.
    pub agency_name: Option<String>,
    /// Whether it raises alerts there.
    pub enabled: bool,
    /// Why.
    pub why: String,
    /// Who said so.
    pub who: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
}

/// A wish to switch a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Switch {
    /// For this agency and those below it; none: for all.
    pub agency: Option<i64>,
    /// On or off; none: as it is above.
    pub enabled: Option<bool>,
    /// Why.
    pub why: String,
}

impl Tuning {
    /// All that was said, by rule and agency.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn settings(&self, seen: &Agencies) -> Result<Vec<Setting>, Error> {
        let mut query = sqlx::QueryBuilder::new(
            "SELECT rule, agency, name, enabled, why, who, at
             FROM rule_setting LEFT JOIN agency ON agency.id = rule_setting.agency WHERE true",
        );
        if let Some(list) = listed(seen) {
            query.push(" AND agency IN (SELECT 0 UNION ALL SELECT value FROM json_each(");
            query.push_bind(list).push("))");
        }
        query.push(" ORDER BY rule, agency");
        type Row = (String, i64, Option<String>, bool, String, String, i64);
        let rows: Vec<Row> = query.build_query_as().fetch_all(self.store.pool()).await?;
        let setting = |(rule, agency, agency_name, enabled, why, who, at)| Setting {
            rule,
            agency: Some(agency).filter(|agency| *agency != 0),
            agency_name,
            enabled,
            why,
            who,
            at: Timestamp::from_micros(at),
        };
        Ok(rows.into_iter().map(setting).collect())
    }

    /// Switches a rule; it counts from the next events on.
    ///
    /// # Errors
    /// [`Error::Refused`] with what is wrong.
    pub async fn switch(
        &self,
        rule: &str,
        switch: &Switch,
        seen: &Agencies,
        caller: &Caller,
    ) -> Result<(), Error> {
        let refuse = |why: &str| Err(Error::Refused(why.to_owned()));
        let why = switch.why.trim();
        if why.is_empty() || why.chars().count() > WHY_MAX {
            return refuse("say in at most 1000 characters why");
        }
        let agency = match switch.agency {
            None if *seen == Agencies::All => 0,
            Some(agency) if agency != 0 && seen.hold(agency) => agency,
            _ => return refuse("there is no such agency"),
        };
        let now = self.clock.now();
        let mut tx = self.store.write().await?;
        let known: Option<i64> = sqlx::query_scalar("SELECT id FROM agency WHERE id = ?")
            .bind(agency)
            .fetch_optional(&mut *tx)
            .await?;
        if agency != 0 && known.is_none() {
            return refuse("there is no such agency");
        }
        match switch.enabled {
            Some(enabled) => {
                sqlx::query(
                    "INSERT INTO rule_setting (rule, agency, enabled, why, who, at)
                     VALUES (?, ?, ?, ?, ?, ?)
                     ON CONFLICT (rule, agency) DO UPDATE SET enabled = excluded.enabled,
                         why = excluded.why, who = excluded.who, at = excluded.at",
                )
                .bind(rule)
                .bind(agency)
                .bind(enabled)
                .bind(why)
                .bind(&caller.who)
                .bind(now.as_micros())
                .execute(&mut *tx)
                .await?;
            }
            None => {
                sqlx::query("DELETE FROM rule_setting WHERE rule = ? AND agency = ?")
                    .bind(rule)
                    .bind(agency)
                    .execute(&mut *tx)
                    .await?;
            }
        }
        let action = match switch.enabled {
            Some(true) => "rule switched on",
            Some(false) => "rule switched off",
            None => "rule as above",
        };
        let place = if agency == 0 { "everywhere".to_owned() } else { format!("agency {agency}") };
        let deed = Deed::new(&caller.who, &caller.address, action, rule);
        deed.with(&format!("{place}: {why}")).write(&mut tx, now).await?;
        tx.commit().await?;
        self.changed().await
    }
}
