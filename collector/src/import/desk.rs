//! The collector's side: what is known of files in SQL, their events in the journal.

use serde::{Deserialize, Serialize};
use soc_event::{AgentId, Envelope, Epoch, Lane, RunId, Sequence, Timestamp, wire};
use sqlx::Row as _;

use super::known::{Known, Mark, State};
use crate::access::{Access, Caller, Deed};
use crate::clock::Clock;
use crate::control::Error;
use crate::fleet::Fleet;
use crate::journal::{Batch, Journal};
use crate::store::Store;

/// Rows of one answer.
const ROWS_MAX: i64 = 1000;

/// What an import asks the collector.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case")]
pub enum Ask {
    /// Logs of a machine are going to come.
    Begin {
        /// Code of the agency.
        agency: String,
        /// What the machine is called.
        host: String,
        /// How many files.
        files: u64,
    },
    /// Files of the machine that were imported before.
    Known {
        /// The machine.
        agent: AgentId,
        /// Rows after this one.
        after: i64,
    },
    /// A file that was not.
    New {
        /// The machine.
        agent: AgentId,
        /// What the file is called.
        name: String,
        /// How it is written.
        format: String,
        /// How many first bytes are known.
        head_bytes: u64,
        /// Their hash.
        head: String,
        /// Whether rules leave its events alone.
        is_quiet: bool,
        /// How far it is: nowhere.
        state: State,
    },
    /// A stretch of a file is going to be sent, or all of it was.
    Claim {
        /// The file.
        id: i64,
        /// How far it is.
        state: State,
    },
    /// That was all.
    End {
        /// What the machine is called.
        host: String,
        /// What came of it.
        summary: String,
    },
}

/// What the collector answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "snake_case")]
pub enum Reply {
    /// The machine.
    Begun {
        /// As which agent.
        agent: AgentId,
    },
    /// Files; fewer than were asked for when these were the last.
    Known {
        /// In the order of their rows.
        files: Vec<Known>,
        /// Whether there are more.
        more: bool,
    },
    /// A file.
    File {
        /// As it is known now.
        file: Known,
    },
    /// It was done.
    Done,
}

/// Which events follow: the first line of what is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Events {
    /// Of which file.
    pub id: i64,
    /// The machine.
    pub agent: AgentId,
    /// The file's epoch.
    pub epoch: u64,
    /// The sequence of the first.
    pub first: u64,
    /// How many.
    pub count: u32,
}

/// Takes what is imported. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Desk {
    pub(crate) store: Store,
    pub(crate) journal: Journal,
    pub(crate) fleet: Fleet,
    pub(crate) access: Access,
    pub(crate) clock: Clock,
}

