//! A second factor: codes of an authenticator (RFC 6238), and codes for the day it is lost.

use rand::RngExt as _;
use serde::Serialize;
use sha2::{Digest, Sha256};
use soc_event::Timestamp;
use sqlx::SqliteConnection;
use totp_rs::{Builder, Secret, Totp};
use utoipa::ToSchema;

use super::{Access, Caller, Deed, Error, Password};

/// Digits, seconds of a step, and how many steps a clock may be off: what every authenticator
/// application takes without being told. Source: RFC 6238, sections 4 and 5.2.
const DIGITS: u8 = 6;
const STEP_S: u64 = 30;
const STEPS_OFF: u16 = 1;
/// Bytes of a key. Source: RFC 4226, section 4, R6.
const KEY_BYTES: usize = 20;
/// Recovery codes one is given.
const RECOVERY_CODES: usize = 10;
/// Letters and digits that are not mistaken for each other when copied by hand.
const ALPHABET: &[u8] = b"abcdefghjkmnpqrstuvwxyz23456789";
const ISSUER: &str = "soc-collector";

/// A key to be put into an authenticator.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Enrolment {
    /// The key in base 32, for typing.
    pub secret: String,
    /// `otpauth://totp/…`, for a QR code.
    pub uri: String,
}

/// Codes that each open once when the authenticator is lost; shown this once.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Recovery {
    /// `abcde-fghjk`
    pub recovery_codes: Vec<String>,
}

impl Access {
    /// Makes a key for the caller's authenticator. It is in use once a code of it was confirmed.
    ///
    /// # Errors
    /// [`Error::Refused`] when there is a second factor already.
    pub async fn begin_second_factor(&self, caller: &Caller) -> Result<Enrolment, Error> {
        let key: [u8; KEY_BYTES] = rand::random();
        let changed =
            sqlx::query("UPDATE operator SET totp_pending = ? WHERE name = ? AND totp IS NULL")
                .bind(key.as_slice())
                .bind(&caller.who)
                .execute(self.store.pool())
                .await?;
        if changed.rows_affected() == 0 {
            let what = "there is a second factor already: remove it first";
            return Err(Error::Refused(what.into()));
        }
        let totp = totp(&key, &caller.who)?;
        let uri = totp.to_url().map_err(|error| Error::Hash(error.to_string()))?;
        Ok(Enrolment { secret: Secret::from(key.to_vec()).to_base32(), uri })
    }

    /// Puts the key into use, since a code of it was right; gives recovery codes.
    ///
    /// # Errors
    /// [`Error::Wrong`], [`Error::TooMany`], [`Error::Refused`] when there is no key to confirm.
    pub async fn confirm_second_factor(
        &self,
        code: &str,
        caller: &Caller,
    ) -> Result<Recovery, Error> {
        let now = self.clock.now();
        let pending: Option<Vec<u8>> =
            sqlx::query_scalar("SELECT totp_pending FROM operator WHERE name = ?")
                .bind(&caller.who)
                .fetch_optional(self.store.pool())
                .await?
                .flatten();
        let pending = pending.ok_or_else(|| Error::Refused("ask for a key first".into()))?;
        let mut step = None;
        self.counted(&caller.who, &caller.address, now, async {
            step = step_of(&totp(&pending, &caller.who)?, code, now);
            step.map(drop).ok_or(Error::Wrong)
        })
        .await?;
        let codes: Vec<String> = (0..RECOVERY_CODES).map(|_| recovery_code()).collect();
        let mut tx = self.store.write().await?;
        let changed = sqlx::query(
            "UPDATE operator SET totp = totp_pending, totp_pending = NULL, totp_step = ?
             WHERE name = ? AND totp_pending = ?",
        )
        .bind(step.unwrap_or_default())
        .bind(&caller.who)
        .bind(&pending)
        .execute(&mut *tx)
        .await?;
        if changed.rows_affected() == 0 {
            return Err(Error::Changed);
        }
        sqlx::query("DELETE FROM recovery_code WHERE operator = ?")
            .bind(&caller.who)
            .execute(&mut *tx)
            .await?;
        for code in &codes {
            sqlx::query("INSERT INTO recovery_code VALUES (?, ?)")
                .bind(&caller.who)
                .bind(hashed(code))
                .execute(&mut *tx)
                .await?;
        }
        let deed = Deed::new(&caller.who, &caller.address, "second factor set up", &caller.who);
        deed.write(&mut tx, now).await?;
        tx.commit().await?;
        Ok(Recovery { recovery_codes: codes })
    }

