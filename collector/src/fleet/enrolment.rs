use soc_event::{AgentId, Timestamp};
use sqlx::Row as _;

use super::{Agency, Error, Fleet, token};
use crate::pki::{self, Signed};

/// Longest text of an application that is kept, in characters.
const TEXT_CHARS_MAX: usize = 256;

/// What a machine says when it wants to become an agent.
#[derive(Clone, Debug)]
pub struct Application {
    /// What lets it in.
    pub token: String,
    /// What it calls itself.
    pub hostname: String,
    /// Hash over hardware and system.
    pub fingerprint: String,
    /// Which system it runs.
    pub os: String,
    /// Version of the agent.
    pub version: String,
    /// SHA-256 of its public key.
    pub key_hash: [u8; 32],
}

/// A machine that is an agent now.
#[derive(Clone, Debug)]
pub struct Enrolled {
    /// Which.
    pub agent: AgentId,
    /// Its certificate.
    pub signed: Signed,
}

impl Fleet {
    /// Uses a token once and makes the machine an agent, in one transaction. The same key with the
    /// same token is the same agent: the answer before may have been lost on its way.
    ///
    /// # Errors
    /// [`Error::Token`]; [`Error::Pki`] when `sign` fails: then the token is not used.
    pub async fn enrol(
        &self,
        application: &Application,
        sign: impl FnOnce(AgentId) -> Result<Signed, pki::Error>,
    ) -> Result<Enrolled, Error> {
        let now = self.0.clock.now();
        let _moving = self.0.moving.lock().await;
        let mut transaction = self.0.store.write().await?;
        let row = sqlx::query(
            "SELECT t.id AS token, t.used < t.uses AS left, agency.id, code, name, parent,
                    valid_from, valid_until, agency.revision
             FROM enrolment_token AS t JOIN agency ON agency.id = t.agency
             WHERE hash = ? AND (expires_at IS NULL OR expires_at > ?)",
        )
        .bind(token::hash(&application.token).as_slice())
        .bind(now.as_micros())
        .fetch_optional(&mut *transaction)
        .await?
        .ok_or(Error::Token)?;
        let token: i64 = row.try_get("token")?;
        let agency = Agency::of(&row)?;
        let again = enrolled_with(&mut transaction, token, application.key_hash).await?;
        let agent = match again {
            Some(agent) => agent,
            None if row.try_get::<bool, _>("left")? => AgentId::from_random(rand::random()),
            None => return Err(Error::Token),
        };
        let signed = sign(agent)?;
        match again {
            Some(_) => set_expiry(&mut transaction, agent, signed.expires).await?,
            None => {
                sqlx::query("UPDATE enrolment_token SET used = used + 1 WHERE id = ?")
                    .bind(token)
                    .execute(&mut *transaction)
                    .await?;
                let new = NewAgent { agent, agency: &agency, token, expires: signed.expires, now };
                insert(&mut transaction, application, &new).await?;
            }
        }
        transaction.commit().await?;
        let (hostname, fingerprint) = (&application.hostname, &application.fingerprint);
        self.0.known.enrolled(agent, &agency, &short(hostname), &short(fingerprint));
        self.tell(agent);
        Ok(Enrolled { agent, signed })
    }

    /// Notes the end of a renewed certificate.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn renewed(&self, agent: AgentId, expires: Timestamp) -> Result<(), Error> {
        let mut transaction = self.0.store.write().await?;
        set_expiry(&mut transaction, agent, expires).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Removes an agent: from now on it is refused. What is known of it stays. False where there
    /// is none.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn revoke(&self, agent: AgentId) -> Result<bool, Error> {
        let sql = "UPDATE agent SET revoked_at = COALESCE(revoked_at, ?) WHERE id = ?";
        let done = sqlx::query(sql)
            .bind(self.0.clock.now().as_micros())
            .bind(agent.to_string())
            .execute(self.0.store.pool())
            .await?;
        self.0.known.revoked(agent);
        self.tell(agent);
        Ok(done.rows_affected() > 0)
    }
}

/// What is decided about a new agent, beside what it says itself.
struct NewAgent<'a> {
    agent: AgentId,
    agency: &'a Agency,
    token: i64,
    expires: Timestamp,
    now: Timestamp,
}

async fn insert(
    connection: &mut sqlx::SqliteConnection,
    application: &Application,
    new: &NewAgent<'_>,
) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO agent (id, agency, hostname, fingerprint, os, version, token, key_hash,
                            enrolled_at, certificate_expires_at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(new.agent.to_string())
    .bind(new.agency.id)
    .bind(short(&application.hostname))
    .bind(short(&application.fingerprint))
    .bind(short(&application.os))
    .bind(short(&application.version))
    .bind(new.token)
    .bind(application.key_hash.as_slice())
    .bind(new.now.as_micros())
    .bind(new.expires.as_micros())
    .execute(connection)
    .await?;
    Ok(())
}

async fn enrolled_with(
    connection: &mut sqlx::SqliteConnection,
    token: i64,
    key_hash: [u8; 32],
) -> Result<Option<AgentId>, Error> {
    let sql = "SELECT id FROM agent WHERE token = ? AND key_hash = ? AND revoked_at IS NULL";
    let id: Option<String> = sqlx::query_scalar(sql)
        .bind(token)
        .bind(key_hash.as_slice())
        .fetch_optional(connection)
        .await?;
    id.map(|id| id.parse().map_err(Error::Content)).transpose()
}

async fn set_expiry(
    connection: &mut sqlx::SqliteConnection,
    agent: AgentId,
    expires: Timestamp,
) -> Result<(), Error> {
    sqlx::query("UPDATE agent SET certificate_expires_at = ? WHERE id = ?")
        .bind(expires.as_micros())
        .bind(agent.to_string())
        .execute(connection)
        .await?;
    Ok(())
}

/// Cut to what is kept.
pub(super) fn short(text: &str) -> String {
    text.chars().take(TEXT_CHARS_MAX).collect()
}
