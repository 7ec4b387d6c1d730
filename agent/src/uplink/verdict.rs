//! What the collector's answer to a batch means. Pure.

use std::time::Duration;

use soc_event::{Ack, Cause, Reject, Timestamp};

use crate::link::Answer;

/// An operator removed this agent: asked again seldom, in case it was a mistake.
const REMOVED_WAIT: Duration = Duration::from_secs(3600);
/// Longest wait a collector can ask for.
const WAIT_MOST: Duration = Duration::from_secs(300);

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is on the collector's disk.
    Taken(Ack),
    /// The same again, later.
    Later { wait: Option<Duration>, why: String },
    /// These bytes never: halve, or set the one event aside.
    Never { why: String },
    /// The ids met others: begin a new epoch, then the same again.
    WrongIds { why: String },
    /// Renew the certificate.
    Expired,
    /// Enrol anew with this grant.
    Cloned { grant: String },
    /// An operator removed this agent: wait so long before anything is sent again.
    Removed { wait: Duration, why: String },
}

/// The verdict, and the collector's time if it told it.
pub(super) fn of(answer: &Answer) -> (Verdict, Option<Timestamp>) {
    if answer.status == 200 {
        return match serde_json::from_slice::<Ack>(&answer.body) {
            Ok(ack) => {
                let time = Some(ack.time);
                (Verdict::Taken(ack), time)
            }
            Err(error) => (later(answer, format!("unreadable acknowledgement: {error}")), None),
        };
    }
    match serde_json::from_slice::<Reject>(&answer.body) {
        Ok(reject) => {
            let time = Some(reject.time);
            (of_reject(answer, reject), time)
        }
        // Something between us and the collector, or one of another version.
        Err(_) => (later(answer, format!("the collector answered {}", answer.status)), None),
    }
}

fn of_reject(answer: &Answer, reject: Reject) -> Verdict {
    let why = format!("{}: {}", reject.title, reject.detail);
    match reject.cause {
        Cause::CertificateExpired => Verdict::Expired,
        Cause::Cloned => match reject.grant {
            Some(grant) => Verdict::Cloned { grant },
            None => later(answer, why),
        },
        Cause::WrongIds => Verdict::WrongIds { why },
        // Not the fault of any event, so none may be given up for it.
        Cause::Revoked => Verdict::Removed { wait: REMOVED_WAIT, why },
        Cause::WrongIdentity => Verdict::Later { wait: Some(WAIT_MOST), why },
        Cause::TooFast | Cause::Unavailable => {
            let asked = reject.retry_after_ms.map(Duration::from_millis);
            let wait = asked.or(answer.retry_after).map(|wait| wait.min(WAIT_MOST));
            Verdict::Later { wait, why }
        }
        Cause::TooLarge | Cause::TooDeep | Cause::BadCompression | Cause::Malformed => {
            Verdict::Never { why }
        }
    }
}

fn later(answer: &Answer, why: String) -> Verdict {
    Verdict::Later { wait: answer.retry_after.map(|wait| wait.min(WAIT_MOST)), why }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reject(cause: Cause, grant: Option<&str>) -> Verdict {
        let reject = Reject {
            kind: format!("urn:soc:reject:{}", cause.as_str()),
            status: cause.status(),
            title: "no".into(),
            detail: "because".into(),
            cause,
            retry_after_ms: Some(1_000_000),
            grant: grant.map(str::to_owned),
            time: Timestamp::default(),
        };
        let body = serde_json::to_vec(&reject).unwrap();
        of(&answer(cause.status(), body)).0
    }

    fn answer(status: u16, body: Vec<u8>) -> Answer {
        Answer { status, retry_after: None, body: body.into(), round_trip: Duration::ZERO }
    }

    #[test]
    fn only_what_is_the_events_fault_is_given_up() {
        for cause in Cause::ALL {
            let is_never = matches!(reject(cause, None), Verdict::Never { .. });
            let is_events_fault = matches!(
                cause,
                Cause::TooLarge | Cause::TooDeep | Cause::BadCompression | Cause::Malformed
            );
            assert_eq!(is_never, is_events_fault, "{cause:?}");
        }
    }

    #[test]
    fn waits_are_bounded() {
        let Verdict::Later { wait, .. } = reject(Cause::Unavailable, None) else { panic!() };
        assert_eq!(wait, Some(WAIT_MOST));
    }

    #[test]
    fn a_clone_without_grant_waits() {
        assert!(matches!(reject(Cause::Cloned, None), Verdict::Later { .. }));
        let grant = "g".to_owned();
        assert_eq!(reject(Cause::Cloned, Some("g")), Verdict::Cloned { grant });
    }

    #[test]
    fn answers_of_others_are_no_reason_to_give_events_up() {
        for (status, body) in [(502, "<html>"), (404, ""), (200, "{}"), (413, "nginx"), (400, "")] {
            let verdict = of(&answer(status, body.into())).0;
            assert!(matches!(verdict, Verdict::Later { .. }), "{status}: {verdict:?}");
        }
    }
}
