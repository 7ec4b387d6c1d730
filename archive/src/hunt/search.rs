//! The search box: for people who do not know SQL.
//!
//! | written | finds |
//! |---|---|
//! | `root` | the word anywhere: in the line, in any field, in the machine's name |
//! | `"accepted password"` | these words, one after the other |
//! | `*word*`, `adm?n` | a part of anything; `*` any text, `?` one character |
//! | `user:root` | in a field; several fields have short names (`aliases.txt`) |
//! | `host:web*` | with a pattern |
//! | `user:=root` | the field is just this |
//! | `port:>1024`, `port:[20 TO 25]` | numbers and times in a range, ends included |
//! | `source.ip:10.0.0.0/8` | addresses of a network |
//! | `_exists_:user.name` | the field is there |
//! | `kind:(log OR log.anomaly)` | several values |
//! | `a b`, `a AND b`, `a OR b`, `NOT a`, `-a`, `( … )` | both, both, one, not; AND binds before OR |
//!
//! Case is nothing. What is found is told as SQL, which can be run and changed.

mod alias;
mod lex;
mod parse;
mod translate;

use std::collections::BTreeMap;

use super::{Error, schema};
use crate::ColumnType;
pub(super) use alias::is_meant_by_others;
use translate::quoted;

/// Rows of an answer when nobody says how many.
pub const ROWS_OF_A_SEARCH: usize = 1000;

/// What a search gives besides which events.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Chosen {
    /// Time, host, kind, text and position; newest first.
    #[default]
    Events,
    /// And these fields.
    Fields(Vec<String>),
    /// How many, in stretches of so many seconds from the beginning of the range: `at`, `count`.
    Histogram(u64),
}

/// The SQL of a search.
///
/// # Errors
/// [`Error::Question`] with the place of what is not understood.
pub fn sql(
    query: &str,
    fields: &BTreeMap<String, ColumnType>,
    chosen: &Chosen,
    limit: usize,
) -> Result<String, Error> {
    let condition = translate::condition(&parse::parse(query)?, fields)?;
    let what = match chosen {
        Chosen::Histogram(seconds) => {
            return Ok(format!(
                "SELECT date_bin(INTERVAL '{seconds} seconds', time) AS at, count(*) AS count \
                 FROM events WHERE {condition} GROUP BY at ORDER BY at"
            ));
        }
        Chosen::Events => String::new(),
        Chosen::Fields(names) => {
            let names = names.iter().filter(|name| !is_given(name));
            names.map(|name| format!(", {}", quoted(name))).collect()
        }
    };
    Ok(format!(
        "SELECT time, host, kind, coalesce(raw, {everything}) AS text, position{what} FROM events \
         WHERE {condition} ORDER BY time DESC, position DESC LIMIT {limit}",
        everything = schema::EVERYTHING
    ))
}

/// How many rows of a question in SQL when; it has to give `time`.
pub fn histogram_of(sql: &str, seconds: u64) -> String {
    let sql = sql.trim().trim_end_matches(';');
    format!(
        "SELECT date_bin(INTERVAL '{seconds} seconds', q.time) AS at, count(*) AS count \
         FROM ({sql}\n) AS q GROUP BY at ORDER BY at"
    )
}

fn is_given(name: &str) -> bool {
    matches!(name, "time" | "host" | "kind" | "text" | "position")
}

#[cfg(test)]
mod tests;
