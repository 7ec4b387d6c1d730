use std::sync::Arc;

use datafusion::arrow::array::{Array, AsArray, StringViewBuilder};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, UInt32Type};
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use crate::message;

/// The message of an event in a file where it may be in its line only.
/// Arguments: `message`, `message_at`, `raw`.
pub fn reader() -> ScalarUDF {
    ScalarUDF::from(MessageReader { signature: Signature::any(3, Volatility::Immutable) })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct MessageReader {
    signature: Signature,
}

impl ScalarUDFImpl for MessageReader {
    fn name(&self) -> &str {
        "message"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8View)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let [own, begins, lines] = arrays.as_slice() else {
            return exec_err!("a message is read from its column and its line");
        };
        let (own, lines) = (cast(own, &DataType::Utf8View)?, cast(lines, &DataType::Utf8View)?);
        let (own, lines) = (own.as_string_view(), lines.as_string_view());
        let mut answer = StringViewBuilder::with_capacity(args.number_rows);
        for (row, begin) in begins.as_primitive::<UInt32Type>().iter().enumerate() {
            let found = match begin {
                None => own.is_valid(row).then(|| own.value(row)),
                Some(begin) => {
                    let line = lines.is_valid(row).then(|| lines.value(row));
                    let found = line.and_then(|line| message::cut(line, begin));
                    if found.is_none() {
                        return exec_err!("a message begins where its line does not reach");
                    }
                    found
                }
            };
            answer.append_option(found);
        }
        Ok(ColumnarValue::Array(Arc::new(answer.finish())))
    }
}
