//! How many of something each client has at a time: connections of an address or an agent, batches
//! on their way. One that takes all it can get must leave room for the others.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

/// How many each has. Cheap to clone; clones are one count.
#[derive(Clone, Debug)]
pub(crate) struct Places<K>(Arc<Mutex<HashMap<K, usize>>>);

impl<K> Default for Places<K> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

/// One of them, until dropped.
#[derive(Debug)]
pub(crate) struct Place<K: Hash + Eq> {
    places: Places<K>,
    of: K,
}

impl<K: Hash + Eq + Copy> Places<K> {
    /// A place, unless whoever asks has as many as it may.
    pub(crate) fn take(&self, of: K, most: usize) -> Option<Place<K>> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(of).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        Some(Place { places: self.clone(), of })
    }
}

impl<K: Hash + Eq> Drop for Place<K> {
    fn drop(&mut self) {
        let mut counts = self.places.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.of) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                counts.remove(&self.of);
            }
        }
    }
}

/// An IPv6 host has a whole /64 to choose addresses from; it counts as one.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) if !address.is_loopback() => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_given_back() {
        let places = Places::default();
        let address: IpAddr = "192.0.2.1".parse().unwrap();
        let first = places.take(address, 2).unwrap();
        let _second = places.take(address, 2).unwrap();
        assert!(places.take(address, 2).is_none());
        drop(first);
        assert!(places.take(address, 2).is_some());
    }

    #[test]
    fn the_addresses_of_one_host_are_one_network() {
        for (address, expected) in [
            ("2001:db8::1", "2001:db8::"),
            ("2001:db8::ffff:2", "2001:db8::"),
            ("2001:db8:0:1::2", "2001:db8:0:1::"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("::1", "::1"),
        ] {
            assert_eq!(network(address.parse().unwrap()), expected.parse::<IpAddr>().unwrap());
        }
    }
}
