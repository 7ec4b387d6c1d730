use serde::Serialize;
use soc_archive::hunt::{Answer, Language, Part, Request};
use soc_event::Timestamp;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use utoipa::ToSchema;

use super::{Error, Hunts};
use crate::access::{Caller, Deed};

/// Parts that wait for whoever reads an answer.
const PARTS_WAITING: usize = 2;

/// A hunt that was begun.
#[derive(Debug)]
pub struct Asked {
    /// By which it can be stopped.
    pub id: String,
    /// Its answer, in parts; the last is the end or a failure. Dropping it stops the hunt.
    pub parts: mpsc::Receiver<Part>,
}

/// A hunt that runs.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Running {
    /// Its name.
    pub id: String,
    /// Who asked.
    pub who: String,
    /// What.
    pub query: String,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    pub began_at: Timestamp,
    /// Rows of the answer so far.
    pub rows: usize,
    /// Files done, and of how many.
    pub files_done: usize,
    /// Files there are to read.
    pub files: usize,
}

/// What is remembered of a hunt that runs.
#[derive(Debug)]
pub struct Entry {
    shown: Running,
    stopper: AbortHandle,
}

impl Hunts {
    /// Asks; on record from here on.
    ///
    /// # Errors
    /// [`Error::Refused`] for a range that ends before it begins, [`Error::Sql`],
    /// [`Error::Archive`].
    pub async fn ask(&self, caller: &Caller, request: Request) -> Result<Asked, Error> {
        if request.from >= request.to {
            return Err(Error::Refused("the range ends before it begins: from < to".into()));
        }
        let record = Record::of(caller, &request);
        record.write(self, "hunt begun", "").await?;
        let source = self.source(&request).await?;
        let id = crate::hex(&rand::random::<[u8; 16]>());
        let shown = Running {
            id: id.clone(),
            who: caller.who.clone(),
            query: request.query.clone(),
            began_at: self.now(),
            rows: 0,
            files_done: 0,
            files: source.files.len(),
        };
        let answer = self.0.engine.run(request, source);
        let stopper = answer.stopper();
        self.running(|running| running.insert(id.clone(), Entry { shown, stopper }));
        let (sender, parts) = mpsc::channel(PARTS_WAITING);
        // A task of its own, so that also a hunt whose asker has gone is on record with its end.
        tokio::spawn(self.clone().pass_on(id.clone(), record, answer, sender));
        Ok(Asked { id, parts })
    }

    async fn pass_on(self, id: String, record: Record, mut answer: Answer, to: mpsc::Sender<Part>) {
        let mut rows = 0_usize;
        let mut ended = None;
        loop {
            let part = tokio::select! {
                part = answer.next() => part,
                () = to.closed() => None,
            };
            let Some(part) = part else { break };
            match &part {
                Part::Rows(batch) => rows = rows.saturating_add(batch.num_rows()),
                Part::End { is_cut, .. } => {
                    ended = Some(if *is_cut { "cut".to_owned() } else { "done".to_owned() });
                }
                Part::Failed(error) => ended = Some(format!("failed: {error}")),
                Part::Progress { files_done, files, .. } => {
                    self.progress(&id, rows, (*files_done, *files));
                }
                Part::Waiting(_) | Part::Begin { .. } => {}
            }
            if to.send(part).await.is_err() {
                break;
            }
        }
        drop(answer);
        self.running(|running| running.remove(&id));
        let how = ended.unwrap_or_else(|| "stopped".to_owned());
        let end = format!("{how}, {rows} rows");
        if let Err(error) = record.write(&self, "hunt ended", &end).await {
            tracing::error!(%error, "the end of a hunt could not be put on record");
        }
    }

    fn progress(&self, id: &str, rows: usize, (done, files): (usize, usize)) {
        self.running(|running| {
            if let Some(entry) = running.get_mut(id) {
                (entry.shown.rows, entry.shown.files_done, entry.shown.files) = (rows, done, files);
            }
        });
    }

    /// Hunts that run: all, or those of one operator.
    pub fn list_running(&self, of: Option<&str>) -> Vec<Running> {
        let is_seen = |shown: &&Running| of.is_none_or(|who| shown.who == who);
        self.running(|running| {
            running.values().map(|entry| &entry.shown).filter(is_seen).cloned().collect()
        })
    }

    /// Stops a hunt; of one operator only, where that is given.
    ///
    /// # Errors
    /// [`Error::Unknown`]: it does not run, or is somebody else's.
    pub fn stop(&self, id: &str, of: Option<&str>) -> Result<(), Error> {
        self.running(|running| {
            let entry = running.get(id).ok_or(Error::Unknown)?;
            if of.is_some_and(|who| entry.shown.who != who) {
                return Err(Error::Unknown);
            }
            entry.stopper.abort();
            Ok(())
        })
    }
}

/// What is written about a hunt.
#[derive(Clone, Debug)]
struct Record {
    caller: Caller,
    query: String,
    what: String,
}

impl Record {
    fn of(caller: &Caller, request: &Request) -> Self {
        let language = match request.language {
            Language::Search => "search",
            Language::Sql => "sql",
        };
        let what = format!("{language}, {} to {}", request.from, request.to);
        Self { caller: caller.clone(), query: request.query.clone(), what }
    }

    async fn write(&self, hunts: &Hunts, action: &'static str, end: &str) -> Result<(), Error> {
        let Caller { who, address } = &self.caller;
        let detail =
            if end.is_empty() { self.what.clone() } else { format!("{end}; {}", self.what) };
        let deed = Deed::new(who, address, action, &self.query).with(&detail);
        Ok(hunts.0.access.record(&deed).await?)
    }
}
