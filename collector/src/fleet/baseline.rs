//! What operators approve: the ports that may be there, on a machine or in an agency.
//!
//! Approving judges nothing again: it holds for what opens from now on. Every approval and every
//! taking back is a deed in the audit, in the same transaction.

use serde::{Deserialize, Serialize};
use soc_archive::Agencies;
use soc_event::{AgentId, Timestamp};
use sqlx::SqliteConnection;

use super::enrolment::short;
use super::{Error, Fleet};
use crate::access::{Caller, Deed, listed};

/// Ports approved at once.
const PORTS_MAX: usize = 1000;

/// Which ports are approved, for whom, and why.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
pub struct Approve {
    /// These; without any, all that are open on the machine now.
    #[serde(default)]
    pub ports: Vec<PortName>,
    /// For its whole agency and those below it, not for this machine alone.
    #[serde(default)]
    pub agency: bool,
    /// Why.
    #[serde(default)]
    pub note: String,
}

/// What makes a port the same port on every machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, sqlx::FromRow, utoipa::ToSchema)]
pub struct PortName {
    /// `tcp` or `udp`
    pub transport: String,
    /// `loopback`, `lan`, `any` or `namespace`
    pub scope: String,
    /// Its number.
    pub port: i64,
    /// The program; empty where it is not known.
    #[serde(default)]
    pub executable: String,
}

/// An approval as it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Approval {
    /// Its number, by which it is taken back.
    pub id: i64,
    /// Code of the agency it is for; nothing when it is for this machine.
    pub agency: Option<String>,
    /// Who approved it.
    pub by: String,
    /// When.
    #[schema(value_type = String)]
    pub at: Timestamp,
    /// Why.
    pub note: String,
}

/// How many ports an operator has approved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Approved {
    /// Those that were not approved before.
    pub approved: u64,
}

impl Fleet {
    /// Approves ports of a machine; what was approved already stays as it was.
    ///
    /// # Errors
    /// [`Error::Refused`] when there is no such machine or too many ports are named.
    pub async fn approve_ports(
        &self,
        agent: AgentId,
        request: &Approve,
        caller: &Caller,
    ) -> Result<Approved, Error> {
        let who = self.who(agent).ok_or_else(|| refused("there is no such machine"))?;
        if request.ports.len() > PORTS_MAX {
            return Err(refused("at most 1000 ports can be approved at once"));
        }
        let now = self.0.clock.now();
        let mut tx = self.0.store.write().await?;
        let ports = match request.ports.as_slice() {
            [] => open_ports(&mut tx, agent).await?,
            named => named.to_vec(),
        };
        let (machine, agency) = match request.agency {
            true => (None, Some(who.agency_id)),
            false => (Some(agent.to_string()), None),
        };
        let mut approved = 0;
        for port in &ports {
            let done = sqlx::query(
                "INSERT INTO port_approval (agent, agency, transport, scope, port, executable,
                        note, approved_by, approved_at)
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            )
            .bind(&machine)
            .bind(agency)
            .bind(short(&port.transport))
            .bind(short(&port.scope))
            .bind(port.port)
            .bind(short(&port.executable))
            .bind(short(&request.note))
            .bind(&caller.who)
            .bind(now.as_micros())
            .execute(&mut *tx)
            .await?;
            approved += done.rows_affected();
        }
        let subject = if request.agency { &who.agency_code } else { &who.hostname };
        let named = ports.iter().map(described).collect::<Vec<_>>().join(", ");
        let detail = format!("{approved}: {named}. {}", request.note);
        Deed::new(&caller.who, &caller.address, "ports approved", subject)
            .with(&detail)
            .write(&mut tx, now)
            .await?;
        tx.commit().await?;
        self.tell(agent);
        Ok(Approved { approved })
    }

    /// Takes an approval back.
    ///
    /// # Errors
    /// [`Error::Refused`] when there is none with this number.
    pub async fn revoke_approval(
        &self,
        id: i64,
        agencies: &Agencies,
        caller: &Caller,
    ) -> Result<(), Error> {
        let now = self.0.clock.now();
        let mut tx = self.0.store.write().await?;
        let row: Option<TakenBack> = sqlx::query_as(
            "UPDATE port_approval SET revoked_by = ?1, revoked_at = ?2
                 WHERE id = ?3 AND revoked_at IS NULL AND (?4 IS NULL OR coalesce(agency,
                     (SELECT agency FROM agent WHERE agent.id = port_approval.agent))
                     IN (SELECT value FROM json_each(?4)))
                 RETURNING agent, (SELECT code FROM agency WHERE id = port_approval.agency),
                           transport, scope, port, executable",
        )
        .bind(&caller.who)
        .bind(now.as_micros())
        .bind(id)
        .bind(listed(agencies))
        .fetch_optional(&mut *tx)
        .await?;
        let Some((agent, agency, transport, scope, port, executable)) = row else {
            return Err(refused("there is no such approval, or it was taken back already"));
        };
        let agent: Option<AgentId> = agent.and_then(|agent| agent.parse().ok());
        let hostname = agent.and_then(|agent| self.who(agent)).map(|who| who.hostname);
        let subject = hostname.or(agency).unwrap_or_default();
        Deed::new(&caller.who, &caller.address, "port approval taken back", &subject)
            .with(&described(&PortName { transport, scope, port, executable }))
            .write(&mut tx, now)
            .await?;
        tx.commit().await?;
        agent.into_iter().for_each(|agent| self.tell(agent));
        Ok(())
    }
}

/// What was approved for these agencies is so for this one as well: they are no longer above it.
pub(crate) async fn pass_on(
    tx: &mut SqliteConnection,
    agency: i64,
    lost: &[i64],
) -> Result<(), Error> {
    for from in lost {
        sqlx::query(
            "INSERT INTO port_approval (agency, transport, scope, port, executable, note,
                    approved_by, approved_at)
             SELECT ?, transport, scope, port, executable, note, approved_by, approved_at
             FROM port_approval WHERE agency = ? AND revoked_at IS NULL
             ON CONFLICT DO NOTHING",
        )
        .bind(agency)
        .bind(from)
        .execute(&mut *tx)
        .await?;
    }
    Ok(())
}

/// Machine or agency, and the port's name.
type TakenBack = (Option<String>, Option<String>, String, String, i64, String);

async fn open_ports(tx: &mut SqliteConnection, agent: AgentId) -> Result<Vec<PortName>, Error> {
    let ports = sqlx::query_as(
        "SELECT transport, scope, port, executable FROM port
         WHERE agent = ? AND closed_at IS NULL ORDER BY port, transport LIMIT ?",
    )
    .bind(agent.to_string())
    .bind(i64::try_from(PORTS_MAX).unwrap_or(i64::MAX))
    .fetch_all(tx)
    .await?;
    Ok(ports)
}

/// `tcp/22 any /usr/sbin/sshd`
fn described(port: &PortName) -> String {
    let PortName { transport, scope, port, executable } = port;
    format!("{transport}/{port} {scope} {executable}").trim_end().to_owned()
}

fn refused(why: &str) -> Error {
    Error::Refused(why.to_owned())
}
