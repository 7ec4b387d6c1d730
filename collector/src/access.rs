//! Who may do what: operators, passwords, sessions, and the audit of what they did.
//!
//! Passwords are hashed with Argon2id away from the runtime's threads, at most two at a time.
//! A session is 256 random bits of which only the hash is kept. An unknown name costs the same time
//! as a wrong password, and guessing is slowed down. Administrators do everything; an analyst is bound
//! to an agency and hunts in the events of it and of those below it, and nothing else.
//!
//! The first administrator's one-time password is in a file until it is changed.
//!
//! Never: tells whether a name exists, logs a password or a token, forgets a deed.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use prometheus::{IntCounterVec, Opts, Registry};
use soc_event::Timestamp;
use tokio::sync::Semaphore;

use crate::clock::Clock;
use crate::store::Store;

pub use audit::{Deed, DeedRow};
pub use password::Password;
pub use session::Token;

mod audit;
mod first_password;
mod limiter;
mod operator;
mod password;
mod session;

/// A session ends when it was not used for so long.
pub const SESSION_IDLE: Duration = Duration::from_secs(12 * 3600);
/// A session ends after so long in any case.
pub const SESSION_MAX: Duration = Duration::from_secs(7 * 24 * 3600);
/// Sessions one operator may have; the oldest ends when there would be more.
pub const SESSIONS_MAX: u32 = 20;
/// Passwords hashed at the same time: each takes 19 MiB.
const HASHING_MAX: usize = 2;
/// How long a sign-in waits for its turn to hash.
const HASHING_WAIT: Duration = Duration::from_secs(10);

/// What an operator may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Everything.
    Administrator,
    /// Hunts in the events of one agency and of those below it.
    Analyst,
}

impl Role {
    /// Whoever is bound to an agency is an analyst.
    pub(crate) fn of(agency: Option<i64>) -> Self {
        if agency.is_some() { Self::Analyst } else { Self::Administrator }
    }

    /// As the database and the API have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Administrator => "administrator",
            Self::Analyst => "analyst",
        }
    }
}

/// Somebody who has signed in.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct Operator {
    /// Lower case.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// The agency an analyst is bound to.
    pub agency: Option<i64>,
    /// Their password was given to them: they must choose one before anything else.
    pub must_change: bool,
}

/// Who asks for something to be done, and from where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Name of the operator, or who runs a command on the collector's machine.
    pub who: String,
    /// Address they came from; `local` for commands.
    pub address: String,
}

/// What happened to the first administrator at start.
#[derive(Debug)]
pub enum FirstAdministrator {
    /// There were operators already; a given password was not looked at.
    Exists,
    /// Made with the password that was given.
    Given,
    /// Made with this one-time password, to be changed at the first sign-in; until then it is in
    /// the file.
    Random(Password),
}

/// Why access was not given.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Name or password; which one is not said.
    #[error("the name or the password is wrong")]
    Wrong,
    /// Guessed too often.
    #[error("too many wrong attempts; try again in {0} s")]
    TooMany(u64),
    /// The new password cannot be taken.
    #[error("{0}")]
    Weak(&'static str),
    /// Not a name an operator can have.
    #[error("a name has 1 to 64 characters out of a-z, 0-9, '.', '_', '-' and '@'")]
    Name,
    /// There is an operator of that name.
    #[error("there is an operator of this name already")]
    Exists,
    /// Too many sign in at once.
    #[error("too many sign in at the same time; try again")]
    Busy,
    /// The hash could not be made or read.
    #[error("hashing a password: {0}")]
    Hash(String),
    /// The file of the first password could not be written or removed.
    #[error("file of the first password: {0}")]
    File(std::io::Error),
    /// The database failed.
    #[error("database: {0}")]
    Sql(#[from] sqlx::Error),
}

/// The room. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Access {
    store: Store,
    clock: Clock,
    first_password: first_password::FirstPassword,
    limiter: Arc<Mutex<limiter::Limiter>>,
    hashing: Arc<Semaphore>,
    sign_ins: IntCounterVec,
}

