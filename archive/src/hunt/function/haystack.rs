use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, ListArray, StringViewArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{DataFusionError, Result, ScalarValue};
use datafusion::logical_expr::ColumnarValue;

/// One argument whose texts are looked at.
pub enum Haystack {
    /// A text a row; numbers became texts.
    Texts(StringViewArray),
    /// A list of texts a row: where the lists begin and end, and what is in them.
    Lists(ListArray, StringViewArray),
}

impl Haystack {
    fn new(array: &ArrayRef) -> Result<Self> {
        match array.data_type() {
            DataType::List(_) => {
                let lists = array.as_list::<i32>().clone();
                let texts = as_texts(lists.values())?;
                Ok(Self::Lists(lists, texts))
            }
            _ => Ok(Self::Texts(as_texts(array)?)),
        }
    }

    /// Marks the rows of which a text passes.
    pub fn mark(&self, rows: &mut [bool], is_good: impl Fn(&str) -> bool) {
        let mut said = Said::default();
        match self {
            // Most columns of a file are those of a few machines' logs, and empty elsewhere.
            Self::Texts(texts) if texts.null_count() == texts.len() => {}
            Self::Texts(texts) => {
                for (at, row) in rows.iter_mut().enumerate() {
                    *row = *row || texts.is_valid(at) && said.ask(texts, at, &is_good);
                }
            }
            Self::Lists(..) => {
                for (at, row) in rows.iter_mut().enumerate() {
                    let (texts, mut range) = self.range(at);
                    let mut is_good = |at| texts.is_valid(at) && said.ask(texts, at, &is_good);
                    *row = *row || range.any(&mut is_good);
                }
            }
        }
    }

    /// The texts of this row, one after the other.
    pub fn each(&self, row: usize, mut see: impl FnMut(&str)) {
        let (texts, range) = self.range(row);
        range.filter(|at| texts.is_valid(*at)).for_each(|at| see(texts.value(at)));
    }

    /// The text of this row; of a list, the first.
    pub fn text(&self, row: usize) -> Option<&str> {
        let (texts, mut range) = self.range(row);
        range.find(|at| texts.is_valid(*at)).map(|at| texts.value(at))
    }

    fn range(&self, row: usize) -> (&StringViewArray, std::ops::Range<usize>) {
        match self {
            Self::Texts(texts) => (texts, row..row + 1),
            Self::Lists(lists, texts) => {
                let range = match lists.value_offsets().get(row..row + 2) {
                    Some([begin, end]) if lists.is_valid(row) => {
                        usize::try_from(*begin).unwrap_or(0)..usize::try_from(*end).unwrap_or(0)
                    }
                    _ => 0..0,
                };
                (texts, range)
            }
        }
    }
}

/// What was said of texts before. Equal texts of a dictionary are the same view, so that a text
/// said often is looked at once.
struct Said([Option<(u128, bool)>; SAID_MAX]);

/// Texts that are remembered, by some bits of their view.
const SAID_MAX: usize = 64;

impl Default for Said {
    fn default() -> Self {
        Self([None; SAID_MAX])
    }
}

impl Said {
    fn ask(&mut self, texts: &StringViewArray, at: usize, is_good: impl Fn(&str) -> bool) -> bool {
        let view = texts.views().get(at).copied().unwrap_or_default();
        // Length, the first characters, and either the others or where in the buffer they are.
        let mixed = (view ^ view >> 64) as u64;
        let place = (mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 58) as usize;
        match self.0.get_mut(place) {
            Some(Some((known, answer))) if *known == view => *answer,
            Some(slot) => {
                let answer = is_good(texts.value(at));
                *slot = Some((view, answer));
                answer
            }
            None => is_good(texts.value(at)),
        }
    }
}

/// Arguments as texts. Constants stay constants as long as they are the same for all rows.
pub fn columns(arguments: &[ColumnarValue], rows: usize) -> Result<Vec<Haystack>> {
    let arrays = arguments.iter().filter(|argument| !is_null(argument));
    arrays.map(|argument| Haystack::new(&argument.to_array(rows)?)).collect()
}

/// A file that has no such column has nothing there, in every row.
fn is_null(argument: &ColumnarValue) -> bool {
    matches!(argument, ColumnarValue::Scalar(value) if value.is_null())
}

fn as_texts(array: &ArrayRef) -> Result<StringViewArray> {
    let array = cast(array, &DataType::Utf8View)?;
    match array.as_string_view_opt() {
        Some(texts) => Ok(texts.clone()),
        None => refuse("what is looked at has to be text, a number or a list of texts"),
    }
}

/// A constant text of an argument.
pub fn literal(function: &str, argument: &ColumnarValue) -> Result<String> {
    let text = match argument {
        ColumnarValue::Scalar(value) => match value.cast_to(&DataType::Utf8)? {
            ScalarValue::Utf8(text) => text,
            _ => None,
        },
        // Constants come as arrays of one where everything else is constant, too.
        ColumnarValue::Array(array) if array.len() == 1 => {
            let texts = as_texts(&Arc::clone(array))?;
            texts.is_valid(0).then(|| texts.value(0).to_owned())
        }
        ColumnarValue::Array(_) => None,
    };
    match text {
        Some(text) => Ok(text),
        None => refuse(&format!("the last argument of {function} is to be a text in quotes")),
    }
}

/// A question that cannot be answered as it was put.
pub fn refuse<T>(why: &str) -> Result<T> {
    Err(DataFusionError::Plan(why.to_owned()))
}
