use std::path::Path;

use sqlx::sqlite::{SqliteConnectOptions, SqlitePool, SqlitePoolOptions};

use super::Finding;

/// What SQLite finds is told up to so many lines.
const TOLD_MAX: usize = 10;

/// Where a reader of the journal is, by its name.
pub(super) type Checkpoints = Vec<(String, i64)>;

/// SQLite's own check; and where readers of the journal are.
pub(super) async fn check(file: &Path, each: &mut dyn FnMut(Finding)) -> Checkpoints {
    let shown = file.display();
    let todo = "restore it from a backup; until then do not start the collector";
    match look(file).await {
        Ok((wrong, checkpoints)) if wrong.is_empty() => {
            each(Finding::good("database", format!("{shown}: whole")));
            checkpoints
        }
        Ok((wrong, checkpoints)) => {
            for what in wrong.into_iter().take(TOLD_MAX) {
                each(Finding::problem("database", format!("{shown}: {what}"), todo));
            }
            checkpoints
        }
        Err(error) => {
            each(Finding::problem("database", format!("{shown}: {error}"), todo));
            Vec::new()
        }
    }
}

async fn look(file: &Path) -> Result<(Vec<String>, Checkpoints), sqlx::Error> {
    let pool = open(file).await?;
    let mut wrong: Vec<String> =
        sqlx::query_scalar("PRAGMA integrity_check").fetch_all(&pool).await?;
    wrong.retain(|line| line != "ok");
    let stray: Vec<(String,)> =
        sqlx::query_as("SELECT \"table\" FROM pragma_foreign_key_check").fetch_all(&pool).await?;
    wrong.extend(stray.into_iter().map(|(table,)| format!("a row of {table} belongs to nothing")));
    let checkpoints =
        sqlx::query_as("SELECT reader, position FROM checkpoint").fetch_all(&pool).await;
    pool.close().await;
    Ok((wrong, checkpoints?))
}

/// For reading alone; a collector may use it.
pub(super) async fn open(file: &Path) -> Result<SqlitePool, sqlx::Error> {
    let options = SqliteConnectOptions::new().filename(file).read_only(true);
    SqlitePoolOptions::new().max_connections(1).connect_with(options).await
}
