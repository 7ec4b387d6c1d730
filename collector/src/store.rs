//! State in SQL: SQLite in one file, in WAL mode with `synchronous=FULL`.
//!
//! Every room keeps its own tables (its migration says so) and its own queries; this room opens the
//! database, brings it to the current schema and hands out connections. A transaction that writes
//! begins with [`Store::write`], so that two writers wait for each other instead of failing.

use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("./migrations");

/// The open database. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    pool: SqlitePool,
}

/// The database cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not opened, or a query failed: disk full, file damaged, programming error.
    #[error("database: {0}")]
    Sql(#[from] sqlx::Error),
    /// Made by a newer version, or a migration failed.
    #[error("database schema: {0}")]
    Schema(#[from] sqlx::migrate::MigrateError),
}

/// Connections at the most: one writes, the others read.
const CONNECTIONS_MAX: u32 = 8;
/// Pages of the WAL, 4 KiB each, after which it is written back: alerts that are seen again and again
/// are the same pages, and those are written back once.
const WAL_PAGES: &str = "4000";
/// Pages each connection keeps, as SQLite wants it said: in KiB, below zero.
const CACHE_KIB: &str = "-8192";
/// How long a writer waits for another.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);

impl Store {
    /// Opens (or creates) the file and brings it to the current schema.
    ///
    /// # Errors
    /// [`Error`] naming what SQLite said.
    pub async fn open(file: &Path) -> Result<Self, Error> {
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            .foreign_keys(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .pragma("wal_autocheckpoint", WAL_PAGES)
            .pragma("cache_size", CACHE_KIB)
            // What a statement may have to take back; on disk it would be written each time.
            .pragma("temp_store", "memory")
            .busy_timeout(BUSY_TIMEOUT);
        let pool =
            SqlitePoolOptions::new().max_connections(CONNECTIONS_MAX).connect_with(options).await?;
        MIGRATIONS.run(&pool).await?;
        Ok(Self { pool })
    }

    /// For reading.
    pub fn pool(&self) -> &SqlitePool {
        &self.pool
    }

    /// A transaction that will write: takes the write lock at once, so it never fails half way
    /// because another wrote in between.
    ///
    /// # Errors
    /// When the lock is not to be had within thirty seconds.
    pub async fn write(&self) -> Result<sqlx::Transaction<'static, sqlx::Sqlite>, sqlx::Error> {
        self.pool.begin_with("BEGIN IMMEDIATE").await
    }

    /// Writes the WAL back and closes; call when stopping.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}
