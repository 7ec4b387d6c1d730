//! Who gives addresses, and who says it is the way out: known ones, and those that come later.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Now;
use super::mac::Mac;

/// Servers or routers of one network that are known.
pub(super) const KNOWN_MAX: usize = 16;
/// One that was not accepted is told of again after so long.
const AGAIN_AFTER: Duration = Duration::from_secs(24 * 3600);

#[derive(Clone, Copy, Debug)]
struct Server {
    mac: Option<Mac>,
    /// Told as a stranger; none for those that were there from the beginning.
    told: Option<Now>,
}

/// The servers of one kind on one network. `Id` is what makes one the same: its address.
#[derive(Debug)]
pub(super) struct Servers<Id> {
    known: BTreeMap<Id, Server>,
}

impl<Id: Ord + Copy> Servers<Id> {
    /// Begins with those an earlier run knew, and those the operator names.
    pub(super) fn knowing(ids: impl Iterator<Item = Id>) -> Self {
        let known = ids.take(KNOWN_MAX).map(|id| (id, Server { mac: None, told: None }));
        Self { known: known.collect() }
    }

    /// Whether none is known.
    pub(super) fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// One was heard; says whether that is to be told: it is a stranger, and `learning` is over.
    pub(super) fn heard(&mut self, now: Now, id: Id, mac: Option<Mac>, learning: bool) -> bool {
        if let Some(server) = self.known.get_mut(&id) {
            server.mac = mac.or(server.mac);
            let again = |told: Now| now.at.saturating_sub(told.at) >= AGAIN_AFTER;
            if server.told.is_some_and(again) {
                server.told = Some(now);
                return true;
            }
            return false;
        }
        if self.known.len() >= KNOWN_MAX {
            return false;
        }
        self.known.insert(id, Server { mac, told: (!learning).then_some(now) });
        !learning
    }

    /// Those that belong here.
    pub(super) fn accepted(&self) -> impl Iterator<Item = Id> {
        self.known.iter().filter(|(_, server)| server.told.is_none()).map(|(id, _)| *id)
    }
}
