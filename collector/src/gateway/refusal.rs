use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use soc_event::{Cause, Reject, Timestamp};
use tokio::time::Instant;

use super::connection::Peer;
use crate::{fleet, journal, pki};

/// A cause is logged so often at the most.
const LOG_PAUSE: Duration = Duration::from_secs(30);
/// Asked to come back when this collector is short of something.
const SHORTAGE_PAUSE: Duration = Duration::from_secs(5);

/// Why a request is refused.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    pub(super) cause: Cause,
    pub(super) detail: String,
    pub(super) retry_after: Option<Duration>,
    pub(super) grant: Option<String>,
}

impl Refusal {
    pub(super) fn new(cause: Cause, detail: impl Into<String>) -> Self {
        Self { cause, detail: detail.into(), retry_after: None, grant: None }
    }

    /// For the moment, because of this collector.
    pub(super) fn unavailable(detail: impl Into<String>) -> Self {
        Self { retry_after: Some(SHORTAGE_PAUSE), ..Self::new(Cause::Unavailable, detail) }
    }

    /// What the peer is told.
    pub(super) fn reject(&self, time: Timestamp) -> Reject {
        Reject {
            kind: format!("urn:soc:reject:{}", self.cause.as_str()),
            status: self.cause.status(),
            title: title(self.cause).to_owned(),
            detail: self.detail.clone(),
            cause: self.cause,
            retry_after_ms: self.retry_after.map(millis),
            grant: self.grant.clone(),
            time,
        }
    }
}

/// The one mapping from what went wrong to what a peer is told. Failures of this collector are not
/// explained to others; the log has them.
impl From<journal::Error> for Refusal {
    fn from(error: journal::Error) -> Self {
        match error {
            journal::Error::Invalid(error) => Self::new(error.cause(), error.to_string()),
            journal::Error::Conflict { id } => {
                Self::new(Cause::Cloned, format!("{id} was given to another event before"))
            }
            journal::Error::TooManyEpochs { .. } => Self::new(Cause::WrongIds, error.to_string()),
            journal::Error::Full { .. } => Self::unavailable("the collector's disk is nearly full"),
            error => {
                tracing::error!(%error, "a batch was not stored");
                Self::unavailable("the collector cannot store events now")
            }
        }
    }
}

impl From<fleet::Error> for Refusal {
    fn from(error: fleet::Error) -> Self {
        match error {
            fleet::Error::Token => Self::new(Cause::WrongIdentity, error.to_string()),
            fleet::Error::Pki(error) => Self::from(error),
            fleet::Error::Journal(error) => Self::from(error),
            error => {
                tracing::error!(%error, "the fleet's tables do not answer");
                Self::unavailable("the collector cannot answer now")
            }
        }
    }
}

impl From<pki::Error> for Refusal {
    fn from(error: pki::Error) -> Self {
        match error {
            pki::Error::Request(_) => Self::new(Cause::Malformed, error.to_string()),
            error => {
                tracing::error!(%error, "a certificate was not made");
                Self::unavailable("the collector cannot make certificates now")
            }
        }
    }
}

fn title(cause: Cause) -> &'static str {
    match cause {
        Cause::TooLarge => "The request is larger than the limits allow.",
        Cause::TooDeep => "The events are nested too deeply.",
        Cause::BadCompression => "The body is not complete, valid zstd.",
        Cause::Malformed => "The body does not have the expected shape.",
        Cause::WrongIdentity => "Nobody may speak under this identity here.",
        Cause::WrongIds => "The ids in the batch are not possible.",
        Cause::CertificateExpired => "The certificate has expired: renew it, then send again.",
        Cause::Revoked => "The agent was removed by an operator.",
        Cause::Cloned => "Another machine lives under this identity: enrol anew.",
        Cause::TooFast => "Too many requests: wait.",
        Cause::Unavailable => "The collector cannot take this now: try again later.",
    }
}

pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Logs refusals, but no cause more often than every thirty seconds.
#[derive(Debug, Default)]
pub(super) struct Log(Mutex<HashMap<Cause, (Instant, u64)>>);

impl Log {
    pub(super) fn refused(&self, peer: &Peer, refusal: &Refusal) {
        let Some(left_out) = self.turn(refusal.cause) else { return };
        let agent = peer.identity.map(|identity| identity.agent.to_string());
        tracing::warn!(
            cause = refusal.cause.as_str(),
            address = %peer.address.ip(),
            agent = agent.as_deref().unwrap_or("none"),
            // As text with escapes: it may hold what the peer sent.
            detail = ?refusal.detail,
            left_out,
            "refused"
        );
    }

    /// How many of the cause were left out since the last that was logged, if it is time again.
    fn turn(&self, cause: Cause) -> Option<u64> {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match last.get_mut(&cause) {
            Some((at, left_out)) if at.elapsed() < LOG_PAUSE => {
                *left_out += 1;
                None
            }
            _ => last.insert(cause, (Instant::now(), 0)).map_or(Some(0), |(_, count)| Some(count)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_cause_is_logged_once_in_thirty_seconds_with_how_many_were_left_out() {
        let log = Log::default();
        assert_eq!(log.turn(Cause::TooLarge), Some(0));
        assert_eq!(log.turn(Cause::TooLarge), None);
        assert_eq!(log.turn(Cause::TooLarge), None);
        assert_eq!(log.turn(Cause::TooDeep), Some(0));
        tokio::time::advance(LOG_PAUSE).await;
        assert_eq!(log.turn(Cause::TooLarge), Some(2));
        assert_eq!(log.turn(Cause::TooLarge), None);
    }
}
