//! Some events of a file, still in columns.

use datafusion::arrow::array::{
    Array as _, AsArray as _, RecordBatch, StringViewArray, TimestampMicrosecondArray, UInt64Array,
};
use datafusion::arrow::datatypes::{TimestampMicrosecondType, UInt32Type, UInt64Type};
use soc_event::{Fields, Timestamp};

use super::column::{Column, Held};
use super::{Wanted, rest};
use crate::{Error, layout};

/// Events that follow each other in a file.
#[derive(Debug)]
pub struct Block {
    rows: usize,
    time: TimestampMicrosecondArray,
    received: TimestampMicrosecondArray,
    position: UInt64Array,
    agency: StringViewArray,
    host: StringViewArray,
    agent: StringViewArray,
    kind: StringViewArray,
    product: StringViewArray,
    category: StringViewArray,
    service: StringViewArray,
    raw: Option<StringViewArray>,
    /// Columns that hold anything in this block.
    fields: Vec<(String, Column)>,
    /// By row; empty where no row has any.
    rest: Vec<Fields>,
}

/// One of its events.
#[derive(Clone, Copy, Debug)]
pub struct BlockRow<'b> {
    block: &'b Block,
    row: usize,
}

impl Block {
    pub(super) fn new(batch: &RecordBatch, wanted: &Wanted) -> Result<Self, Error> {
        let texts = |name| texts(batch, name);
        let rest = match texts("rest") {
            Ok(rest) if rest.null_count() < rest.len() => rests(&rest, wanted)?,
            _ => Vec::new(),
        };
        Ok(Self {
            rows: batch.num_rows(),
            time: times(batch, "time")?,
            received: times(batch, "received")?,
            position: positions(batch)?,
            agency: texts("agency")?,
            host: texts("host")?,
            agent: texts("agent")?,
            kind: texts("kind")?,
            product: texts("product")?,
            category: texts("category")?,
            service: texts("service")?,
            // It may have been read for its message only.
            raw: texts("raw").ok().filter(|_| wanted.texts),
            fields: fields(batch)?,
            rest,
        })
    }

    /// The events, in order.
    pub fn rows(&self) -> impl Iterator<Item = BlockRow<'_>> {
        (0..self.rows).map(|row| BlockRow { block: self, row })
    }
}

impl<'b> BlockRow<'b> {
    /// When it happened, by its machine's clock.
    pub fn time(self) -> Timestamp {
        Timestamp::from_micros(self.block.time.value(self.row))
    }

    /// When the collector received it.
    pub fn received(self) -> Timestamp {
        Timestamp::from_micros(self.block.received.value(self.row))
    }

    /// Its place in the journal.
    pub fn position(self) -> u64 {
        self.block.position.value(self.row)
    }

    /// Code of the agency of the machine it is about; empty for none.
    pub fn agency(self) -> &'b str {
        self.block.agency.value(self.row)
    }

    /// What the machine it is about is called.
    pub fn host(self) -> &'b str {
        self.block.host.value(self.row)
    }

    /// Id of who sent it.
    pub fn agent(self) -> &'b str {
        self.block.agent.value(self.row)
    }

    /// What kind of thing it is.
    pub fn kind(self) -> &'b str {
        self.block.kind.value(self.row)
    }

    /// Its logsource's product.
    pub fn product(self) -> Option<&'b str> {
        at(&self.block.product, self.row)
    }

    /// Its logsource's category.
    pub fn category(self) -> Option<&'b str> {
        at(&self.block.category, self.row)
    }

    /// Its logsource's service.
    pub fn service(self) -> Option<&'b str> {
        at(&self.block.service, self.row)
    }

    /// The line as it stood in the log; only where texts are asked for.
    pub fn raw(self) -> Option<&'b str> {
        at(self.block.raw.as_ref()?, self.row)
    }

    /// What a field holds that was asked for.
    pub fn field(self, name: &str) -> Option<Held<'b>> {
        let column = self.block.fields.iter().find(|(of, _)| of == name);
        let held = column.and_then(|(_, column)| column.get(self.row));
        held.or_else(|| self.block.rest.get(self.row)?.get(name).map(Held::from))
    }

    /// Every field that was asked for and is there.
    pub fn fields(self) -> impl Iterator<Item = (&'b str, Held<'b>)> {
        let columns = self.block.fields.iter();
        let columns =
            columns.filter_map(move |(name, column)| Some((name.as_str(), column.get(self.row)?)));
        let rest = self.block.rest.get(self.row).into_iter().flatten();
        columns.chain(rest.map(|(name, value)| (name.as_str(), Held::from(value))))
    }
}

fn fields(batch: &RecordBatch) -> Result<Vec<(String, Column)>, Error> {
    let message_at = batch.column_by_name(layout::MESSAGE_AT);
    let message_at = message_at.and_then(|at| at.as_primitive_opt::<UInt32Type>());
    let message_at = message_at.filter(|at| at.null_count() < at.len());
    let mut fields = Vec::new();
    let columns = batch.schema_ref().fields().iter().zip(batch.columns());
    for (field, array) in columns.filter(|(field, _)| layout::is_own(field)) {
        let name = field.name();
        let column = match message_at {
            Some(at) if name == layout::MESSAGE => {
                Column::in_lines(texts(batch, name)?, texts(batch, "raw")?, at.clone())?
            }
            _ if array.null_count() == array.len() => continue,
            _ => Column::new(name, array)?,
        };
        fields.push((name.clone(), column));
    }
    Ok(fields)
}

fn at(array: &StringViewArray, row: usize) -> Option<&str> {
    array.is_valid(row).then(|| array.value(row))
}

fn missing(name: &str) -> Error {
    Error::Damaged(format!("no column {name} of the type it should have"))
}

fn texts(batch: &RecordBatch, name: &str) -> Result<StringViewArray, Error> {
    let column = batch.column_by_name(name).and_then(|array| array.as_string_view_opt());
    column.cloned().ok_or_else(|| missing(name))
}

fn times(batch: &RecordBatch, name: &str) -> Result<TimestampMicrosecondArray, Error> {
    let column = batch.column_by_name(name);
    let column = column.and_then(|array| array.as_primitive_opt::<TimestampMicrosecondType>());
    column.cloned().ok_or_else(|| missing(name))
}

fn positions(batch: &RecordBatch) -> Result<UInt64Array, Error> {
    let column = batch.column_by_name("position");
    let column = column.and_then(|array| array.as_primitive_opt::<UInt64Type>());
    column.cloned().ok_or_else(|| missing("position"))
}

fn rests(column: &StringViewArray, wanted: &Wanted) -> Result<Vec<Fields>, Error> {
    let read = |text: Option<&str>| text.map_or(Ok(Fields::new()), |text| rest::read(text, wanted));
    column.iter().map(read).collect()
}
