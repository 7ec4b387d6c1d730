use soc_archive::Agencies;
use sqlx::{Row as _, SqliteConnection};

use super::risk::{self, Share};
use super::{Alerts, COMMENT_MAX, Error, State, Verdict};
use crate::access::{Caller, Deed, Permission, Role};
use crate::live::Notice;

/// What people do with an alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Take it.
    Acknowledge,
    /// Finish it: what it turned out to be.
    Close(Verdict),
    /// Take it up again.
    Reopen,
    /// Say something about it.
    Comment,
    /// Give it to an operator, or back to the queue.
    Assign(Option<String>),
}

/// What is to be done with an alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What.
    pub action: Action,
    /// Words about it; needed for closing and commenting.
    pub comment: Option<String>,
    /// The alert's version as the person saw it: if it is another one by now, nothing is done.
    pub version: Option<i64>,
}

impl Change {
    /// An action without words.
    pub fn of(action: Action) -> Self {
        Self { action, comment: None, version: None }
    }

    /// The same with words.
    pub fn with(self, comment: &str) -> Self {
        Self { comment: Some(comment.to_owned()), ..self }
    }
}

impl Action {
    /// The state after, from the state before.
    fn next(&self, state: State) -> Result<State, Error> {
        match (self, state) {
            (Self::Acknowledge, State::Open) => Ok(State::Acknowledged),
            (Self::Close(_), State::Open | State::Acknowledged) => Ok(State::Closed),
            (Self::Reopen, State::Closed) => Ok(State::Open),
            (Self::Comment, state) => Ok(state),
            // Who gives back an alert that was taken leaves it to whoever is next.
            (Self::Assign(None), State::Open | State::Acknowledged) => Ok(State::Open),
            (Self::Assign(Some(_)), State::Open | State::Acknowledged) => Ok(state),
            (_, state) => Err(Error::Conflict(state.as_str())),
        }
    }

    fn history(&self) -> &'static str {
        match self {
            Self::Acknowledge => "acknowledged",
            Self::Close(_) => "closed",
            Self::Reopen => "reopened",
            Self::Comment => "commented",
            Self::Assign(Some(_)) => "assigned",
            Self::Assign(None) => "unassigned",
        }
    }

    fn deed(&self) -> &'static str {
        match self {
            Self::Acknowledge => "alert acknowledged",
            Self::Close(_) => "alert closed",
            Self::Reopen => "alert reopened",
            Self::Comment => "alert commented",
            Self::Assign(Some(_)) => "alert assigned",
            Self::Assign(None) => "alert unassigned",
        }
    }

    /// The verdict, or to whom.
    fn about(&self) -> Option<&str> {
        match self {
            Self::Close(verdict) => Some(verdict.as_str()),
            Self::Assign(to) => to.as_deref(),
            Self::Acknowledge | Self::Reopen | Self::Comment => None,
        }
    }
}

/// An alert as it is before something is done to it.
pub(super) struct Current {
    pub(super) number: i64,
    pub(super) agency: i64,
    state: State,
    fingerprint: String,
    version: i64,
    verdict: Option<Verdict>,
    assignee: Option<String>,
}

impl Current {
    pub(super) fn is_unclosed(&self) -> bool {
        self.state != State::Closed
    }
}

impl Alerts {
    /// Does it, writes it into history and audit, and tells who watches.
    ///
    /// # Errors
    /// [`Error`]: what was wrong with it, or that the database failed; nothing was done then.
    pub async fn operate(
        &self,
        id: &str,
        change: &Change,
        seen: &Agencies,
        caller: &Caller,
    ) -> Result<(), Error> {
        let mut tx = self.store.write().await?;
        let notice = self.operate_in(&mut tx, id, change, seen, caller).await?;
        tx.commit().await?;
        self.bus.tell(notice);
        Ok(())
    }

