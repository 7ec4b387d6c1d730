use serde::Serialize;
use sha2::{Digest, Sha256};
use soc_event::{AgentId, RunId, Timestamp};
use utoipa::ToSchema;

use super::{Error, Fleet};
use crate::pki::hex;

/// Random bytes in a token: cannot be guessed.
const RANDOM_BYTES: usize = 20;
/// Machines that may come out of one identity by grants: a classroom of cloned disks is honest, an
/// agent that makes machines without end is not.
const GRANTS_MAX: i64 = 256;
/// How long the grant of a clone is good; it is used at once.
const GRANT_MICROS: i64 = 7 * 86_400 * 1_000_000;

/// A token with which machines may still enrol; what it is is kept nowhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct TokenRow {
    /// Its number.
    pub id: i64,
    /// How many machines may enrol with it.
    pub uses: i64,
    /// How many have.
    pub used: i64,
    /// Until when.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: String,
}

/// Columns of [`TokenRow`].
type Row = (i64, i64, i64, Option<i64>, i64, String);

impl Fleet {
    /// Tokens with which machines may still enrol into an agency, the latest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn tokens(&self, agency: i64) -> Result<Vec<TokenRow>, Error> {
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT id, uses, used, expires_at, created_at, created_by FROM enrolment_token
             WHERE agency = ? AND used < uses AND (expires_at IS NULL OR expires_at > ?)
               AND for_run IS NULL
             ORDER BY id DESC LIMIT 100",
        )
        .bind(agency)
        .bind(self.0.clock.now().as_micros())
        .fetch_all(self.0.store.pool())
        .await?;
        let row = |(id, uses, used, expires_at, created_at, created_by): Row| TokenRow {
            id,
            uses,
            used,
            expires_at: expires_at.map(Timestamp::from_micros),
            created_at: Timestamp::from_micros(created_at),
            created_by,
        };
        Ok(rows.into_iter().map(row).collect())
    }

    /// Makes a token with which so many machines of an agency can enrol. It is shown now and never
    /// again: only its hash is kept.
    ///
    /// # Errors
    /// [`Error::NoSuchAgency`]; [`Error::Refused`] without uses, or for a past agency.
    pub async fn create_token(
        &self,
        agency_code: &str,
        uses: u32,
        expires: Option<Timestamp>,
        by: &str,
    ) -> Result<String, Error> {
        if uses == 0 {
            return Err(Error::Refused("a token needs at least one use".to_owned()));
        }
        let agency = self.live_agency(agency_code).await?;
        let token = new_token();
        sqlx::query(
            "INSERT INTO enrolment_token (hash, agency, uses, expires_at, created_at, created_by)
             VALUES (?, ?, ?, ?, ?, ?)",
        )
        .bind(hash(&token).as_slice())
        .bind(agency.id)
        .bind(uses)
        .bind(expires.map(Timestamp::as_micros))
        .bind(self.0.clock.now().as_micros())
        .bind(by)
        .execute(self.0.store.pool())
        .await?;
        Ok(token)
    }

    /// A token for the second machine under an identity. The one given before it for the same run
    /// ends, as its answer may have been lost. None when the identity has had too many.
    pub(crate) async fn grant(&self, agent: AgentId, run: RunId) -> Result<Option<String>, Error> {
        let (token, run) = (new_token(), format!("{agent}/{}", run.0));
        let now = self.0.clock.now();
        let mut transaction = self.0.store.write().await?;
        let others: i64 = sqlx::query_scalar(
            "SELECT COUNT(*) FROM enrolment_token
             WHERE for_run >= ?1 || '/' AND for_run < ?1 || '0' AND for_run <> ?2",
        )
        .bind(agent.to_string())
        .bind(&run)
        .fetch_one(&mut *transaction)
        .await?;
        if others >= GRANTS_MAX {
            return Ok(None);
        }
        let sql = "INSERT INTO enrolment_token
                (hash, agency, uses, expires_at, created_at, created_by, for_run)
             SELECT ?, agency, 1, ?, ?, 'collector', ? FROM agent WHERE id = ?
             ON CONFLICT (for_run) DO UPDATE SET
                hash = excluded.hash, expires_at = excluded.expires_at, uses = used + 1";
        sqlx::query(sql)
            .bind(hash(&token).as_slice())
            .bind(now.plus_micros(GRANT_MICROS).as_micros())
            .bind(now.as_micros())
            .bind(run)
            .bind(agent.to_string())
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(Some(token))
    }
}

/// `soc-<40 hex digits>`
fn new_token() -> String {
    let random: [u8; RANDOM_BYTES] = rand::random();
    format!("soc-{}", hex(&random))
}

/// What is kept of a token. Tokens are random, so a plain hash keeps them secret.
pub(super) fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}
