use serde::{Deserialize, Serialize};
use soc_archive::hunt::Language;
use soc_event::Timestamp;
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;
use utoipa::ToSchema;

use super::{Error, Hunts};
use crate::access::{Caller, Deed};
use crate::alert::Level;

/// Longest name, title and query, in characters.
const NAME_MAX: usize = 200;
const QUERY_MAX: usize = 16 * 1024;
/// Hunts one operator may save.
const SAVED_MAX: i64 = 500;
/// Shortest time between two runs, in seconds.
const EVERY_MIN: i64 = 60;
/// Longest range, in seconds: ten years.
const RANGE_MAX: i64 = 315_360_000;

/// When the collector asks by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = HuntSchedule)]
pub struct Schedule {
    /// So often, in seconds; at least 60.
    pub every_s: i64,
    /// How bad it is when something is found.
    pub level: Level,
    /// What the alert is called.
    pub title: String,
}

/// A hunt to be saved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = HuntDraft)]
pub struct Draft {
    /// What it is called.
    pub name: String,
    /// What is asked.
    pub query: String,
    /// `search` or `sql`
    pub language: String,
    /// Of the last so many seconds.
    pub range_s: i64,
    /// Fields to be shown besides the usual ones.
    #[serde(default)]
    pub columns: Vec<String>,
    /// When the collector asks by itself.
    #[serde(default)]
    pub schedule: Option<Schedule>,
}

/// How the last run went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct LastRun {
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// How much it found.
    pub rows: i64,
    /// Why it failed.
    pub error: Option<String>,
}

/// A saved hunt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = SavedHunt)]
pub struct Saved {
    /// Its number.
    pub id: i64,
    /// What it is.
    #[serde(flatten)]
    pub draft: Draft,
    /// Who saved it; it sees what they may see.
    pub owner: String,
    /// How the last run went.
    pub last_run: Option<LastRun>,
}

impl Draft {
    fn check(&self) -> Result<(), Error> {
        let refuse = |what: &str| Err(Error::Refused(what.to_owned()));
        let is_long = |text: &str, most: usize| text.chars().count() > most;
        if self.name.trim().is_empty() || is_long(&self.name, NAME_MAX) {
            return refuse("a name has 1 to 200 characters");
        }
        if is_long(&self.query, QUERY_MAX) {
            return refuse("the query is too long: 16,384 characters at the most");
        }
        if language(&self.language).is_none() {
            return refuse("language is `search` or `sql`");
        }
        if !(1..=RANGE_MAX).contains(&self.range_s) {
            return refuse("range_s is 1 to 315360000 seconds");
        }
        match &self.schedule {
            Some(schedule) if !(EVERY_MIN..=RANGE_MAX).contains(&schedule.every_s) => {
                refuse("every_s is at least 60 seconds")
            }
            Some(schedule) if schedule.title.trim().is_empty() => {
                refuse("a schedule wants a title: what its alert is called")
            }
            Some(schedule) if is_long(&schedule.title, NAME_MAX) => {
                refuse("a title has at most 200 characters")
            }
            _ => Ok(()),
        }
    }
}

/// The language of its word.
pub(crate) fn language(word: &str) -> Option<Language> {
    match word {
        "search" => Some(Language::Search),
        "sql" => Some(Language::Sql),
        _ => None,
    }
}

impl Hunts {
    /// Saved hunts: all, or those of one operator.
    ///
    /// # Errors
    /// [`Error::Sql`].
    pub async fn saved(&self, of: Option<&str>) -> Result<Vec<Saved>, Error> {
        let rows =
            sqlx::query("SELECT * FROM saved_hunt WHERE ?1 IS NULL OR owner = ?1 ORDER BY id")
                .bind(of)
                .fetch_all(self.0.store.pool())
                .await?;
        Ok(rows.iter().map(saved).collect::<Result<_, _>>()?)
    }

    /// Saves a hunt, which then belongs to whoever saved it.
    ///
    /// # Errors
    /// [`Error::Refused`] says what is wrong with it; [`Error::Sql`].
    pub async fn save(&self, caller: &Caller, draft: &Draft) -> Result<Saved, Error> {
        draft.check()?;
        let now = self.now();
        let mut tx = self.0.store.write().await?;
        let there: i64 = sqlx::query_scalar("SELECT count(*) FROM saved_hunt WHERE owner = ?")
            .bind(&caller.who)
            .fetch_one(&mut *tx)
            .await?;
        if there >= SAVED_MAX {
            return Err(Error::Refused(format!(
                "there are {SAVED_MAX} saved already: delete some"
            )));
        }
        let row = bound(
            sqlx::query(
                "INSERT INTO saved_hunt
                     (name, query, language, range_s, columns, every_s, level, title, due_at, owner)
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING *",
            ),
            draft,
            now,
        );
        let row = row.bind(&caller.who).fetch_one(&mut *tx).await?;
        let saved = saved(&row)?;
        let deed = Deed::new(&caller.who, &caller.address, "hunt saved", &draft.name);
        deed.with(&draft.query).write(&mut tx, now).await?;
        tx.commit().await?;
        Ok(saved)
    }

