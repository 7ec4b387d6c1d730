//! Who may do what: operators, passwords, sessions, and the audit of what they did.
//!
//! Passwords are hashed with Argon2id away from the runtime's threads, at most two at a time.
//! A session is 256 random bits of which only the hash is kept. An unknown name costs the same time
//! as a wrong password, and guessing is slowed down. What each role may do is said in `role`, and
//! nowhere else; whose data an operator sees (all agencies, or some with those below them) in `reach`.
//! A second factor (RFC 6238, recovery codes) is asked for after the password was right; programs
//! come with tokens that end, and can do no more than their operator.
//!
//! Each deed is bound by a hash to the one before: what was changed or taken out shows.
//!
//! The first administrator's one-time password is in a file until it is changed.
//!
//! Never: tells whether a name exists, logs a password or a token, forgets a deed.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use prometheus::{IntCounterVec, Opts, Registry};
use soc_event::Timestamp;
use tokio::sync::Semaphore;

use crate::clock::Clock;
use crate::store::Store;

pub use audit::{Deed, DeedFilter, DeedRow, Verdict};
pub use operator::{Change, NewOperator, OperatorRow};
pub use password::Password;
pub(crate) use reach::{listed, meet};
pub use role::{Permission, Role};
pub use second_factor::{Enrolment, Recovery};
pub use session::{SessionRow, Token};
pub use token::{ApiTokenMade, ApiTokenRow, NewApiToken};

mod audit;
mod first_password;
mod limiter;
mod looked;
pub mod oidc;
mod operator;
mod password;
mod reach;
mod role;
mod second_factor;
mod session;
mod token;

/// Sessions one operator may have; the oldest ends when there would be more.
pub const SESSIONS_MAX: u32 = 20;
/// Passwords hashed at the same time: each takes 19 MiB.
const HASHING_MAX: usize = 2;
/// How long a sign-in waits for its turn to hash.
const HASHING_WAIT: Duration = Duration::from_secs(10);

/// How people are let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// A session ends when it was not used for so long.
    pub session_idle: Duration,
    /// A session ends after so long in any case.
    pub session_max: Duration,
    /// Administrators have to set up a second factor before anything else.
    pub second_factor: bool,
}

impl Default for Config {
    fn default() -> Self {
        let session_idle = Duration::from_secs(12 * 3600);
        Self { session_idle, session_max: Duration::from_secs(7 * 24 * 3600), second_factor: false }
    }
}

/// Somebody who has signed in, or a program of theirs.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct Operator {
    /// Lower case.
    pub name: String,
    /// What people call them.
    pub full_name: String,
    /// What they are there for.
    pub role: Role,
    /// Whether they see all agencies.
    pub whole: bool,
    /// Those they are bound to, where they do not see all.
    pub agencies: Vec<i64>,
    /// Their password was given to them: they must choose one before anything else.
    pub must_change: bool,
    /// They must set up a second factor before anything else.
    pub must_enrol: bool,
    /// Whether they have a second factor.
    pub second_factor: bool,
    /// What a token of theirs is held to: no more than this role.
    #[serde(skip)]
    pub held_to: Option<Role>,
    /// And no other agencies than this and those below it.
    #[serde(skip)]
    pub limited_to: Option<i64>,
}

impl Operator {
    /// Whether they are allowed this.
    pub fn may(&self, permission: Permission) -> bool {
        let bound = !self.whole || self.limited_to.is_some();
        let held = self.held_to.is_none_or(|role| role.may(permission, bound));
        held && self.role.may(permission, bound)
    }

