use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::array::StringViewBuilder;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use soc_event::Value;

use super::function::columns;

/// Whether free text is looked for in this column: not in names the collector gave.
pub fn looks_at(column: &str) -> bool {
    !matches!(
        column,
        "agency" | "agent" | "lane" | "kind" | "product" | "category" | "service" | "unknown"
    )
}

fn texts(value: &Value, push: &mut impl FnMut(&str)) {
    match value {
        Value::Text(text) => push(text),
        Value::List(items) => items.iter().for_each(|item| texts(item, push)),
        Value::Number(number) if number.is_i64() => push(&number.to_string()),
        Value::Null | Value::Boolean(_) | Value::Number(_) => {}
    }
}

/// Joins the texts of a file's columns.
pub fn join() -> ScalarUDF {
    ScalarUDF::from(Join { signature: Signature::variadic_any(Volatility::Immutable) })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Join {
    signature: Signature,
}

impl ScalarUDFImpl for Join {
    fn name(&self) -> &str {
        "everything"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8View)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let columns = columns(&args.args, args.number_rows)?;
        let mut answer = StringViewBuilder::new();
        for row in 0..args.number_rows {
            let mut all = String::new();
            for column in &columns {
                column.each(row, |text| {
                    if !all.is_empty() {
                        all.push('\n');
                    }
                    all.push_str(text);
                });
            }
            answer.append_value(all);
        }
        Ok(ColumnarValue::Array(Arc::new(answer.finish())))
    }
}

/// Texts of the fields in `rest`, one a line, without their names.
pub fn of_rest() -> ScalarUDF {
    ScalarUDF::from(RestTexts { signature: Signature::any(1, Volatility::Immutable) })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct RestTexts {
    signature: Signature,
}

impl ScalarUDFImpl for RestTexts {
    fn name(&self) -> &str {
        "texts_of_rest"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8View)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let columns = columns(&args.args, args.number_rows)?;
        let mut answer = StringViewBuilder::new();
        for row in 0..args.number_rows {
            let object = columns.first().and_then(|column| column.text(row));
            answer.append_option(object.map(texts_of_object));
        }
        Ok(ColumnarValue::Array(Arc::new(answer.finish())))
    }
}

fn texts_of_object(object: &str) -> String {
    let fields: BTreeMap<String, Value> = serde_json::from_str(object).unwrap_or_default();
    let mut all = String::new();
    let mut push = |text: &str| {
        all.push('\n');
        all.push_str(text);
    };
    fields.values().for_each(|value| texts(value, &mut push));
    all
}
