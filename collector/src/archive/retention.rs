//! How long what is kept: by the level of the agency's systems, never shorter than the law asks,
//! and never while somebody holds it.
//!
//! What goes last, in this order, when the disk is nearly full: files that were kept longer than the
//! law asks go first, oldest day first; then what of the journal is archived; then nothing more is
//! taken ([`crate::journal::Error::Full`]). What the law asks for, or is held, is never deleted.

use soc_archive::Agencies;
use std::collections::{BTreeMap, HashMap};

use jiff::civil::Date;
use sqlx::SqliteConnection;

use super::manifest::{self, End, Listed};
use super::{Archive, Config, Error, legal};
use crate::access::{Caller, Deed};
use crate::fleet::{self, AgencyView};

/// Longest retention, in months.
const MONTHS_MAX: i64 = 1200;
/// Longest reason, in characters.
const WHY_MAX: usize = 1000;
/// Agencies above each other at the most: a circle of them ends here.
const DEPTH_MAX: usize = 64;

/// How long an agency's events are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) level: i64,
    pub(super) months: i64,
    /// It has none of its own: that of the agency above, or the default.
    pub(super) is_inherited: bool,
}

impl Kept {
    /// The default, never less than what the law asks.
    pub(super) fn default_of(config: &Config) -> Self {
        let months = config.months.unwrap_or_default().max(legal::months(config.level)).max(1);
        Self { level: config.level, months, is_inherited: true }
    }

    pub(super) fn is_less_than(self, other: Self) -> bool {
        self.level < other.level || self.months < other.months
    }
}

/// A file with what decides whether it goes.
struct Judged<'a> {
    listed: &'a Listed,
    kept: Kept,
    is_held: bool,
}

impl Archive {
    /// Sets level and months of an agency, and of those below it that have none of their own.
    ///
    /// # Errors
    /// [`Error::Refused`]: no such agency, less than the law asks (with its clause), no reason.
    pub async fn set_retention(
        &self,
        agency: &str,
        level: i64,
        months: i64,
        why: &str,
        caller: &Caller,
    ) -> Result<(), Error> {
        check_why(why)?;
        if !legal::LEVELS.contains(&level) {
            return Err(Error::Refused("the level of a system is 1 to 5".into()));
        }
        let least = legal::months(level).max(1);
        if months < least {
            let clause = legal::clause();
            return Err(Error::Refused(format!(
                "logs of level {level} are kept at least {least} months: {clause}"
            )));
        }
        if months > MONTHS_MAX {
            return Err(Error::Refused(format!("at most {MONTHS_MAX} months")));
        }
        let agency = self.agency(agency).await?;
        let now = self.0.clock.now();
        let mut tx = self.0.store.write().await?;
        let levels = fleet::system_levels(&mut tx).await?;
        if let Some(of_systems) = levels.get(&agency.agency.id).filter(|found| **found > level) {
            return Err(Error::Refused(format!(
                "{} has an information system of level {of_systems}",
                agency.agency.code
            )));
        }
        sqlx::query(
            "INSERT INTO archive_retention (agency, level, months, why, who, at)
             VALUES (?, ?, ?, ?, ?, ?)
             ON CONFLICT (agency) DO UPDATE SET level = excluded.level, months = excluded.months,
                why = excluded.why, who = excluded.who, at = excluded.at",
        )
        .bind(agency.agency.id)
        .bind(level)
        .bind(months)
        .bind(why)
        .bind(&caller.who)
        .bind(now.as_micros())
        .execute(&mut *tx)
        .await?;
        Deed::new(&caller.who, &caller.address, "archive retention set", &agency.agency.code)
            .with(&format!("level {level}, {months} months: {why}"))
            .write(&mut tx, now)
            .await?;
        Ok(tx.commit().await?)
    }

    /// How long each agency's events are kept; 0 is those of none.
    pub(super) async fn retentions(&self) -> Result<HashMap<i64, Kept>, Error> {
        let mut connection = self.0.store.pool().acquire().await?;
        self.retentions_in(&mut connection).await
    }

