//! Anomalies of logs that are normal, because a person said so.

use serde::{Deserialize, Serialize};
use soc_archive::Agencies;
use soc_event::{AgentId, Timestamp, kind};
use sqlx::SqliteConnection;
use utoipa::ToSchema;

use super::operate::{Entry, current, shared, write_history};
use super::{Alerts, COMMENT_MAX, Error, EventView, Verdict, risk};
use crate::access::{Caller, Deed, listed};
use crate::live::Notice;
use crate::store::Store;

/// Rows shown; the latest.
const NORMAL_MAX: i64 = 4096;
/// Fields that say to people what an anomaly is about.
const SHOWN: [&str; 5] =
    ["anomaly.kind", "anomaly.source", "anomaly.field", "anomaly.value", "template.text"];

/// Where it is normal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// On the machine of the alert.
    #[default]
    Machine,
    /// On every machine of its agency and of those below it.
    Agency,
}

/// One thing that is normal.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct NormalRow {
    /// What is judged: `anomaly.id`.
    pub anomaly: String,
    /// On which machine only; nothing where it is normal in the whole agency.
    pub machine: Option<String>,
    /// Number of the agency.
    pub agency: i64,
    /// The alert by which it was said; reopening it takes it back.
    pub alert: String,
    /// Kind, source and what it is about.
    #[schema(value_type = Object)]
    pub what: serde_json::Value,
    /// Who said it.
    pub who: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
}

impl Alerts {
    /// Calls the anomaly behind an alert normal, and closes the alert.
    ///
    /// # Errors
    /// [`Error::NoAnomaly`] for an alert of another kind; [`Error`]. Nothing was done then.
    pub async fn call_normal(
        &self,
        id: &str,
        scope: Scope,
        comment: Option<&str>,
        seen: &Agencies,
        caller: &Caller,
    ) -> Result<(), Error> {
        let comment = comment.map(str::trim).filter(|comment| !comment.is_empty());
        if comment.is_some_and(|comment| comment.chars().count() > COMMENT_MAX) {
            return Err(Error::CommentTooLong);
        }
        let now = self.clock.now();
        let mut tx = self.store.write().await?;
        let alert = current(&mut tx, id, seen).await?;
        let (number, agency) = (alert.number, alert.agency);
        let (agent, first_event): (String, String) =
            sqlx::query_as("SELECT agent, first_event FROM alert WHERE id = ?")
                .bind(id)
                .fetch_one(&mut *tx)
                .await?;
        let event: EventView = serde_json::from_str(&first_event)?;
        let anomaly = anomaly_of(&event).ok_or(Error::NoAnomaly)?;
        let agent = if scope == Scope::Machine { agent } else { String::new() };
        sqlx::query(
            "INSERT INTO anomaly_normal (anomaly, agent, agency, alert, what, who, at)
             VALUES (?, ?, ?, ?, ?, ?, ?)
             ON CONFLICT DO UPDATE SET alert = excluded.alert, who = excluded.who, at = excluded.at",
        )
        .bind(anomaly)
        .bind(agent)
        .bind(agency)
        .bind(id)
        .bind(shown(&event).to_string())
        .bind(&caller.who)
        .bind(now.as_micros())
        .execute(&mut *tx)
        .await?;
        if alert.is_unclosed() {
            let benign = Verdict::Benign;
            sqlx::query(
                "UPDATE alert SET state = 'closed', verdict = ?, version = version + 1
                 WHERE id = ?",
            )
            .bind(benign.as_str())
            .bind(id)
            .execute(&mut *tx)
            .await?;
            if let Some(share) = shared(None, Some(benign)) {
                risk::share(&mut tx, id, share).await?;
            }
            let about = Some(benign.as_str());
            let entry = Entry { who: &caller.who, action: "closed", comment, about };
            write_history(&mut tx, id, now.as_micros(), entry).await?;
        }
        let subject = format!("alert {number}");
        let deed = Deed::new(&caller.who, &caller.address, "anomaly called normal", &subject);
        deed.with(anomaly).write(&mut tx, now).await?;
        tx.commit().await?;
        self.bus.tell(Notice::Alert { id: id.to_owned(), agency });
        Ok(())
    }

    /// Everything that is called normal, latest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn normal(&self, agencies: &Agencies) -> Result<Vec<NormalRow>, Error> {
        let rows: Vec<(String, String, i64, String, String, String, i64)> = sqlx::query_as(
            "SELECT anomaly, agent, agency, alert, what, who, at FROM anomaly_normal
             WHERE ?1 IS NULL OR agency IN (SELECT value FROM json_each(?1))
             ORDER BY at DESC, anomaly LIMIT ?2",
        )
        .bind(listed(agencies))
        .bind(NORMAL_MAX)
        .fetch_all(self.store.pool())
        .await?;
        let row =
            |(anomaly, agent, agency, alert, what, who, at): (_, String, _, _, String, _, _)| {
                Ok(NormalRow {
                    anomaly,
                    machine: Some(agent).filter(|agent| !agent.is_empty()),
                    agency,
                    alert,
                    what: serde_json::from_str(&what)?,
                    who,
                    at: Timestamp::from_micros(at),
                })
            };
        rows.into_iter().map(row).collect()
    }
}

