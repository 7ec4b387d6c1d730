use std::fmt;

use sha2::{Digest, Sha256};
use soc_event::Timestamp;

use super::{Access, Caller, Deed, Error, Operator, SESSIONS_MAX};

/// How stale `last_seen_at` may be: a write for every request would be a disk flush each.
const SEEN_AFTER_US: i64 = 60 * 1_000_000;
/// Longest name of a browser that is kept, in characters.
const CLIENT_MAX: usize = 200;
/// How many hex digits of its hash name a session to people.
const ID_DIGITS: usize = 16;

/// A session that has not ended.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct SessionRow {
    /// What it is called when it is to be ended.
    pub id: String,
    /// Where it began.
    pub address: String,
    /// What the browser calls itself.
    pub client: String,
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it was last used, to the minute.
    #[schema(value_type = String, format = DateTime)]
    pub last_seen_at: Timestamp,
    /// Whether it is the one that asks.
    pub current: bool,
}

/// What proves a session: 256 random bits as 64 hex digits. Never shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    pub(super) fn random() -> Self {
        let bytes: [u8; 32] = rand::random();
        Self(crate::hex(&bytes))
    }

    /// As a browser or script sent it.
    pub fn from_text(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The text, for the answer to the one who signed in.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    pub(super) fn hash(&self) -> Vec<u8> {
        Sha256::digest(self.0.as_bytes()).to_vec()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

impl Access {
    /// Whose session or API token this is, if it is one that has not ended.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn session(&self, token: &Token, address: &str) -> Result<Option<Operator>, Error> {
        if token.is_of_api() {
            return self.api_token(token, address).await;
        }
        let now = self.clock.now().as_micros();
        let row: Option<(String, i64, bool)> = sqlx::query_as(
            "SELECT operator, last_seen_at, by_provider FROM session
             WHERE token_hash = ? AND last_seen_at > ? AND created_at > ?",
        )
        .bind(token.hash())
        .bind(self.idle_since())
        .bind(self.begun_since())
        .fetch_optional(self.store.pool())
        .await?;
        let Some((name, seen, by_provider)) = row else { return Ok(None) };
        if now - seen > SEEN_AFTER_US {
            self.touch(token, now).await?;
        }
        Ok(self.operator(&name).await?.map(|operator| operator.come_by(by_provider)))
    }

    /// Whether the session has not ended; being looked at does not count as being used.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn is_open(&self, token: &Token) -> Result<bool, Error> {
        let found: Option<i64> = sqlx::query_scalar(
            "SELECT 1 FROM session WHERE token_hash = ?1 AND last_seen_at > ?2 AND created_at > ?3
             UNION ALL SELECT 1 FROM api_token WHERE token_hash = ?1 AND ends_at > ?4",
        )
        .bind(token.hash())
        .bind(self.idle_since())
        .bind(self.begun_since())
        .bind(self.clock.now().as_micros())
        .fetch_optional(self.store.pool())
        .await?;
        Ok(found.is_some())
    }

    /// A session used last before then has ended.
    pub(super) fn idle_since(&self) -> i64 {
        self.clock.now().as_micros() - micros(self.config.session_idle)
    }

    /// A session begun before then has ended.
    pub(super) fn begun_since(&self) -> i64 {
        self.clock.now().as_micros() - micros(self.config.session_max)
    }

    /// Sessions of an operator that have not ended, the one used last first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn sessions(&self, name: &str, own: &Token) -> Result<Vec<SessionRow>, Error> {
        let rows: Vec<(Vec<u8>, String, String, i64, i64)> = sqlx::query_as(
            "SELECT token_hash, address, client, created_at, last_seen_at FROM session
             WHERE operator = ? AND last_seen_at > ? AND created_at > ?
             ORDER BY last_seen_at DESC",
        )
        .bind(name)
        .bind(self.idle_since())
        .bind(self.begun_since())
        .fetch_all(self.store.pool())
        .await?;
        let own = own.hash();
        let row = |(hash, address, client, created_at, seen): (Vec<u8>, _, _, _, _)| SessionRow {
            id: id(&hash),
            address,
            client,
            created_at: Timestamp::from_micros(created_at),
            last_seen_at: Timestamp::from_micros(seen),
            current: hash == own,
        };
        Ok(rows.into_iter().map(row).collect())
    }

    /// Ends a session of an operator, or with no id all but the one that asks.
    ///
    /// # Errors
    /// [`Error::Unknown`] when there is none of this id.
    pub async fn end_sessions(
        &self,
        name: &str,
        which: Option<&str>,
        own: &Token,
        caller: &Caller,
    ) -> Result<(), Error> {
        let now = self.clock.now();
        let mut tx = self.store.write().await?;
        let ended = sqlx::query(
            "DELETE FROM session WHERE operator = ?1 AND CASE WHEN ?2 IS NULL
                 THEN token_hash <> ?3 ELSE substr(lower(hex(token_hash)), 1, ?4) = ?2 END",
        )
        .bind(name)
        .bind(which)
        .bind(own.hash())
        .bind(i64::try_from(ID_DIGITS).unwrap_or(i64::MAX))
        .execute(&mut *tx)
        .await?;
        if which.is_some() && ended.rows_affected() == 0 {
            return Err(Error::Unknown("session"));
        }
        Deed::new(&caller.who, &caller.address, "sessions ended", name).write(&mut tx, now).await?;
        Ok(tx.commit().await?)
    }

    /// Ends a session.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn sign_out(&self, token: &Token, who: &str, address: &str) -> Result<(), Error> {
        let mut tx = self.store.write().await?;
        sqlx::query("DELETE FROM session WHERE token_hash = ?")
            .bind(token.hash())
            .execute(&mut *tx)
            .await?;
        Deed::new(who, address, "signed out", "").write(&mut tx, self.clock.now()).await?;
        Ok(tx.commit().await?)
    }

    pub(super) async fn begin_session(
        &self,
        name: &str,
        address: &str,
        client: &str,
        by_provider: bool,
        now: Timestamp,
    ) -> Result<(Token, Operator), Error> {
        let token = Token::random();
        let mut tx = self.store.write().await?;
        sqlx::query("DELETE FROM session WHERE last_seen_at <= ? OR created_at <= ?")
            .bind(self.idle_since())
            .bind(self.begun_since())
            .execute(&mut *tx)
            .await?;
        let client: String = client.chars().take(CLIENT_MAX).collect();
        sqlx::query(
            "INSERT INTO session
                 (token_hash, operator, address, client, by_provider, created_at, last_seen_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6)",
        )
        .bind(token.hash())
        .bind(name)
        .bind(address)
        .bind(client)
        .bind(by_provider)
        .bind(now.as_micros())
        .execute(&mut *tx)
        .await?;
        sqlx::query(
            "DELETE FROM session WHERE operator = ? AND token_hash NOT IN (SELECT token_hash
             FROM session WHERE operator = ? ORDER BY created_at DESC LIMIT ?)",
        )
        .bind(name)
        .bind(name)
        .bind(SESSIONS_MAX)
        .execute(&mut *tx)
        .await?;
        Deed::new(name, address, "signed in", "").write(&mut tx, now).await?;
        tx.commit().await?;
        // Disabled in this very moment.
        let operator = self.operator(name).await?.ok_or(Error::Wrong)?;
        Ok((token, operator.come_by(by_provider)))
    }

    pub(super) async fn replace_password(
        &self,
        caller: &super::Caller,
        token: &Token,
        hash: &str,
        now: Timestamp,
    ) -> Result<(), Error> {
        let mut tx = self.store.write().await?;
        sqlx::query("UPDATE operator SET password = ?, must_change = 0 WHERE name = ?")
            .bind(hash)
            .bind(&caller.who)
            .execute(&mut *tx)
            .await?;
        sqlx::query("DELETE FROM session WHERE operator = ? AND token_hash <> ?")
            .bind(&caller.who)
            .bind(token.hash())
            .execute(&mut *tx)
            .await?;
        let deed = Deed::new(&caller.who, &caller.address, "password changed", "");
        deed.write(&mut tx, now).await?;
        Ok(tx.commit().await?)
    }

    async fn touch(&self, token: &Token, now: i64) -> Result<(), Error> {
        sqlx::query("UPDATE session SET last_seen_at = ? WHERE token_hash = ?")
            .bind(now)
            .bind(token.hash())
            .execute(self.store.pool())
            .await?;
        Ok(())
    }
}

fn micros(duration: std::time::Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

fn id(hash: &[u8]) -> String {
    crate::hex(hash).chars().take(ID_DIGITS).collect()
}
