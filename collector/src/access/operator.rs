use serde::{Deserialize, Serialize};
use soc_archive::Agencies;
use soc_event::Timestamp;
use sqlx::{Row as _, SqliteConnection};
use utoipa::ToSchema;

use super::{Access, Caller, Deed, Error, FirstAdministrator, Operator, Password, Role, listed};

/// What the first administrator is called.
pub(super) const FIRST_NAME: &str = "admin";
/// Longest full name, in characters.
const FULL_NAME_MAX: usize = 128;

/// An operator to be.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewOperator {
    /// What they type to sign in.
    pub name: String,
    /// What people call them.
    #[serde(default)]
    pub full_name: String,
    /// What they are there for.
    pub role: Role,
    /// Numbers of the agencies they are bound to; all where it is left out.
    pub agencies: Option<Vec<i64>>,
}

/// What shall be otherwise; what is left out stays.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Change {
    /// What people call them.
    pub full_name: Option<String>,
    /// What they are there for.
    pub role: Option<Role>,
    /// Whether they see all agencies.
    pub whole: Option<bool>,
    /// Those they are bound to, where they do not.
    pub agencies: Option<Vec<i64>>,
    /// Whether they may come in no more.
    pub disabled: Option<bool>,
    /// Whom an identity provider means by them (`sub`); empty for nobody.
    pub oidc_subject: Option<String>,
    /// The version that was looked at.
    pub version: i64,
}

/// An operator as others see them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct OperatorRow {
    /// What they type to sign in.
    pub name: String,
    /// What people call them.
    pub full_name: String,
    /// What they are there for.
    pub role: Role,
    /// Whether they see all agencies.
    pub whole: bool,
    /// Those they are bound to, where they do not.
    pub agencies: Vec<i64>,
    /// Whether they have a second factor.
    pub second_factor: bool,
    /// Their password was given to them and not changed yet.
    pub must_change: bool,
    /// Since when they may come in no more.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub disabled_at: Option<Timestamp>,
    /// Whom an identity provider means by them.
    pub oidc_subject: Option<String>,
    /// Since when they are an operator.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When they were last here.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_seen_at: Option<Timestamp>,
    /// Sessions that have not ended.
    pub sessions: i64,
    /// For [`Change::version`].
    pub version: i64,
}

impl Access {
    /// Makes the first administrator, `admin`, where there is no operator yet. A password made here
    /// is in the file before the operator is in the database.
    ///
    /// # Errors
    /// [`Error::Weak`] when the given password cannot be taken, or that file or database failed.
    pub async fn first_administrator(
        &self,
        given: Option<Password>,
    ) -> Result<FirstAdministrator, Error> {
        let there: i64 = sqlx::query_scalar("SELECT count(*) FROM operator")
            .fetch_one(self.store.pool())
            .await?;
        if there > 0 {
            // Killed between the change of the password and the end of the file.
            if !self.must_change(FIRST_NAME).await? {
                self.forget_first_password().await;
            }
            return Ok(FirstAdministrator::Exists);
        }
        let caller = Caller { who: "collector".into(), address: "local".into() };
        let first = NewOperator {
            name: FIRST_NAME.into(),
            full_name: String::new(),
            role: Role::Administrator,
            agencies: None,
        };
        match given {
            Some(password) => {
                password.check()?;
                self.insert_operator(&first, password, false, &caller).await?;
                self.forget_first_password().await;
                Ok(FirstAdministrator::Given)
            }
            None => {
                let password = Password::random();
                let (file, written) = (self.first_password.clone(), password.clone());
                on_a_thread(move || file.write(&written)).await.map_err(Error::File)?;
                self.insert_operator(&first, password.clone(), true, &caller).await?;
                Ok(FirstAdministrator::Random(password))
            }
        }
    }

    /// Adds an operator; the one-time password that is returned must be changed at the first
    /// sign-in. Whoever adds can give no more agencies than they see (`reach`).
    ///
    /// # Errors
    /// [`Error::Name`], [`Error::Exists`], [`Error::Refused`], or that it could not be written.
    pub async fn add_operator(
        &self,
        new: NewOperator,
        reach: &Agencies,
        caller: &Caller,
    ) -> Result<Password, Error> {
        let name = new.name.trim().to_lowercase();
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-_@".contains(c);
        if name.is_empty() || name.len() > 64 || !name.chars().all(allowed) {
            return Err(Error::Name);
        }
        check_full_name(&new.full_name)?;
        check_reach(new.role, new.agencies.as_deref(), reach)?;
        let password = Password::random();
        let new = NewOperator { name, ..new };
        self.insert_operator(&new, password.clone(), true, caller).await?;
        Ok(password)
    }

