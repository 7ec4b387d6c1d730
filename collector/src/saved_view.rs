//! Saved views: filters of lists under a name, private or for everybody.
//!
//! A view is an address inside the page; opening it shows what whoever opens it may see. Only its
//! owner changes it: saving under the same name replaces it. Never: reads what a view shows.

use serde::{Deserialize, Serialize};
use soc_event::Timestamp;
use utoipa::ToSchema;

use crate::access::{Caller, Deed};
use crate::clock::Clock;
use crate::store::Store;

/// Longest name, in characters.
const NAME_MAX: usize = 100;
/// Longest query, in bytes.
const QUERY_MAX: usize = 4096;
/// Longest path of a page, in bytes.
const PAGE_MAX: usize = 64;
/// Views one operator may keep.
const VIEWS_MAX: i64 = 500;
/// Views shown at the most.
const SHOWN_MAX: i64 = 1000;

/// Why a view was not saved or deleted.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What was sent cannot be a view.
    #[error("{0}")]
    Refused(&'static str),
    /// The operator has no view of this number.
    #[error("you have no saved view of this number")]
    Unknown,
    /// The database failed.
    #[error("database: {0}")]
    Sql(#[from] sqlx::Error),
}

/// A view to be saved.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SavedViewDraft)]
pub struct Draft {
    /// Path of the list: `/alerts`.
    pub page: String,
    /// What it is called.
    pub name: String,
    /// What follows the path: `?state=open`, or nothing.
    pub query: String,
    /// Whether everybody sees it.
    #[serde(default)]
    pub shared: bool,
}

/// A saved view.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = SavedView)]
pub struct View {
    /// Its number.
    pub id: i64,
    /// Path of the list.
    pub page: String,
    /// What it is called.
    pub name: String,
    /// What follows the path.
    pub query: String,
    /// Whether everybody sees it.
    pub shared: bool,
    /// Whose it is.
    pub owner: String,
    /// When it was saved.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

/// The room. Cheap to clone.
#[derive(Clone, Debug)]
pub struct SavedViews {
    store: Store,
    clock: Clock,
}

impl SavedViews {
    /// Opens the room.
    pub fn new(store: Store, clock: Clock) -> Self {
        Self { store, clock }
    }

    /// The operator's own, and those that are shared; by name.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn list(&self, operator: &str) -> Result<Vec<View>, Error> {
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT id, page, name, query, shared, owner, created_at FROM saved_view
             WHERE owner = ?1 OR shared = 1 ORDER BY owner <> ?1, name, id LIMIT ?2",
        )
        .bind(operator)
        .bind(SHOWN_MAX)
        .fetch_all(self.store.pool())
        .await?;
        Ok(rows.into_iter().map(view).collect())
    }

    /// Saves a view; one of the same owner, page and name is replaced.
    ///
    /// # Errors
    /// [`Error::Refused`] says what is wrong with it.
    pub async fn save(&self, draft: &Draft, caller: &Caller) -> Result<View, Error> {
        draft.check()?;
        let now = self.clock.now();
        let mut tx = self.store.write().await?;
        let there: i64 = sqlx::query_scalar(
            "SELECT COUNT(*) FROM saved_view WHERE owner = ? AND (page <> ? OR name <> ?)",
        )
        .bind(&caller.who)
        .bind(&draft.page)
        .bind(draft.name.trim())
        .fetch_one(&mut *tx)
        .await?;
        if there >= VIEWS_MAX {
            return Err(Error::Refused("there are 500 saved views already: delete some"));
        }
        let row: Row = sqlx::query_as(
            "INSERT INTO saved_view (owner, page, name, query, shared, created_at)
             VALUES (?, ?, ?, ?, ?, ?)
             ON CONFLICT (owner, page, name) DO UPDATE SET query = excluded.query,
                shared = excluded.shared, created_at = excluded.created_at
             RETURNING id, page, name, query, shared, owner, created_at",
        )
        .bind(&caller.who)
        .bind(&draft.page)
        .bind(draft.name.trim())
        .bind(&draft.query)
        .bind(draft.shared)
        .bind(now.as_micros())
        .fetch_one(&mut *tx)
        .await?;
        let deed = Deed::new(&caller.who, &caller.address, "view saved", draft.name.trim());
        deed.with(&format!("{}{}", draft.page, draft.query)).write(&mut tx, now).await?;
        tx.commit().await?;
        Ok(view(row))
    }

    /// Deletes a view of the operator's own.
    ///
    /// # Errors
    /// [`Error::Unknown`] where it is not theirs or is not there.
    pub async fn delete(&self, id: i64, caller: &Caller) -> Result<(), Error> {
        let mut tx = self.store.write().await?;
        let name: Option<String> =
            sqlx::query_scalar("DELETE FROM saved_view WHERE id = ? AND owner = ? RETURNING name")
                .bind(id)
                .bind(&caller.who)
                .fetch_optional(&mut *tx)
                .await?;
        let name = name.ok_or(Error::Unknown)?;
        let deed = Deed::new(&caller.who, &caller.address, "view deleted", &name);
        deed.write(&mut tx, self.clock.now()).await?;
        Ok(tx.commit().await?)
    }
}

impl Draft {
    fn check(&self) -> Result<(), Error> {
        let name = self.name.trim();
        if name.is_empty() || name.chars().count() > NAME_MAX {
            return Err(Error::Refused("a name has 1 to 100 characters"));
        }
        // It becomes a link: it must lead nowhere but into the page.
        let is_path = |letter: char| letter.is_ascii_lowercase() || "-/".contains(letter);
        let inside = self.page.starts_with('/') && !self.page.starts_with("//");
        if !inside || self.page.len() > PAGE_MAX || !self.page.chars().all(is_path) {
            return Err(Error::Refused("a page is a path such as /alerts"));
        }
        let starts = self.query.is_empty() || self.query.starts_with('?');
        if !starts || self.query.len() > QUERY_MAX || self.query.chars().any(char::is_control) {
            return Err(Error::Refused("a query begins with ? and has at most 4096 bytes"));
        }
        Ok(())
    }
}

/// Id, page, name, query, shared, owner, time.
type Row = (i64, String, String, String, bool, String, i64);

fn view((id, page, name, query, shared, owner, at): Row) -> View {
    View { id, page, name, query, shared, owner, created_at: Timestamp::from_micros(at) }
}

#[cfg(test)]
mod tests;