    /// Changes a saved hunt; of one operator only, where that is given.
    ///
    /// # Errors
    /// [`Error::Unknown`], [`Error::Refused`], [`Error::Sql`].
    pub async fn change(
        &self,
        caller: &Caller,
        id: i64,
        of: Option<&str>,
        draft: &Draft,
    ) -> Result<Saved, Error> {
        draft.check()?;
        let now = self.now();
        let mut tx = self.0.store.write().await?;
        let row = bound(
            sqlx::query(
                "UPDATE saved_hunt SET name = ?, query = ?, language = ?, range_s = ?, columns = ?,
                     every_s = ?, level = ?, title = ?, due_at = ?
                 WHERE id = ?10 AND (?11 IS NULL OR owner = ?11) RETURNING *",
            ),
            draft,
            now,
        );
        let row = row.bind(id).bind(of).fetch_optional(&mut *tx).await?;
        let saved = saved(&row.ok_or(Error::Unknown)?)?;
        let deed = Deed::new(&caller.who, &caller.address, "saved hunt changed", &draft.name);
        deed.with(&draft.query).write(&mut tx, now).await?;
        tx.commit().await?;
        Ok(saved)
    }

    /// Deletes a saved hunt; of one operator only, where that is given.
    ///
    /// # Errors
    /// [`Error::Unknown`], [`Error::Sql`].
    pub async fn forget(&self, caller: &Caller, id: i64, of: Option<&str>) -> Result<(), Error> {
        let mut tx = self.0.store.write().await?;
        let name: Option<String> = sqlx::query_scalar(
            "DELETE FROM saved_hunt WHERE id = ?1 AND (?2 IS NULL OR owner = ?2) RETURNING name",
        )
        .bind(id)
        .bind(of)
        .fetch_optional(&mut *tx)
        .await?;
        let name = name.ok_or(Error::Unknown)?;
        let deed = Deed::new(&caller.who, &caller.address, "saved hunt deleted", &name);
        deed.write(&mut tx, self.now()).await?;
        Ok(tx.commit().await?)
    }
}

type Query<'q> = sqlx::query::Query<'q, sqlx::Sqlite, sqlx::sqlite::SqliteArguments>;

/// The nine values of a draft, in the order of the columns. The first run is due at once.
fn bound<'q>(query: Query<'q>, draft: &Draft, now: Timestamp) -> Query<'q> {
    let schedule = draft.schedule.as_ref();
    query
        .bind(draft.name.clone())
        .bind(draft.query.clone())
        .bind(draft.language.clone())
        .bind(draft.range_s)
        .bind(serde_json::to_string(&draft.columns).unwrap_or_default())
        .bind(schedule.map(|schedule| schedule.every_s))
        .bind(schedule.map(|schedule| schedule.level.as_str()))
        .bind(schedule.map(|schedule| schedule.title.clone()))
        .bind(schedule.map(|_| now.as_micros()))
}

pub(super) fn saved(row: &SqliteRow) -> Result<Saved, sqlx::Error> {
    let columns: String = row.try_get("columns")?;
    let level: Option<String> = row.try_get("level")?;
    let every_s: Option<i64> = row.try_get("every_s")?;
    let title: Option<String> = row.try_get("title")?;
    let schedule = every_s.map(|every_s| Schedule {
        every_s,
        level: level.as_deref().and_then(Level::from_word).unwrap_or(Level::Medium),
        title: title.unwrap_or_default(),
    });
    let last_at: Option<i64> = row.try_get("last_at")?;
    let last_rows: Option<i64> = row.try_get("last_rows")?;
    let error: Option<String> = row.try_get("last_error")?;
    let last_run = last_at.map(|at| LastRun {
        at: Timestamp::from_micros(at),
        rows: last_rows.unwrap_or(0),
        error,
    });
    let draft = Draft {
        name: row.try_get("name")?,
        query: row.try_get("query")?,
        language: row.try_get("language")?,
        range_s: row.try_get("range_s")?,
        columns: serde_json::from_str(&columns).unwrap_or_default(),
        schedule,
    };
    Ok(Saved { id: row.try_get("id")?, draft, owner: row.try_get("owner")?, last_run })
}
