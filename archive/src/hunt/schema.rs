use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};

use crate::{ColumnType, FileRef};

/// Column that stands for all texts of an event, one a line.
pub const EVERYTHING: &str = "everything";

/// What every event has, in order. The types are those of `layout`, texts as views.
pub fn fixed() -> Vec<(&'static str, DataType)> {
    let time = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    vec![
        ("time", time.clone()),
        ("received", time),
        ("agency", DataType::Utf8View),
        ("host", DataType::Utf8View),
        ("agent", DataType::Utf8View),
        ("kind", DataType::Utf8View),
        ("product", DataType::Utf8View),
        ("category", DataType::Utf8View),
        ("service", DataType::Utf8View),
        ("raw", DataType::Utf8View),
        ("position", DataType::UInt64),
        ("epoch", DataType::UInt64),
        ("lane", DataType::Utf8View),
        ("sequence", DataType::UInt64),
        ("rest", DataType::Utf8View),
        ("unknown", DataType::Utf8View),
    ]
}

/// Whether this is the name of a column that is no field of the event.
pub fn is_fixed(name: &str) -> bool {
    fixed().iter().any(|(fixed, _)| *fixed == name)
}

/// Fields that have a column in one of these files, with the type that holds the values of all.
pub fn fields<'a>(files: impl Iterator<Item = &'a FileRef>) -> BTreeMap<String, ColumnType> {
    let mut fields = BTreeMap::new();
    for (name, column) in files.flat_map(|file| &file.facts.columns) {
        if !is_fixed(name) {
            let held = fields.entry(name.clone()).or_insert(*column);
            *held = common(*held, *column);
        }
    }
    fields
}

fn common(one: ColumnType, other: ColumnType) -> ColumnType {
    use ColumnType::{Float, Integer, Text};
    match (one, other) {
        (one, other) if one == other => one,
        (Integer, Float) | (Float, Integer) => Float,
        _ => Text,
    }
}

/// What a column is in a table.
pub fn arrow(column: ColumnType) -> DataType {
    match column {
        ColumnType::Text => DataType::Utf8View,
        ColumnType::Integer => DataType::Int64,
        ColumnType::Float => DataType::Float64,
        ColumnType::Boolean => DataType::Boolean,
        ColumnType::Texts => DataType::List(Arc::new(Field::new_list_field(DataType::Utf8, true))),
    }
}

/// The table `events` for one question: what every event has, fields that have columns, and what
/// else the question names.
pub fn table(fields: &BTreeMap<String, ColumnType>, named: &BTreeSet<String>) -> SchemaRef {
    let fixed = fixed();
    let columns =
        fixed.iter().map(|(name, held)| Field::new(*name, held.clone(), may_be_null(name)));
    let fields_with = fields.iter().map(|(name, held)| Field::new(name, arrow(*held), true));
    let others = named
        .iter()
        .filter(|name| !is_fixed(name) && !fields.contains_key(*name))
        .map(|name| Field::new(name, DataType::Utf8View, true));
    Arc::new(Schema::new(columns.chain(fields_with).chain(others).collect::<Vec<_>>()))
}

fn may_be_null(fixed: &str) -> bool {
    matches!(fixed, "product" | "category" | "service" | "raw" | "rest" | "unknown")
}

/// Column that holds a field's value as text, whatever it is elsewhere: `field(source.ip)`.
pub fn as_text(name: &str) -> String {
    format!("field({name})")
}

/// The field of such a column.
pub fn field_of(column: &str) -> Option<&str> {
    column.strip_prefix("field(")?.strip_suffix(')')
}
