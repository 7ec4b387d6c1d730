//! Commands on a data folder: they talk to the collector that has it open, through a socket in the
//! folder, or else open it themselves.
//!
//! The socket is readable by the folder's owner alone; whoever may open it may do everything. One
//! request is one [`Command`] as JSON over HTTP, the answer one [`Answer`]; a hunt is a
//! [`Question`], answered in lines of JSON as it goes on.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use soc_archive::Agencies;
use soc_event::Timestamp;

use crate::access::{self, Access, Caller, Deed, NewOperator, Role};
use crate::backtest::{self, Ask, Backtest, Backtests, DraftFile};
use crate::backup;
use crate::clock::Clock;
use crate::configuration::{self, Change, Configurations, Scope};
use crate::doctor;
use crate::exchange::{Preview, What};
use crate::fleet::{self, Fleet};
use crate::hunt::Hunts;
use crate::import;
use crate::pki::Pki;
use crate::reorganise::{self, Reorganiser};

pub use client::{call, hunt, post};
pub use hunted::Question;
pub use socket::{Socket, listen};

mod client;
mod hunted;
mod socket;

/// What can be asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum Command {
    /// A token with which machines enrol.
    CreateToken {
        /// Code of the agency.
        agency: String,
        /// How many machines.
        uses: u32,
        /// Until when.
        expires: Option<Timestamp>,
    },
    /// An operator with a one-time password.
    AddUser {
        /// Its name.
        name: String,
        /// What they are there for; an analyst where there is an agency, else an administrator.
        role: Option<Role>,
        /// Code of the agency they are bound to; all without.
        agency: Option<String>,
    },
    /// An agency.
    AddAgency {
        /// Its code.
        code: String,
        /// Its name.
        name: String,
        /// Code of the agency above.
        parent: Option<String>,
    },
    /// Puts a table in force: agencies, systems, or what is written down about machines.
    ImportTable {
        /// What it is about.
        what: What,
        /// The file, CSV or XLSX.
        file: Vec<u8>,
        /// Only says what it would change.
        dry_run: bool,
    },
    /// What a scope says about its machines' agents.
    ShowConfiguration {
        /// `fleet`, `agency:CODE`, `machine:ID`.
        scope: String,
    },
    /// Says something else about a scope.
    SetConfiguration {
        /// `fleet`, `agency:CODE`, `machine:ID`.
        scope: String,
        /// TOML.
        text: String,
        /// Why.
        why: String,
    },
    /// Says again what an earlier version said.
    RestoreConfiguration {
        /// `fleet`, `agency:CODE`, `machine:ID`.
        scope: String,
        /// Which version.
        version: i64,
        /// Why.
        why: String,
    },
    /// Lets rules look back over the stored events.
    Backtest {
        /// Rules that are not in force.
        files: Vec<DraftFile>,
        /// From this event time
        from: Timestamp,
        /// to this.
        to: Timestamp,
    },
    /// How far looks back are.
    ShowBacktests {
        /// Which.
        ids: Vec<String>,
    },
    /// Stops looks back.
    StopBacktests {
        /// Which.
        ids: Vec<String>,
    },
    /// How the collector is.
    Status,
    /// A copy of everything.
    Backup {
        /// Into which folder, absolute.
        folder: String,
    },
    /// Whether the journal can be read.
    CheckJournal,
    /// About logs that are imported.
    Import {
        /// What about them.
        ask: import::Ask,
    },
}