impl Access {
    /// Opens the room; its metrics go into the registry. `first_password` is the file in which the
    /// first administrator's one-time password waits for its reader.
    ///
    /// # Errors
    /// When a metric of the same name is registered already.
    pub fn new(
        store: Store,
        clock: Clock,
        first_password: PathBuf,
        registry: &Registry,
    ) -> prometheus::Result<Self> {
        let help = "Attempts to sign in, by result.";
        let options = Opts::new("soc_collector_sign_ins_total", help);
        let sign_ins = IntCounterVec::new(options, &["result"])?;
        for result in ["ok", "wrong", "limited"] {
            sign_ins.with_label_values(&[result]);
        }
        registry.register(Box::new(sign_ins.clone()))?;
        let hashing = Arc::new(Semaphore::new(HASHING_MAX));
        let first_password = first_password::FirstPassword::at(first_password);
        Ok(Self { store, clock, first_password, limiter: Arc::default(), hashing, sign_ins })
    }

    /// Signs in. The token is to be kept by the caller: it cannot be read again.
    ///
    /// # Errors
    /// [`Error::Wrong`], [`Error::TooMany`], or that it could not be tried.
    pub async fn sign_in(
        &self,
        name: &str,
        password: Password,
        address: &str,
    ) -> Result<(Token, Operator), Error> {
        let name: String = name.trim().to_lowercase().chars().take(64).collect();
        let now = self.clock.now();
        if let Err(error) = self.try_password(&name, address, password, now).await {
            self.refused(&error, &name, address).await?;
            return Err(error);
        }
        self.sign_ins.with_label_values(&["ok"]).inc();
        self.begin_session(&name, address, now).await
    }

    /// Chooses a new password; all other sessions of the operator end.
    ///
    /// # Errors
    /// [`Error::Weak`] with what to do, [`Error::Wrong`] when the old one is not right.
    pub async fn change_password(
        &self,
        caller: &Caller,
        token: &Token,
        old: Password,
        new: Password,
    ) -> Result<(), Error> {
        new.check()?;
        if old == new {
            return Err(Error::Weak("choose a password that is not the old one"));
        }
        let now = self.clock.now();
        self.try_password(&caller.who, &caller.address, old, now).await?;
        let hash = self.hash(new).await?;
        self.replace_password(caller, token, &hash, now).await?;
        if caller.who == operator::FIRST_NAME {
            self.forget_first_password().await;
        }
        Ok(())
    }

    /// Whether it is this operator's password; [`Error::Wrong`] when not.
    ///
    /// The attempt counts as wrong from its beginning until it turns out right: else as many could
    /// be tried at the same time as anybody likes.
    async fn try_password(
        &self,
        name: &str,
        address: &str,
        password: Password,
        now: Timestamp,
    ) -> Result<(), Error> {
        self.attempts(|limiter| limiter.begin(name, address, now)).map_err(Error::TooMany)?;
        let right = match self.stored_password(name).await {
            Ok(stored) => self.matches(password, stored).await,
            Err(error) => Err(error),
        };
        match right {
            Ok(true) => self.attempts(|limiter| limiter.right(name, address, now)),
            Ok(false) => return Err(Error::Wrong),
            Err(error) => {
                self.attempts(|limiter| limiter.untried(name, address, now));
                return Err(error);
            }
        }
        Ok(())
    }

    async fn refused(&self, error: &Error, name: &str, address: &str) -> Result<(), Error> {
        match error {
            Error::TooMany(_) => self.sign_ins.with_label_values(&["limited"]).inc(),
            Error::Wrong => {
                self.sign_ins.with_label_values(&["wrong"]).inc();
                self.record(&Deed::new(name, address, "sign-in failed", "")).await?;
            }
            _ => {}
        }
        Ok(())
    }

    fn attempts<R>(&self, use_it: impl FnOnce(&mut limiter::Limiter) -> R) -> R {
        use_it(&mut self.limiter.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether the password is the stored one; without one, as much work for nothing.
    async fn matches(&self, password: Password, stored: Option<String>) -> Result<bool, Error> {
        let known = stored.is_some();
        let stored = match stored {
            Some(stored) => stored,
            None => password::decoy()?,
        };
        let right = self.off_the_runtime(move || password::verify(&password, &stored)).await?;
        Ok(known && right)
    }

    async fn hash(&self, password: Password) -> Result<String, Error> {
        self.off_the_runtime(move || password::hash(&password)).await
    }

    async fn off_the_runtime<R: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<R, Error> + Send + 'static,
    ) -> Result<R, Error> {
        let turn = tokio::time::timeout(HASHING_WAIT, self.hashing.clone().acquire_owned()).await;
        let Ok(Ok(turn)) = turn else { return Err(Error::Busy) };
        let done = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            work()
        });
        done.await.map_err(|error| Error::Hash(error.to_string()))?
    }
}

#[cfg(test)]
mod tests;
