//! How much is read at once; more is skipped and said, or cut and said.

/// Longest line. What is longer is no log line, and would hold up all others.
pub const LINE_BYTES_MAX: usize = 1024 * 1024;
/// Longest record that is no line: a JSON object over several lines, an entry of a journal.
pub const RECORD_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Most fields of one event; further ones are left out and `event.truncated` says so.
pub const FIELDS_MAX: usize = soc_event::limits::FIELDS_MAX;
/// Deepest element of a Windows event that is looked at.
pub const DEPTH_MAX: usize = soc_event::limits::DEPTH_MAX;
/// Most records of one chunk of a Windows event log: 64 KiB hold no more of the smallest.
pub const CHUNK_RECORDS_MAX: usize = 64 * 1024 / 28;
