use std::fmt;

use sha2::{Digest, Sha256};
use soc_event::Timestamp;

use super::{Access, Deed, Error, Operator, Role, SESSION_IDLE, SESSION_MAX, SESSIONS_MAX};

/// How stale `last_seen_at` may be: a write for every request would be a disk flush each.
const SEEN_AFTER_US: i64 = 60 * 1_000_000;

/// What proves a session: 256 random bits as 64 hex digits. Never shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    fn random() -> Self {
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

    fn hash(&self) -> Vec<u8> {
        Sha256::digest(self.0.as_bytes()).to_vec()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

impl Access {
    /// Whose session this is, if it is one that has not ended.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn session(&self, token: &Token) -> Result<Option<Operator>, Error> {
        let now = self.clock.now().as_micros();
        let row: Option<(String, bool, i64, Option<i64>)> = sqlx::query_as(
            "SELECT operator.name, must_change, last_seen_at, agency FROM session
             JOIN operator ON operator.name = session.operator
             WHERE token_hash = ? AND last_seen_at > ? AND session.created_at > ?",
        )
        .bind(token.hash())
        .bind(now - micros(SESSION_IDLE))
        .bind(now - micros(SESSION_MAX))
        .fetch_optional(self.store.pool())
        .await?;
        let Some((name, must_change, seen, agency)) = row else { return Ok(None) };
        if now - seen > SEEN_AFTER_US {
            self.touch(token, now).await?;
        }
        Ok(Some(Operator { name, role: Role::of(agency), agency, must_change }))
    }

    /// Whether the session has not ended; being looked at does not count as being used.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn is_open(&self, token: &Token) -> Result<bool, Error> {
        let now = self.clock.now().as_micros();
        let found: Option<i64> = sqlx::query_scalar(
            "SELECT 1 FROM session WHERE token_hash = ? AND last_seen_at > ? AND created_at > ?",
        )
        .bind(token.hash())
        .bind(now - micros(SESSION_IDLE))
        .bind(now - micros(SESSION_MAX))
        .fetch_optional(self.store.pool())
        .await?;
        Ok(found.is_some())
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
        now: Timestamp,
    ) -> Result<(Token, Operator), Error> {
        let token = Token::random();
        let mut tx = self.store.write().await?;
        sqlx::query("DELETE FROM session WHERE last_seen_at <= ? OR created_at <= ?")
            .bind(now.as_micros() - micros(SESSION_IDLE))
            .bind(now.as_micros() - micros(SESSION_MAX))
            .execute(&mut *tx)
            .await?;
        sqlx::query("INSERT INTO session VALUES (?, ?, ?, ?, ?)")
            .bind(token.hash())
            .bind(name)
            .bind(address)
            .bind(now.as_micros())
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
        let (must_change, agency): (bool, Option<i64>) =
            sqlx::query_as("SELECT must_change, agency FROM operator WHERE name = ?")
                .bind(name)
                .fetch_one(&mut *tx)
                .await?;
        Deed::new(name, address, "signed in", "").write(&mut tx, now).await?;
        tx.commit().await?;
        let operator =
            Operator { name: name.to_owned(), role: Role::of(agency), agency, must_change };
        Ok((token, operator))
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