/// What comes back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum Answer {
    /// The token, shown this once, and how to use it.
    Token(TokenMade),
    /// The operator's one-time password, shown this once.
    User {
        /// Its name.
        name: String,
        /// To be changed at the first sign-in.
        password: String,
    },
    /// An agency was added.
    Agency {
        /// Its code.
        code: String,
    },
    /// What a table changed, or would change.
    Imported {
        /// Row by row.
        preview: Preview,
        /// Whether nothing was changed yet.
        dry_run: bool,
    },
    /// What a scope says, as JSON of the API.
    Configuration {
        /// The shape of `GET /api/v1/configurations`.
        view: serde_json::Value,
    },
    /// Looks back that were begun or stopped.
    Backtests {
        /// Their ids.
        ids: Vec<String>,
    },
    /// How far they are.
    BacktestViews {
        /// As `GET /api/v1/backtests` has them, without events.
        views: Vec<serde_json::Value>,
    },
    /// How it is.
    Status {
        /// Version of the program.
        version: String,
        /// Position after the last event.
        journal_end: u64,
        /// Agencies there are.
        agencies: usize,
        /// Machines there are.
        machines: i64,
        /// Those that were heard lately.
        online: i64,
    },
    /// A backup was made.
    Backup {
        /// What it is.
        made: backup::Made,
    },
    /// The journal was read.
    Journal {
        /// What it holds.
        checked: doctor::Checked,
    },
    /// About logs that are imported.
    Import {
        /// What about them.
        reply: import::Reply,
    },
}

/// A token, and how to use it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct TokenMade {
    /// The token; kept nowhere.
    pub token: String,
    /// Code of the agency.
    pub agency: String,
    /// How many machines.
    pub uses: u32,
    /// Until when.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires: Option<Timestamp>,
    /// Hash of the authority's certificate, by which agents know the collector.
    pub ca_pin: String,
    /// What to run on the machine.
    pub command: String,
}

/// Why a command was not done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What was asked cannot be.
    #[error("{0}")]
    Refused(String),
    /// It could not be done; the fault is the collector's.
    #[error("{0}")]
    Failed(String),
    /// Nobody answers on the socket, or not as expected.
    #[error("talking to the collector through {path}: {reason}")]
    Socket {
        /// Path of the socket.
        path: String,
        /// What went wrong.
        reason: String,
    },
}

/// What commands are done with.
#[derive(Clone, Debug)]
pub struct Control {
    /// Operators and audit.
    pub access: Access,
    /// Agencies and tokens.
    pub fleet: Fleet,
    /// Changes of the tree of agencies, and tables.
    pub agencies: Reorganiser,
    /// Questions to events.
    pub hunts: Hunts,
    /// What agents are configured like.
    pub configurations: Configurations,
    /// The pin.
    pub pki: Pki,
    /// Where events end.
    pub journal: crate::journal::Journal,
    /// What time it is.
    pub clock: Clock,
    /// What backups are made of.
    pub backups: backup::Source,
    /// Rules that look back; none before rules are loaded.
    pub backtests: Option<Backtests>,
    /// What is imported.
    pub imports: import::Desk,
    /// Where agents come in, as they are told: `https://soc.example.gov.vn:7443`.
    pub agents_url: String,
}

/// Where imported events are sent to: [`import::Events`] as a line of JSON, then the events.
pub const IMPORT: &str = "/import";

/// Path of the socket in a data folder.
pub fn socket_path(data: &Path) -> PathBuf {
    data.join("control.sock")
}

