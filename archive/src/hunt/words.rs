//! Which row groups of files may hold what a question asks for, by their filters of words.

use std::sync::Arc;

use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::{InList, ScalarFunction};
use datafusion::logical_expr::{BinaryExpr, Expr, Operator};
use object_store::{ObjectStore, ObjectStoreExt};

use super::function::Test;
use crate::{FileRef, Words, words};

/// What words an event has to have to pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Need {
    /// None: it may pass without any.
    Nothing,
    /// This one.
    Word(String),
    /// What all of these need.
    All(Vec<Need>),
    /// What one of these needs.
    One(Vec<Need>),
}

impl Need {
    /// Of an event that passes all of the filters.
    pub fn of(filters: &[Expr]) -> Self {
        Self::all(filters.iter().map(of).collect())
    }

    fn all(needs: Vec<Self>) -> Self {
        let mut needs: Vec<Self> =
            needs.into_iter().filter(|need| *need != Self::Nothing).collect();
        match needs.len() {
            0 => Self::Nothing,
            1 => needs.remove(0),
            _ => Self::All(needs),
        }
    }

    fn one(needs: Vec<Self>) -> Self {
        if needs.is_empty() || needs.contains(&Self::Nothing) {
            return Self::Nothing;
        }
        Self::One(needs)
    }

    fn words(text: &str) -> Self {
        let mut needs = Vec::new();
        words::split(text, &mut |word| needs.push(Self::Word(word.to_owned())));
        Self::all(needs)
    }

    fn may_be_in(&self, words: &Words, group: usize) -> bool {
        match self {
            Self::Nothing => true,
            Self::Word(word) => words.may_hold(group, word),
            Self::All(needs) => needs.iter().all(|need| need.may_be_in(words, group)),
            Self::One(needs) => needs.iter().any(|need| need.may_be_in(words, group)),
        }
    }
}

/// Which row groups of a file may have what is needed; nothing where all have to be read, also
/// where the filter is damaged: then the file itself is asked.
pub async fn groups(
    store: &Arc<dyn ObjectStore>,
    file: &FileRef,
    need: &Need,
) -> Option<Vec<bool>> {
    if *need == Need::Nothing {
        return None;
    }
    let path = object_store::path::Path::parse(&file.words).ok()?;
    let bytes = store.get(&path).await.ok()?.bytes().await.ok()?;
    let words = Words::open(bytes).ok()?;
    Some((0..words.row_groups()).map(|group| need.may_be_in(&words, group)).collect())
}

fn of(filter: &Expr) -> Need {
    match filter {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) => {
            Need::all(vec![of(left), of(right)])
        }
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Or, right }) => {
            Need::one(vec![of(left), of(right)])
        }
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) => match (&**left, &**right)
        {
            (looked_at, Expr::Literal(value, _)) | (Expr::Literal(value, _), looked_at) => {
                equal(looked_at, value)
            }
            _ => Need::Nothing,
        },
        Expr::InList(InList { expr, list, negated: false }) => {
            let need = |item: &Expr| match item {
                Expr::Literal(value, _) => equal(expr, value),
                _ => Need::Nothing,
            };
            Need::one(list.iter().map(need).collect())
        }
        Expr::ScalarFunction(call) => of_call(call),
        Expr::IsTrue(inner) => of(inner),
        _ => Need::Nothing,
    }
}

/// Whole words and equality need their words; a piece of a word may be within any.
fn of_call(call: &ScalarFunction) -> Need {
    let is_whole = matches!(Test::from_name(call.func.name()), Some(Test::HasWord | Test::Equals));
    match call.args.split_last() {
        Some((Expr::Literal(piece, _), looked_at)) if is_whole => {
            let one = looked_at.iter().map(|column| equal(column, piece)).collect();
            Need::one(one)
        }
        _ => Need::Nothing,
    }
}

fn equal(looked_at: &Expr, value: &ScalarValue) -> Need {
    match (looked_at, value.try_as_str()) {
        // A list as text is JSON, whose escapes are no words of the event.
        (_, Some(Some(text))) if text.starts_with(['[', '{']) => Need::Nothing,
        (Expr::Column(column), Some(Some(text))) if is_covered(&column.name) => Need::words(text),
        _ => Need::Nothing,
    }
}

/// Columns whose words are in the filter. Names that the collector gave to agencies and agents are
/// not, and of JSON as text the punctuation would have to be thought of.
fn is_covered(column: &str) -> bool {
    !matches!(column, "agency" | "agent" | "lane" | "rest" | "unknown" | "time" | "received")
}
