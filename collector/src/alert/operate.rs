use sqlx::SqliteConnection;

use super::{Alerts, COMMENT_MAX, Error, State};
use crate::access::{Caller, Deed};
use crate::live::Notice;

/// What people do with an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Take it.
    Acknowledge,
    /// Finish it.
    Close,
    /// Take it up again.
    Reopen,
    /// Say something about it.
    Comment,
}

impl Action {
    /// The state after, from the state before.
    fn next(self, state: State) -> Result<State, Error> {
        match (self, state) {
            (Self::Acknowledge, State::Open) => Ok(State::Acknowledged),
            (Self::Close, State::Open | State::Acknowledged) => Ok(State::Closed),
            (Self::Reopen, State::Closed) => Ok(State::Open),
            (Self::Comment, state) => Ok(state),
            (_, state) => Err(Error::Conflict(state.as_str())),
        }
    }

    fn history(self) -> &'static str {
        match self {
            Self::Acknowledge => "acknowledged",
            Self::Close => "closed",
            Self::Reopen => "reopened",
            Self::Comment => "commented",
        }
    }

    fn deed(self) -> &'static str {
        match self {
            Self::Acknowledge => "alert acknowledged",
            Self::Close => "alert closed",
            Self::Reopen => "alert reopened",
            Self::Comment => "alert commented",
        }
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
        action: Action,
        comment: Option<&str>,
        caller: &Caller,
    ) -> Result<(), Error> {
        let comment = checked(action, comment)?;
        let now = self.clock.now();
        let mut tx = self.store.write().await?;
        let (number, agency, state, fingerprint) = current(&mut tx, id).await?;
        let next = action.next(state)?;
        if action == Action::Reopen {
            refuse_when_seen_again(&mut tx, &fingerprint).await?;
            super::normal::take_back(&mut tx, id).await?;
        }
        let assignee = (action == Action::Acknowledge).then_some(caller.who.as_str());
        sqlx::query(
            "UPDATE alert SET state = ?,
                 assignee = CASE WHEN ? THEN NULL ELSE coalesce(?, assignee) END WHERE id = ?",
        )
        .bind(next.as_str())
        .bind(action == Action::Reopen)
        .bind(assignee)
        .bind(id)
        .execute(&mut *tx)
        .await?;
        let word = action.history();
        write_history(&mut tx, id, now.as_micros(), &caller.who, word, comment).await?;
        let subject = format!("alert {number}");
        let deed = Deed::new(&caller.who, &caller.address, action.deed(), &subject);
        deed.with(comment.unwrap_or_default()).write(&mut tx, now).await?;
        tx.commit().await?;
        self.bus.tell(Notice::Alert { id: id.to_owned(), agency });
        Ok(())
    }
}

pub(super) async fn write_history(
    tx: &mut SqliteConnection,
    alert: &str,
    at: i64,
    who: &str,
    action: &str,
    comment: Option<&str>,
) -> sqlx::Result<()> {
    sqlx::query("INSERT INTO alert_history (alert, at, who, action, comment) VALUES (?,?,?,?,?)")
        .bind(alert)
        .bind(at)
        .bind(who)
        .bind(action)
        .bind(comment)
        .execute(tx)
        .await?;
    Ok(())
}

fn checked(action: Action, comment: Option<&str>) -> Result<Option<&str>, Error> {
    let comment = comment.map(str::trim).filter(|comment| !comment.is_empty());
    if comment.is_none() && matches!(action, Action::Close | Action::Comment) {
        return Err(Error::CommentMissing);
    }
    if comment.is_some_and(|comment| comment.chars().count() > COMMENT_MAX) {
        return Err(Error::CommentTooLong);
    }
    Ok(comment)
}

async fn current(tx: &mut SqliteConnection, id: &str) -> Result<(i64, i64, State, String), Error> {
    let row: Option<(i64, i64, String, String)> =
        sqlx::query_as("SELECT number, agency, state, fingerprint FROM alert WHERE id = ?")
            .bind(id)
            .fetch_optional(tx)
            .await?;
    let (number, agency, state, fingerprint) = row.ok_or(Error::NotFound)?;
    let state = State::from_word(&state).ok_or(Error::NotFound)?;
    Ok((number, agency, state, fingerprint))
}

async fn refuse_when_seen_again(tx: &mut SqliteConnection, fingerprint: &str) -> Result<(), Error> {
    let other: Option<i64> =
        sqlx::query_scalar("SELECT number FROM alert WHERE fingerprint = ? AND state <> 'closed'")
            .bind(fingerprint)
            .fetch_optional(tx)
            .await?;
    other.map_or(Ok(()), |number| Err(Error::SeenAgain(number)))
}
