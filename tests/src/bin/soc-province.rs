//! Fills the fresh database of a collector that does not run with a province to measure pages by.
//!
//! `soc-province FILE [MACHINES [AGENCIES [ALERTS]]]`; at most 100,000, 1,000 and 2,000,000.

use std::process::ExitCode;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};

/// What is written, with its defaults and bounds: machines, agencies, alerts.
const SIZES: [(i64, i64); 3] = [(10_000, 100_000), (200, 1_000), (1_000_000, 2_000_000)];
const STATEMENTS: &str = include_str!("../province.sql");

#[tokio::main]
async fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let Some(file) = words.next() else {
        eprintln!("soc-province FILE [MACHINES [AGENCIES [ALERTS]]]");
        return ExitCode::FAILURE;
    };
    let mut sizes = SIZES.map(|(usual, most)| {
        let asked = words.next().and_then(|word| word.parse().ok());
        asked.unwrap_or(usual).clamp(1, most)
    });
    // Ten agencies below each of a tenth.
    sizes[1] = sizes[1].max(20);
    match fill(&file, sizes).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{file}: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn fill(file: &str, [machines, agencies, alerts]: [i64; 3]) -> Result<(), sqlx::Error> {
    let begun = Instant::now();
    let options = SqliteConnectOptions::new().filename(file).foreign_keys(true);
    let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now = i64::try_from(now.as_micros()).unwrap_or(i64::MAX);
    let mut tx = pool.begin().await?;
    for statement in STATEMENTS.split_inclusive(";\n") {
        sqlx::query(statement)
            .bind(machines)
            .bind(agencies)
            .bind(alerts)
            .bind(now)
            .execute(&mut *tx)
            .await?;
    }
    tx.commit().await?;
    // As a collector that has run for long would have it.
    sqlx::query("PRAGMA optimize = 0x10002").execute(&pool).await?;
    pool.close().await;
    println!(
        "{machines} machines in {agencies} agencies, {alerts} alerts, in {:.0?}",
        begun.elapsed()
    );
    Ok(())
}
