use serde::{Deserialize, Serialize};
use soc_event::Timestamp;

/// What a column of a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ColumnType {
    /// UTF-8.
    Text,
    /// 64 bits, signed.
    Integer,
    /// 64 bits, IEEE 754.
    Float,
    /// True or false.
    Boolean,
    /// A list of texts.
    Texts,
}

/// What is known of a file without opening it. Ranges are both ends included.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileFacts {
    /// SHA-256 of the file.
    pub sha256: [u8; 32],
    /// Its length.
    pub bytes: u64,
    /// SHA-256 of its filter of words.
    pub words_sha256: [u8; 32],
    /// Length of that.
    pub words_bytes: u64,
    /// How many events.
    pub rows: u64,
    /// When they happened, by their machines' clocks.
    pub time: (Timestamp, Timestamp),
    /// When they were received.
    pub received: (Timestamp, Timestamp),
    /// Their places in the journal.
    pub position: (u64, u64),
    /// Fields that have a column of their own.
    pub columns: Vec<(String, ColumnType)>,
}

/// A file as its keeper hands it to somebody who reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileRef {
    /// Below the store's root.
    pub path: String,
    /// Path of its filter of words.
    pub words: String,
    /// Whose events these are, by number in the fleet; 0 is none.
    pub agency: i64,
    /// The agency's code when it was written; empty for none.
    pub agency_code: String,
    /// What it holds.
    pub facts: FileFacts,
}
