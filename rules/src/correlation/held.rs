//! A group as it is held in memory: most wait for a second event that never comes, so a group of one
//! event is as small as its row of state.

use super::Correlation;
use super::code::{Reader, write_group};
use super::entry::bytes_allocated;
use super::group::Group;
use super::window::Trail;

/// A group at rest.
#[derive(Debug)]
pub(super) enum Held {
    Packed(Box<[u8]>),
    Open(Box<Opened>),
}

/// A group at work.
#[derive(Debug)]
pub(super) struct Opened {
    pub group: Group,
    /// `None` where windows are judged when they end.
    pub trail: Option<Trail>,
}

impl Default for Held {
    fn default() -> Self {
        Self::Packed(Box::default())
    }
}

impl Opened {
    /// With what can be known from the group.
    pub fn of(correlation: &Correlation, group: Group) -> Self {
        let trail = (!correlation.waits()).then(|| Trail::of(correlation, &group.entries));
        Self { group, trail }
    }
}

impl Held {
    /// A group as it rests.
    pub fn rest(mut opened: Box<Opened>) -> Self {
        let entries = &mut opened.group.entries;
        if entries.len() <= 1 {
            let mut bytes = Vec::with_capacity(64);
            write_group(&mut bytes, &opened.group);
            return Self::Packed(bytes.into_boxed_slice());
        }
        if entries.capacity() > 4 * entries.len() + 8 {
            entries.shrink_to(2 * entries.len());
        }
        Self::Open(opened)
    }

    /// Ready to work with.
    pub fn open(self, correlation: &Correlation) -> Box<Opened> {
        match self {
            Self::Open(opened) => opened,
            Self::Packed(bytes) => {
                let group = Reader(&bytes).group().unwrap_or_default();
                Box::new(Opened::of(correlation, group))
            }
        }
    }

    /// The group, to look at.
    pub fn look<R>(&self, look: impl FnOnce(&Group) -> R) -> R {
        match self {
            Self::Open(opened) => look(&opened.group),
            Self::Packed(bytes) => look(&Reader(bytes).group().unwrap_or_default()),
        }
    }

    /// Its row of state, behind what `out` holds.
    pub fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Open(opened) => write_group(out, &opened.group),
            Self::Packed(bytes) => out.extend_from_slice(bytes),
        }
    }

    /// Bytes it takes, told from what it holds alone, so that they are the same after a restart.
    pub fn bytes(&self) -> u64 {
        match self {
            Self::Packed(bytes) => bytes_allocated(bytes.len()),
            Self::Open(opened) => OPENED_BYTES.saturating_add(opened.group.bytes()),
        }
    }
}

/// An opened group without its entries.
const OPENED_BYTES: u64 = 256;