    /// The same as a transaction sees it.
    pub(super) async fn retentions_in(
        &self,
        tx: &mut SqliteConnection,
    ) -> Result<HashMap<i64, Kept>, Error> {
        let set: Vec<(i64, i64, i64)> =
            sqlx::query_as("SELECT agency, level, months FROM archive_retention")
                .fetch_all(&mut *tx)
                .await?;
        let set: HashMap<i64, (i64, i64)> =
            set.into_iter().map(|(agency, level, months)| (agency, (level, months))).collect();
        let parents = fleet::parents(tx).await?;
        let mut kept = inherited(&parents, &set, Kept::default_of(&self.0.config));
        for (agency, level) in fleet::system_levels(tx).await? {
            if let Some(kept) = kept.get_mut(&agency) {
                kept.level = kept.level.max(level);
                kept.months = kept.months.max(legal::months(level));
            }
        }
        Ok(kept)
    }

    /// Deletes what was kept long enough, and with the disk nearly full what was kept longer than
    /// it has to be; says how many files that were.
    pub(super) async fn retain(&self) -> Result<usize, Error> {
        let (kept, holds) = (self.retentions().await?, self.holds().await?);
        let mut connection = self.0.store.pool().acquire().await?;
        let files = manifest::live_or_damaged(&mut connection).await?;
        drop(connection);
        let otherwise = Kept::default_of(&self.0.config);
        let judged: Vec<Judged<'_>> = files
            .iter()
            .map(|listed| Judged {
                listed,
                kept: kept.get(&listed.file.agency).copied().unwrap_or(otherwise),
                is_held: holds.iter().any(|hold| hold.holds(&listed.file)),
            })
            .collect();
        let today = manifest::date_of(self.0.clock.now());
        let mut going: Vec<&Judged<'_>> =
            judged.iter().filter(|one| one.is_over(&today, one.kept.months)).collect();
        let lacking = self.lacking_bytes()?;
        if lacking > 0 {
            going.extend(early(&judged, &today, lacking));
            let kept = std::time::Duration::from_secs(86_400);
            let (journal, now) = (self.0.journal.clone(), self.0.clock.now());
            let removed = self.quietly(move || journal.shed(now, kept)).await??;
            tracing::error!(lacking, removed, "the disk is nearly full: what may go early goes");
        }
        self.expire(&going).await
    }

    /// Ends files, those of one agency and day in one transaction with the deed that says so.
    async fn expire(&self, going: &[&Judged<'_>]) -> Result<usize, Error> {
        let mut days: BTreeMap<(&str, i64), Vec<&Judged<'_>>> = BTreeMap::new();
        for one in going {
            let day = (one.listed.date.as_str(), one.listed.file.agency);
            days.entry(day).or_default().push(one);
        }
        let mut ended = 0;
        for ((date, _), files) in days {
            let now = self.0.clock.now();
            let mut tx = self.0.store.write().await?;
            let mut gone = Vec::new();
            for one in &files {
                if manifest::end(&mut tx, one.listed.id, End::Expired, now).await? {
                    gone.push(*one);
                }
            }
            let Some(first) = gone.first() else { continue };
            deed(date, first, &gone).write(&mut tx, now).await?;
            tx.commit().await?;
            self.0.ended(gone.iter().map(|one| one.listed.file.path.clone()));
            self.0.metrics.expired(gone.len());
            ended += gone.len();
        }
        self.delete_ended().await?;
        Ok(ended)
    }

    pub(super) async fn agency(&self, code: &str) -> Result<AgencyView, Error> {
        let agencies = self.0.fleet.agencies(&Agencies::All).await.map_err(Error::from)?;
        let found = agencies.into_iter().find(|view| view.agency.code == code);
        found.ok_or_else(|| Error::Refused(format!("no agency has the code {code:?}")))
    }
}

impl Judged<'_> {
    /// Whether its day, kept for so many months, is over.
    fn is_over(&self, today: &str, months: i64) -> bool {
        !self.is_held && is_over(&self.listed.date, today, months)
    }
}

