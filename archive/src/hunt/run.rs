use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use datafusion::arrow::array::RecordBatch;
use datafusion::common::DataFusionError;
use datafusion::datasource::source::DataSourceExec;
use datafusion::physical_plan::metrics::MetricValue;
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use futures::StreamExt;
use object_store::ObjectStoreExt;
use sha2::{Digest, Sha256};
use tokio::sync::mpsc::Sender;

use super::engine::Shared;
use super::plan::{Plan, plan};
use super::{Completeness, Error, Language, Missing, Part, Request, Source, search};
use crate::FileRef;

/// How often it is told how far a question is.
const PROGRESS: Duration = Duration::from_millis(250);
/// Damaged files that are found while one question is answered, each by asking again.
const DAMAGED_MAX: usize = 16;

/// Answers a question until its end, its failure or until nobody listens.
pub async fn run(shared: &Shared, request: Request, source: Source, to: &Sender<Part>) {
    let time = shared.limits.time;
    let work = attempts(shared, &request, &source, to);
    let failure = match tokio::time::timeout(time, work).await {
        Ok(Ok(())) => return,
        Ok(Err(error)) => error,
        Err(_) => Error::Limit(format!(
            "stopped after {} s: ask for a shorter time range or for fewer machines, or search for \
             words instead of parts of words",
            time.as_secs()
        )),
    };
    let _ = to.send(Part::Failed(failure)).await;
}