impl Desk {
    /// Answers a question.
    ///
    /// # Errors
    /// [`Error::Refused`] for what cannot be, [`Error::Failed`] when database or journal fail.
    pub async fn answer(&self, ask: Ask) -> Result<Reply, Error> {
        match ask {
            Ask::Begin { agency, host, files } => {
                let agent = self.fleet.imported_machine(&agency, &host).await?;
                self.record("import begun", &host, format!("{agency}, {files} files")).await?;
                Ok(Reply::Begun { agent })
            }
            Ask::Known { agent, after } => self.known(agent, after).await,
            Ask::New { agent, name, format, head_bytes, head, is_quiet, state } => {
                let epoch = epoch(is_quiet);
                let now = self.clock.now();
                let id = sqlx::query_scalar(
                    "INSERT INTO import (agent, epoch, name, format, head_bytes, head, claimed,
                            moment, begun_at)
                     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
                )
                .bind(agent.to_string())
                .bind(number(epoch))
                .bind(&name)
                .bind(&format)
                .bind(number(head_bytes))
                .bind(&head)
                .bind(&state.hash)
                .bind(state.moment.as_micros())
                .bind(now.as_micros())
                .fetch_one(self.store.pool())
                .await
                .map_err(failed)?;
                let file = Known { id, epoch, name, head_bytes, head, state, stored: 0 };
                Ok(Reply::File { file })
            }
            Ask::Claim { id, state } => self.claim(id, &state).await.map(|()| Reply::Done),
            Ask::End { host, summary } => {
                self.record("import ended", &host, summary).await.map(|()| Reply::Done)
            }
        }
    }

    /// Puts events into the journal; returns when they are on disk. Repeats are removed there.
    ///
    /// # Errors
    /// As [`Self::answer`]; in each case nothing was stored.
    pub async fn take(&self, events: &Events, lines: &[u8]) -> Result<(), Error> {
        let Events { agent, epoch, first, count, .. } = *events;
        if !self.fleet.who(agent).is_some_and(|who| who.imported) {
            return Err(Error::Refused(format!("{agent} is no machine whose logs are imported")));
        }
        let now = self.clock.now();
        let envelope = Envelope {
            version: wire::VERSION,
            agent,
            epoch: Epoch(epoch),
            lane: Lane::Log,
            first: Sequence(first),
            count,
            run: RunId(0),
            fingerprint: String::new(),
            sent: now,
            clock_offset_us: None,
            configuration: 0,
        };
        let mut bytes = serde_json::to_vec(&envelope).map_err(failed)?;
        bytes.push(b'\n');
        bytes.extend_from_slice(lines);
        let batch = tokio::task::spawn_blocking(move || Batch::decode(&bytes, now));
        let batch = batch.await.map_err(failed)?.map_err(failed)?.from_operator();
        self.journal.append(batch).await.map(drop).map_err(failed)
    }

    async fn known(&self, agent: AgentId, after: i64) -> Result<Reply, Error> {
        let rows =
            sqlx::query("SELECT * FROM import WHERE agent = ? AND id > ? ORDER BY id LIMIT ?")
                .bind(agent.to_string())
                .bind(after)
                .bind(ROWS_MAX)
                .fetch_all(self.store.pool())
                .await
                .map_err(failed)?;
        let mut files = rows.iter().map(known).collect::<Result<Vec<_>, _>>().map_err(failed)?;
        let more = i64::try_from(files.len()).unwrap_or(0) == ROWS_MAX;
        let journal = self.journal.clone();
        let marked = move || {
            for file in &mut files {
                file.stored = journal.mark(agent, Epoch(file.epoch), Lane::Log)?.0;
            }
            Ok::<_, crate::journal::Error>(files)
        };
        let files = tokio::task::spawn_blocking(marked).await.map_err(failed)?.map_err(failed)?;
        Ok(Reply::Known { files, more })
    }

    async fn claim(&self, id: i64, state: &State) -> Result<(), Error> {
        sqlx::query(
            "UPDATE import SET done_bytes = ?, done_place = ?, done_events = ?, tail_bytes = ?,
                    claimed_bytes = ?, claimed_place = ?, claimed = ?, moment = ?, ended_at = ?
             WHERE id = ?",
        )
        .bind(number(state.done.bytes))
        .bind(number(state.done.place))
        .bind(number(state.events))
        .bind(number(state.tail_bytes))
        .bind(number(state.claimed.bytes))
        .bind(number(state.claimed.place))
        .bind(&state.hash)
        .bind(state.moment.as_micros())
        .bind(state.ended_at.map(Timestamp::as_micros))
        .bind(id)
        .execute(self.store.pool())
        .await
        .map(drop)
        .map_err(failed)
    }

    async fn record(&self, action: &'static str, host: &str, detail: String) -> Result<(), Error> {
        let local = Caller { who: "command".into(), address: "local".into() };
        let deed = Deed::new(&local.who, &local.address, action, host).with(&detail);
        self.access.record(&deed).await.map_err(failed)
    }
}

/// A new epoch: even when rules look at its events, odd when they leave them alone.
fn epoch(is_quiet: bool) -> u64 {
    let Epoch(random) = Epoch::from_random(rand::random());
    (random & !1) | u64::from(is_quiet)
}

/// Whether rules leave the events of an imported file alone.
pub(crate) fn is_quiet(epoch: Epoch) -> bool {
    epoch.0 & 1 == 1
}

fn known(row: &sqlx::sqlite::SqliteRow) -> Result<Known, sqlx::Error> {
    let count = |name: &str| -> Result<u64, sqlx::Error> {
        Ok(u64::try_from(row.try_get::<i64, _>(name)?).unwrap_or(0))
    };
    let mark = |bytes: &str, place: &str| -> Result<Mark, sqlx::Error> {
        Ok(Mark { bytes: count(bytes)?, place: count(place)? })
    };
    let ended_at: Option<i64> = row.try_get("ended_at")?;
    let state = State {
        done: mark("done_bytes", "done_place")?,
        events: count("done_events")?,
        tail_bytes: count("tail_bytes")?,
        claimed: mark("claimed_bytes", "claimed_place")?,
        hash: row.try_get("claimed")?,
        moment: Timestamp::from_micros(row.try_get("moment")?),
        ended_at: ended_at.map(Timestamp::from_micros),
    };
    Ok(Known {
        id: row.try_get("id")?,
        epoch: count("epoch")?,
        name: row.try_get("name")?,
        head_bytes: count("head_bytes")?,
        head: row.try_get("head")?,
        state,
        stored: 0,
    })
}

fn number(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn failed(error: impl ToString) -> Error {
    Error::Failed(error.to_string())
}
