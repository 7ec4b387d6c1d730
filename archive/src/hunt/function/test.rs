use std::sync::Arc;

use datafusion::arrow::array::BooleanArray;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use super::haystack::{columns, literal, refuse};
use super::network::Network;
use crate::hunt::text::{Finder, Glob};

/// What is asked of texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Test {
    /// Has the piece as whole words.
    HasWord,
    /// Has the piece.
    Contains,
    /// Is the piece.
    Equals,
    /// Begins with the piece.
    StartsWith,
    /// Ends with the piece.
    EndsWith,
    /// Is like the pattern.
    Like,
    /// Is an address in the network.
    Cidr,
}

impl Test {
    const ALL: [Self; 7] = [
        Self::HasWord,
        Self::Contains,
        Self::Equals,
        Self::StartsWith,
        Self::EndsWith,
        Self::Like,
        Self::Cidr,
    ];

    /// What it is called in SQL.
    pub fn name(self) -> &'static str {
        match self {
            Self::HasWord => "has_word",
            Self::Contains => "contains_i",
            Self::Equals => "equals_i",
            Self::StartsWith => "startswith_i",
            Self::EndsWith => "endswith_i",
            Self::Like => "like_i",
            Self::Cidr => "cidr_match",
        }
    }

    /// The test of a function's name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|test| test.name() == name)
    }

    /// Whether a whole number, as text, may pass.
    pub fn may_pass_number(self, piece: &str) -> bool {
        self == Self::Like || piece.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
    }

    fn with(self, piece: &str) -> Result<Ready> {
        Ok(match self {
            Self::Like => Ready::Like(Glob::new(piece)),
            Self::Cidr => match Network::parse(piece) {
                Ok(network) => Ready::Cidr(network),
                Err(why) => return refuse(&why),
            },
            test => Ready::Text(test, Finder::new(piece)),
        })
    }
}

/// A test and what it is to find, made once for all rows.
enum Ready {
    Text(Test, Finder),
    Like(Glob),
    Cidr(Network),
}

impl Ready {
    fn passes(&self, text: &str) -> bool {
        match self {
            Self::Text(Test::HasWord, finder) => finder.is_word_in(text),
            Self::Text(Test::Contains, finder) => finder.is_in(text),
            Self::Text(Test::StartsWith, finder) => finder.is_begin_of(text),
            Self::Text(Test::EndsWith, finder) => finder.is_end_of(text),
            Self::Text(_, finder) => finder.is(text),
            Self::Like(glob) => glob.is(text),
            Self::Cidr(network) => network.holds(text),
        }
    }
}

/// All tests, as functions.
pub fn tests() -> Vec<ScalarUDF> {
    let functions = Test::ALL.into_iter().map(|test| {
        ScalarUDF::from(TestFunction {
            test,
            signature: Signature::variadic_any(Volatility::Immutable),
        })
    });
    functions.collect()
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct TestFunction {
    test: Test,
    signature: Signature,
}

impl ScalarUDFImpl for TestFunction {
    fn name(&self) -> &str {
        self.test.name()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        if arguments.len() < 2 {
            let name = self.test.name();
            return refuse(&format!("{name} wants what to look at and what for: {name}(raw, 'x')"));
        }
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let Some((piece, texts)) = args.args.split_last() else {
            return refuse("nothing to look at");
        };
        let ready = self.test.with(&literal(self.test.name(), piece)?)?;
        let columns = columns(texts, args.number_rows)?;
        let mut rows = vec![false; args.number_rows];
        columns.iter().for_each(|column| column.mark(&mut rows, |text| ready.passes(text)));
        Ok(ColumnarValue::Array(Arc::new(BooleanArray::from(rows))))
    }
}
