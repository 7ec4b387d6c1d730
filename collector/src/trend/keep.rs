use jiff::civil::Date;
use soc_archive::Agencies;
use sqlx::SqliteConnection;

use super::{DAYS_KEPT, Error, Figures, Trends, day};
use crate::alert::LevelCounts;

impl Trends {
    /// Keeps what today is like so far, and completes the last day before.
    ///
    /// # Errors
    /// When figures cannot be read or kept; those kept before stay.
    pub async fn measure(&self) -> Result<(), Error> {
        let (now, zone) = (self.now(), &self.0.zone);
        let today = day::of(now, zone)?;
        let begin = day::begin(today, zone)?;
        let figures = self.measured(&Agencies::All, begin).await?;
        let before: Option<String> = sqlx::query_scalar("SELECT MAX(day) FROM trend WHERE day < ?")
            .bind(today.to_string())
            .fetch_one(self.0.store.pool())
            .await?;
        let before: Option<Date> = before.as_deref().map(str::parse).transpose()?;
        let completed = match before {
            Some(before) => {
                let (from, to) =
                    (day::begin(before, zone)?, day::begin(day::after(before, 1)?, zone)?);
                Some((before, self.0.alerts.raised(&Agencies::All, from, to).await?))
            }
            None => None,
        };
        let mut tx = self.0.store.write().await?;
        for (agency, figures) in figures {
            write(&mut tx, today, agency, &figures, now.as_micros()).await?;
        }
        if let Some((before, raised)) = completed {
            for (agency, raised) in raised {
                complete(&mut tx, before, agency, &raised).await?;
            }
        }
        sqlx::query("DELETE FROM trend WHERE day < ?")
            .bind(day::after(today, -DAYS_KEPT)?.to_string())
            .execute(&mut *tx)
            .await?;
        Ok(tx.commit().await?)
    }
}

async fn write(
    tx: &mut SqliteConnection,
    day: Date,
    agency: i64,
    figures: &Figures,
    now: i64,
) -> Result<(), Error> {
    let Figures { open, raised, .. } = figures;
    sqlx::query(
        "INSERT OR REPLACE INTO trend (day, agency, machines, heard, protected, weak, unprotected,
            unknown, without_agent, open_critical, open_high, open_medium, open_low,
            open_informational, raised_critical, raised_high, raised_medium, raised_low,
            raised_informational, measured_at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(day.to_string())
    .bind(agency)
    .bind(figures.machines)
    .bind(figures.heard)
    .bind(figures.protected)
    .bind(figures.weak)
    .bind(figures.unprotected)
    .bind(figures.unknown)
    .bind(figures.without_agent)
    .bind(open.critical)
    .bind(open.high)
    .bind(open.medium)
    .bind(open.low)
    .bind(open.informational)
    .bind(raised.critical)
    .bind(raised.high)
    .bind(raised.medium)
    .bind(raised.low)
    .bind(raised.informational)
    .bind(now)
    .execute(tx)
    .await?;
    Ok(())
}

/// Alerts that were raised between the last measurement of a day and its end.
async fn complete(
    tx: &mut SqliteConnection,
    day: Date,
    agency: i64,
    raised: &LevelCounts,
) -> Result<(), Error> {
    sqlx::query(
        "UPDATE trend SET raised_critical = ?, raised_high = ?, raised_medium = ?, raised_low = ?,
            raised_informational = ? WHERE day = ? AND agency = ?",
    )
    .bind(raised.critical)
    .bind(raised.high)
    .bind(raised.medium)
    .bind(raised.low)
    .bind(raised.informational)
    .bind(day.to_string())
    .bind(agency)
    .execute(tx)
    .await?;
    Ok(())
}
