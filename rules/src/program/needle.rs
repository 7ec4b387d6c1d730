use regex_syntax::hir::{Class, Hir, HirKind};

use super::grams::GRAM;
use crate::pattern::{Comparison, Number, Test, Within, fold};

/// What a value must hold for a test to be true, as far as an index can find it. It is a filter: what
/// is found is tested by the test itself.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Needle {
    /// The value is this text, in folded form.
    Whole(String),
    /// It begins with it.
    Start(String),
    /// It ends with it.
    End(String),
    /// It holds it.
    Part(String),
    /// It is this number.
    Number(u64),
}

/// How a number is looked up: as double, so that `22`, `22.0` and `"22"` meet.
#[allow(clippy::cast_precision_loss, reason = "what is found is compared exactly")]
pub(super) fn number_key(number: Number) -> u64 {
    let float = match number {
        Number::Integer(n) => n as f64,
        Number::Float(n) => n,
    };
    // Zero has two forms.
    if float == 0.0 { 0 } else { float.to_bits() }
}

/// What one of must be found for the test to be true; `None`: it may be true without.
pub(super) fn needles(test: &Test) -> Option<Vec<Needle>> {
    match test {
        Test::Glob(glob) => {
            let (texts, within) = glob.required()?;
            let needle = |text: &String| {
                let text = fold(text).into_owned();
                match within {
                    Within::Whole => Needle::Whole(text),
                    Within::StartsWith => Needle::Start(text),
                    Within::EndsWith => Needle::End(text),
                    Within::Contains => Needle::Part(text),
                }
            };
            Some(texts.iter().map(needle).collect())
        }
        Test::Boolean(value) => Some(vec![Needle::Whole(value.to_string())]),
        Test::Number(Comparison::Equal, number) => Some(vec![Needle::Number(number_key(*number))]),
        Test::Regex(regex) => {
            let parsed = regex_syntax::ParserBuilder::new().build().parse(regex.as_str()).ok()?;
            let parts = required(&parsed, 0)?;
            Some(parts.into_iter().map(Needle::Part).collect())
        }
        Test::Network(_) | Test::Number(..) | Test::Moment(..) => None,
    }
}

/// Whether a test is true wherever its needle is found: the index compares beginnings, ends and parts
/// with all of the text, whole texts only by their hash.
pub(super) fn is_all(test: &Test) -> bool {
    match test {
        Test::Glob(glob) => {
            let found = glob.required().filter(|_| glob.is_one_text() && !glob.cased);
            found.is_some_and(|(texts, within)| {
                within != Within::Whole && texts.iter().all(|text| text.len() >= GRAM)
            })
        }
        Test::Regex(_)
        | Test::Boolean(_)
        | Test::Network(_)
        | Test::Number(..)
        | Test::Moment(..) => false,
    }
}

/// Alternatives of a regular expression that are followed.
const ALTERNATIVES_MAX: usize = 64;
/// Nesting that is followed.
const DEPTH_MAX: usize = 32;

/// Texts, in folded form, one of which every match holds.
fn required(hir: &Hir, depth: usize) -> Option<Vec<String>> {
    if depth > DEPTH_MAX {
        return None;
    }
    match hir.kind() {
        HirKind::Literal(_) | HirKind::Class(_) => run(std::slice::from_ref(hir)),
        HirKind::Capture(capture) => required(&capture.sub, depth + 1),
        HirKind::Repetition(repetition) if repetition.min > 0 => {
            required(&repetition.sub, depth + 1)
        }
        HirKind::Concat(parts) => concatenated(parts, depth),
        HirKind::Alternation(parts) if parts.len() <= ALTERNATIVES_MAX => {
            let texts = parts.iter().map(|part| required(part, depth + 1));
            let texts: Vec<String> = texts.collect::<Option<Vec<_>>>()?.concat();
            (texts.len() <= ALTERNATIVES_MAX).then_some(texts)
        }
        _ => None,
    }
}

/// The best of the parts: the longest run of characters, or what one part requires.
fn concatenated(parts: &[Hir], depth: usize) -> Option<Vec<String>> {
    let runs = parts.chunk_by(|a, b| letter(a).is_some() && letter(b).is_some());
    let found = runs.filter_map(|parts| match parts {
        [single] => required(single, depth + 1),
        several => run(several),
    });
    found.max_by_key(|texts| texts.iter().map(String::len).min())
}

fn run(parts: &[Hir]) -> Option<Vec<String>> {
    let text = parts.iter().map(letter).collect::<Option<String>>()?;
    (!text.is_empty()).then_some(vec![text])
}

/// A part that stands for the same characters but for their case.
fn letter(hir: &Hir) -> Option<String> {
    match hir.kind() {
        HirKind::Literal(literal) => {
            std::str::from_utf8(&literal.0).ok().map(|text| fold(text).into_owned())
        }
        HirKind::Class(Class::Unicode(class)) => {
            let mut letters = class.iter().flat_map(|range| range.start()..=range.end()).take(9);
            let first = fold(&letters.next()?.to_string()).into_owned();
            let same = |c: char| fold(&c.to_string()) == first;
            letters.all(same).then_some(first)
        }
        _ => None,
    }
}