    /// Changes what an operator is and may do. Whoever is disabled, or loses something, is signed out.
    ///
    /// # Errors
    /// [`Error::Unknown`], [`Error::Changed`], [`Error::Refused`]; nothing was done then.
    pub async fn change_operator(
        &self,
        name: &str,
        change: &Change,
        reach: &Agencies,
        caller: &Caller,
    ) -> Result<(), Error> {
        let before = self.operator_row(name, reach).await?;
        if before.version != change.version {
            return Err(Error::Changed);
        }
        let role = change.role.unwrap_or(before.role);
        let whole = change.whole.unwrap_or(before.whole);
        let agencies = change.agencies.clone().unwrap_or_else(|| before.agencies.clone());
        let full_name = change.full_name.clone().unwrap_or_else(|| before.full_name.clone());
        check_full_name(&full_name)?;
        check_reach(role, (!whole).then_some(agencies.as_slice()), reach)?;
        let disabled = change.disabled.unwrap_or(before.disabled_at.is_some());
        if caller.who == name && (disabled || role != before.role || whole != before.whole) {
            return Err(Error::Refused("nobody changes what they may do themselves".into()));
        }
        let now = self.clock.now();
        let mut tx = self.store.write().await?;
        let subject = match &change.oidc_subject {
            Some(subject) => Some(subject.trim().to_owned()).filter(|subject| !subject.is_empty()),
            None => before.oidc_subject.clone(),
        };
        let changed = sqlx::query(
            "UPDATE operator SET full_name = ?, role = ?, whole = ?, oidc_subject = ?,
                 disabled_at = CASE WHEN ? THEN coalesce(disabled_at, ?) END, version = version + 1
             WHERE name = ? AND version = ?",
        )
        .bind(full_name.trim())
        .bind(role.as_str())
        .bind(whole)
        .bind(subject)
        .bind(disabled)
        .bind(now.as_micros())
        .bind(name)
        .bind(change.version)
        .execute(&mut *tx)
        .await
        .map_err(taken)?;
        if changed.rows_affected() == 0 {
            return Err(Error::Changed);
        }
        keep_an_administrator(&mut tx).await?;
        bind_agencies(&mut tx, name, if whole { &[] } else { &agencies }).await?;
        let lost = whole != before.whole || agencies != before.agencies || role != before.role;
        if disabled || lost {
            end_sessions(&mut tx, name).await?;
        }
        let told = told(role, whole, &agencies, disabled);
        let deed = Deed::new(&caller.who, &caller.address, "operator changed", name);
        deed.with(&told).write(&mut tx, now).await?;
        Ok(tx.commit().await?)
    }

    /// Gives an operator a new one-time password, and ends their sessions; with `second_factor`,
    /// takes their second factor away too (a lost phone).
    ///
    /// # Errors
    /// [`Error::Unknown`], or that it could not be written.
    pub async fn reset_operator(
        &self,
        name: &str,
        second_factor: bool,
        reach: &Agencies,
        caller: &Caller,
    ) -> Result<Password, Error> {
        self.operator_row(name, reach).await?;
        let password = Password::random();
        let hash = self.hash(password.clone()).await?;
        let now = self.clock.now();
        let mut tx = self.store.write().await?;
        sqlx::query("UPDATE operator SET password = ?, must_change = 1 WHERE name = ?")
            .bind(hash)
            .bind(name)
            .execute(&mut *tx)
            .await?;
        if second_factor {
            super::second_factor::take_away(&mut tx, name).await?;
        }
        end_sessions(&mut tx, name).await?;
        let action = if second_factor { "operator and factor reset" } else { "operator reset" };
        Deed::new(&caller.who, &caller.address, action, name).write(&mut tx, now).await?;
        tx.commit().await?;
        Ok(password)
    }

