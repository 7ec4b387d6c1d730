use std::fmt;

/// Why something was skipped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A record beyond [`crate::limits`].
    #[error("longer than {0} bytes")]
    TooLong(usize),
    /// The log ends inside a record: it is still being written, or was cut.
    #[error("ends in the middle")]
    Incomplete,
    /// The record is damaged, or of another format.
    #[error("{0}")]
    Damaged(String),
}

/// Where in a log, counted from 1 but for records that carry a number of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// The n-th line.
    Line(u64),
    /// The n-th record, or the record of this number.
    Record(u64),
    /// The n-th chunk of 64 KiB of a Windows event log.
    Chunk(u64),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(number) => write!(f, "line {number}"),
            Self::Record(number) => write!(f, "record {number}"),
            Self::Chunk(number) => write!(f, "chunk {number}"),
        }
    }
}