impl Control {
    /// Does it.
    ///
    /// # Errors
    /// [`Error::Refused`] with the reason.
    pub async fn perform(&self, command: Command) -> Result<Answer, Error> {
        let local = Caller { who: "command".into(), address: "local".into() };
        match command {
            Command::CreateToken { agency, uses, expires } => {
                self.create_token(&agency, uses, expires, &local).await.map(Answer::Token)
            }
            Command::AddUser { name, role, agency } => {
                let agencies = match agency {
                    Some(code) => Some(vec![self.fleet.agency(&code).await?.id]),
                    None => None,
                };
                let usual = if agencies.is_some() { Role::Analyst } else { Role::Administrator };
                let (role, full_name) = (role.unwrap_or(usual), String::new());
                let new = NewOperator { name: name.clone(), full_name, role, agencies };
                let password = self.access.add_operator(new, &Agencies::All, &local).await?;
                Ok(Answer::User { name, password: password.reveal().to_owned() })
            }
            Command::AddAgency { code, name, parent } => {
                self.add_agency(&code, &name, parent.as_deref(), &local).await?;
                Ok(Answer::Agency { code })
            }
            Command::ImportTable { what, file, dry_run } => {
                let preview = match dry_run {
                    true => self.agencies.preview_import(what, &file, &Agencies::All).await?,
                    false => {
                        self.agencies.import(what, &file, None, &Agencies::All, &local).await?
                    }
                };
                Ok(Answer::Imported { preview, dry_run })
            }
            Command::ShowConfiguration { scope } => self.configuration(&scope).await,
            Command::SetConfiguration { scope, text, why } => {
                let of = self.scope(&scope).await?;
                self.configurations.view(&of).await?;
                let change = Change { text, why, ..Change::default() };
                self.configurations.set(&of, &change, &local).await?;
                self.configuration(&scope).await
            }
            Command::RestoreConfiguration { scope, version, why } => {
                let of = self.scope(&scope).await?;
                self.configurations.restore(&of, version, &why, &local).await?;
                self.configuration(&scope).await
            }
            Command::Backtest { files, from, to } => {
                let ids = self.backtests()?.ask(Ask::Draft(files), (from, to), &local).await?;
                Ok(Answer::Backtests { ids })
            }
            Command::ShowBacktests { ids } => self.show_backtests(&ids).await,
            Command::StopBacktests { ids } => {
                for id in &ids {
                    self.backtests()?.stop(id, &local).await?;
                }
                Ok(Answer::Backtests { ids })
            }
            Command::Status => self.status().await,
            Command::Backup { folder } => self.backup(&folder, &local).await,
            Command::CheckJournal => {
                let journal = self.journal.clone();
                let checked = tokio::task::spawn_blocking(move || doctor::check_journal(&journal));
                let failed = |error: &dyn std::fmt::Display| Error::Failed(error.to_string());
                let checked = checked.await.map_err(|error| failed(&error))?;
                let checked = checked.map_err(|error| failed(&error))?;
                Ok(Answer::Journal { checked })
            }
            Command::Import { ask } => {
                self.imports.answer(ask).await.map(|reply| Answer::Import { reply })
            }
        }
    }

    fn backtests(&self) -> Result<&Backtests, Error> {
        let none = || Error::Failed("the collector has not loaded its rules yet".into());
        self.backtests.as_ref().ok_or_else(none)
    }

    async fn show_backtests(&self, ids: &[String]) -> Result<Answer, Error> {
        let mut views = Vec::new();
        for id in ids {
            let view = Backtest { samples: Vec::new(), ..self.backtests()?.show(id).await? };
            let view = serde_json::to_value(view);
            views.push(view.map_err(|error| Error::Failed(error.to_string()))?);
        }
        Ok(Answer::BacktestViews { views })
    }

    async fn configuration(&self, scope: &str) -> Result<Answer, Error> {
        let view = self.configurations.view(&self.scope(scope).await?).await?;
        let view = serde_json::to_value(view).map_err(|error| Error::Failed(error.to_string()))?;
        Ok(Answer::Configuration { view })
    }

    /// People name agencies by their codes.
    async fn scope(&self, text: &str) -> Result<Scope, Error> {
        match text.strip_prefix("agency:") {
            Some(code) => Ok(Scope::Agency(self.fleet.agency(code).await?.id)),
            None => text.parse().map_err(Error::Refused),
        }
    }

    /// Makes a token and puts it on record.
    ///
    /// # Errors
    /// [`Error::Refused`] with the reason.
    pub async fn create_token(
        &self,
        agency: &str,
        uses: u32,
        expires: Option<Timestamp>,
        caller: &Caller,
    ) -> Result<TokenMade, Error> {
        if expires.is_some_and(|expires| expires <= self.clock.now()) {
            return Err(Error::Refused("a token cannot expire in the past".into()));
        }
        let token = self.fleet.create_token(agency, uses, expires, &caller.who).await;
        let token = token?;
        let detail = format!("{uses} uses");
        self.record(caller, "token created", agency, &detail).await?;
        let (ca_pin, url) = (self.pki.ca_pin(), &self.agents_url);
        let command =
            format!("soc-agent enrol --collector {url} --token {token} --ca-pin {ca_pin}");
        let agency = agency.to_owned();
        Ok(TokenMade { token, agency, uses, expires, ca_pin, command })
    }

