//! What was said for agencies above one that stands elsewhere now, because another ended.

use soc_event::Timestamp;
use sqlx::SqliteConnection;
use toml::{Table, Value};

use super::{Error, Scope};
use crate::access::{Caller, Deed};

/// Lays what these scopes said, nearest first, below what the agency says itself: all of it holds
/// for its machines as before. Whether there was anything to lay.
///
/// # Errors
/// [`Error::Wrong`] never; when the database fails, and then nothing is to be committed.
pub(crate) async fn pass_on(
    tx: &mut SqliteConnection,
    agency: i64,
    lost: &[i64],
    caller: &Caller,
    now: Timestamp,
) -> Result<bool, Error> {
    let mut texts = Vec::new();
    for scope in lost {
        texts.extend(text(tx, *scope).await?);
    }
    if texts.is_empty() {
        return Ok(false);
    }
    texts.reverse();
    let own = text(tx, agency).await?;
    texts.extend(own.clone());
    let laid = laid(&texts);
    if own.as_ref() == Some(&laid) {
        return Ok(false);
    }
    let (scope, why) = (Scope::Agency(agency).as_text(), "kept from an agency that has ended");
    let version: i64 = sqlx::query_scalar(
        "INSERT INTO configuration (scope, text, at, who, why) VALUES (?, ?, ?, ?, ?)
         RETURNING version",
    )
    .bind(&scope)
    .bind(&laid)
    .bind(now.as_micros())
    .bind(&caller.who)
    .bind(why)
    .fetch_one(&mut *tx)
    .await?;
    let subject = format!("{scope} v{version}");
    let deed = Deed::new(&caller.who, &caller.address, "configuration changed", &subject);
    deed.with(why).write(tx, now).await?;
    Ok(true)
}

/// What an agency says itself, if it says anything.
async fn text(tx: &mut SqliteConnection, agency: i64) -> Result<Option<String>, Error> {
    let text: Option<String> = sqlx::query_scalar(
        "SELECT text FROM configuration WHERE scope = ? ORDER BY version DESC LIMIT 1",
    )
    .bind(Scope::Agency(agency).as_text())
    .fetch_optional(tx)
    .await?;
    Ok(text.filter(|text| !text.trim().is_empty()))
}

/// The widest first, the narrower wins key by key. One text stays as it was written.
fn laid(texts: &[String]) -> String {
    let [one] = texts else {
        let mut all = Table::new();
        for text in texts {
            // What is in force was checked when it was set.
            lay(&mut all, text.parse().unwrap_or_default());
        }
        return all.to_string();
    };
    one.clone()
}

fn lay(below: &mut Table, above: Table) {
    for (key, value) in above {
        match (below.get_mut(&key), value) {
            (Some(Value::Table(below)), Value::Table(above)) => lay(below, above),
            (_, value) => {
                below.insert(key, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_narrower_text_wins_key_by_key() {
        let texts = ["a = 1\n[t]\nx = 1\ny = 1\n", "[t]\ny = 2\nz = [1]\n", "[t]\nz = [2]\n"];
        let texts: Vec<String> = texts.map(str::to_owned).to_vec();
        let all: Table = laid(&texts).parse().unwrap();
        let expected: Table = "a = 1\n[t]\nx = 1\ny = 2\nz = [2]\n".parse().unwrap();
        assert_eq!(all, expected);
        assert_eq!(laid(&["# why\na = 1\n".to_owned()]), "# why\na = 1\n");
    }
}
