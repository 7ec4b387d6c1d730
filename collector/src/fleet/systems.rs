//! Information systems: what an agency owns or operates, at which level, how far its approval is, and
//! which hosts belong to it. The level of a host's systems is its importance.

mod write;

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use soc_archive::Agencies;
use soc_event::{AgentId, Timestamp};
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row as _, Sqlite, SqliteConnection};
use utoipa::ToSchema;

use super::agency::MONITORED_MICROS;
use super::views::push_agencies;
use super::{AgencyRef, Error, Fleet, Page, PageRequest};

/// Makes an enum of words that SQL, API and tables share.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$of:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, sqlx::Type,
            ToSchema,
        )]
        #[serde(rename_all = "snake_case")]
        #[sqlx(rename_all = "snake_case")]
        pub enum $name {
            $($(#[$of])* $variant,)+
        }

        impl $name {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The word for it.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }

            /// The one with this word.
            pub fn from_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.as_str() == word)
            }
        }
    };
}

words! {
    /// What kind of system it is.
    SystemKind {
        /// A portal with its member sites.
        Portal = "portal",
        /// Mail.
        Mail = "mail",
        /// Documents and their handling.
        Document = "document",
        /// One-stop and online public services.
        OneStop = "one_stop",
        /// A database of a field of administration.
        Database = "database",
        /// The integration platform.
        Lgsp = "lgsp",
        /// The data centre.
        DataCentre = "data_centre",
        /// Networks of agencies.
        Network = "network",
        /// Public wifi.
        Wifi = "wifi",
        /// Video conferences.
        Video = "video",
        /// Firewalls and mail gateways.
        Firewall = "firewall",
        /// Any other.
        #[default]
        Other = "other",
    }
}

words! {
    /// How far the approval of its level and measures is.
    Approval {
        /// The dossier is being written.
        #[default]
        Draft = "draft",
        /// It was sent for appraisal.
        Sent = "sent",
        /// It was appraised.
        Appraised = "appraised",
        /// It was approved.
        Approved = "approved",
    }
}

words! {
    /// How far its measures are in place.
    Rollout {
        /// Not begun.
        #[default]
        None = "none",
        /// Some of them.
        Some = "some",
        /// All of them.
        Full = "full",
    }
}

words! {
    /// Whether it was checked against its measures.
    Checked {
        /// Never.
        #[default]
        Never = "never",
        /// Before it was put into use.
        BeforeUse = "before_use",
        /// Periodically.
        Periodic = "periodic",
    }
}

/// Somebody to call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Contact {
    /// Name.
    pub name: String,
    /// What they do.
    pub role: String,
    /// Telephone.
    pub phone: String,
    /// Mail.
    pub email: String,
}

/// What people write down about a system.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SystemDraft {
    /// Short and unique.
    pub code: String,
    /// What it is called.
    pub name: String,
    /// 1 to 5.
    pub level: i64,
    /// Code of the agency that owns it.
    pub owner: String,
    /// Code of the agency that operates it.
    pub operator: String,
    /// What kind.
    pub kind: SystemKind,
    /// How far its approval is.
    pub approval: Approval,
    /// Number of the decision that approved it.
    pub decision: String,
    /// When it was approved or, before it is, when that is expected: `2026-12-31`.
    pub approved_on: Option<String>,
    /// How far its measures are in place.
    pub rollout: Rollout,
    /// When they were or will be.
    pub rollout_on: Option<String>,
    /// Whether it was checked.
    pub checked: Checked,
    /// When it was checked last.
    pub checked_on: Option<String>,
    /// The rules of its operation.
    pub regulation: String,
    /// Whom to call.
    pub contacts: Vec<Contact>,
    /// Whatever else is worth knowing.
    pub note: String,
}

