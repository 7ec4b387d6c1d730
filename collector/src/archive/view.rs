//! The archive as it is shown.

use serde::Serialize;
use soc_event::Timestamp;
use utoipa::ToSchema;

use super::metrics::Amount;
use super::retention::Kept;
use super::{Archive, Disk, Error, Hold, legal};

/// All of it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ArchiveView {
    /// Files.
    pub files: i64,
    /// Their bytes on disk.
    pub bytes: i64,
    /// Events in them.
    pub rows: i64,
    /// When the first and the last of them were received.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub oldest: Option<Timestamp>,
    /// The last.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub newest: Option<Timestamp>,
    /// Bytes of the events as text.
    pub raw_bytes: i64,
    /// By agency, in the order of codes; those without events too.
    pub agencies: Vec<AgencyArchive>,
    /// Legal holds that have not ended.
    pub holds: Vec<Hold>,
    /// The disk.
    pub disk: Disk,
    /// Files that cannot be read.
    pub damaged: Vec<DamagedFile>,
    /// Events of the journal that are not archived yet; answers have them too.
    pub waiting_events: i64,
    /// Whose minimum `legal_months` is: name, clause, date, status.
    pub legal: String,
}

/// The part of one agency.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct AgencyArchive {
    /// Its code; empty for events of no agency.
    pub code: String,
    /// What it is called.
    pub name: String,
    /// Files.
    pub files: i64,
    /// Their bytes on disk.
    pub bytes: i64,
    /// Events in them.
    pub rows: i64,
    /// When the first of them was received.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub oldest: Option<Timestamp>,
    /// Level of its systems.
    pub level: i64,
    /// Months its events are kept.
    pub months: i64,
    /// Months the law asks for at that level.
    pub legal_months: i64,
    /// Level and months are those of the agency above, or the default.
    pub inherited: bool,
}

/// A file that was set aside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct DamagedFile {
    /// Below the archive's root; it is in `quarantine/` now, where it still is at all.
    pub path: String,
    /// What is wrong.
    pub reason: String,
    /// Events that were in it.
    pub rows: i64,
    /// When it was found.
    #[schema(value_type = String, format = DateTime)]
    pub found_at: Timestamp,
}

#[derive(sqlx::FromRow)]
struct Sums {
    agency: i64,
    files: i64,
    bytes: i64,
    rows: i64,
    raw_bytes: i64,
    oldest: i64,
    newest: i64,
}

impl Archive {
    /// What there is, how long it is kept, and how the disk is.
    ///
    /// # Errors
    /// [`Error::Sql`], or the system's.
    pub async fn view(&self) -> Result<ArchiveView, Error> {
        let sums = self.sums().await?;
        let retentions = self.retentions().await?;
        let otherwise = Kept::default_of(&self.0.config);
        let mut agencies = Vec::new();
        for view in self.0.fleet.agencies(&soc_archive::Agencies::All).await? {
            let agency = view.agency;
            let kept = retentions.get(&agency.id).copied().unwrap_or(otherwise);
            let own = sums.iter().find(|sums| sums.agency == agency.id);
            agencies.push(AgencyArchive::of(agency.code, agency.name, own, kept));
        }
        if let Some(none) = sums.iter().find(|sums| sums.agency == 0) {
            agencies.push(AgencyArchive::of(String::new(), String::new(), Some(none), otherwise));
        }
        let total = |of: fn(&Sums) -> i64| sums.iter().map(of).sum::<i64>();
        let end = self.0.journal.end().borrow().0;
        let archived = self.begin_position().await?.0;
        Ok(ArchiveView {
            files: total(|sums| sums.files),
            bytes: total(|sums| sums.bytes),
            rows: total(|sums| sums.rows),
            raw_bytes: total(|sums| sums.raw_bytes),
            oldest: sums.iter().map(|sums| sums.oldest).min().map(Timestamp::from_micros),
            newest: sums.iter().map(|sums| sums.newest).max().map(Timestamp::from_micros),
            agencies,
            holds: self.holds().await?,
            disk: self.disk().await?,
            damaged: self.damaged_files().await?,
            waiting_events: i64::try_from(end.saturating_sub(archived)).unwrap_or(i64::MAX),
            legal: legal::clause(),
        })
    }

    async fn sums(&self) -> Result<Vec<Sums>, Error> {
        let sums = sqlx::query_as(
            "SELECT agency, COUNT(*) AS files, SUM(bytes + words_bytes) AS bytes, SUM(rows) AS rows,
                    SUM(raw_bytes) AS raw_bytes, MIN(received_min) AS oldest,
                    MAX(received_max) AS newest
             FROM archive_file WHERE state = 'live' GROUP BY agency",
        );
        Ok(sums.fetch_all(self.0.store.pool()).await?)
    }

    async fn damaged_files(&self) -> Result<Vec<DamagedFile>, Error> {
        let rows: Vec<(String, Option<String>, i64, Option<i64>)> = sqlx::query_as(
            "SELECT path, reason, rows, ended_at FROM archive_file
             WHERE state = 'damaged' ORDER BY id DESC LIMIT 1000",
        )
        .fetch_all(self.0.store.pool())
        .await?;
        let file = |(path, reason, rows, at): (String, Option<String>, i64, Option<i64>)| {
            let found_at = Timestamp::from_micros(at.unwrap_or_default());
            DamagedFile { path, reason: reason.unwrap_or_default(), rows, found_at }
        };
        Ok(rows.into_iter().map(file).collect())
    }

    /// Brings the metrics that are amounts up to date.
    pub(super) async fn count(&self) -> Result<(), Error> {
        let sums = self.sums().await?;
        let damaged = "SELECT COUNT(*) FROM archive_file WHERE state = 'damaged'";
        let damaged_files = sqlx::query_scalar(damaged).fetch_one(self.0.store.pool()).await?;
        self.0.metrics.amount(Amount {
            files: sums.iter().map(|sums| sums.files).sum(),
            rows: sums.iter().map(|sums| sums.rows).sum(),
            bytes: sums.iter().map(|sums| sums.bytes).sum(),
            raw_bytes: sums.iter().map(|sums| sums.raw_bytes).sum(),
            damaged_files,
        });
        Ok(())
    }
}

impl AgencyArchive {
    fn of(code: String, name: String, sums: Option<&Sums>, kept: Kept) -> Self {
        Self {
            code,
            name,
            files: sums.map_or(0, |sums| sums.files),
            bytes: sums.map_or(0, |sums| sums.bytes),
            rows: sums.map_or(0, |sums| sums.rows),
            oldest: sums.map(|sums| Timestamp::from_micros(sums.oldest)),
            level: kept.level,
            months: kept.months,
            legal_months: legal::months(kept.level),
            inherited: kept.is_inherited,
        }
    }
}
