use serde::{Deserialize, Serialize};
use soc_archive::Agencies;
use soc_event::Timestamp;
use sqlx::{QueryBuilder, Sqlite};

use super::{MachineFilter, PortFilter};
use crate::fleet::{Error, Fleet};

/// What a machine has become.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum MachineChange {
    /// It has enrolled.
    New,
    /// It is silent, and was heard before that.
    Silent,
    /// It was protected by antivirus and is not any more.
    Unprotected,
}

/// How much has changed since a moment; each figure is the total of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct FleetChanges {
    /// Machines that have enrolled.
    pub new_machines: i64,
    /// Machines that are silent and were not then.
    pub silent_machines: i64,
    /// Machines that have lost their protection.
    pub unprotected_machines: i64,
    /// Ports others can see that no machine had open then.
    pub new_ports: i64,
}

impl Fleet {
    /// What has changed since a moment.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn changes(&self, scope: &Agencies, since: Timestamp) -> Result<FleetChanges, Error> {
        let count = async |change: MachineChange| {
            let changed = Some((change, since));
            let filter = MachineFilter { changed, ..MachineFilter::of(scope.clone()) };
            self.count_machines(&filter).await
        };
        let ports = PortFilter { since: Some(since), ..PortFilter::exposed(scope.clone()) };
        Ok(FleetChanges {
            new_machines: count(MachineChange::New).await?,
            silent_machines: count(MachineChange::Silent).await?,
            unprotected_machines: count(MachineChange::Unprotected).await?,
            new_ports: self.count_open_ports(&ports).await?,
        })
    }
}

/// Only machines that have changed like this since.
pub(super) fn push_change(
    query: &mut QueryBuilder<Sqlite>,
    (change, since): (MachineChange, Timestamp),
) {
    query.push(match change {
        MachineChange::New => " AND enrolled_at >= ",
        MachineChange::Silent => " AND state = 'silent' AND heard_at >= ",
        MachineChange::Unprotected => " AND antivirus_lost_at >= ",
    });
    query.push_bind(since.as_micros());
}