    /// The operators somebody who sees these agencies may see: those bound to nothing else.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn operators(&self, reach: &Agencies) -> Result<Vec<OperatorRow>, Error> {
        self.operator_rows(None, reach).await
    }

    async fn operator_row(&self, name: &str, reach: &Agencies) -> Result<OperatorRow, Error> {
        let found = self.operator_rows(Some(name), reach).await?.pop();
        found.ok_or(Error::Unknown("operator"))
    }

    async fn operator_rows(
        &self,
        name: Option<&str>,
        reach: &Agencies,
    ) -> Result<Vec<OperatorRow>, Error> {
        let rows = sqlx::query(
            "SELECT name, full_name, role, whole, must_change, operator.created_at, disabled_at,
                    totp IS NOT NULL AS second_factor, oidc_subject, version,
                    (SELECT json_group_array(agency) FROM operator_agency
                     WHERE operator = name) AS agencies,
                    (SELECT max(last_seen_at) FROM session WHERE operator = name) AS last_seen_at,
                    (SELECT count(*) FROM session WHERE operator = name
                     AND last_seen_at > ?3 AND created_at > ?4) AS sessions
             FROM operator WHERE (?1 IS NULL OR name = ?1) AND (?2 IS NULL OR NOT whole
                 AND EXISTS (SELECT 1 FROM operator_agency WHERE operator = name)
                 AND NOT EXISTS (SELECT 1 FROM operator_agency WHERE operator = name
                                 AND agency NOT IN (SELECT value FROM json_each(?2))))
             ORDER BY name",
        )
        .bind(name)
        .bind(listed(reach))
        .bind(self.idle_since())
        .bind(self.begun_since())
        .fetch_all(self.store.pool())
        .await?;
        rows.iter().map(row).collect()
    }

    /// Who it is, with what they may do; nobody when they may come in no more.
    pub(super) async fn operator(&self, name: &str) -> Result<Option<Operator>, Error> {
        let found = sqlx::query(
            "SELECT name, full_name, role, whole, must_change, totp IS NOT NULL AS second_factor,
                    (SELECT json_group_array(agency) FROM operator_agency
                     WHERE operator = name) AS agencies
             FROM operator WHERE name = ? AND disabled_at IS NULL",
        )
        .bind(name)
        .fetch_optional(self.store.pool())
        .await?;
        let Some(row) = found else { return Ok(None) };
        let (role, second_factor) = (role_of(&row)?, row.try_get::<bool, _>("second_factor")?);
        Ok(Some(Operator {
            name: row.try_get("name")?,
            full_name: row.try_get("full_name")?,
            role,
            whole: row.try_get("whole")?,
            agencies: agencies_of(&row)?,
            must_change: row.try_get("must_change")?,
            must_enrol: self.config.second_factor && role == Role::Administrator && !second_factor,
            second_factor,
            held_to: None,
            limited_to: None,
        }))
    }

    /// The operator of that name as scheduled work of theirs is done: with what they may do now.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn on_behalf_of(&self, name: &str) -> Result<Option<Operator>, Error> {
        self.operator(name).await
    }

    /// Removes the file of the first password; it opens nothing any more, so that a file which
    /// cannot be removed is no reason to fail.
    pub(super) async fn forget_first_password(&self) {
        let file = self.first_password.clone();
        if let Err(error) = on_a_thread(move || file.remove()).await {
            tracing::warn!(%error, "the file of the first password could not be removed");
        }
    }

    async fn must_change(&self, name: &str) -> Result<bool, Error> {
        let found = sqlx::query_scalar("SELECT must_change FROM operator WHERE name = ?")
            .bind(name)
            .fetch_optional(self.store.pool())
            .await?;
        Ok(found.unwrap_or(false))
    }

    pub(super) async fn stored_password(&self, name: &str) -> Result<Option<String>, Error> {
        Ok(sqlx::query_scalar(
            "SELECT password FROM operator WHERE name = ? AND disabled_at IS NULL",
        )
        .bind(name)
        .fetch_optional(self.store.pool())
        .await?)
    }

    async fn insert_operator(
        &self,
        new: &NewOperator,
        password: Password,
        must_change: bool,
        caller: &Caller,
    ) -> Result<(), Error> {
        let hash = self.hash(password).await?;
        let now = self.clock.now();
        let mut tx = self.store.write().await?;
        let made = sqlx::query(
            "INSERT INTO operator (name, full_name, password, role, whole, must_change, created_at)
             VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        )
        .bind(&new.name)
        .bind(new.full_name.trim())
        .bind(hash)
        .bind(new.role.as_str())
        .bind(new.agencies.is_none())
        .bind(must_change)
        .bind(now.as_micros())
        .execute(&mut *tx)
        .await?;
        if made.rows_affected() == 0 {
            return Err(Error::Exists);
        }
        let agencies = new.agencies.as_deref();
        bind_agencies(&mut tx, &new.name, agencies.unwrap_or_default()).await?;
        let told = told(new.role, agencies.is_none(), agencies.unwrap_or_default(), false);
        let deed = Deed::new(&caller.who, &caller.address, "operator added", &new.name);
        deed.with(&told).write(&mut tx, now).await?;
        Ok(tx.commit().await?)
    }
}

