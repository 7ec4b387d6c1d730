use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{Column, DFSchema, DataFusionError, Result, ScalarValue};
use datafusion::config::TableParquetOptions;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::parquet::{
    CachedParquetFileReaderFactory, ParquetAccessPlan,
};
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::execution::cache::cache_manager::FileMetadataCache;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::{
    BinaryExpr, Expr, Operator, TableProviderFilterPushDown, TableType,
};
use datafusion::physical_plan::streaming::StreamingTableExec;
use datafusion::physical_plan::union::UnionExec;
use datafusion::physical_plan::{ExecutionPlan, PhysicalExpr};
use futures::{FutureExt, StreamExt};
use object_store::{ObjectStore, ObjectStoreExt};

use super::tail::{Tail, TailPart};
use super::{Missing, adapt, words};
use crate::{Agencies, FileRef};

/// Name under which a session knows the store that files are in.
pub const STORE: &str = "archive://files";

/// Files whose filters are read at the same time.
const FILES_AT_ONCE: usize = 8;

/// Events of files and tail, of the agencies that may be seen and the time asked for.
pub struct Events {
    /// Columns.
    pub schema: SchemaRef,
    /// Files of the agencies and time; no others are ever in here.
    pub files: Vec<FileRef>,
    /// Where they are.
    pub store: Arc<dyn ObjectStore>,
    /// What is in no file yet.
    pub tail: Arc<dyn Tail>,
    /// Whose events.
    pub agencies: Agencies,
    /// From when (included) until when (not).
    pub range: (soc_event::Timestamp, soc_event::Timestamp),
    /// How many events of the tail were read.
    pub seen: Arc<AtomicU64>,
    /// Footers that were read before.
    pub footers: Arc<FileMetadataCache>,
    /// Files that could not be opened.
    pub missing: Arc<Mutex<Vec<Missing>>>,
    /// In how many parts files are read at the same time.
    pub parts: usize,
}

impl std::fmt::Debug for Events {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Events").field("files", &self.files.len()).finish()
    }
}

#[async_trait]
impl TableProvider for Events {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        // Filters are looked at to leave files out; the plan around asks them again and hands them
        // on to the reader of files by itself.
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let need = words::Need::of(filters);
        let options = session.config_options().execution.parquet.clone();
        let bound = DFSchema::try_from(self.schema())
            .and_then(|schema| session.create_physical_expr(within(self.range), &schema))?;
        // Of files that are wholly in the range nobody has to look at the time.
        let (inside, across): (Vec<_>, Vec<_>) =
            self.files.iter().partition(|file| is_inside(file, self.range));
        let mut inputs = vec![self.tail_part(session, projection, filters)?];
        for (files, bound) in [(inside, None), (across, Some(bound))] {
            let files = self.needed(files, &need).await;
            if !files.is_empty() {
                inputs.push(self.file_part(files, projection, bound, options.clone())?);
            }
        }
        match inputs.len() {
            1 => inputs.pop().ok_or_else(|| DataFusionError::Internal("no input".to_owned())),
            _ => UnionExec::try_new(inputs),
        }
    }
}

impl Events {
    /// The files in which something may be found, with the row groups worth reading; newest first.
    async fn needed(&self, mut files: Vec<&FileRef>, need: &words::Need) -> Vec<PartitionedFile> {
        files.sort_by_key(|file| std::cmp::Reverse(file.facts.time.1));
        let looked_at: Vec<_> =
            files.into_iter().map(|file| self.look_at(file, need).boxed()).collect();
        let looked_at = futures::stream::iter(looked_at).buffered(FILES_AT_ONCE);
        looked_at.filter_map(|file| async move { file }).collect().await
    }

    async fn look_at(&self, file: &FileRef, need: &words::Need) -> Option<PartitionedFile> {
        let path = object_store::path::Path::from(file.path.as_str());
        if let Err(error) = self.store.head(&path).await {
            self.miss(file, &error);
            return None;
        }
        let partitioned = PartitionedFile::new(file.path.clone(), file.facts.bytes);
        match words::groups(&self.store, file, need).await {
            None => Some(partitioned),
            Some(groups) if groups.iter().any(|is_needed| *is_needed) => {
                Some(partitioned.with_extension(plan(&groups)))
            }
            Some(_) => None,
        }
    }

