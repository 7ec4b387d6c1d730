//! Tokens for programs: they end, and can do no more than the operator they belong to.

use serde::{Deserialize, Serialize};
use soc_event::Timestamp;
use utoipa::ToSchema;

use super::{Access, Caller, Deed, Error, Operator, Role, Token};

/// What every API token begins with, so that it is known where it was lost.
const PREFIX: &str = "soct_";
/// Longest life.
const LIFE_MAX_US: i64 = 366 * 86_400 * 1_000_000;
/// Tokens of one operator that have not ended.
const TOKENS_MAX: i64 = 50;
/// Longest name, in characters.
const NAME_MAX: usize = 100;
/// How stale `last_seen_at` may be.
const SEEN_AFTER_US: i64 = 60 * 1_000_000;

/// A token to be.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewApiToken {
    /// What it is for.
    pub name: String,
    /// It does no more than this role, and no more than the operator.
    pub role: Role,
    /// It sees no more than this agency and those below it.
    pub agency: Option<i64>,
    /// When it ends, at most a year from now.
    #[schema(value_type = String, format = DateTime)]
    pub ends_at: Timestamp,
}

/// A new token; its text is shown this once.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ApiTokenMade {
    /// Which.
    pub id: i64,
    /// What programs send as `Authorization: Bearer …`.
    pub token: String,
}

/// A token as it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ApiTokenRow {
    /// Which.
    pub id: i64,
    /// Whose.
    pub operator: String,
    /// What it is for.
    pub name: String,
    /// No more than this role.
    pub role: Role,
    /// No more than this agency and those below it.
    pub agency: Option<i64>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it ends.
    #[schema(value_type = String, format = DateTime)]
    pub ends_at: Timestamp,
    /// When it was last used, to the minute.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_seen_at: Option<Timestamp>,
    /// From where.
    pub last_address: Option<String>,
}

/// Number, operator, role, agency and last use of a token that came.
type Known = (i64, String, String, Option<i64>, Option<i64>);
type Row = (i64, String, String, String, Option<i64>, i64, i64, Option<i64>, Option<String>);

impl Token {
    fn of_api() -> Self {
        Self::from_text(&format!("{PREFIX}{}", Self::random().reveal()))
    }

    pub(super) fn is_of_api(&self) -> bool {
        self.reveal().starts_with(PREFIX)
    }
}

impl Access {
    /// Makes a token for a program of the caller.
    ///
    /// # Errors
    /// [`Error::Refused`] with what would be right.
    pub async fn make_api_token(
        &self,
        new: &NewApiToken,
        caller: &Caller,
    ) -> Result<ApiTokenMade, Error> {
        let now = self.clock.now();
        let (name, life) = (new.name.trim(), new.ends_at.as_micros() - now.as_micros());
        let refused = |what: &str| Err(Error::Refused(what.to_owned()));
        if name.is_empty() || name.chars().count() > NAME_MAX {
            return refused("a token has a name of 1 to 100 characters");
        }
        if !(1..=LIFE_MAX_US).contains(&life) {
            return refused("a token ends after now, and within a year");
        }
        let token = Token::of_api();
        let mut tx = self.store.write().await?;
        let there: i64 =
            sqlx::query_scalar("SELECT count(*) FROM api_token WHERE operator = ? AND ends_at > ?")
                .bind(&caller.who)
                .bind(now.as_micros())
                .fetch_one(&mut *tx)
                .await?;
        if there >= TOKENS_MAX {
            return refused("there are 50 tokens already: revoke one first");
        }
        let made: Option<i64> = sqlx::query_scalar(
            "INSERT INTO api_token (token_hash, operator, name, role, agency, created_at, ends_at)
             SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7
             WHERE ?5 IS NULL OR EXISTS (SELECT 1 FROM agency WHERE id = ?5) RETURNING id",
        )
        .bind(token.hash())
        .bind(&caller.who)
        .bind(name)
        .bind(new.role.as_str())
        .bind(new.agency)
        .bind(now.as_micros())
        .bind(new.ends_at.as_micros())
        .fetch_optional(&mut *tx)
        .await?;
        let Some(id) = made else { return refused("there is no such agency") };
        let deed = Deed::new(&caller.who, &caller.address, "API token made", name);
        let until = format!("{} until {}", new.role.as_str(), new.ends_at);
        deed.with(&until).write(&mut tx, now).await?;
        tx.commit().await?;
        Ok(ApiTokenMade { id, token: token.reveal().to_owned() })
    }

    /// Tokens of an operator that have not ended, newest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn api_tokens(&self, operator: &str) -> Result<Vec<ApiTokenRow>, Error> {
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT id, operator, name, role, agency, created_at, ends_at, last_seen_at,
                    last_address
             FROM api_token WHERE operator = ? AND ends_at > ? ORDER BY id DESC",
        )
        .bind(operator)
        .bind(self.clock.now().as_micros())
        .fetch_all(self.store.pool())
        .await?;
        let row = |row: Row| {
            let (id, operator, name, role, agency, created_at, ends_at, seen, last_address) = row;
            Some(ApiTokenRow {
                id,
                operator,
                name,
                role: Role::from_word(&role)?,
                agency,
                created_at: Timestamp::from_micros(created_at),
                ends_at: Timestamp::from_micros(ends_at),
                last_seen_at: seen.map(Timestamp::from_micros),
                last_address,
            })
        };
        Ok(rows.into_iter().filter_map(row).collect())
    }

    /// Ends a token of an operator.
    ///
    /// # Errors
    /// [`Error::Unknown`] when they have none of this number.
    pub async fn revoke_api_token(
        &self,
        operator: &str,
        id: i64,
        caller: &Caller,
    ) -> Result<(), Error> {
        let mut tx = self.store.write().await?;
        let name: Option<String> = sqlx::query_scalar(
            "DELETE FROM api_token WHERE id = ? AND operator = ? RETURNING name",
        )
        .bind(id)
        .bind(operator)
        .fetch_optional(&mut *tx)
        .await?;
        let name = name.ok_or(Error::Unknown("token"))?;
        let deed = Deed::new(&caller.who, &caller.address, "API token revoked", &name);
        deed.with(operator).write(&mut tx, self.clock.now()).await?;
        Ok(tx.commit().await?)
    }

    pub(super) async fn api_token(
        &self,
        token: &Token,
        address: &str,
    ) -> Result<Option<Operator>, Error> {
        let now = self.clock.now().as_micros();
        let row: Option<Known> = sqlx::query_as(
            "SELECT id, operator, role, agency, last_seen_at FROM api_token
             WHERE token_hash = ? AND ends_at > ?",
        )
        .bind(token.hash())
        .bind(now)
        .fetch_optional(self.store.pool())
        .await?;
        let Some((id, name, role, limited_to, seen)) = row else { return Ok(None) };
        let Some(held_to) = Role::from_word(&role) else { return Ok(None) };
        if seen.is_none_or(|seen| now - seen > SEEN_AFTER_US) {
            sqlx::query("UPDATE api_token SET last_seen_at = ?, last_address = ? WHERE id = ?")
                .bind(now)
                .bind(address)
                .bind(id)
                .execute(self.store.pool())
                .await?;
        }
        let operator = self.operator(&name).await?;
        Ok(operator.map(|it| Operator { held_to: Some(held_to), limited_to, ..it }))
    }
}
