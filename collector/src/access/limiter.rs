//! Slows down guessing: so many wrong attempts in a quarter of an hour, then a wait.

use std::collections::HashMap;
use std::net::IpAddr;

use soc_event::Timestamp;

use crate::places;

/// Attempts older than this do not count.
const WINDOW_US: i64 = 15 * 60 * 1_000_000;
/// Wrong attempts for one name from one address.
const PER_NAME_MAX: usize = 5;
/// Wrong attempts from one address, whatever the names; a proxy on this machine is not one client.
const PER_ADDRESS_MAX: usize = 100;
/// Pairs remembered; the one whose last attempt is oldest is forgotten first.
const REMEMBERED_MAX: usize = 10_000;

/// Name (empty: any) and address.
type Key = (String, String);

#[derive(Debug, Default)]
pub(super) struct Limiter {
    wrong: HashMap<Key, Vec<i64>>,
}

impl Limiter {
    /// An attempt begins, and counts as wrong until it turns out otherwise. Says how many seconds
    /// to wait instead, when there were too many.
    pub(super) fn begin(&mut self, name: &str, address: &str, now: Timestamp) -> Result<(), u64> {
        for (key, max) in keys(name, address) {
            let Some(times) = self.wrong.get_mut(&key) else { continue };
            times.retain(|at| now.as_micros() - at < WINDOW_US);
            if times.len() >= max {
                let oldest = times.first().copied().unwrap_or_default();
                let wait_us = oldest + WINDOW_US - now.as_micros();
                return Err(u64::try_from(wait_us / 1_000_000 + 1).unwrap_or(1));
            }
        }
        for (key, _) in keys(name, address) {
            if self.wrong.len() >= REMEMBERED_MAX && !self.wrong.contains_key(&key) {
                self.make_room(now);
            }
            self.wrong.entry(key).or_default().push(now.as_micros());
        }
        Ok(())
    }

    /// The attempt that began then was right: what was wrong before it under this name is forgiven.
    pub(super) fn right(&mut self, name: &str, address: &str, began: Timestamp) {
        self.untried(name, address, began);
        self.wrong.remove(&(name.to_owned(), network(address)));
    }

    /// The attempt that began then could not be made, and counts for nothing.
    pub(super) fn untried(&mut self, name: &str, address: &str, began: Timestamp) {
        for (key, _) in keys(name, address) {
            let Some(times) = self.wrong.get_mut(&key) else { continue };
            if let Some(place) = times.iter().position(|at| *at == began.as_micros()) {
                times.remove(place);
            }
            if times.is_empty() {
                self.wrong.remove(&key);
            }
        }
    }

    fn make_room(&mut self, now: Timestamp) {
        let last = |times: &Vec<i64>| times.last().copied().unwrap_or_default();
        self.wrong.retain(|_, times| now.as_micros() - last(times) < WINDOW_US);
        if self.wrong.len() < REMEMBERED_MAX {
            return;
        }
        let oldest = self.wrong.iter().min_by_key(|(_, times)| last(times));
        if let Some(key) = oldest.map(|(key, _)| key.clone()) {
            self.wrong.remove(&key);
        }
    }
}

fn keys(name: &str, address: &str) -> Vec<(Key, usize)> {
    let network = network(address);
    let mut keys = vec![((name.to_owned(), network.clone()), PER_NAME_MAX)];
    if !address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback()) {
        keys.push(((String::new(), network), PER_ADDRESS_MAX));
    }
    keys
}

fn network(address: &str) -> String {
    match address.parse() {
        Ok(address) => places::network(address).to_string(),
        Err(_) => address.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minute(minute: i64) -> Timestamp {
        Timestamp::from_micros(minute * 60 * 1_000_000)
    }

    #[test]
    fn the_sixth_guess_waits_until_the_first_is_a_quarter_of_an_hour_old() {
        let mut limiter = Limiter::default();
        for at in 0..5 {
            assert_eq!(limiter.begin("an", "192.0.2.1", minute(at)), Ok(()));
        }
        assert_eq!(limiter.begin("an", "192.0.2.1", minute(5)), Err(601));
        assert_eq!(limiter.begin("an", "192.0.2.2", minute(5)), Ok(()));
        assert_eq!(limiter.begin("binh", "192.0.2.1", minute(5)), Ok(()));
        assert_eq!(limiter.begin("an", "192.0.2.1", minute(15)), Ok(()));
    }

    #[test]
    fn guesses_made_at_the_same_time_count_before_they_are_answered() {
        let mut limiter = Limiter::default();
        let begun = (0..50).filter(|_| limiter.begin("an", "192.0.2.1", minute(0)).is_ok());
        assert_eq!(begun.count(), PER_NAME_MAX);
        limiter.untried("an", "192.0.2.1", minute(0));
        assert_eq!(limiter.begin("an", "192.0.2.1", minute(0)), Ok(()));
        limiter.right("an", "192.0.2.1", minute(0));
        assert_eq!(limiter.begin("an", "192.0.2.1", minute(0)), Ok(()));
    }

    #[test]
    fn guessing_many_names_from_one_address_is_slowed_too() {
        let mut limiter = Limiter::default();
        for n in 0..PER_ADDRESS_MAX {
            assert_eq!(limiter.begin(&format!("name{n}"), "192.0.2.1", minute(0)), Ok(()));
        }
        assert!(limiter.begin("fresh", "192.0.2.1", minute(1)).is_err());
        assert!(limiter.begin("fresh", "127.0.0.1", minute(1)).is_ok());
    }

    #[test]
    fn the_addresses_of_one_ipv6_host_are_one() {
        let mut limiter = Limiter::default();
        for n in 0..PER_NAME_MAX {
            assert_eq!(limiter.begin("an", &format!("2001:db8::{n:x}"), minute(0)), Ok(()));
        }
        assert!(limiter.begin("an", "2001:db8::ffff:1", minute(0)).is_err());
        assert_eq!(limiter.begin("an", "2001:db8:0:1::1", minute(0)), Ok(()));
    }

    #[test]
    fn memory_is_bounded() {
        let mut limiter = Limiter::default();
        for n in 0..i64::try_from(REMEMBERED_MAX).unwrap() + 100 {
            let now = Timestamp::from_micros(n);
            assert_eq!(limiter.begin(&format!("name{n}"), "127.0.0.1", now), Ok(()));
        }
        assert_eq!(limiter.wrong.len(), REMEMBERED_MAX);
    }
}