async fn attempts(
    shared: &Shared,
    request: &Request,
    source: &Source,
    to: &Sender<Part>,
) -> Result<(), Error> {
    for _ in 0..DAMAGED_MAX {
        let damaged = shared.damaged.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let plan = plan(request, source, shared, &damaged).await?;
        let mut sent = Sent { rows: 0, has_begun: false, began: Instant::now() };
        let error = match answer(shared, request, &plan, &mut sent, to).await {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        let Some(found) = culprit(source, &plan.files, &error).await else {
            return Err(explain(error));
        };
        shared.damaged.lock().unwrap_or_else(PoisonError::into_inner).push(found.clone());
        if sent.rows > 0 {
            return Err(Error::Damaged { path: found.path, reason: found.reason });
        }
    }
    Err(Error::Failed("many files are damaged: see the page Archive".to_owned()))
}

struct Sent {
    rows: usize,
    has_begun: bool,
    began: Instant,
}

async fn answer(
    shared: &Shared,
    request: &Request,
    plan: &Plan,
    sent: &mut Sent,
    to: &Sender<Part>,
) -> Result<(), DataFusionError> {
    let mut stream = execute_stream(Arc::clone(&plan.physical), Arc::clone(&plan.context))?;
    if !sent.has_begun {
        sent.has_begun = true;
        let (sql, notes) = (shown(request, &plan.sql), plan.notes.clone());
        let _ = to.send(Part::Begin { sql, columns: stream.schema(), notes }).await;
    }
    let wanted = request.limit.or(default_limit(request)).unwrap_or(usize::MAX);
    let wanted = wanted.min(shared.limits.rows);
    let mut ticks = tokio::time::interval(PROGRESS);
    let mut is_cut = false;
    while !is_cut {
        let batch = tokio::select! {
            batch = stream.next() => batch,
            _ = ticks.tick() => {
                let _ = to.send(progress(plan)).await;
                continue;
            }
        };
        let Some(batch) = batch else { break };
        let mut batch = batch?;
        is_cut = sent.rows + batch.num_rows() > wanted;
        if is_cut {
            batch = batch.slice(0, wanted - sent.rows);
        }
        sent.rows += batch.num_rows();
        if batch.num_rows() > 0 && send_rows(batch, to).await.is_none() {
            return Ok(());
        }
    }
    let _ = to.send(progress(plan)).await;
    let completeness = completeness(request, plan);
    let took = sent.began.elapsed();
    let _ = to.send(Part::End { rows: sent.rows, took, is_cut, completeness }).await;
    Ok(())
}

/// Nothing: nobody listens any more.
async fn send_rows(batch: RecordBatch, to: &Sender<Part>) -> Option<()> {
    to.send(Part::Rows(batch)).await.ok()
}

fn default_limit(request: &Request) -> Option<usize> {
    (request.language == Language::Search).then_some(search::ROWS_OF_A_SEARCH)
}

fn shown(request: &Request, sql: &str) -> String {
    match request.language {
        Language::Sql => request.query.clone(),
        Language::Search => sql.to_owned(),
    }
}

fn progress(plan: &Plan) -> Part {
    let mut counts = Counts::default();
    counts.add(&plan.physical);
    // Files whose filters have none of the words are not even opened.
    let opened_never = plan.files.len().saturating_sub(counts.files_planned);
    Part::Progress {
        files_done: (opened_never + counts.files_done).min(plan.files.len()),
        files: plan.files.len(),
        rows_read: counts.rows,
    }
}

#[derive(Default)]
struct Counts {
    files_planned: usize,
    files_done: usize,
    rows: usize,
}

impl Counts {
    fn add(&mut self, plan: &Arc<dyn ExecutionPlan>) {
        if let Some(source) = plan.downcast_ref::<DataSourceExec>() {
            if let Some((config, _)) = source
                .downcast_to_file_source::<datafusion::datasource::physical_plan::ParquetSource>()
            {
                self.files_planned += config.file_groups.iter().map(|g| g.len()).sum::<usize>();
            }
            for metric in plan.metrics().iter().flat_map(|metrics| metrics.iter()) {
                match metric.value() {
                    MetricValue::OutputRows(rows) => self.rows += rows.value(),
                    MetricValue::Count { name, count } if name == "files_processed" => {
                        self.files_done += count.value();
                    }
                    _ => {}
                }
            }
        }
        plan.children().into_iter().for_each(|child| self.add(child));
    }
}

fn completeness(request: &Request, plan: &Plan) -> Completeness {
    let missing = plan.missing.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let times = || plan.files.iter().map(|file| file.facts.time);
    Completeness {
        from: request.from,
        to: request.to,
        files: plan.files.len(),
        missing,
        unarchived_events: plan.tail.load(Ordering::Relaxed),
        oldest: times().map(|(oldest, _)| oldest).min(),
        newest: times().map(|(_, newest)| newest).max(),
    }
}

/// The file that is not what it was when it was written, where that is why a question failed.
async fn culprit(source: &Source, files: &[FileRef], error: &DataFusionError) -> Option<Missing> {
    let is_of_a_file = matches!(
        error.find_root(),
        DataFusionError::ParquetError(_)
            | DataFusionError::ArrowError(..)
            | DataFusionError::ObjectStore(_)
            | DataFusionError::External(_)
            | DataFusionError::Execution(_)
            | DataFusionError::Internal(_)
    );
    if !is_of_a_file {
        return None;
    }
    for file in files {
        if let Err(reason) = check(source, file).await {
            return Some(Missing { path: file.path.clone(), reason });
        }
    }
    None
}

async fn check(source: &Source, file: &FileRef) -> Result<(), String> {
    let path = object_store::path::Path::from(file.path.as_str());
    let file_bytes = source.store.get(&path).await.map_err(|error| error.to_string())?;
    let mut stream = file_bytes.into_stream();
    let mut hash = Sha256::new();
    let mut length = 0_u64;
    while let Some(bytes) = stream.next().await {
        let bytes = bytes.map_err(|error| error.to_string())?;
        length = length.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        hash.update(&bytes);
    }
    if length != file.facts.bytes {
        return Err(format!("has {length} bytes instead of {}", file.facts.bytes));
    }
    let found: [u8; 32] = hash.finalize().into();
    if found != file.facts.sha256 {
        return Err("its content is not what was written".to_owned());
    }
    Ok(())
}

/// What a person is told.
pub fn explain(error: DataFusionError) -> Error {
    let text = |error: &DataFusionError| error.strip_backtrace();
    match error.find_root() {
        DataFusionError::ResourcesExhausted(_) => Error::Limit(
            "it needs more memory than a hunt may have: group by fewer things, ask for a shorter \
             time range, or sort less"
                .to_owned(),
        ),
        DataFusionError::SchemaError(..)
        | DataFusionError::Plan(_)
        | DataFusionError::SQL(..)
        | DataFusionError::NotImplemented(_)
        | DataFusionError::ArrowError(..)
        | DataFusionError::Diagnostic(..)
        | DataFusionError::Collection(_)
        | DataFusionError::Configuration(_) => Error::question(tidy(&text(&error))),
        _ => Error::Failed(tidy(&text(&error))),
    }
}

/// Words of the machinery are left out.
fn tidy(text: &str) -> String {
    let noise = ["Error during planning: ", "Schema error: ", "This feature is not implemented: "];
    let text = noise.iter().fold(text.to_owned(), |text, noise| text.replace(noise, ""));
    text.chars().take(1000).collect()
}
