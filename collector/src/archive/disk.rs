//! The disk: sampled every hour, its trend told when it will be full in 14, 7 and 2 days.

use soc_event::Timestamp;

use super::trend::{self, Sample};
use super::{Archive, Error, notice};

/// Days left at which it is told, once each.
const TOLD_AT: [i64; 3] = [2, 7, 14];
/// Only what is better by so much than what was told counts as better.
const BETTER_BY: i64 = 2;
/// Samples of so many days make the trend.
const TREND_DAYS: i64 = 14;
/// Samples are kept for so many days.
const KEPT_DAYS: i64 = 60;
/// Samples are at least so far apart: less than an hour, so that none is left out.
const APART_US: i64 = 3_000 * 1_000_000;
const DAY_US: i64 = 86_400 * 1_000_000;

/// The disk of the archive, as it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct Disk {
    /// Free bytes.
    pub free: u64,
    /// All bytes.
    pub total: u64,
    /// Days until events can no longer be taken, by the trend of the last 14 days; none where the
    /// disk does not fill, or after less than a day of looking.
    pub full_in_days: Option<i64>,
}

impl Archive {
    /// The disk now.
    ///
    /// # Errors
    /// [`Error::Sql`], or the system's.
    pub async fn disk(&self) -> Result<Disk, Error> {
        let (free, total) = self.space()?;
        Ok(Disk { free, total, full_in_days: self.full_in_days().await? })
    }

    fn space(&self) -> Result<(u64, u64), Error> {
        let root = &self.0.folder_root;
        let disk = rustix::fs::statvfs(root).map_err(|error| Error::Io {
            path: root.display().to_string(),
            source: error.into(),
        })?;
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        Ok((free, disk.f_blocks.saturating_mul(disk.f_frsize)))
    }

    /// Bytes that are lacking to twice of what has to be free for events to be taken.
    pub(super) fn lacking_bytes(&self) -> Result<u64, Error> {
        let (free, _) = self.space()?;
        Ok(self.0.config.disk_free_bytes_min.saturating_mul(2).saturating_sub(free))
    }

    /// Samples the disk, and tells when its days are numbered.
    pub(super) async fn look_at_disk(&self) -> Result<(), Error> {
        let (now, (free, total)) = (self.0.clock.now(), self.space()?);
        self.sample(now, free, total).await?;
        let days = self.full_in_days().await?;
        self.0.metrics.full_in_days(days);
        self.tell_days(now, days, free, total).await
    }

    pub(super) async fn sample(&self, now: Timestamp, free: u64, total: u64) -> Result<(), Error> {
        let bytes = |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX);
        let mut tx = self.0.store.write().await?;
        sqlx::query(
            "INSERT INTO archive_disk (at, free, total) SELECT ?1, ?2, ?3
             WHERE NOT EXISTS (SELECT 1 FROM archive_disk WHERE at > ?4)",
        )
        .bind(now.as_micros())
        .bind(bytes(free))
        .bind(bytes(total))
        .bind(now.as_micros().saturating_sub(APART_US))
        .execute(&mut *tx)
        .await?;
        sqlx::query("DELETE FROM archive_disk WHERE at < ?")
            .bind(now.as_micros().saturating_sub(KEPT_DAYS * DAY_US))
            .execute(&mut *tx)
            .await?;
        Ok(tx.commit().await?)
    }

    pub(super) async fn full_in_days(&self) -> Result<Option<i64>, Error> {
        let since = self.0.clock.now().as_micros().saturating_sub(TREND_DAYS * DAY_US);
        let rows: Vec<(f64, f64)> = sqlx::query_as(
            "SELECT (at - ?1) / 86400000000.0, CAST(free AS REAL) FROM archive_disk
             WHERE at >= ?1 AND total = (SELECT total FROM archive_disk ORDER BY at DESC LIMIT 1)
             ORDER BY at",
        )
        .bind(since)
        .fetch_all(self.0.store.pool())
        .await?;
        let sample = |(day, free_bytes)| Sample { day, free_bytes };
        let samples: Vec<Sample> = rows.into_iter().map(sample).collect();
        let reserve = self.0.config.disk_free_bytes_min;
        // Days, a few thousand at the most; bytes of any disk fit.
        #[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)]
        let days = trend::days_left(&samples, reserve as f64).map(|days| days.floor() as i64);
        Ok(days)
    }

    /// Tells each number of days once while it gets worse; when it has got better, again.
    pub(super) async fn tell_days(
        &self,
        now: Timestamp,
        days: Option<i64>,
        free: u64,
        total: u64,
    ) -> Result<(), Error> {
        let mut tx = self.0.store.write().await?;
        let told: Option<i64> = sqlx::query_scalar("SELECT days FROM archive_disk_told")
            .fetch_optional(&mut *tx)
            .await?;
        let next = to_tell(told, days);
        if next == told {
            return Ok(());
        }
        sqlx::query("DELETE FROM archive_disk_told").execute(&mut *tx).await?;
        if let Some(step) = next {
            sqlx::query("INSERT INTO archive_disk_told (id, days) VALUES (1, ?)")
                .bind(step)
                .execute(&mut *tx)
                .await?;
            if told.is_none_or(|told| step < told) {
                let left = days.unwrap_or(step);
                tracing::warn!(days = left, free, "the disk of the archive will be full");
                notice::write(&mut tx, &notice::disk(now, left, free, total)).await?;
            }
        }
        Ok(tx.commit().await?)
    }
}

/// Which step counts as told afterwards.
fn to_tell(told: Option<i64>, days: Option<i64>) -> Option<i64> {
    let step_of = |days: i64| TOLD_AT.into_iter().find(|step| days <= *step);
    let step = days.and_then(step_of);
    match (told, step) {
        (Some(told), Some(step)) if step < told => Some(step),
        (Some(told), _) if days.is_some_and(|days| days <= told + BETTER_BY) => Some(told),
        (_, step) => step,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_is_told_once_and_again_after_it_was_better() {
        let mut told = None;
        let mut said = Vec::new();
        for days in [None, Some(40), Some(14), Some(13), Some(15), Some(7), Some(8), Some(1)] {
            let next = to_tell(told, days);
            if next != told {
                said.push(next);
            }
            told = next;
        }
        assert_eq!(said, [Some(14), Some(7), Some(2)]);
        assert_eq!(to_tell(Some(2), Some(30)), None, "much better");
        assert_eq!(to_tell(Some(2), Some(6)), Some(7), "better: 2 is told again when it comes");
        assert_eq!(to_tell(Some(7), None), None);
    }
}
