use std::sync::Arc;

use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator};
use object_store::ObjectStore;

use super::function::Test;
use super::{schema, text};
use crate::FileRef;

/// Words that an event must have to pass these filters, in small letters.
pub fn required(filters: &[Expr]) -> Vec<String> {
    let mut words = Vec::new();
    filters.iter().for_each(|filter| collect(filter, &mut words));
    words.sort();
    words.dedup();
    words
}

fn collect(filter: &Expr, words: &mut Vec<String>) {
    match filter {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) => {
            collect(left, words);
            collect(right, words);
        }
        Expr::ScalarFunction(ScalarFunction { func, args }) => {
            let is_word = Test::from_name(func.name()) == Some(Test::HasWord);
            if let ([Expr::Column(column), Expr::Literal(piece, _)], true) = (&args[..], is_word)
                && column.name == schema::EVERYTHING
                && let Some(Some(piece)) = ScalarValue::try_as_str(piece)
            {
                words.extend(words_of(piece));
            }
        }
        _ => {}
    }
}

fn words_of(piece: &str) -> impl Iterator<Item = String> {
    let words = piece.split(|character| !text::is_word(character));
    words.filter(|word| !word.is_empty()).map(str::to_lowercase)
}

/// Which row groups of a file may have all of the words; nothing where all have to be read.
pub async fn groups(
    _store: &Arc<dyn ObjectStore>,
    _file: &FileRef,
    _words: &[String],
) -> Option<Vec<bool>> {
    None
}
