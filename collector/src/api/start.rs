use axum::Json;
use axum::extract::State;
use serde::Serialize;
use soc_archive::Agencies;
use soc_event::Timestamp;
use utoipa::ToSchema;

use super::signed::Session;
use super::{Api, Problem};
use crate::fleet::Beginning;

/// What the control socket writes into the audit after a backup.
const BACKUP_MADE: &str = "backup made";

/// How far a new collector has come.
#[derive(Debug, Serialize, ToSchema)]
pub struct Start {
    #[serde(flatten)]
    beginning: Beginning,
    /// Machines.
    machines: i64,
    /// Machines heard lately.
    online: i64,
    /// Machines whose antivirus is known.
    antivirus_known: i64,
    /// Rules in force.
    rules: usize,
    /// When the last backup was made; told to those who see all.
    #[schema(value_type = Option<String>, format = DateTime)]
    backup_at: Option<Timestamp>,
}

/// How far a new collector has come.
#[utoipa::path(get, path = "/start", tag = "overview", responses((status = 200, body = Start)))]
pub async fn show(State(api): State<Api>, session: Session) -> Result<Json<Start>, Problem> {
    let overview = api.fleet.overview(&session.agencies).await?;
    let backup = match session.agencies {
        Agencies::All => api.access.last_deed(BACKUP_MADE).await,
        Agencies::Of(_) => Ok(None),
    };
    Ok(Json(Start {
        beginning: api.fleet.beginning(&session.agencies).await?,
        machines: overview.machines.total,
        online: overview.machines.online,
        antivirus_known: overview.machines.total - overview.antivirus.unknown,
        rules: api.rulebook.current().ruleset.rules().len(),
        backup_at: backup.map_err(|error| Problem::internal(&error))?,
    }))
}
