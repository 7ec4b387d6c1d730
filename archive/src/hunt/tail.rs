use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, RecordBatch, RecordBatchOptions,
};
use datafusion::arrow::compute::{and, filter_record_batch, prep_null_mask_filter};
use datafusion::arrow::datatypes::{SchemaRef, TimestampMicrosecondType};
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr_adapter::{PhysicalExprAdapter, PhysicalExprAdapterFactory};
use datafusion::physical_plan::PhysicalExpr;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;
use soc_event::Timestamp;

use super::adapt;
use crate::{Agencies, Row, Run};

/// Runs of events, one after the other, each of which may be why the rest cannot be read.
pub type Runs = Box<dyn Iterator<Item = Result<Arc<Run>, String>> + Send>;

/// Events that are in no file yet. What it gives is the same however often it is read.
pub trait Tail: Send + Sync {
    /// Reads from the beginning, in order.
    fn runs(&self) -> Runs;
}

/// Rows in memory, with the numbers of their agencies (0 none).
impl Tail for Vec<(i64, Row)> {
    fn runs(&self) -> Runs {
        let (owners, rows): (Vec<i64>, Vec<Row>) = self.iter().cloned().unzip();
        match Run::of(&rows, &owners) {
            Ok(runs) => Box::new(runs.into_iter().map(|run| Ok(Arc::new(run)))),
            Err(error) => Box::new(std::iter::once(Err(error.to_string()))),
        }
    }
}

/// The tail as a part of the table, of the agencies that may be seen.
#[derive(Clone)]
pub struct TailPart {
    /// All columns of the table.
    pub table: SchemaRef,
    /// Those asked for, by their places in the table.
    pub columns: Vec<usize>,
    /// The columns asked for.
    pub schema: SchemaRef,
    /// What else is asked of an event, of the table's columns: it need not be asked again of those
    /// that are left out here.
    pub filters: Vec<Arc<dyn PhysicalExpr>>,
    /// Where it is read.
    pub tail: Arc<dyn Tail>,
    /// Whose events.
    pub agencies: Agencies,
    /// From when (included) until when (not).
    pub range: (Timestamp, Timestamp),
    /// How many there were, at the most, in one reading.
    pub seen: Arc<AtomicU64>,
}

impl fmt::Debug for TailPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TailPart")
    }
}

impl PartitionStream for TailPart {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let (part, mut read) = (self.clone(), 0);
        let batches = self.tail.runs().map(move |run| part.batch(run, &mut read));
        let stream = futures::stream::iter(batches);
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), stream))
    }
}

impl TailPart {
    /// What is asked for of a run.
    fn batch(&self, run: Result<Arc<Run>, String>, read: &mut u64) -> Result<RecordBatch> {
        let run = run.map_err(|why| {
            DataFusionError::Execution(format!("the newest events cannot be read: {why}"))
        })?;
        let mut wanted = self.visible(&run);
        *read = read.saturating_add(u64::try_from(wanted.true_count()).unwrap_or(u64::MAX));
        self.seen.fetch_max(*read, Ordering::Relaxed);
        let batch = run.batch();
        // As if it were a file: what is said of the table's columns becomes what stands in it.
        let adapter = adapt::Factory.create(Arc::clone(&self.table), batch.schema())?;
        for filter in &self.filters {
            if wanted.true_count() == 0 {
                break;
            }
            if let Some(holds) = holds(adapter.as_ref(), filter, batch) {
                wanted = and(&wanted, &holds)?;
            }
        }
        self.columns(adapter.as_ref(), &filter_record_batch(batch, &wanted)?)
    }

    /// Which events of a run may be seen and are of the time asked for.
    fn visible(&self, run: &Run) -> BooleanArray {
        let (from, to) = (self.range.0.as_micros(), self.range.1.as_micros());
        let times = run.batch().column_by_name("time");
        let times = times.and_then(|times| times.as_primitive_opt::<TimestampMicrosecondType>());
        let times = times.map(|times| times.values().as_ref()).unwrap_or_default();
        let is_visible =
            |(owner, time): (&i64, &i64)| self.agencies.hold(*owner) && (from..to).contains(time);
        run.owners().iter().zip(times).map(|pair| Some(is_visible(pair))).collect()
    }

    fn columns(
        &self,
        adapter: &dyn PhysicalExprAdapter,
        batch: &RecordBatch,
    ) -> Result<RecordBatch> {
        let column = |place: &usize| -> Result<ArrayRef> {
            let column = Column::new(self.table.field(*place).name(), *place);
            adapter.rewrite(Arc::new(column))?.evaluate(batch)?.into_array(batch.num_rows())
        };
        let columns = self.columns.iter().map(column).collect::<Result<Vec<_>>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        Ok(RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)?)
    }
}

/// For which events a filter holds. Nothing where that cannot be said for all of them alike: it is
/// asked again of what is left, in the order in which the question has it.
fn holds(
    adapter: &dyn PhysicalExprAdapter,
    filter: &Arc<dyn PhysicalExpr>,
    batch: &RecordBatch,
) -> Option<BooleanArray> {
    let filter = adapter.rewrite(Arc::clone(filter)).ok()?;
    let holds = filter.evaluate(batch).ok()?.into_array(batch.num_rows()).ok()?;
    let holds = holds.as_boolean_opt()?;
    Some(if holds.null_count() > 0 { prep_null_mask_filter(holds) } else { holds.clone() })
}