    /// The same inside the caller's transaction; what it gives is to be told after the commit.
    ///
    /// # Errors
    /// As [`Self::operate`].
    pub(crate) async fn operate_in(
        &self,
        tx: &mut SqliteConnection,
        id: &str,
        change: &Change,
        seen: &Agencies,
        caller: &Caller,
    ) -> Result<Notice, Error> {
        check(change)?;
        let alert = current(tx, id, seen).await?;
        self.apply(tx, (id, &alert), change, caller).await?;
        Ok(Notice::Alert { id: id.to_owned(), agency: alert.agency })
    }

    /// Writes into an alert's history that an exception was made from it.
    ///
    /// # Errors
    /// [`Error::NotFound`], or that the database failed.
    pub(crate) async fn note_exception(
        &self,
        tx: &mut SqliteConnection,
        id: &str,
        exception: i64,
        seen: &Agencies,
        caller: &Caller,
    ) -> Result<(), Error> {
        current(tx, id, seen).await?;
        let about = exception.to_string();
        let entry =
            Entry { who: &caller.who, action: "excepted", comment: None, about: Some(&about) };
        write_history(tx, id, self.clock.now().as_micros(), entry).await?;
        Ok(())
    }

    /// Does it inside the caller's transaction. What can be refused is refused before anything is
    /// written.
    pub(super) async fn apply(
        &self,
        tx: &mut SqliteConnection,
        (id, alert): (&str, &Current),
        change: &Change,
        caller: &Caller,
    ) -> Result<(), Error> {
        let now = self.clock.now();
        let Change { action, comment, version } = change;
        if version.is_some_and(|version| version != alert.version) {
            return Err(Error::Changed);
        }
        let next = action.next(alert.state)?;
        check_assignee(tx, action, alert.agency).await?;
        if *action == Action::Reopen {
            refuse_when_seen_again(tx, &alert.fingerprint).await?;
            super::normal::take_back(tx, id).await?;
        }
        let assignee = match action {
            Action::Acknowledge => Some(caller.who.as_str()),
            Action::Assign(to) => to.as_deref(),
            Action::Reopen => None,
            Action::Close(_) | Action::Comment => alert.assignee.as_deref(),
        };
        let verdict = match action {
            Action::Close(verdict) => Some(*verdict),
            Action::Reopen => None,
            _ => alert.verdict,
        };
        sqlx::query(
            "UPDATE alert SET state = ?, assignee = ?, verdict = ?, version = version + 1
             WHERE id = ?",
        )
        .bind(next.as_str())
        .bind(assignee)
        .bind(verdict.map(Verdict::as_str))
        .bind(id)
        .execute(&mut *tx)
        .await?;
        if let Some(share) = shared(alert.verdict, verdict) {
            risk::share(tx, id, share).await?;
        }
        let comment = comment.as_deref().map(str::trim).filter(|comment| !comment.is_empty());
        let entry =
            Entry { who: &caller.who, action: action.history(), comment, about: action.about() };
        write_history(tx, id, now.as_micros(), entry).await?;
        let subject = format!("alert {}", alert.number);
        let said = [action.about(), comment].into_iter().flatten().collect::<Vec<_>>().join(": ");
        let deed = Deed::new(&caller.who, &caller.address, action.deed(), &subject);
        deed.with(&said).write(tx, now).await?;
        Ok(())
    }
}

/// What a change of verdict does to the risk of whom the alert is about.
pub(super) fn shared(before: Option<Verdict>, after: Option<Verdict>) -> Option<Share> {
    let counts = |verdict: Option<Verdict>| verdict.is_none_or(Verdict::is_risk);
    match (counts(before), counts(after)) {
        (true, false) => Some(Share::Take),
        (false, true) => Some(Share::Give),
        _ => None,
    }
}

/// One line of an alert's history.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry<'a> {
    pub(super) who: &'a str,
    pub(super) action: &'static str,
    pub(super) comment: Option<&'a str>,
    /// The verdict, or to whom.
    pub(super) about: Option<&'a str>,
}