/// One anomaly, and where it is normal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CalledNormal {
    pub anomaly: String,
    /// Nothing: in all of the agency and those below it.
    pub machine: Option<AgentId>,
    pub agency: i64,
}

/// Everything that agents are to take for normal, the latest first.
///
/// # Errors
/// When the database cannot be read.
pub(crate) async fn called_normal(store: &Store) -> sqlx::Result<Vec<CalledNormal>> {
    let rows: Vec<(String, String, i64)> = sqlx::query_as(
        "SELECT anomaly, agent, agency FROM anomaly_normal ORDER BY at DESC, anomaly",
    )
    .fetch_all(store.pool())
    .await?;
    let row = |(anomaly, agent, agency): (_, String, _)| {
        let machine = match agent.as_str() {
            "" => None,
            id => Some(id.parse().ok()?),
        };
        Some(CalledNormal { anomaly, machine, agency })
    };
    Ok(rows.into_iter().filter_map(row).collect())
}

/// What was normal in these agencies is so in this one as well: they are no longer above it.
///
/// # Errors
/// When the database fails.
pub(crate) async fn pass_on(
    tx: &mut SqliteConnection,
    agency: i64,
    lost: &[i64],
) -> sqlx::Result<()> {
    for from in lost {
        sqlx::query(
            "INSERT OR IGNORE INTO anomaly_normal (anomaly, agent, agency, alert, what, who, at)
             SELECT anomaly, '', ?, alert, what, who, at FROM anomaly_normal
             WHERE agent = '' AND agency = ?",
        )
        .bind(agency)
        .bind(from)
        .execute(&mut *tx)
        .await?;
    }
    Ok(())
}

/// Takes back what was called normal by an alert.
pub(super) async fn take_back(tx: &mut SqliteConnection, alert: &str) -> sqlx::Result<()> {
    sqlx::query("DELETE FROM anomaly_normal WHERE alert = ?").bind(alert).execute(tx).await?;
    Ok(())
}

/// The id of the anomaly an event tells; an agent wrote it, so only an id is taken.
fn anomaly_of(event: &EventView) -> Option<&str> {
    if event.kind != kind::LOG_ANOMALY.as_str() {
        return None;
    }
    let id = event.fields.get("anomaly.id")?.as_text()?;
    let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    (id.len() == 16 && id.bytes().all(is_hex)).then_some(id)
}

fn shown(event: &EventView) -> serde_json::Value {
    let fields = SHOWN.iter().filter_map(|name| {
        let text = event.fields.get(*name)?.as_text()?;
        Some(((*name).to_owned(), serde_json::Value::from(text)))
    });
    serde_json::Value::Object(fields.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::tests::{Fixture, an, finding, fixture, raise};

    const ID: &str = "00112233445566aa";

    async fn anomaly(fixture: &Fixture, id: &str) -> String {
        let mut found = finding("anomaly", id, 1);
        found.event.kind = "log.anomaly".into();
        found.event.fields.insert("anomaly.id".into(), id.into());
        found.event.fields.insert("anomaly.kind".into(), "new_template".into());
        raise(fixture, &[found]).await[0].id.clone()
    }

    #[tokio::test]
    async fn what_is_called_normal_is_so_until_it_is_taken_back() {
        let fixture = fixture().await;
        let alerts = &fixture.alerts;
        let agent = AgentId::from_bytes([7; 16]);
        let called = async || called_normal(&alerts.store).await.unwrap();
        let id = anomaly(&fixture, ID).await;
        alerts.call_normal(&id, Scope::Machine, None, &Agencies::All, &an()).await.unwrap();
        let here = CalledNormal { anomaly: ID.into(), machine: Some(agent), agency: 1 };
        assert_eq!(called().await, [here]);
        let (alert, _) = alerts.get(&id, &Agencies::All).await.unwrap();
        assert_eq!(alert.row.state, crate::alert::State::Closed);
        let rows = alerts.normal(&Agencies::All).await.unwrap();
        assert_eq!((rows.len(), rows[0].who.as_str()), (1, "an"));
        assert_eq!(rows[0].what["anomaly.kind"], "new_template");
        let reopen = crate::alert::Change::of(crate::alert::Action::Reopen);
        alerts.operate(&id, &reopen, &Agencies::All, &an()).await.unwrap();
        assert!(called().await.is_empty());

        alerts.call_normal(&id, Scope::Agency, Some("quen"), &Agencies::All, &an()).await.unwrap();
        let everywhere = CalledNormal { anomaly: ID.into(), machine: None, agency: 1 };
        assert_eq!(called().await, [everywhere]);
    }

    #[tokio::test]
    async fn only_an_anomaly_with_a_sound_id_can_be_normal() {
        let fixture = fixture().await;
        let of_log = raise(&fixture, &[finding("r", "a", 2)]).await[0].id.clone();
        let forged = anomaly(&fixture, "\"]\nnormal = [\"").await;
        for id in [of_log, forged] {
            let refused =
                fixture.alerts.call_normal(&id, Scope::Agency, None, &Agencies::All, &an()).await;
            assert!(matches!(refused, Err(Error::NoAnomaly)), "{refused:?}");
        }
        let none =
            fixture.alerts.call_normal("no", Scope::Machine, None, &Agencies::All, &an()).await;
        assert!(matches!(none, Err(Error::NotFound)));
        assert!(fixture.alerts.normal(&Agencies::All).await.unwrap().is_empty());
    }
}
