//! Which columns a file has.
//!
//! Every file has the columns of [`FIXED`], then one for each field that occurs often in it, under
//! the field's own name. A value whose type is not its column's, a field that is rare, and one that
//! is called like a fixed column stand in `rest`, one JSON object a row; keys of an event that this
//! version does not know in `unknown`. No field is in both places.
//!
//! Where there is a column `message`, `message_at` is the last one: a message that ends its line is
//! not written again, but where in `raw` it begins (bytes; before it all is ASCII). Its column is
//! null then. Files of version 1 do not have this, and are read.
//!
//! Source: the project's own layout, written as `soc.layout` = [`VERSION`] into each file's footer.

use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};

use crate::{ColumnType, Error};

/// Key in a file's footer.
pub const KEY: &str = "soc.layout";
/// What stands under it.
pub const VERSION: &str = "2";
/// What stood there before, and can be read as well.
pub const VERSION_BEFORE: &str = "1";
/// Another key: names of fields that have a column and stand in `rest` in some rows by their type,
/// as a JSON list. Whoever reads a field that is not named here need not look into `rest`.
pub const MIXED: &str = "soc.mixed";
/// Most fields with a column of their own; further ones are in `rest`.
pub const COLUMNS_MAX: usize = 256;

/// Columns of every file, in order; [`REST`] and [`UNKNOWN`] come after the fields' own.
pub const FIXED: [&str; 14] = [
    "time", "received", "agency", "host", "agent", "kind", "product", "category", "service", "raw",
    "position", "epoch", "lane", "sequence",
];
/// Fields without a column of their own, as one JSON object; null where there are none.
pub const REST: &str = "rest";
/// Keys of a later version, as one JSON object; null where there are none.
pub const UNKNOWN: &str = "unknown";
/// The field that is not written again where it ends its line.
pub const MESSAGE: &str = "message";
/// Where in `raw` the message begins, 32 bits, unsigned; null where it stands in its own column, in
/// `rest`, or is not there.
pub const MESSAGE_AT: &str = "message_at";

/// Fields with a column of their own, by name, and what the columns hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    columns: Vec<(String, ColumnType)>,
}

impl Layout {
    /// A layout of these fields. Names that cannot be columns, repeated ones and those past
    /// [`COLUMNS_MAX`] are left out: their values go to `rest`.
    pub fn new(columns: impl IntoIterator<Item = (String, ColumnType)>) -> Self {
        let mut columns: Vec<_> = columns.into_iter().filter(|(name, _)| can_be(name)).collect();
        columns.sort_by(|one, other| one.0.cmp(&other.0));
        columns.dedup_by(|one, other| one.0 == other.0);
        columns.truncate(COLUMNS_MAX);
        Self { columns }
    }

    /// The layout of a file by its schema.
    ///
    /// # Errors
    /// [`Error::Damaged`] names the column that is missing, misplaced or of another type.
    pub fn of_schema(schema: &Schema) -> Result<Self, Error> {
        let fields = schema.fields();
        let last = 2 + usize::from(fields.last().is_some_and(|field| is_message_at(field)));
        let middle = fields.len().checked_sub(last).and_then(|end| fields.get(FIXED.len()..end));
        let middle = middle.ok_or_else(|| Error::Damaged("columns are missing".to_owned()))?;
        let column = |field: &Arc<Field>| {
            let kind = type_of(field.data_type()).ok_or_else(|| {
                Error::Damaged(format!("column {:?} holds {}", field.name(), field.data_type()))
            })?;
            Ok((field.name().clone(), kind))
        };
        let columns = middle.iter().map(column).collect::<Result<Vec<_>, Error>>()?;
        let layout = Self { columns };
        // Version 1 ends without the last of them.
        let wanted = layout.schema();
        if fields.len() > wanted.fields().len() {
            return Err(Error::Damaged(format!("{MESSAGE_AT:?} without {MESSAGE:?}")));
        }
        for (has, wanted) in fields.iter().zip(wanted.fields()) {
            if has.name() != wanted.name() || !has.data_type().equals_datatype(wanted.data_type()) {
                return Err(Error::Damaged(format!("column {:?} is not as laid out", has.name())));
            }
        }
        Ok(layout)
    }

    /// Fields with a column of their own, sorted by name.
    pub fn columns(&self) -> &[(String, ColumnType)] {
        &self.columns
    }

    /// Whether there is [`MESSAGE_AT`].
    pub fn has_message_at(&self) -> bool {
        self.columns.iter().any(|(name, kind)| name == MESSAGE && *kind == ColumnType::Text)
    }

    /// All columns, in order.
    pub fn schema(&self) -> SchemaRef {
        let own = self.columns.iter().map(|(name, kind)| Field::new(name, data_type(*kind), true));
        let last = [REST, UNKNOWN].map(|name| Field::new(name, DataType::Utf8, true));
        let at = self.has_message_at().then(|| Field::new(MESSAGE_AT, DataType::UInt32, true));
        let all = fixed().into_iter().chain(own).chain(last).chain(at);
        Arc::new(Schema::new(all.collect::<Vec<_>>()))
    }
}

/// Whether a field of this name can have a column: not called like a fixed one, without control
/// characters, not empty.
pub fn can_be(name: &str) -> bool {
    !name.is_empty()
        && !FIXED.contains(&name)
        && name != REST
        && name != UNKNOWN
        && name != MESSAGE_AT
        && !name.chars().any(char::is_control)
}

/// Whether a file's column is [`MESSAGE_AT`]. In version 1 a field may be called so; none is of
/// this type.
pub(crate) fn is_message_at(column: &Field) -> bool {
    column.name() == MESSAGE_AT && *column.data_type() == DataType::UInt32
}

/// Whether a file's column is a field's own.
pub(crate) fn is_own(column: &Field) -> bool {
    can_be(column.name()) || column.name() == MESSAGE_AT && !is_message_at(column)
}

/// The type in Arrow of a field's column.
pub fn data_type(kind: ColumnType) -> DataType {
    match kind {
        ColumnType::Text => DataType::Utf8,
        ColumnType::Integer => DataType::Int64,
        ColumnType::Float => DataType::Float64,
        ColumnType::Boolean => DataType::Boolean,
        ColumnType::Texts => DataType::new_list(DataType::Utf8, true),
    }
}

/// What stands under [`MIXED`] for these names.
pub(crate) fn mixed(names: &BTreeSet<String>) -> Option<String> {
    serde_json::to_string(names).ok()
}

fn type_of(data: &DataType) -> Option<ColumnType> {
    match data {
        DataType::Utf8 => Some(ColumnType::Text),
        DataType::Int64 => Some(ColumnType::Integer),
        DataType::Float64 => Some(ColumnType::Float),
        DataType::Boolean => Some(ColumnType::Boolean),
        DataType::List(item) if *item.data_type() == DataType::Utf8 => Some(ColumnType::Texts),
        _ => None,
    }
}

/// ```text
/// time, received   timestamp, µs, UTC
/// position, epoch, sequence   64 bits, unsigned
/// the others       text; product, category, service and raw may be null
/// ```
fn fixed() -> [Field; 14] {
    FIXED.map(|name| match name {
        "time" | "received" => Field::new(name, moment(), false),
        "position" | "epoch" | "sequence" => Field::new(name, DataType::UInt64, false),
        "product" | "category" | "service" | "raw" => Field::new(name, DataType::Utf8, true),
        _ => Field::new(name, DataType::Utf8, false),
    })
}

fn moment() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}
