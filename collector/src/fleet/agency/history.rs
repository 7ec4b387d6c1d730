//! What an agency was, who it took over, and by which decisions.

use serde::Serialize;
use soc_archive::Agencies;
use soc_event::Timestamp;
use utoipa::ToSchema;

use crate::fleet::{AgencyRef, Error, Fleet};

/// An agency as it was on a day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, sqlx::FromRow, ToSchema)]
pub struct AgencyThen {
    /// Its number.
    pub id: i64,
    /// Its code then.
    pub code: String,
    /// Its name then.
    pub name: String,
    /// The agency above it then.
    pub parent: Option<i64>,
}

/// What became of an agency, and what it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct AgencyPast {
    /// Decisions about it, latest first.
    pub changes: Vec<HistoryRow>,
    /// Who took it over, the first of them first.
    pub successors: Vec<AgencyRef>,
    /// Whom it took over.
    pub predecessors: Vec<AgencyRef>,
}

/// One decision about an agency.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct HistoryRow {
    /// `add`, `rename`, `move`, `dissolve`, `merge`, `split` or `import`
    pub kind: String,
    /// Since which day.
    pub day: String,
    /// Number of the decision.
    pub decision: String,
    /// Why.
    pub reason: String,
    /// Who wrote it down.
    pub who: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// What its code was until then, where the change was about itself.
    pub code: Option<String>,
    /// Its name until then.
    pub name: Option<String>,
    /// Code of the agency above it until then.
    pub parent: Option<String>,
}

type ChangeRow =
    (String, String, String, String, String, i64, Option<String>, Option<String>, Option<String>);

impl Fleet {
    /// What an agency was. Of others only those that may be seen are named.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn agency_past(&self, agency: i64, which: &Agencies) -> Result<AgencyPast, Error> {
        let rows: Vec<ChangeRow> = sqlx::query_as(
            "SELECT kind, day, decision, reason, who, at, past.code, past.name, above.code
             FROM agency_change_of AS of JOIN agency_change ON agency_change.id = of.change
             LEFT JOIN agency_past AS past ON past.change = of.change AND past.agency = of.agency
             LEFT JOIN agency AS above ON above.id = past.parent
             WHERE of.agency = ? ORDER BY of.change DESC, past.id DESC",
        )
        .bind(agency)
        .fetch_all(self.0.store.pool())
        .await?;
        let row = |(kind, day, decision, reason, who, at, code, name, parent): ChangeRow| {
            let at = Timestamp::from_micros(at);
            HistoryRow { kind, day, decision, reason, who, at, code, name, parent }
        };
        let changes = rows.into_iter().map(row).collect();
        let successors = self.related(
            "SELECT id, code, name FROM agency_successor AS of JOIN agency ON id = of.successor
             WHERE of.agency = ? ORDER BY of.place",
            agency,
        );
        let seen = |mut others: Vec<AgencyRef>| {
            others.retain(|other| which.hold(other.id));
            others
        };
        let successors = seen(successors.await?);
        let predecessors = self.related(
            "SELECT id, code, name FROM agency_successor AS of JOIN agency ON id = of.agency
             WHERE of.successor = ? ORDER BY valid_until, code",
            agency,
        );
        let predecessors = seen(predecessors.await?);
        Ok(AgencyPast { changes, successors, predecessors })
    }

    async fn related(&self, sql: &'static str, agency: i64) -> Result<Vec<AgencyRef>, Error> {
        let rows: Vec<(i64, String, String)> =
            sqlx::query_as(sql).bind(agency).fetch_all(self.0.store.pool()).await?;
        Ok(rows.into_iter().map(|(id, code, name)| AgencyRef { id, code, name }).collect())
    }
}
