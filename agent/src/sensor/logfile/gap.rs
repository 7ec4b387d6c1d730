use soc_event::{Event, Timestamp, kind};

use crate::sensor::Observation;

/// Lines that could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sensor) enum Gap {
    /// The file was rotated and is gone or compressed before it was read to its end.
    RotatedUnread,
    /// The file was emptied in place and no copy of it is there.
    Truncated,
    /// The stored position makes no sense.
    InvalidPosition,
}

impl Gap {
    /// The finding that says so.
    pub(in crate::sensor) fn observation(self, path: &str, now: Timestamp) -> Observation {
        let reason = match self {
            Self::RotatedUnread => "rotated_unread",
            Self::Truncated => "truncated",
            Self::InvalidPosition => "invalid_position",
        };
        Observation::alert(
            Event::own(now, kind::LOG_GAP)
                .with("log.gap.reason", reason)
                .with("log.gap.count", None::<u64>)
                .with("log.source", "file")
                .with("log.file.path", path),
        )
    }
}