    /// Takes the caller's second factor away, who shows with their password that it is them.
    ///
    /// # Errors
    /// [`Error::Wrong`], [`Error::TooMany`], or that it could not be written.
    pub async fn end_second_factor(
        &self,
        password: Password,
        caller: &Caller,
    ) -> Result<(), Error> {
        self.confirm_password(caller, password).await?;
        let mut tx = self.store.write().await?;
        take_away(&mut tx, &caller.who).await?;
        let deed = Deed::new(&caller.who, &caller.address, "second factor removed", &caller.who);
        deed.write(&mut tx, self.clock.now()).await?;
        Ok(tx.commit().await?)
    }

    /// Whether the second factor of this operator, where there is one, is shown by the code.
    pub(super) async fn second_factor(
        &self,
        name: &str,
        code: Option<&str>,
        now: Timestamp,
    ) -> Result<(), Error> {
        let key: Option<Vec<u8>> = sqlx::query_scalar("SELECT totp FROM operator WHERE name = ?")
            .bind(name)
            .fetch_optional(self.store.pool())
            .await?
            .flatten();
        let Some(key) = key else { return Ok(()) };
        let code = code.map(str::trim).filter(|code| !code.is_empty());
        let code = code.ok_or(Error::SecondFactor)?;
        // Used in the statement that looks: of two who send the same code at once, one is right.
        let used = match step_of(&totp(&key, name)?, code, now) {
            Some(step) => {
                sqlx::query("UPDATE operator SET totp_step = ?1 WHERE name = ?2 AND totp_step < ?1")
                    .bind(step)
                    .bind(name)
                    .execute(self.store.pool())
                    .await?
            }
            None => {
                sqlx::query("DELETE FROM recovery_code WHERE operator = ? AND hash = ?")
                    .bind(name)
                    .bind(hashed(code))
                    .execute(self.store.pool())
                    .await?
            }
        };
        if used.rows_affected() == 0 { Err(Error::Wrong) } else { Ok(()) }
    }
}

pub(super) async fn take_away(tx: &mut SqliteConnection, name: &str) -> sqlx::Result<()> {
    sqlx::query("UPDATE operator SET totp = NULL, totp_pending = NULL WHERE name = ?")
        .bind(name)
        .execute(&mut *tx)
        .await?;
    sqlx::query("DELETE FROM recovery_code WHERE operator = ?").bind(name).execute(tx).await?;
    Ok(())
}

fn totp(key: &[u8], name: &str) -> Result<Totp, Error> {
    let totp = Builder::new()
        .with_digits(DIGITS)
        .with_skew(STEPS_OFF)
        .with_step_duration(STEP_S)
        .with_secret(key.to_vec())
        .with_issuer(Some(ISSUER))
        .with_account_name(name);
    totp.build().map_err(|error| Error::Hash(error.to_string()))
}

/// The step the code is of, if it is one of about now.
fn step_of(totp: &Totp, code: &str, now: Timestamp) -> Option<i64> {
    let code: String = code.chars().filter(|letter| !letter.is_whitespace()).collect();
    let now = u64::try_from(now.as_micros() / 1_000_000).ok()?;
    i64::try_from(totp.check(&code, now)?).ok()
}

fn recovery_code() -> String {
    let mut random = rand::rng();
    let mut group = || -> String {
        (0..5).map(|_| char::from(ALPHABET[random.random_range(0..ALPHABET.len())])).collect()
    };
    format!("{}-{}", group(), group())
}

/// As typed: with or without the dash, in any case. A code has 49 bits and is tried through the
/// limiter, so that a plain hash is enough.
fn hashed(code: &str) -> Vec<u8> {
    let plain: String =
        code.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    Sha256::digest(plain.as_bytes()).to_vec()
}
