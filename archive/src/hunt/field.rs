use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanBuilder, Float64Builder, Int64Builder, ListBuilder,
    StringBuilder, StringViewBuilder,
};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use serde_json::Value;

use super::function::find;

/// Reads a field of an event where it stands: in its column if the file has one, else in `rest`.
/// Arguments: the column (where there is one), then `rest`.
pub fn reader(name: &str, to: &DataType) -> ScalarUDF {
    ScalarUDF::from(FieldReader {
        field: name.to_owned(),
        to: to.clone(),
        signature: Signature::variadic_any(Volatility::Immutable),
    })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct FieldReader {
    field: String,
    to: DataType,
    signature: Signature,
}

impl ScalarUDFImpl for FieldReader {
    fn name(&self) -> &str {
        "field"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(self.to.clone())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = args.number_rows;
        let arrays: Vec<ArrayRef> =
            args.args.iter().map(|argument| argument.to_array(rows)).collect::<Result<_>>()?;
        let (rest, column) = match arrays.as_slice() {
            [rest] => (rest, None),
            [column, rest] => (rest, Some(column)),
            _ => return exec_err!("a field is read from its column and the rest"),
        };
        let rest = cast(rest, &DataType::Utf8View)?;
        let rest = rest.as_string_view();
        let value = |row: usize| -> Option<Value> {
            let direct = column.and_then(|column| value_at(column, row));
            let in_rest = || rest.is_valid(row).then(|| find(rest.value(row), &self.field))?;
            direct.or_else(in_rest)
        };
        Ok(ColumnarValue::Array(array((0..rows).map(value), &self.to)?))
    }
}

/// What stands in a column of a file, as JSON has it.
pub fn value_at(column: &ArrayRef, row: usize) -> Option<Value> {
    if column.is_null(row) {
        return None;
    }
    Some(match column.data_type() {
        DataType::Int64 => {
            column.as_primitive::<datafusion::arrow::datatypes::Int64Type>().value(row).into()
        }
        DataType::Float64 => {
            column.as_primitive::<datafusion::arrow::datatypes::Float64Type>().value(row).into()
        }
        DataType::Boolean => column.as_boolean().value(row).into(),
        DataType::List(_) => {
            let items = column.as_list::<i32>().value(row);
            (0..items.len()).map(|at| value_at(&items, at).unwrap_or(Value::Null)).collect()
        }
        _ => {
            let text = cast(&column.slice(row, 1), &DataType::Utf8View).ok()?;
            text.as_string_view().value(0).into()
        }
    })
}

/// Values as a column of this type. A value that cannot be one is nothing there; as text, all can.
pub fn array(values: impl Iterator<Item = Option<Value>>, to: &DataType) -> Result<ArrayRef> {
    Ok(match to {
        DataType::Int64 => {
            let mut column = Int64Builder::new();
            values.for_each(|value| column.append_option(value.as_ref().and_then(integer)));
            Arc::new(column.finish())
        }
        DataType::Float64 => {
            let mut column = Float64Builder::new();
            values.for_each(|value| column.append_option(value.as_ref().and_then(float)));
            Arc::new(column.finish())
        }
        DataType::Boolean => {
            let mut column = BooleanBuilder::new();
            values.for_each(|value| column.append_option(value.and_then(|value| value.as_bool())));
            Arc::new(column.finish())
        }
        DataType::Utf8View => {
            let mut column = StringViewBuilder::new();
            values.for_each(|value| column.append_option(value.and_then(text)));
            Arc::new(column.finish())
        }
        DataType::List(_) => lists(values),
        other => return exec_err!("no field is a {other}"),
    })
}

fn lists(values: impl Iterator<Item = Option<Value>>) -> ArrayRef {
    let mut column = ListBuilder::new(StringBuilder::new());
    for value in values {
        match value {
            None | Some(Value::Null) => column.append_null(),
            Some(Value::Array(items)) => {
                column.append_value(items.into_iter().map(text).collect::<Vec<_>>());
            }
            Some(single) => column.append_value([text(single)]),
        }
    }
    Arc::new(column.finish())
}

fn integer(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.trim().parse().ok())
}

fn float(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.trim().parse().ok())
}

/// As people read it: text as it is, everything else as JSON, nothing for null.
pub fn text(value: Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text),
        other => Some(other.to_string()),
    }
}