/// A system as it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct System {
    /// Its number.
    pub id: i64,
    /// What was written down.
    #[serde(flatten)]
    pub draft: SystemDraft,
    /// Who owns it.
    pub owned_by: AgencyRef,
    /// Who operates it.
    pub operated_by: AgencyRef,
    /// How many hosts it has.
    pub hosts: i64,
    /// Of these, heard lately.
    pub hosts_online: i64,
    /// Whether a host of it was heard within a day.
    pub monitored: bool,
    /// Grows with every change: what an editor names to say what it has seen.
    pub version: i64,
    /// When it was last changed.
    #[schema(value_type = String, format = DateTime)]
    pub changed_at: Timestamp,
    /// By whom.
    pub changed_by: String,
}

/// A system as a machine names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, sqlx::FromRow, ToSchema)]
pub struct SystemRef {
    /// Its number.
    pub id: i64,
    /// Its code.
    pub code: String,
    /// Its name.
    pub name: String,
    /// Its level.
    pub level: i64,
}

/// Which systems are asked for; nothing chosen means all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SystemFilter {
    /// Of these levels.
    pub levels: Vec<i64>,
    /// Of these kinds.
    pub kinds: Vec<SystemKind>,
    /// Owned or operated by one of these.
    pub agencies: Agencies,
}

impl SystemFilter {
    /// All of these agencies.
    pub fn of(agencies: Agencies) -> Self {
        Self { levels: Vec::new(), kinds: Vec::new(), agencies }
    }
}

const SELECT: &str = "SELECT system.id, system.code, system.name, level, owner, operator, kind,
    approval, decision, approved_on, rollout, rollout_on, checked, checked_on, regulation, contacts,
    note, system.version, changed_at, changed_by,
    owns.code AS owner_code, owns.name AS owner_name,
    runs.code AS operator_code, runs.name AS operator_name,
    (SELECT COUNT(*) FROM system_host JOIN agent ON agent.id = system_host.agent
        WHERE system = system.id AND revoked_at IS NULL) AS hosts,
    (SELECT COUNT(*) FROM system_host JOIN agent ON agent.id = system_host.agent
        WHERE system = system.id AND revoked_at IS NULL AND state = 'online') AS hosts_online,
    (SELECT MAX(heard_at) FROM system_host JOIN agent ON agent.id = system_host.agent
        WHERE system = system.id AND revoked_at IS NULL) AS heard_at";
const TABLES: &str = " FROM information_system AS system
    JOIN agency AS owns ON owns.id = owner JOIN agency AS runs ON runs.id = operator";

pub(crate) use write::{check as check_system, put_system};

impl Fleet {
    /// Systems that pass the filter, a page of them, the highest levels first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn systems(
        &self,
        filter: &SystemFilter,
        page: &PageRequest,
    ) -> Result<Page<System>, Error> {
        let mut count: QueryBuilder<Sqlite> = QueryBuilder::new("SELECT COUNT(*)");
        count.push(TABLES);
        push_filter(&mut count, filter);
        let total: i64 = count.build_query_scalar().fetch_one(self.0.store.pool()).await?;
        let mut query: QueryBuilder<Sqlite> = QueryBuilder::new(SELECT);
        query.push(TABLES);
        push_filter(&mut query, filter);
        query.push(" ORDER BY level DESC, system.code LIMIT ").push_bind(page.limit());
        query.push(" OFFSET ").push_bind(page.offset());
        let rows = query.build().fetch_all(self.0.store.pool()).await?;
        let items = rows.iter().map(|row| self.system_of(row)).collect::<Result<Vec<_>, _>>()?;
        let after = page.offset().saturating_add(i64::try_from(items.len()).unwrap_or(i64::MAX));
        Ok(Page { items, next: (after < total).then(|| after.to_string()), total })
    }

    /// One system, if it is there and may be seen.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn system(&self, id: i64, which: &Agencies) -> Result<Option<System>, Error> {
        let mut query: QueryBuilder<Sqlite> = QueryBuilder::new(SELECT);
        query.push(TABLES);
        push_filter(&mut query, &SystemFilter::of(which.clone()));
        query.push(" AND system.id = ").push_bind(id);
        let row = query.build().fetch_optional(self.0.store.pool()).await?;
        row.map(|row| self.system_of(&row)).transpose()
    }

    /// The systems a machine belongs to, the highest level first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn systems_of(&self, agent: AgentId) -> Result<Vec<SystemRef>, Error> {
        Ok(sqlx::query_as(
            "SELECT system.id, code, name, level FROM system_host
             JOIN information_system AS system ON system.id = system_host.system
             WHERE agent = ? ORDER BY level DESC, code",
        )
        .bind(agent.to_string())
        .fetch_all(self.0.store.pool())
        .await?)
    }

    fn system_of(&self, row: &SqliteRow) -> Result<System, Error> {
        let agency = |id: &str, code: &str, name: &str| -> Result<AgencyRef, sqlx::Error> {
            let (id, code, name) = (row.try_get(id)?, row.try_get(code)?, row.try_get(name)?);
            Ok(AgencyRef { id, code, name })
        };
        let owned_by = agency("owner", "owner_code", "owner_name")?;
        let operated_by = agency("operator", "operator_code", "operator_name")?;
        let since = self.0.clock.now().plus_micros(-MONITORED_MICROS).as_micros();
        let heard_at: Option<i64> = row.try_get("heard_at")?;
        Ok(System {
            id: row.try_get("id")?,
            draft: SystemDraft {
                owner: owned_by.code.clone(),
                operator: operated_by.code.clone(),
                ..draft_of(row)?
            },
            owned_by,
            operated_by,
            hosts: row.try_get("hosts")?,
            hosts_online: row.try_get("hosts_online")?,
            monitored: heard_at.is_some_and(|at| at >= since),
            version: row.try_get("version")?,
            changed_at: Timestamp::from_micros(row.try_get("changed_at")?),
            changed_by: row.try_get("changed_by")?,
        })
    }
}

