//! Systems are written down, changed and taken away.

use soc_archive::Agencies;
use soc_event::Timestamp;
use sqlx::SqliteConnection;

use super::SystemDraft;
use crate::access::{Caller, Deed, listed};
use crate::fleet::agency::{check_code, check_day, check_name};
use crate::fleet::{Error, Fleet};

/// Contacts of one system.
const CONTACTS_MAX: usize = 16;
/// Longest text, in characters.
const TEXT_CHARS_MAX: usize = 1000;
/// Hosts of one system.
const HOSTS_MAX: usize = 5000;

impl Fleet {
    /// Writes a system down: a new one or, with the number and version that were seen, another
    /// state of one that is there. It has to be of these agencies before and after. Gives its number.
    ///
    /// # Errors
    /// [`Error::Refused`] says what is wrong with it, [`Error::Changed`] that somebody else was
    /// quicker, [`Error::NoSuchAgency`].
    pub async fn write_system(
        &self,
        known: Option<(i64, i64)>,
        draft: &SystemDraft,
        which: &Agencies,
        caller: &Caller,
    ) -> Result<i64, Error> {
        let now = self.0.clock.now();
        let mut tx = self.0.store.write().await?;
        let id = put_system(&mut tx, known, draft, which, (caller, now)).await?;
        let action = if known.is_some() { "system changed" } else { "system added" };
        Deed::new(&caller.who, &caller.address, action, draft.code.trim())
            .with(&format!("{}, level {}", draft.name.trim(), draft.level))
            .write(&mut tx, now)
            .await?;
        tx.commit().await?;
        Ok(id)
    }

    /// Takes a system away, as it was seen.
    ///
    /// # Errors
    /// [`Error::Changed`] when it is not what was seen, or not there.
    pub async fn remove_system(
        &self,
        (id, version): (i64, i64),
        which: &Agencies,
        caller: &Caller,
    ) -> Result<(), Error> {
        let now = self.0.clock.now();
        let mut tx = self.0.store.write().await?;
        is_of(&mut tx, id, which).await?;
        let code: Option<String> = sqlx::query_scalar(
            "DELETE FROM information_system WHERE id = ? AND version = ? RETURNING code",
        )
        .bind(id)
        .bind(version)
        .fetch_optional(&mut *tx)
        .await?;
        let code = code.ok_or_else(changed)?;
        Deed::new(&caller.who, &caller.address, "system removed", &code)
            .write(&mut tx, now)
            .await?;
        Ok(tx.commit().await?)
    }

    /// Says which hosts a system has, all of them.
    ///
    /// # Errors
    /// [`Error::Refused`] for what is no machine, [`Error::Changed`] when the system is not what was
    /// seen.
    pub async fn set_system_hosts(
        &self,
        (id, version): (i64, i64),
        hosts: &[String],
        which: &Agencies,
        caller: &Caller,
    ) -> Result<(), Error> {
        if hosts.len() > HOSTS_MAX {
            return Err(Error::Refused(format!("a system has at most {HOSTS_MAX} hosts")));
        }
        let now = self.0.clock.now();
        let mut tx = self.0.store.write().await?;
        is_of(&mut tx, id, which).await?;
        let code: Option<String> = sqlx::query_scalar(
            "UPDATE information_system SET version = version + 1, changed_at = ?, changed_by = ?
             WHERE id = ? AND version = ? RETURNING code",
        )
        .bind(now.as_micros())
        .bind(&caller.who)
        .bind(id)
        .bind(version)
        .fetch_optional(&mut *tx)
        .await?;
        let code = code.ok_or_else(changed)?;
        let seen = listed(which);
        // What others put in stays: who cannot see a host cannot take it away.
        sqlx::query(
            "DELETE FROM system_host WHERE system = ?1 AND (?2 IS NULL OR agent IN
                (SELECT id FROM agent WHERE agency IN (SELECT value FROM json_each(?2))))",
        )
        .bind(id)
        .bind(&seen)
        .execute(&mut *tx)
        .await?;
        for host in hosts {
            let done = sqlx::query(
                "INSERT OR IGNORE INTO system_host (system, agent)
                 SELECT ?1, id FROM agent WHERE id = ?2
                    AND (?3 IS NULL OR agency IN (SELECT value FROM json_each(?3)))",
            )
            .bind(id)
            .bind(host)
            .bind(&seen)
            .execute(&mut *tx)
            .await?;
            if done.rows_affected() == 0 {
                return Err(Error::Refused(format!("{host:?} is no machine, or is named twice")));
            }
        }
        Deed::new(&caller.who, &caller.address, "system hosts set", &code)
            .with(&format!("{} hosts", hosts.len()))
            .write(&mut tx, now)
            .await?;
        Ok(tx.commit().await?)
    }
}

