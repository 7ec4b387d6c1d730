//! One column of a block, and what it holds in a row.

use std::borrow::Cow;
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray as _, BooleanArray, Float64Array, Int64Array, ListArray, StringArray,
    StringViewArray, UInt32Array,
};
use datafusion::arrow::datatypes::{DataType, Field, Float64Type, Int64Type, Schema, SchemaRef};
use soc_event::Value;

use super::AskedProduct;
use crate::{Error, layout, message};

/// What a field holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Held<'a> {
    /// Known to be absent.
    Null,
    /// True or false.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// Another number.
    Float(f64),
    /// A text.
    Text(&'a str),
    /// Several texts; those that are absent are known to be.
    Texts(Vec<Option<&'a str>>),
    /// A list of something else.
    Mixed(&'a [Value]),
    /// A number as it was written, that is none of the above: it has to look the same.
    Number(&'a Value),
}

impl Held<'_> {
    /// The same as an event has it.
    pub fn value(&self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Boolean(held) => (*held).into(),
            Self::Integer(held) => (*held).into(),
            Self::Float(held) => (*held).into(),
            Self::Text(held) => (*held).into(),
            Self::Texts(held) => {
                let item = |item: &Option<&str>| item.map_or(Value::Null, Value::from);
                Value::List(held.iter().map(item).collect())
            }
            Self::Mixed(held) => Value::List(held.to_vec()),
            Self::Number(held) => (*held).clone(),
        }
    }

    /// As a person reads it: as [`Value`] shows it.
    pub fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Text(held) => Cow::Borrowed(held),
            held => Cow::Owned(held.value().to_string()),
        }
    }
}

impl<'a> From<&'a Value> for Held<'a> {
    fn from(value: &'a Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Boolean(held) => Self::Boolean(*held),
            Value::Number(number) => match number.as_i64() {
                Some(number) => Self::Integer(number),
                None => Self::Number(value),
            },
            Value::Text(held) => Self::Text(held),
            Value::List(items) => Self::Mixed(items),
        }
    }
}

/// The values of one field.
#[derive(Clone, Debug)]
pub(super) enum Column {
    Text(StringViewArray),
    Integer(Int64Array),
    Float(Float64Array),
    Boolean(BooleanArray),
    Texts(ListArray, StringArray),
    /// Messages, lines, and where in its line a message begins that ends it.
    InLines(StringViewArray, StringViewArray, UInt32Array),
}

impl Column {
    pub(super) fn new(name: &str, array: &ArrayRef) -> Result<Self, Error> {
        Ok(match array.data_type() {
            DataType::Utf8View => Self::Text(array.as_string_view().clone()),
            DataType::Int64 => Self::Integer(array.as_primitive::<Int64Type>().clone()),
            DataType::Float64 => Self::Float(array.as_primitive::<Float64Type>().clone()),
            DataType::Boolean => Self::Boolean(array.as_boolean().clone()),
            DataType::List(item) if *item.data_type() == DataType::Utf8 => {
                let list = array.as_list::<i32>();
                Self::Texts(list.clone(), list.values().as_string::<i32>().clone())
            }
            other => return Err(Error::Damaged(format!("column {name} of type {other}"))),
        })
    }

    /// Messages of which some are in their lines only.
    pub(super) fn in_lines(
        own: StringViewArray,
        lines: StringViewArray,
        begins: UInt32Array,
    ) -> Result<Self, Error> {
        let is_there = |(row, begin): (usize, Option<u32>)| {
            let Some(begin) = begin else { return true };
            own.is_null(row)
                && lines.is_valid(row)
                && message::cut(lines.value(row), begin).is_some()
        };
        if begins.iter().enumerate().all(is_there) {
            return Ok(Self::InLines(own, lines, begins));
        }
        Err(Error::Damaged(format!("{} is not in its line", layout::MESSAGE_AT)))
    }

    pub(super) fn get(&self, row: usize) -> Option<Held<'_>> {
        match self {
            Self::Text(array) => array.is_valid(row).then(|| Held::Text(array.value(row))),
            Self::Integer(array) => array.is_valid(row).then(|| Held::Integer(array.value(row))),
            Self::Float(array) => array.is_valid(row).then(|| Held::Float(array.value(row))),
            Self::Boolean(array) => array.is_valid(row).then(|| Held::Boolean(array.value(row))),
            Self::Texts(array, texts) => {
                array.is_valid(row).then(|| Held::Texts(items(array, texts, row)))
            }
            Self::InLines(_, lines, begins) if begins.is_valid(row) => {
                message::cut(lines.value(row), begins.value(row)).map(Held::Text)
            }
            Self::InLines(own, ..) => own.is_valid(row).then(|| Held::Text(own.value(row))),
        }
    }
}

fn items<'a>(array: &ListArray, texts: &'a StringArray, row: usize) -> Vec<Option<&'a str>> {
    let ends = array.value_offsets();
    let place = |row: usize| ends.get(row).and_then(|end| usize::try_from(*end).ok());
    let (first, end) = (place(row).unwrap_or(0), place(row + 1).unwrap_or(0));
    let item = |item| texts.is_valid(item).then(|| texts.value(item));
    (first..end.min(texts.len())).map(item).collect()
}

/// Texts as views: nothing is copied where a dictionary or a page already has them.
pub(super) fn without_copies(schema: &SchemaRef) -> SchemaRef {
    let change = |field: &Arc<Field>| match field.data_type() {
        DataType::Utf8 => Arc::new(field.as_ref().clone().with_data_type(DataType::Utf8View)),
        _ => field.clone(),
    };
    let fields: Vec<Arc<Field>> = schema.fields().iter().map(change).collect();
    Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone()))
}

/// Which rows are of a product that is asked for.
pub(super) fn keep(array: &ArrayRef, asked: &AskedProduct) -> BooleanArray {
    let Some(products) = array.as_string_view_opt() else {
        return BooleanArray::from(vec![true; array.len()]);
    };
    let mut last: Option<(Option<&str>, bool)> = None;
    let mut decide = |product| match last {
        Some((known, answer)) if known == product => answer,
        _ => {
            let answer = asked(product);
            last = Some((product, answer));
            answer
        }
    };
    products.iter().map(|product| Some(decide(product))).collect()
}
