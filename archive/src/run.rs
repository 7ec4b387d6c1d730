use std::sync::Arc;

use datafusion::arrow::array::Array as _;
use datafusion::arrow::record_batch::RecordBatch;

use crate::batch::Builder;
use crate::census::Census;
use crate::{Error, Layout, Row, layout};

/// Events in columns, in memory: what files are made of, and what a hunt sees until then. A few
/// thousand events at the most, of whatever agencies, in the order of the journal.
#[derive(Clone, Debug)]
pub struct Run {
    batch: RecordBatch,
    layout: Layout,
    owners: Vec<i64>,
}

impl Run {
    /// These rows in columns; `owners` are the numbers of their agencies, one for each.
    ///
    /// # Errors
    /// [`Error::Unfit`]: not as many owners as rows. Others do not happen in memory.
    pub fn of(rows: &[Row], owners: &[i64]) -> Result<Vec<Self>, Error> {
        if rows.len() != owners.len() {
            return Err(Error::Unfit("rows without an owner"));
        }
        let mut census = Census::default();
        rows.iter().for_each(|row| census.count(&row.event.fields));
        let layout = census.layout();
        let mut builder = Builder::new(&layout);
        let mut runs = Vec::new();
        let mut owners = owners;
        for row in rows {
            builder.push(row);
            if builder.is_full() {
                runs.push(Self::finish(&mut builder, &layout, &mut owners)?);
            }
        }
        if !owners.is_empty() {
            runs.push(Self::finish(&mut builder, &layout, &mut owners)?);
        }
        Ok(runs)
    }

    fn finish(builder: &mut Builder, layout: &Layout, owners: &mut &[i64]) -> Result<Self, Error> {
        let (schema, mut columns, rows) = builder.finish()?.into_parts();
        // What builders took in advance is more than what few values need.
        columns.iter_mut().for_each(|column| column.shrink_to_fit());
        let mixed = layout::mixed(builder.mixed());
        let metadata = mixed.map(|names| (layout::MIXED.to_owned(), names)).into_iter().collect();
        let schema = Arc::new(schema.as_ref().clone().with_metadata(metadata));
        let batch = RecordBatch::try_new(schema, columns)?;
        let (here, later) = owners.split_at_checked(rows).unwrap_or((owners, &[]));
        *owners = later;
        Ok(Self { batch, layout: layout.clone(), owners: here.to_vec() })
    }

    /// Columns of [`Self::layout`].
    pub fn batch(&self) -> &RecordBatch {
        &self.batch
    }

    /// Which columns there are.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The agency of each row, by its number in the fleet; 0 is none.
    pub fn owners(&self) -> &[i64] {
        &self.owners
    }

    /// Memory that it holds, in bytes.
    pub fn bytes(&self) -> usize {
        self.batch.get_array_memory_size().saturating_add(self.owners.len().saturating_mul(8))
    }
}