/// Writes a system down within a transaction.
pub(crate) async fn put_system(
    tx: &mut SqliteConnection,
    known: Option<(i64, i64)>,
    draft: &SystemDraft,
    which: &Agencies,
    (caller, now): (&Caller, Timestamp),
) -> Result<i64, Error> {
    check(draft).map_err(Error::Refused)?;
    if let Some((id, _)) = known {
        is_of(tx, id, which).await?;
    }
    let owner = agency(tx, &draft.owner, which).await?;
    let operator = agency(tx, &draft.operator, which).await?;
    let contacts = serde_json::to_string(&draft.contacts)
        .map_err(|error| Error::Content(error.to_string()))?;
    let sql = match known {
        None => {
            "INSERT INTO information_system (code, name, level, owner, operator, kind, approval,
                decision, approved_on, rollout, rollout_on, checked, checked_on, regulation,
                contacts, note, changed_at, changed_by)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)
             ON CONFLICT (code) DO NOTHING RETURNING id"
        }
        Some(_) => {
            "UPDATE information_system SET code = ?1, name = ?2, level = ?3, owner = ?4,
                operator = ?5, kind = ?6, approval = ?7, decision = ?8, approved_on = ?9,
                rollout = ?10, rollout_on = ?11, checked = ?12, checked_on = ?13, regulation = ?14,
                contacts = ?15, note = ?16, changed_at = ?17, changed_by = ?18, version = version + 1
             WHERE id = ?19 AND version = ?20
               AND NOT EXISTS (SELECT 1 FROM information_system WHERE code = ?1 AND id <> ?19)
             RETURNING id"
        }
    };
    let mut query = sqlx::query_scalar(sql)
        .bind(draft.code.trim())
        .bind(draft.name.trim())
        .bind(draft.level)
        .bind(owner)
        .bind(operator)
        .bind(draft.kind.as_str())
        .bind(draft.approval.as_str())
        .bind(draft.decision.trim())
        .bind(&draft.approved_on)
        .bind(draft.rollout.as_str())
        .bind(&draft.rollout_on)
        .bind(draft.checked.as_str())
        .bind(&draft.checked_on)
        .bind(draft.regulation.trim())
        .bind(contacts)
        .bind(draft.note.trim())
        .bind(now.as_micros())
        .bind(&caller.who);
    if let Some((id, version)) = known {
        query = query.bind(id).bind(version);
    }
    let written: Option<i64> = query.fetch_optional(&mut *tx).await?;
    match (written, known) {
        (Some(id), _) => Ok(id),
        (None, None) => Err(Error::Refused(format!("the code {:?} is taken", draft.code.trim()))),
        (None, Some((id, version))) => Err(why_not(tx, id, version, draft).await?),
    }
}

/// Somebody was quicker, or the code is another's.
async fn why_not(
    tx: &mut SqliteConnection,
    id: i64,
    version: i64,
    draft: &SystemDraft,
) -> Result<Error, Error> {
    let now: Option<i64> =
        sqlx::query_scalar("SELECT version FROM information_system WHERE id = ?")
            .bind(id)
            .fetch_optional(tx)
            .await?;
    Ok(match now {
        Some(now) if now == version => {
            Error::Refused(format!("the code {:?} is taken", draft.code.trim()))
        }
        _ => changed(),
    })
}

fn changed() -> Error {
    Error::Changed("the system was changed or removed meanwhile; look at it again".to_owned())
}

/// Refuses what is about a system of others.
async fn is_of(tx: &mut SqliteConnection, id: i64, which: &Agencies) -> Result<(), Error> {
    let of: Option<(i64, i64)> =
        sqlx::query_as("SELECT owner, operator FROM information_system WHERE id = ?")
            .bind(id)
            .fetch_optional(tx)
            .await?;
    match of {
        Some((owner, operator)) if which.hold(owner) || which.hold(operator) => Ok(()),
        _ => Err(changed()),
    }
}

async fn agency(tx: &mut SqliteConnection, code: &str, which: &Agencies) -> Result<i64, Error> {
    let found: Option<i64> =
        sqlx::query_scalar("SELECT id FROM agency WHERE code = ? AND valid_until IS NULL")
            .bind(code.trim())
            .fetch_optional(tx)
            .await?;
    let found = found.filter(|id| which.hold(*id));
    found.ok_or_else(|| Error::NoSuchAgency(code.to_owned()))
}

/// Says what is wrong with a system, of itself.
pub(crate) fn check(draft: &SystemDraft) -> Result<(), String> {
    check_code(draft.code.trim())?;
    check_name(&draft.name)?;
    if !(1..=5).contains(&draft.level) {
        return Err("the level is 1 to 5".to_owned());
    }
    for day in [&draft.approved_on, &draft.rollout_on, &draft.checked_on].into_iter().flatten() {
        check_day(day).map_err(|error| error.to_string())?;
    }
    if draft.contacts.len() > CONTACTS_MAX {
        return Err(format!("at most {CONTACTS_MAX} contacts"));
    }
    let contacts = draft.contacts.iter();
    let of_contacts = contacts.flat_map(|one| [&one.name, &one.role, &one.phone, &one.email]);
    let texts = [&draft.decision, &draft.regulation, &draft.note];
    if texts.into_iter().chain(of_contacts).any(|text| text.chars().count() > TEXT_CHARS_MAX) {
        return Err(format!("a text has more than {TEXT_CHARS_MAX} letters"));
    }
    Ok(())
}