/// Whether a day lies more than so many months before today; not when one is no day.
fn is_over(date: &str, today: &str, months: i64) -> bool {
    let (Ok(date), Ok(today)) = (date.parse::<Date>(), today.parse::<Date>()) else { return false };
    let kept = jiff::Span::new().try_months(months);
    kept.and_then(|kept| date.checked_add(kept)).is_ok_and(|until| until < today)
}

/// Files kept longer than the law asks, oldest day first, as many as are lacking.
fn early<'a, 'l>(judged: &'a [Judged<'l>], today: &str, lacking: u64) -> Vec<&'a Judged<'l>> {
    let mut freed = 0_u64;
    let is_early = |one: &&Judged<'_>| {
        let least = legal::months(one.kept.level);
        !one.is_over(today, one.kept.months) && one.is_over(today, least)
    };
    let mut early: Vec<&Judged<'_>> = judged.iter().filter(is_early).collect();
    early.sort_by(|a, b| a.listed.date.cmp(&b.listed.date));
    early
        .into_iter()
        .take_while(|one| {
            let is_wanted = freed < lacking;
            freed = freed.saturating_add(one.listed.file.facts.bytes);
            is_wanted
        })
        .collect()
}

fn deed(date: &str, first: &Judged<'_>, gone: &[&Judged<'_>]) -> Deed {
    let rows: u64 = gone.iter().map(|one| one.listed.file.facts.rows).sum();
    let bytes: u64 = gone.iter().map(|one| one.listed.file.facts.bytes).sum();
    let agency = match first.listed.file.agency_code.as_str() {
        "" => "(none)",
        code => code,
    };
    let Kept { level, months, .. } = first.kept;
    Deed::new("collector", "local", "archive expired", &format!("{agency} {date}")).with(&format!(
        "{} files, {rows} events, {bytes} bytes; level {level}, kept {months} months",
        gone.len()
    ))
}

/// What is set for an agency, else for the nearest above it, else the default.
fn inherited(
    parents: &HashMap<i64, Option<i64>>,
    set: &HashMap<i64, (i64, i64)>,
    otherwise: Kept,
) -> HashMap<i64, Kept> {
    let of = |agency: i64| {
        let above = std::iter::successors(Some(agency), |at| parents.get(at).copied().flatten());
        let found = above.take(DEPTH_MAX).find_map(|at| set.get(&at).map(|found| (at, *found)));
        found.map_or(otherwise, |(at, (level, months))| Kept {
            level,
            // The profile may have become stricter since.
            months: months.max(legal::months(level)),
            is_inherited: at != agency,
        })
    };
    parents.keys().map(|agency| (*agency, of(*agency))).chain([(0, otherwise)]).collect()
}

pub(super) fn check_why(why: &str) -> Result<(), Error> {
    match why.trim().chars().count() {
        0 => Err(Error::Refused("say why: it is on record".into())),
        1..=WHY_MAX => Ok(()),
        _ => Err(Error::Refused(format!("the reason has at most {WHY_MAX} characters"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_over_when_its_months_have_passed() {
        for (date, today, months, expected) in [
            ("2026-08-21", "2026-11-22", 3, true),
            ("2026-08-22", "2026-11-22", 3, false),
            ("2026-08-23", "2026-11-22", 3, false),
            // The 31st of a month that has none is its last day.
            ("2026-08-31", "2026-09-30", 1, false),
            ("2026-08-31", "2026-10-01", 1, true),
            ("2026-11-21", "2026-11-22", 0, true),
            ("9999-12-01", "2026-11-22", 1200, false),
            ("no day", "2026-11-22", 1, false),
        ] {
            assert_eq!(is_over(date, today, months), expected, "{date} {today} {months}");
        }
    }
}
