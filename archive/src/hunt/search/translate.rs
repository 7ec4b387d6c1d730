use std::collections::BTreeMap;

use super::alias;
use super::lex::{What, wrong};
use super::parse::{Search, Term};
use crate::ColumnType;
use crate::hunt::function::Network;
use crate::hunt::{Error, schema};

type Fields = BTreeMap<String, ColumnType>;

/// The condition of a search, as SQL.
pub fn condition(search: &Search, fields: &Fields) -> Result<String, Error> {
    let all = |parts: &[Search], word: &str| {
        let parts = parts.iter().map(|part| condition(part, fields));
        Ok(format!("({})", parts.collect::<Result<Vec<_>, Error>>()?.join(word)))
    };
    match search {
        Search::All => Ok("true".to_owned()),
        Search::And(parts) => all(parts, " AND "),
        Search::Or(parts) => all(parts, " OR "),
        Search::Not(inner) => Ok(format!("({}) IS NOT TRUE", condition(inner, fields)?)),
        Search::Term(term) => of_term(term, fields),
    }
}

fn of_term(term: &Term, fields: &Fields) -> Result<String, Error> {
    let Some(name) = &term.field else { return anywhere(term) };
    if name == "_exists_" {
        let (What::Word(field) | What::Phrase(field)) = &term.value else {
            return Err(wrong(term.at, "_exists_ wants the name of a field"));
        };
        let is_there = |field: &str| format!("{} IS NOT NULL", as_text(field));
        return Ok(one_of(alias::fields(field).into_iter().map(is_there).collect()));
    }
    let conditions = alias::fields(name).into_iter().map(|field| of_field(term, field, fields));
    Ok(one_of(conditions.collect::<Result<_, _>>()?))
}

fn one_of(mut conditions: Vec<String>) -> String {
    match conditions.len() {
        1 => conditions.remove(0),
        _ => format!("({})", conditions.join(" OR ")),
    }
}

/// Without a field.
fn anywhere(term: &Term) -> Result<String, Error> {
    match &term.value {
        What::Word(word) if word == "*" => Ok("true".to_owned()),
        What::Word(word) => Ok(match pattern(word) {
            Pattern::Plain(text) => call("has_word", None, &text),
            Pattern::Part(text) => call("contains_i", None, &text),
            Pattern::Like(like) => {
                // A word like the pattern, anywhere: the text around it is any.
                call("like_i", None, &format!("*{}*", like.trim_matches('*')))
            }
        }),
        What::Phrase(text) => Ok(call("has_word", None, text)),
        What::Range(..) => Err(wrong(term.at, "a range wants a field: port:[20 TO 25]")),
        _ => Err(wrong(term.at, "a word is missing here")),
    }
}

fn of_field(term: &Term, field: &str, fields: &Fields) -> Result<String, Error> {
    match &term.value {
        What::Phrase(text) => Ok(value(field, text, fields)),
        What::Range(low, high) => {
            let low = bound(term.at, field, ">=", low)?;
            let high = bound(term.at, field, "<=", high)?;
            Ok(format!("({low} AND {high})"))
        }
        What::Word(word) if word == "*" => Ok(format!("{} IS NOT NULL", as_text(field))),
        What::Word(word) => {
            for sign in [">=", "<=", ">", "<"] {
                if let Some(end) = word.strip_prefix(sign) {
                    return bound(term.at, field, sign, end);
                }
            }
            if let Some(exact) = word.strip_prefix('=') {
                return Ok(call("equals_i", Some(field), &unescaped(exact)));
            }
            Ok(match pattern(word) {
                Pattern::Plain(text) => value(field, &text, fields),
                Pattern::Part(text) => call("contains_i", Some(field), &text),
                Pattern::Like(like) => call("like_i", Some(field), &like),
            })
        }
        _ => Err(wrong(term.at, "a value is missing here")),
    }
}

fn value(field: &str, text: &str, fields: &Fields) -> String {
    if text.contains('/') && Network::parse(text).is_ok() {
        return call("cidr_match", Some(field), text);
    }
    match (fields.get(field), text.parse::<i64>()) {
        (Some(ColumnType::Integer), Ok(number)) => format!("{} = {number}", quoted(field)),
        _ if is_name(field) => call("equals_i", Some(field), text),
        _ => call("has_word", Some(field), text),
    }
}

/// Columns whose values are names: only the whole of it is meant.
fn is_name(field: &str) -> bool {
    schema::is_fixed(field) && !matches!(field, "raw" | "rest" | "unknown")
}

/// A number or, of `time` and `received`, a time.
fn bound(at: usize, field: &str, sign: &str, end: &str) -> Result<String, Error> {
    if matches!(field, "time" | "received") {
        let time: soc_event::Timestamp = end
            .parse()
            .map_err(|_| wrong(at, format!("'{end}' is no time: write 2026-11-22T10:00:00Z")))?;
        return Ok(format!("{field} {sign} to_timestamp('{time}')"));
    }
    let number: f64 = end
        .parse()
        .ok()
        .filter(|number: &f64| number.is_finite())
        .ok_or_else(|| wrong(at, format!("'{end}' is no number: write {field}:{sign}1024")))?;
    Ok(format!("{} {sign} {number}", quoted(field)))
}

/// What a word with `*`, `?` and `\` is.
enum Pattern {
    /// Without any: this text.
    Plain(String),
    /// `*text*`
    Part(String),
    /// Another pattern.
    Like(String),
}

fn pattern(word: &str) -> Pattern {
    let is_plain = |text: &str| !has_wildcard(text);
    if is_plain(word) {
        return Pattern::Plain(unescaped(word));
    }
    let inner = word.strip_prefix('*').and_then(|word| word.strip_suffix('*'));
    match inner {
        Some(inner) if !inner.is_empty() && is_plain(inner) && !inner.ends_with('\\') => {
            Pattern::Part(unescaped(inner))
        }
        _ => Pattern::Like(word.to_owned()),
    }
}

fn has_wildcard(word: &str) -> bool {
    let mut is_escaped = false;
    word.chars().any(|character| {
        let was_escaped = is_escaped;
        is_escaped = character == '\\' && !was_escaped;
        !was_escaped && matches!(character, '*' | '?')
    })
}

/// A `\` before `*`, `?`, `"`, brackets or itself is no part of the text; elsewhere, as in paths of
/// Windows, it is.
fn unescaped(word: &str) -> String {
    let mut text = String::new();
    let mut characters = word.chars().peekable();
    while let Some(character) = characters.next() {
        let is_escape =
            character == '\\' && characters.peek().is_some_and(|next| "*?\\\"()".contains(*next));
        text.push(if is_escape { characters.next().unwrap_or('\\') } else { character });
    }
    text
}

fn call(function: &str, field: Option<&str>, piece: &str) -> String {
    let piece = piece.replace('\'', "''");
    match field {
        None => format!("{function}('{piece}')"),
        Some(field) => format!("{function}({}, '{piece}')", quoted(field)),
    }
}

fn as_text(field: &str) -> String {
    if schema::is_fixed(field) {
        return quoted(field);
    }
    format!("field('{}')", field.replace('\'', "''"))
}

/// A name as SQL has it.
pub fn quoted(name: &str) -> String {
    let is_simple = schema::is_fixed(name);
    if is_simple { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}
