//! What operators approve: the ports that may be there, on a machine or in an agency.
//!
//! Approving judges nothing again: it holds for what opens from now on. Every approval and every
//! taking back is a deed in the audit, in the same transaction.

use serde::{Deserialize, Serialize};
use soc_archive::Agencies;
use soc_event::{AgentId, Timestamp};
use sqlx::{QueryBuilder, SqliteConnection};

use super::enrolment::short;
use super::views::push_scope;
use super::{Error, Fleet};
use crate::access::{Caller, Deed, listed};

/// Ports approved at once.
const PORTS_MAX: usize = 1000;
/// Ports times machines and agencies approved at once.
const APPROVALS_MAX: usize = 100_000;

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

/// Which ports are approved at once for several machines or agencies, and why.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApproveMany {
    /// These.
    pub ports: Vec<PortName>,
    /// On these machines.
    #[serde(default)]
    pub machines: Vec<String>,
    /// In these agencies, by number, and in those below them.
    #[serde(default)]
    pub agencies: Vec<i64>,
    /// Why.
    #[serde(default)]
    pub note: String,
}

/// What makes a port the same port on every machine.
#[derive(
    Clone,
    Debug,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    sqlx::FromRow,
    utoipa::ToSchema,
)]
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
        let place = match request.agency {
            true => Place::Agency(who.agency_id),
            false => Place::Machine(agent),
        };
        let approval = New { note: &request.note, caller, now };
        let approved = approval.write(&mut tx, place, &ports).await?;
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

    /// Approves ports on several machines and in several agencies, of those that may be seen; what
    /// was approved already stays as it was. One deed for each place, all or nothing.
    ///
    /// # Errors
    /// [`Error::Refused`] when a machine or agency is not there or may not be seen, or too much is
    /// named.
    pub async fn approve_many(
        &self,
        request: &ApproveMany,
        scope: &Agencies,
        caller: &Caller,
    ) -> Result<Approved, Error> {
        let now = self.0.clock.now();
        let mut tx = self.0.store.write().await?;
        let places = places(&mut tx, request, scope).await?;
        if request.ports.is_empty() || places.is_empty() {
            return Err(refused("name at least one port, and one machine or agency"));
        }
        if request.ports.len().saturating_mul(places.len()) > APPROVALS_MAX {
            return Err(refused("at most 100000 approvals can be made at once"));
        }
        let named = request.ports.iter().map(described).collect::<Vec<_>>().join(", ");
        let approval = New { note: &request.note, caller, now };
        let mut approved = 0;
        for (place, subject) in &places {
            let new = approval.write(&mut tx, *place, &request.ports).await?;
            let detail = format!("{new}: {named}. {}", request.note);
            let deed = Deed::new(&caller.who, &caller.address, "ports approved", subject);
            deed.with(&detail).write(&mut tx, now).await?;
            approved += new;
        }
        tx.commit().await?;
        let machines = places.iter().filter_map(|(place, _)| place.machine());
        machines.for_each(|agent| self.tell(agent));
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

/// Where ports are approved.
#[derive(Clone, Copy)]
enum Place {
    Machine(AgentId),
    Agency(i64),
}

impl Place {
    fn machine(self) -> Option<AgentId> {
        match self {
            Self::Machine(agent) => Some(agent),
            Self::Agency(_) => None,
        }
    }
}

/// An approval that is being given.
struct New<'a> {
    note: &'a str,
    caller: &'a Caller,
    now: Timestamp,
}

impl New<'_> {
    /// How many of these were not approved there before.
    async fn write(
        &self,
        tx: &mut SqliteConnection,
        place: Place,
        ports: &[PortName],
    ) -> Result<u64, Error> {
        let (machine, agency) = match place {
            Place::Machine(agent) => (Some(agent.to_string()), None),
            Place::Agency(agency) => (None, Some(agency)),
        };
        let mut approved = 0;
        for port in ports {
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
            .bind(short(self.note))
            .bind(&self.caller.who)
            .bind(self.now.as_micros())
            .execute(&mut *tx)
            .await?;
            approved += done.rows_affected();
        }
        Ok(approved)
    }
}

/// The machines and agencies that are named, with their names; all of them may be seen.
async fn places(
    tx: &mut SqliteConnection,
    request: &ApproveMany,
    scope: &Agencies,
) -> Result<Vec<(Place, String)>, Error> {
    let mut query = QueryBuilder::new("SELECT id, hostname FROM agent WHERE id IN (");
    query.push("SELECT value FROM json_each(");
    query.push_bind(serde_json::json!(request.machines).to_string());
    query.push(")) AND revoked_at IS NULL");
    push_scope(&mut query, "agent.agency", scope);
    let machines: Vec<(String, String)> = query.build_query_as().fetch_all(&mut *tx).await?;
    let mut query = QueryBuilder::new("SELECT id, code FROM agency WHERE id IN (");
    query.push("SELECT value FROM json_each(");
    query.push_bind(serde_json::json!(request.agencies).to_string()).push("))");
    push_scope(&mut query, "agency.id", scope);
    let agencies: Vec<(i64, String)> = query.build_query_as().fetch_all(tx).await?;
    let named = (request.machines.len(), request.agencies.len());
    if named != (machines.len(), agencies.len()) {
        return Err(refused("there is no such machine or agency, or one is named twice"));
    }
    let machines = machines.into_iter().map(|(id, name)| {
        let agent = id.parse().map_err(Error::Content)?;
        Ok((Place::Machine(agent), name))
    });
    let agencies = agencies.into_iter().map(|(id, code)| Ok((Place::Agency(id), code)));
    machines.chain(agencies).collect()
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
