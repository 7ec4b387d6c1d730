use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

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

/// Connections of each address.
#[derive(Clone, Debug, Default)]
pub(super) struct Counts(Arc<Mutex<HashMap<IpAddr, usize>>>);

/// One connection of an address, until dropped.
#[derive(Debug)]
pub(super) struct Place {
    counts: Counts,
    address: IpAddr,
}

impl Counts {
    /// A place, unless the address has as many as it may.
    pub(super) fn take(&self, address: IpAddr, most: usize) -> Option<Place> {
        let address = network(address);
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(address).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        Some(Place { counts: self.clone(), address })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.counts.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.address) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                counts.remove(&self.address);
            }
        }
    }
}

/// An IPv6 host has a whole /64 to choose addresses from; it counts as one.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        address => address,
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

    #[test]
    fn places_of_an_address_are_given_back() {
        let counts = Counts::default();
        let address: IpAddr = "192.0.2.1".parse().unwrap();
        let first = counts.take(address, 2).unwrap();
        let _second = counts.take(address, 2).unwrap();
        assert!(counts.take(address, 2).is_none());
        drop(first);
        assert!(counts.take(address, 2).is_some());
    }
}