    /// What an identity provider asks of somebody is its business: neither a password nor a second
    /// factor of ours has to be set.
    fn come_by(self, provider: bool) -> Self {
        let (must_change, must_enrol) = (self.must_change, self.must_enrol);
        Self { must_change: must_change && !provider, must_enrol: must_enrol && !provider, ..self }
    }
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
    /// The password was right; a code of the second factor is to be sent too.
    #[error("send a code of the second factor as well")]
    SecondFactor,
    /// There is no such operator, session or token.
    #[error("there is no such {0}")]
    Unknown(&'static str),
    /// Not with what it is now; says what would be right.
    #[error("{0}")]
    Refused(String),
    /// The identity provider did not say who it is.
    #[error("identity provider: {0}")]
    Provider(String),
    /// Somebody else has changed it meanwhile.
    #[error("somebody has changed this meanwhile: read it again, and choose")]
    Changed,
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
    config: Config,
    provider: Option<oidc::Provider>,
    looked: Arc<Mutex<looked::Looked>>,
}

/// Who wants to come in, and with what.
#[derive(Clone, Debug)]
pub struct SignIn {
    /// The name, as typed.
    pub name: String,
    /// The password.
    pub password: Password,
    /// A code of the second factor, or a recovery code.
    pub code: Option<String>,
    /// Where they come from.
    pub address: String,
    /// What their browser calls itself.
    pub client: String,
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
        Ok(Self {
            store,
            clock,
            first_password,
            limiter: Arc::default(),
            hashing,
            sign_ins,
            config: Config::default(),
            provider: None,
            looked: Arc::default(),
        })
    }

    /// The same, letting people in like this.
    pub fn with(self, config: Config) -> Self {
        Self { config, ..self }
    }

    /// The same with an identity provider.
    pub fn through(self, provider: Option<oidc::Provider>) -> Self {
        Self { provider, ..self }
    }

    /// How long a session can be at the most.
    pub fn session_max(&self) -> Duration {
        self.config.session_max
    }

    /// Signs in. The token is to be kept by the caller: it cannot be read again.
    ///
    /// # Errors
    /// [`Error::Wrong`], [`Error::SecondFactor`], [`Error::TooMany`], or that it could not be tried.
    pub async fn sign_in(&self, who: SignIn) -> Result<(Token, Operator), Error> {
        let name: String = who.name.trim().to_lowercase().chars().take(64).collect();
        let now = self.clock.now();
        let tried = self.try_factors(&name, who.password, who.code.as_deref(), &who.address, now);
        if let Err(error) = tried.await {
            self.refused(&error, &name, &who.address).await?;
            return Err(error);
        }
        self.sign_ins.with_label_values(&["ok"]).inc();
        self.begin_session(&name, &who.address, &who.client, false, now).await
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
        self.confirm_password(caller, old).await?;
        let hash = self.hash(new).await?;
        self.replace_password(caller, token, &hash, now).await?;
        if caller.who == operator::FIRST_NAME {
            self.forget_first_password().await;
        }
        Ok(())
    }

    /// Whether it is the caller's password; [`Error::Wrong`] when not.
    pub(crate) async fn confirm_password(
        &self,
        caller: &Caller,
        password: Password,
    ) -> Result<(), Error> {
        let now = self.clock.now();
        self.counted(&caller.who, &caller.address, now, async {
            let stored = self.stored_password(&caller.who).await?;
            if self.matches(password, stored).await? { Ok(()) } else { Err(Error::Wrong) }
        })
        .await
    }

    /// Whether it is this operator's password and, where they have a second factor, its code.
    async fn try_factors(
        &self,
        name: &str,
        password: Password,
        code: Option<&str>,
        address: &str,
        now: Timestamp,
    ) -> Result<(), Error> {
        self.counted(name, address, now, async {
            let stored = self.stored_password(name).await?;
            if !self.matches(password, stored).await? {
                return Err(Error::Wrong);
            }
            self.second_factor(name, code, now).await
        })
        .await
    }

    /// The attempt counts as wrong from its beginning until it turns out right: else as many could
    /// be tried at the same time as anybody likes.
    async fn counted(
        &self,
        name: &str,
        address: &str,
        now: Timestamp,
        attempt: impl Future<Output = Result<(), Error>>,
    ) -> Result<(), Error> {
        self.attempts(|limiter| limiter.begin(name, address, now)).map_err(Error::TooMany)?;
        let result = attempt.await;
        match &result {
            Ok(()) => self.attempts(|limiter| limiter.right(name, address, now)),
            Err(Error::Wrong) => {}
            Err(_) => self.attempts(|limiter| limiter.untried(name, address, now)),
        }
        result
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
        use_it(&mut locked(&self.limiter))
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

/// What is guarded is whole after every statement, also where its user panicked.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