/// All but the agencies.
pub(crate) fn draft_of(row: &SqliteRow) -> Result<SystemDraft, Error> {
    let contacts = serde_json::from_str(row.try_get("contacts")?);
    Ok(SystemDraft {
        code: row.try_get("code")?,
        name: row.try_get("name")?,
        level: row.try_get("level")?,
        owner: String::new(),
        operator: String::new(),
        kind: row.try_get("kind")?,
        approval: row.try_get("approval")?,
        decision: row.try_get("decision")?,
        approved_on: row.try_get("approved_on")?,
        rollout: row.try_get("rollout")?,
        rollout_on: row.try_get("rollout_on")?,
        checked: row.try_get("checked")?,
        checked_on: row.try_get("checked_on")?,
        regulation: row.try_get("regulation")?,
        contacts: contacts.map_err(|error| Error::Content(error.to_string()))?,
        note: row.try_get("note")?,
    })
}

fn push_filter(query: &mut QueryBuilder<Sqlite>, filter: &SystemFilter) {
    query.push(" WHERE TRUE");
    query.push(" AND (");
    push_agencies(query, "owner", &filter.agencies);
    query.push(" OR ");
    push_agencies(query, "operator", &filter.agencies);
    query.push(")");
    if !filter.levels.is_empty() {
        query.push(" AND level IN (");
        let mut list = query.separated(", ");
        for level in &filter.levels {
            list.push_bind(*level);
        }
        query.push(")");
    }
    if !filter.kinds.is_empty() {
        query.push(" AND kind IN (");
        let mut list = query.separated(", ");
        for kind in &filter.kinds {
            list.push_bind(kind.as_str());
        }
        query.push(")");
    }
}

/// The highest level of the systems an agency owns, operates or has hosts of.
///
/// # Errors
/// When the database cannot be read.
pub(crate) async fn system_levels(tx: &mut SqliteConnection) -> sqlx::Result<HashMap<i64, i64>> {
    let rows: Vec<(i64, i64)> = sqlx::query_as(
        "SELECT agency, MAX(level) FROM (
             SELECT owner AS agency, level FROM information_system
             UNION ALL SELECT operator, level FROM information_system
             UNION ALL SELECT agent.agency, importance
                 FROM host_importance JOIN agent ON agent.id = host_importance.agent)
         GROUP BY agency",
    )
    .fetch_all(tx)
    .await?;
    Ok(rows.into_iter().collect())
}