    fn miss(&self, file: &FileRef, error: &object_store::Error) {
        let reason = match error {
            object_store::Error::NotFound { .. } => "is not there any more".to_owned(),
            other => other.to_string(),
        };
        let missing = Missing { path: file.path.clone(), reason };
        let mut all = self.missing.lock().unwrap_or_else(PoisonError::into_inner);
        if !all.contains(&missing) {
            all.push(missing);
        }
    }

    fn tail_part(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let all = || (0..self.schema.fields().len()).collect();
        let columns = projection.cloned().unwrap_or_else(all);
        let schema = Arc::new(self.schema.project(&columns)?);
        let named = DFSchema::try_from(self.schema.as_ref().clone())?;
        let filters = filters.iter();
        // One that cannot be asked here is asked by the plan around.
        let filters =
            filters.filter_map(|filter| session.create_physical_expr(filter.clone(), &named).ok());
        let part = TailPart {
            table: self.schema(),
            columns,
            schema: Arc::clone(&schema),
            filters: filters.collect(),
            tail: Arc::clone(&self.tail),
            agencies: self.agencies.clone(),
            range: self.range,
            seen: Arc::clone(&self.seen),
        };
        let plan =
            StreamingTableExec::try_new(schema, vec![Arc::new(part)], None, [], false, None)?;
        Ok(Arc::new(plan))
    }

    fn file_part(
        &self,
        files: Vec<PartitionedFile>,
        projection: Option<&Vec<usize>>,
        bound: Option<Arc<dyn PhysicalExpr>>,
        options: datafusion::config::ParquetOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let options = TableParquetOptions { global: options, ..TableParquetOptions::default() };
        let (store, footers) = (Arc::clone(&self.store), Arc::clone(&self.footers));
        let mut source = ParquetSource::new(self.schema())
            .with_table_parquet_options(options)
            .with_parquet_file_reader_factory(Arc::new(CachedParquetFileReaderFactory::new(
                store, footers,
            )));
        if let Some(bound) = bound {
            source = source.with_predicate(bound);
        }
        let groups = in_groups(files, self.parts);
        let config = FileScanConfigBuilder::new(ObjectStoreUrl::parse(STORE)?, Arc::new(source))
            .with_file_groups(groups)
            .with_projection_indices(projection.cloned())?
            .with_expr_adapter(Some(Arc::new(adapt::Factory)))
            .build();
        Ok(DataSourceExec::from_data_source(config))
    }
}

fn is_inside(file: &FileRef, (from, to): (soc_event::Timestamp, soc_event::Timestamp)) -> bool {
    let (oldest, newest) = file.facts.time;
    oldest >= from && newest < to
}

/// Whoever is done takes the next file of all, so groups only say how many read.
fn in_groups(files: Vec<PartitionedFile>, parts: usize) -> Vec<FileGroup> {
    let each = files.len().div_ceil(parts.max(1)).max(1);
    files.chunks(each).map(|files| FileGroup::new(files.to_vec())).collect()
}

fn plan(groups: &[bool]) -> ParquetAccessPlan {
    let mut plan = ParquetAccessPlan::new_all(groups.len());
    let skipped = groups.iter().enumerate().filter(|(_, is_needed)| !**is_needed);
    skipped.for_each(|(at, _)| plan.skip(at));
    plan
}

/// What bounds the time of events.
fn within(range: (soc_event::Timestamp, soc_event::Timestamp)) -> Expr {
    let time = || Box::new(Expr::Column(Column::from_name("time")));
    let at = |moment: soc_event::Timestamp| {
        let value = ScalarValue::TimestampMicrosecond(Some(moment.as_micros()), Some("UTC".into()));
        Box::new(Expr::Literal(value, None))
    };
    let from = Expr::BinaryExpr(BinaryExpr::new(time(), Operator::GtEq, at(range.0)));
    let to = Expr::BinaryExpr(BinaryExpr::new(time(), Operator::Lt, at(range.1)));
    from.and(to)
}
