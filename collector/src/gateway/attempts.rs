use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use soc_event::AgentId;
use tokio::time::Instant;

use crate::places::network;

/// Failed enrolments of one address within [`WINDOW`]; then it waits.
const FAILURES_MAX: u32 = 10;
const WINDOW: Duration = Duration::from_secs(600);
/// Addresses remembered; when there are more, the oldest failures are forgotten.
const ADDRESSES_MAX: usize = 10_000;

/// Failed enrolments by address: guessing tokens has to be slow.
#[derive(Debug, Default)]
pub(super) struct Attempts(Mutex<HashMap<IpAddr, (u32, Instant)>>);

impl Attempts {
    /// How long the address has to wait, if it has to.
    pub(super) fn wait(&self, address: IpAddr) -> Option<Duration> {
        let failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (count, since) = failures.get(&network(address))?;
        let left = WINDOW.checked_sub(since.elapsed()).filter(|left| !left.is_zero())?;
        (*count >= FAILURES_MAX).then_some(left)
    }

    /// Notes a failure.
    pub(super) fn failed(&self, address: IpAddr) {
        let mut failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if failures.len() >= ADDRESSES_MAX {
            failures.retain(|_, (_, since)| since.elapsed() < WINDOW);
        }
        if failures.len() >= ADDRESSES_MAX {
            let oldest = failures.iter().min_by_key(|(_, (_, since))| *since).map(|(at, _)| *at);
            oldest.map(|address| failures.remove(&address));
        }
        let entry = failures.entry(network(address)).or_insert((0, Instant::now()));
        if entry.1.elapsed() >= WINDOW {
            *entry = (0, Instant::now());
        }
        entry.0 = entry.0.saturating_add(1);
    }
}

/// How many times its pace an agent may send; over it, it is broken or hostile.
const PACE_FACTOR: u64 = 4;
/// Seconds of that which it may send at once.
const BURST_SECONDS: u64 = 4;

/// Bytes that agents have sent lately: one that floods must not push the others' events out.
#[derive(Debug, Default)]
pub(super) struct Rates(Mutex<HashMap<AgentId, (u64, Instant)>>);

impl Rates {
    /// Notes bytes of an agent whose pace is so many a second; when it is far over it, says how
    /// long to wait, and notes nothing.
    pub(super) fn take(&self, agent: AgentId, bytes: u64, pace: u64) -> Option<Duration> {
        let most = pace.saturating_mul(PACE_FACTOR).max(1);
        let burst = most.saturating_mul(BURST_SECONDS);
        let mut rates = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let (sent, at) = rates.entry(agent).or_insert((0, now));
        let millis = u64::try_from(now.duration_since(*at).as_millis()).unwrap_or(u64::MAX);
        let sent_now = sent.saturating_sub(most.saturating_mul(millis) / 1000);
        (*sent, *at) = (sent_now, now);
        if sent_now > burst {
            let over = sent_now.saturating_sub(burst).saturating_mul(1000) / most;
            return Some(Duration::from_millis(over.saturating_add(1)));
        }
        *sent = sent_now.saturating_add(bytes);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_address_that_guesses_has_to_wait_and_others_do_not() {
        let attempts = Attempts::default();
        let one: IpAddr = "2001:db8::1".parse().unwrap();
        let neighbour: IpAddr = "2001:db8::ffff:2".parse().unwrap();
        let other: IpAddr = "192.0.2.1".parse().unwrap();
        for _ in 0..FAILURES_MAX {
            assert_eq!(attempts.wait(one), None);
            attempts.failed(one);
        }
        assert_eq!(attempts.wait(one), Some(WINDOW));
        assert!(attempts.wait(neighbour).is_some());
        assert_eq!(attempts.wait(other), None);
        tokio::time::advance(WINDOW).await;
        assert_eq!(attempts.wait(one), None);
    }

    #[tokio::test(start_paused = true)]
    async fn an_agent_that_floods_has_to_wait_and_may_then_go_on() {
        let rates = Rates::default();
        let (one, other) = (AgentId::from_random([1; 16]), AgentId::from_random([2; 16]));
        let taken = (0..100).take_while(|_| rates.take(one, 1000, 1000).is_none()).count();
        assert_eq!(taken, 17, "four seconds at four times the pace, and the one that was over");
        let wait = rates.take(one, 1000, 1000).unwrap();
        assert!(wait <= Duration::from_secs(1), "{wait:?}");
        assert_eq!(rates.take(other, 1000, 1000), None);
        tokio::time::advance(wait).await;
        assert_eq!(rates.take(one, 1000, 1000), None);
    }
}
