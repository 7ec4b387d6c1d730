use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

/// A list of a file, as it is. Arguments: the list, whether it is there.
///
/// A filter that looks at a list is applied by the reader of a file only if something in it asks
/// whether something is null; else the reader leaves it out, without a word, and all rows pass.
/// So where a question names no list but a file's columns are some, this asks.
pub fn reader() -> ScalarUDF {
    ScalarUDF::from(ListReader { signature: Signature::any(2, Volatility::Immutable) })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct ListReader {
    signature: Signature,
}

impl ScalarUDFImpl for ListReader {
    fn name(&self) -> &str {
        "list_of_file"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        match arguments.first() {
            Some(list) => Ok(list.clone()),
            None => exec_err!("a list is missing"),
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        match args.args.into_iter().next() {
            Some(list) => Ok(list),
            None => exec_err!("a list is missing"),
        }
    }
}