    /// Adds an agency and puts it on record.
    ///
    /// # Errors
    /// [`Error::Refused`] with the reason.
    pub async fn add_agency(
        &self,
        code: &str,
        name: &str,
        parent: Option<&str>,
        caller: &Caller,
    ) -> Result<crate::fleet::Agency, Error> {
        let change = fleet::Change::Add {
            code: code.to_owned(),
            name: name.to_owned(),
            parent: parent.map(str::to_owned),
        };
        let order = fleet::Order {
            change,
            day: None,
            decision: String::new(),
            reason: "added".to_owned(),
            versions: std::collections::BTreeMap::new(),
        };
        self.agencies.perform(&order, &Agencies::All, caller).await?;
        Ok(self.fleet.agency(code).await?)
    }

    async fn backup(&self, folder: &str, caller: &Caller) -> Result<Answer, Error> {
        let made = backup::make(&self.backups, Path::new(folder), self.clock.now()).await;
        let made = made.map_err(|error| match error {
            backup::Error::Refused(_) => Error::Refused(error.to_string()),
            error => Error::Failed(error.to_string()),
        })?;
        let detail = format!("{} bytes, {} of them new", made.bytes, made.new_bytes);
        self.record(caller, "backup made", folder, &detail).await?;
        Ok(Answer::Backup { made })
    }

    async fn status(&self) -> Result<Answer, Error> {
        let agencies = self.fleet.agencies(&Agencies::All).await?;
        Ok(Answer::Status {
            version: env!("CARGO_PKG_VERSION").into(),
            journal_end: self.journal.end().borrow().0,
            agencies: agencies.len(),
            machines: agencies.iter().map(|agency| agency.machines).sum(),
            online: agencies.iter().map(|agency| agency.online).sum(),
        })
    }

    async fn record(
        &self,
        caller: &Caller,
        action: &'static str,
        subject: &str,
        detail: &str,
    ) -> Result<(), Error> {
        let deed = Deed::new(&caller.who, &caller.address, action, subject).with(detail);
        self.access.record(&deed).await.map_err(|error| Error::Failed(error.to_string()))
    }
}

impl From<access::Error> for Error {
    fn from(error: access::Error) -> Self {
        match error {
            access::Error::Name | access::Error::Exists | access::Error::Refused(_) => {
                Self::Refused(error.to_string())
            }
            error => Self::Failed(error.to_string()),
        }
    }
}

impl From<backtest::Error> for Error {
    fn from(error: backtest::Error) -> Self {
        match error {
            backtest::Error::NotFound
            | backtest::Error::NoSuchRule(_)
            | backtest::Error::Draft(_)
            | backtest::Error::Refused(_) => Self::Refused(error.to_string()),
            error => Self::Failed(error.to_string()),
        }
    }
}

impl From<configuration::Error> for Error {
    fn from(error: configuration::Error) -> Self {
        match error {
            configuration::Error::Fleet(error) => error.into(),
            configuration::Error::Store(error) => Self::Failed(error.to_string()),
            error => Self::Refused(error.to_string()),
        }
    }
}

impl From<fleet::Error> for Error {
    fn from(error: fleet::Error) -> Self {
        match error {
            fleet::Error::NoSuchAgency(_) | fleet::Error::Refused(_) | fleet::Error::Changed(_) => {
                Self::Refused(error.to_string())
            }
            error => Self::Failed(error.to_string()),
        }
    }
}

impl From<reorganise::Error> for Error {
    fn from(error: reorganise::Error) -> Self {
        use crate::exchange;
        match error {
            reorganise::Error::Fleet(error)
            | reorganise::Error::Exchange(exchange::Error::Fleet(error)) => error.into(),
            reorganise::Error::Exchange(
                error @ (exchange::Error::Mistakes(_)
                | exchange::Error::Changed
                | exchange::Error::Sheet(_)),
            ) => Self::Refused(error.to_string()),
            error => Self::Failed(error.to_string()),
        }
    }
}