fn row(row: &sqlx::sqlite::SqliteRow) -> Result<OperatorRow, Error> {
    let time = |name: &str| -> Result<Option<Timestamp>, sqlx::Error> {
        Ok(row.try_get::<Option<i64>, _>(name)?.map(Timestamp::from_micros))
    };
    Ok(OperatorRow {
        name: row.try_get("name")?,
        full_name: row.try_get("full_name")?,
        role: role_of(row)?,
        whole: row.try_get("whole")?,
        agencies: agencies_of(row)?,
        second_factor: row.try_get("second_factor")?,
        must_change: row.try_get("must_change")?,
        disabled_at: time("disabled_at")?,
        oidc_subject: row.try_get("oidc_subject")?,
        created_at: Timestamp::from_micros(row.try_get("created_at")?),
        last_seen_at: time("last_seen_at")?,
        sessions: row.try_get("sessions")?,
        version: row.try_get("version")?,
    })
}

fn role_of(row: &sqlx::sqlite::SqliteRow) -> Result<Role, Error> {
    let word: &str = row.try_get("role")?;
    Role::from_word(word).ok_or_else(|| Error::Refused(format!("the role {word:?} is not known")))
}

fn agencies_of(row: &sqlx::sqlite::SqliteRow) -> Result<Vec<i64>, sqlx::Error> {
    let text: &str = row.try_get("agencies")?;
    serde_json::from_str(text).map_err(|error| sqlx::Error::Decode(error.into()))
}

fn check_full_name(name: &str) -> Result<(), Error> {
    if name.chars().count() > FULL_NAME_MAX || name.chars().any(char::is_control) {
        let what = format!("a full name has at most {FULL_NAME_MAX} characters, on one line");
        return Err(Error::Refused(what));
    }
    Ok(())
}

/// Nobody is given agencies that the giver does not see; an officer has an agency.
fn check_reach(role: Role, agencies: Option<&[i64]>, reach: &Agencies) -> Result<(), Error> {
    let refused = |what: &str| Err(Error::Refused(what.to_owned()));
    match agencies {
        None if role == Role::Officer => refused("an officer is bound to at least one agency"),
        None if *reach != Agencies::All => refused("choose agencies among your own"),
        Some([]) => refused("choose at least one agency, or all"),
        Some(some) if !some.iter().all(|agency| reach.hold(*agency)) => {
            refused("choose agencies among your own")
        }
        _ => Ok(()),
    }
}

fn taken(error: sqlx::Error) -> Error {
    let is_taken = error.as_database_error().is_some_and(|it| it.is_unique_violation());
    if is_taken {
        Error::Refused("another operator has this identity".into())
    } else {
        error.into()
    }
}

/// There is always somebody left who can let others in.
async fn keep_an_administrator(tx: &mut SqliteConnection) -> Result<(), Error> {
    let left: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM operator
         WHERE role = 'administrator' AND whole AND disabled_at IS NULL",
    )
    .fetch_one(tx)
    .await?;
    if left == 0 {
        return Err(Error::Refused("one administrator of all agencies has to remain".into()));
    }
    Ok(())
}

async fn bind_agencies(
    tx: &mut SqliteConnection,
    name: &str,
    agencies: &[i64],
) -> Result<(), Error> {
    sqlx::query("DELETE FROM operator_agency WHERE operator = ?")
        .bind(name)
        .execute(&mut *tx)
        .await?;
    for agency in agencies {
        let added = sqlx::query(
            "INSERT INTO operator_agency SELECT ?, id FROM agency WHERE id = ?
             ON CONFLICT DO NOTHING",
        )
        .bind(name)
        .bind(agency)
        .execute(&mut *tx)
        .await?;
        if added.rows_affected() == 0 {
            return Err(Error::Refused(format!(
                "there is no agency {agency}, or it is there twice"
            )));
        }
    }
    Ok(())
}

async fn end_sessions(tx: &mut SqliteConnection, name: &str) -> sqlx::Result<()> {
    sqlx::query("DELETE FROM session WHERE operator = ?").bind(name).execute(&mut *tx).await?;
    Ok(())
}

fn told(role: Role, whole: bool, agencies: &[i64], disabled: bool) -> String {
    let of = if whole { "all agencies".to_owned() } else { format!("agencies {agencies:?}") };
    let disabled = if disabled { ", disabled" } else { "" };
    format!("{} of {of}{disabled}", role.as_str())
}

async fn on_a_thread(
    work: impl FnOnce() -> std::io::Result<()> + Send + 'static,
) -> std::io::Result<()> {
    tokio::task::spawn_blocking(work).await.map_err(std::io::Error::other)?
}
