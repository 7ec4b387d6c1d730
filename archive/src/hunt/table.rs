use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{Column, DFSchema, DataFusionError, Result, ScalarValue};
use datafusion::config::TableParquetOptions;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{
    FileGroup, FileScanConfigBuilder, ParquetSource, parquet::ParquetAccessPlan,
};
use datafusion::datasource::source::DataSourceExec;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::{
    BinaryExpr, Expr, Operator, TableProviderFilterPushDown, TableType,
};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::streaming::StreamingTableExec;
use datafusion::physical_plan::union::UnionExec;
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
        let files = self.needed(filters).await;
        let mut inputs = vec![self.tail_part(session, projection, filters)?];
        if !files.is_empty() {
            let options = session.config_options().execution.parquet.clone();
            inputs.push(self.file_part(files, projection, options)?);
        }
        match inputs.len() {
            0 => Ok(Arc::new(EmptyExec::new(self.schema()))),
            1 => inputs.pop().ok_or_else(|| DataFusionError::Internal("no input".to_owned())),
            _ => UnionExec::try_new(inputs),
        }
    }
}

impl Events {
    /// The files in which something may be found, with the row groups worth reading.
    async fn needed(&self, filters: &[Expr]) -> Vec<PartitionedFile> {
        let need = words::Need::of(filters);
        let looked_at = self.files.iter().map(|file| self.look_at(file, &need).boxed());
        let looked_at: Vec<_> = looked_at.collect();
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
        options: datafusion::config::ParquetOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let options = TableParquetOptions { global: options, ..TableParquetOptions::default() };
        let source = ParquetSource::new(self.schema()).with_table_parquet_options(options);
        let groups = FileGroup::new(files).split_files(self.parts);
        let config = FileScanConfigBuilder::new(ObjectStoreUrl::parse(STORE)?, Arc::new(source))
            .with_file_groups(groups)
            .with_projection_indices(projection.cloned())?
            .with_expr_adapter(Some(Arc::new(adapt::Factory)))
            .build();
        Ok(DataSourceExec::from_data_source(config))
    }
}

fn plan(groups: &[bool]) -> ParquetAccessPlan {
    let mut plan = ParquetAccessPlan::new_all(groups.len());
    let skipped = groups.iter().enumerate().filter(|(_, is_needed)| !**is_needed);
    skipped.for_each(|(at, _)| plan.skip(at));
    plan
}

/// What bounds the time of events, as part of a question.
pub fn within(range: (soc_event::Timestamp, soc_event::Timestamp)) -> Expr {
    let time = || Box::new(Expr::Column(Column::from_name("time")));
    let at = |moment: soc_event::Timestamp| {
        let value = ScalarValue::TimestampMicrosecond(Some(moment.as_micros()), Some("UTC".into()));
        Box::new(Expr::Literal(value, None))
    };
    let from = Expr::BinaryExpr(BinaryExpr::new(time(), Operator::GtEq, at(range.0)));
    let to = Expr::BinaryExpr(BinaryExpr::new(time(), Operator::Lt, at(range.1)));
    from.and(to)
}
