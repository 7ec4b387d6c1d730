//! Pages of lists, and words in queries.

use serde::Serialize;
use soc_event::Timestamp;
use utoipa::ToSchema;

use super::Problem;

/// Rows of a page when nothing is said.
const LIMIT: u32 = 100;
/// Rows of a page at the most.
const LIMIT_MAX: u32 = 1000;

/// One page of a list.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Page<T> {
    /// The rows.
    pub items: Vec<T>,
    /// What to send as `cursor` for the next page; null at the end.
    pub next: Option<String>,
    /// Rows of all pages.
    pub total: i64,
}

/// All of a short list.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Items<T> {
    /// The rows.
    pub items: Vec<T>,
}

/// How many rows, between one and the most.
pub(super) fn limit(asked: Option<u32>) -> u32 {
    asked.unwrap_or(LIMIT).clamp(1, LIMIT_MAX)
}

/// Words separated by commas, each one of a fixed set.
pub(super) fn words<T>(
    name: &str,
    text: Option<&str>,
    read: impl Fn(&str) -> Option<T>,
) -> Result<Vec<T>, Problem> {
    let words = text.unwrap_or_default().split(',').map(str::trim).filter(|word| !word.is_empty());
    words.map(|word| read(word).ok_or_else(|| unknown(name, word))).collect()
}

/// What a list is sorted by, and whether from the end: `-name`.
pub(super) fn sort(text: Option<&str>) -> (Option<&str>, bool) {
    match text.and_then(|text| text.strip_prefix('-')) {
        Some(name) => (Some(name), true),
        None => (text, false),
    }
}

/// A value that reads itself from text; empty is the same as not given.
pub(super) fn value<T: std::str::FromStr>(
    name: &str,
    text: Option<&str>,
) -> Result<Option<T>, Problem> {
    let text = text.map(str::trim).filter(|text| !text.is_empty());
    text.map(|text| text.parse().map_err(|_| unknown(name, text))).transpose()
}

/// A time in RFC 3339.
pub(super) fn time(name: &str, text: Option<&str>) -> Result<Option<Timestamp>, Problem> {
    value(name, text)
}

/// A text that is not empty.
pub(super) fn text(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.trim().is_empty())
}

fn unknown(name: &str, word: &str) -> Problem {
    let word: String = word.chars().take(100).collect();
    Problem::invalid(format!("`{word}` is not something `{name}` can be."))
}