impl Entry<'_> {
    /// By the collector.
    pub(super) fn own(action: &'static str) -> Self {
        Self { who: "", action, comment: None, about: None }
    }
}

pub(super) async fn write_history(
    tx: &mut SqliteConnection,
    alert: &str,
    at: i64,
    entry: Entry<'_>,
) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO alert_history (alert, at, who, action, comment, about)
         VALUES (?, ?, ?, ?, ?, ?)",
    )
    .bind(alert)
    .bind(at)
    .bind(entry.who)
    .bind(entry.action)
    .bind(entry.comment)
    .bind(entry.about)
    .execute(tx)
    .await?;
    Ok(())
}

/// Whether it can be done to any alert.
pub(super) fn check(change: &Change) -> Result<(), Error> {
    let comment = change.comment.as_deref().map(str::trim).unwrap_or_default();
    if comment.is_empty() && matches!(change.action, Action::Close(_) | Action::Comment) {
        return Err(Error::CommentMissing);
    }
    if comment.chars().count() > COMMENT_MAX {
        return Err(Error::CommentTooLong);
    }
    Ok(())
}

/// Nobody is given an alert that they may not handle, or of an agency they do not see.
async fn check_assignee(
    tx: &mut SqliteConnection,
    action: &Action,
    agency: i64,
) -> Result<(), Error> {
    let Action::Assign(Some(name)) = action else { return Ok(()) };
    let found: Option<(String, bool)> = sqlx::query_as(
        "WITH RECURSIVE above (id) AS (
             VALUES (?2)
             UNION SELECT agency.parent FROM agency JOIN above ON agency.id = above.id
             WHERE agency.parent IS NOT NULL)
         SELECT role, whole FROM operator WHERE name = ?1 AND disabled_at IS NULL
             AND (whole = 1 OR EXISTS (SELECT 1 FROM operator_agency AS own
                 WHERE own.operator = name AND own.agency IN (SELECT id FROM above)))",
    )
    .bind(name)
    .bind(agency)
    .fetch_optional(tx)
    .await?;
    let may = |(role, whole): (String, bool)| {
        Role::from_word(&role).is_some_and(|role| role.may(Permission::HandleAlerts, !whole))
    };
    if found.is_some_and(may) { Ok(()) } else { Err(Error::NoOperator) }
}

/// The alert as it is; one of an agency that may not be seen is not there.
pub(super) async fn current(
    tx: &mut SqliteConnection,
    id: &str,
    seen: &Agencies,
) -> Result<Current, Error> {
    let mut query = sqlx::QueryBuilder::new(
        "SELECT number, agency, state, fingerprint, version, verdict, assignee FROM alert
         WHERE id = ",
    );
    query.push_bind(id.to_owned());
    super::query::of_agencies(&mut query, seen);
    let row = query.build().fetch_optional(tx).await?.ok_or(Error::NotFound)?;
    let verdict: Option<String> = row.try_get("verdict")?;
    Ok(Current {
        number: row.try_get("number")?,
        agency: row.try_get("agency")?,
        state: State::from_word(row.try_get("state")?).ok_or(Error::NotFound)?,
        fingerprint: row.try_get("fingerprint")?,
        version: row.try_get("version")?,
        verdict: verdict.as_deref().and_then(Verdict::from_word),
        assignee: row.try_get("assignee")?,
    })
}

async fn refuse_when_seen_again(tx: &mut SqliteConnection, fingerprint: &str) -> Result<(), Error> {
    let other: Option<i64> =
        sqlx::query_scalar("SELECT number FROM alert WHERE fingerprint = ? AND state <> 'closed'")
            .bind(fingerprint)
            .fetch_optional(tx)
            .await?;
    other.map_or(Ok(()), |number| Err(Error::SeenAgain(number)))
}
