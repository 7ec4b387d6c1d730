//! Every bound an event has to keep, with what happens there.
//!
//! The sender cuts (long text, long lists) and says so in the field `event.truncated`; the receiver
//! refuses the batch with a typed [`crate::Reject`]. Nobody allocates what a length field claims.

/// Longest encoded event in bytes. Longer `raw` text is cut by the agent to fit.
pub const EVENT_BYTES_MAX: usize = 256 * 1024;
/// Longest `raw` or text value in bytes that an agent sends.
pub const TEXT_BYTES_MAX: usize = 64 * 1024;
/// Most fields of one event.
pub const FIELDS_MAX: usize = 512;
/// Longest field name in bytes.
pub const FIELD_NAME_BYTES_MAX: usize = 256;
/// Most elements of a list value.
pub const LIST_MAX: usize = 1024;
/// Deepest nesting of a JSON line: line, `fields`, list, and room for keys of later versions.
pub const DEPTH_MAX: usize = 16;
/// Most events of one batch.
pub const BATCH_EVENTS_MAX: usize = 4096;
/// Largest batch on the wire, compressed, in bytes.
pub const BATCH_BYTES_MAX: usize = 1024 * 1024;
/// Largest batch after decompression, in bytes: stops decompression bombs.
pub const BATCH_BYTES_DECOMPRESSED_MAX: usize = 8 * 1024 * 1024;
/// Longest configuration, all its layers together, in bytes of TOML.
pub const CONFIGURATION_BYTES_MAX: usize = 64 * 1024;
/// Most layers of a configuration: the fleet, a deep tree of agencies, the machine.
pub const CONFIGURATION_LAYERS_MAX: usize = 18;
