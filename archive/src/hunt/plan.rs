use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};

use datafusion::catalog::MemTable;
use datafusion::execution::TaskContext;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::GreedyMemoryPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::prelude::{SQLOptions, SessionConfig, SessionContext};
use datafusion::sql::parser::Statement;
use url::Url;

use super::engine::Shared;
use super::statement::Known;
use super::{Chosen, Error, Language, Limits, Missing, Request, Source, function, schema, search};
use super::{run, statement, table};
use crate::{ColumnType, FileRef};

/// Functions whose result is as large as a number says: memory that nobody counts.
const GREEDY: [&str; 8] = [
    "repeat",
    "lpad",
    "rpad",
    "array_repeat",
    "array_resize",
    "range",
    "generate_series",
    "replace",
];

/// A question that is ready to be run.
pub struct Plan {
    pub physical: Arc<dyn ExecutionPlan>,
    pub context: Arc<TaskContext>,
    /// As it is run.
    pub sql: String,
    pub notes: Vec<String>,
    /// Files in range that may be seen.
    pub files: Vec<FileRef>,
    /// Those that were missing when it was planned.
    pub missing: Arc<Mutex<Vec<Missing>>>,
    /// Events of the tail that were read.
    pub tail: Arc<AtomicU64>,
}

/// Plans a question. `without` are files that were found to be damaged.
pub async fn plan(
    request: &Request,
    source: &Source,
    shared: &Shared,
    without: &[Missing],
) -> Result<Plan, Error> {
    let limits = &shared.limits;
    let files = visible(request, source, without);
    let fields = schema::fields(files.iter());
    let known = known(&fields, source);
    let sql = match request.language {
        Language::Sql => match request.chosen {
            Chosen::Histogram(seconds) => search::histogram_of(&request.query, seconds),
            _ => request.query.clone(),
        },
        Language::Search => {
            let limit = request.limit.unwrap_or(search::ROWS_OF_A_SEARCH);
            // One more than wanted shows whether there are more.
            search::sql(&request.query, &fields, &request.chosen, limit.saturating_add(1))?
        }
    };
    let prepared = statement::read(&sql, &known)?;
    let missing = Arc::new(Mutex::new(missing_before(&files, source, without, request)));
    let tail = Arc::new(AtomicU64::new(0));
    let events = table::Events {
        schema: schema::table(&fields, &prepared.rare),
        files: files.clone(),
        store: Arc::clone(&source.store),
        tail: Arc::clone(&source.tail),
        agencies: request.agencies.clone(),
        range: (request.from, request.to),
        seen: Arc::clone(&tail),
        missing: Arc::clone(&missing),
        footers: Arc::clone(&shared.footers),
        parts: limits.threads,
    };
    let session = session(limits, source)?;
    register(&session, events, source)?;
    let state = session.state();
    let statement = Statement::Statement(Box::new(prepared.statement));
    let logical = state.statement_to_plan(statement).await.map_err(run::explain)?;
    let only_read =
        SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
    only_read.verify_plan(&logical).map_err(run::explain)?;
    let physical = state.create_physical_plan(&logical).await.map_err(run::explain)?;
    let notes = notes(&prepared.rare, &known);
    Ok(Plan { physical, context: session.task_ctx(), sql, notes, files, missing, tail })
}

/// Files that may be seen, are in range and are not known to be damaged.
fn visible(request: &Request, source: &Source, without: &[Missing]) -> Vec<FileRef> {
    let is_visible = |file: &&FileRef| {
        let (oldest, newest) = file.facts.time;
        request.agencies.hold(file.agency)
            && newest >= request.from
            && oldest < request.to
            && !without.iter().any(|missing| missing.path == file.path)
    };
    source.files.iter().filter(is_visible).cloned().collect()
}

/// What is said to be missing is itself told only to those who may see it.
fn missing_before(
    files: &[FileRef],
    source: &Source,
    without: &[Missing],
    request: &Request,
) -> Vec<Missing> {
    let seen: BTreeSet<&str> = files.iter().map(|file| file.path.as_str()).collect();
    let of_source = |path: &str| {
        let mut files = source.files.iter();
        files.any(|file| file.path == path && request.agencies.hold(file.agency))
    };
    let known = without.iter().filter(|missing| of_source(&missing.path));
    let told = source.missing.iter().filter(|missing| !seen.contains(missing.path.as_str()));
    known.chain(told).cloned().collect()
}

fn known(fields: &BTreeMap<String, ColumnType>, source: &Source) -> Known {
    let events = schema::table(fields, &BTreeSet::new());
    let columns = |schema: &datafusion::arrow::datatypes::Schema| {
        let fields = schema.fields().iter();
        fields.map(|field| (field.name().clone(), field.data_type().clone())).collect()
    };
    let others = source.tables.iter().map(|(name, batch)| (name.clone(), columns(&batch.schema())));
    let events = std::iter::once(("events".to_owned(), columns(&events)));
    Known { tables: events.chain(others).collect() }
}

fn notes(rare: &BTreeSet<String>, known: &Known) -> Vec<String> {
    let is_column = |name: &str| known.tables.values().any(|columns| columns.contains_key(name));
    let names = rare.iter().map(|name| schema::field_of(name).unwrap_or(name));
    let said = |name: &str| name == schema::EVERYTHING || search::is_meant_by_others(name);
    let rare = names.filter(|name| !said(name) && !is_column(name));
    rare.map(|name| {
        format!("'{name}' is no frequent field of this time: looked for among the rare ones")
    })
    .collect()
}

fn session(limits: &Limits, source: &Source) -> Result<SessionContext, Error> {
    let disk = DiskManagerBuilder::default().with_mode(DiskManagerMode::Disabled);
    let runtime = RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::new(GreedyMemoryPool::new(limits.memory)))
        .with_disk_manager_builder(disk)
        .build_arc()
        .map_err(run::explain)?;
    let url = Url::parse(table::STORE).map_err(|error| Error::Failed(error.to_string()))?;
    runtime.register_object_store(&url, Arc::clone(&source.store));
    let state = SessionStateBuilder::new_with_default_features()
        .with_config(config(limits))
        .with_runtime_env(runtime)
        .build();
    let session = SessionContext::new_with_state(state);
    GREEDY.into_iter().for_each(|name| session.deregister_udf(name));
    function::tests().into_iter().for_each(|function| session.register_udf(function));
    session.register_udf(function::json_get());
    function::of_time().into_iter().for_each(|function| session.register_udf(function));
    Ok(session)
}

fn config(limits: &Limits) -> SessionConfig {
    let mut config =
        SessionConfig::new().with_target_partitions(limits.threads).with_information_schema(true);
    let options = config.options_mut();
    options.sql_parser.enable_ident_normalization = false;
    options.execution.parquet.pushdown_filters = true;
    options.execution.parquet.reorder_filters = true;
    options.execution.time_zone = Some("+00:00".to_owned());
    config
}

fn register(session: &SessionContext, events: table::Events, source: &Source) -> Result<(), Error> {
    session.register_table("events", Arc::new(events)).map_err(run::explain)?;
    for (name, batch) in &source.tables {
        let table = MemTable::try_new(batch.schema(), vec![vec![batch.clone()]]);
        let table = Arc::new(table.map_err(run::explain)?);
        session.register_table(name.as_str(), table).map_err(run::explain)?;
    }
    Ok(())
}
