//! How much a rule may ask for. Past a limit a rule is refused with an error that names the limit;
//! nothing is cut silently.

/// Bytes of one rule file: the largest in public corpora has 120 KB.
pub const FILE_BYTES_MAX: usize = 1024 * 1024;
/// Documents in one file.
pub const DOCUMENTS_MAX: usize = 256;
/// Nesting of a document; Sigma needs about six.
pub const DEPTH_MAX: usize = 32;
/// Values of one document after aliases are followed, so that aliases of aliases cannot bloat.
pub const VALUES_MAX: usize = 50_000;
/// Brackets that open a list or mapping in one document; rules are mostly written without.
pub const FLOWS_MAX: usize = 1_000;
/// Bytes of a condition; the longest in public corpora has 560.
pub const CONDITION_BYTES_MAX: usize = 8 * 1024;
/// Parentheses and `not`s inside each other in a condition: the parser recurses on them.
pub const CONDITION_DEPTH_MAX: usize = 32;
/// Bytes of a compiled regular expression.
pub const REGEX_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Bytes of a regular expression as written.
pub const REGEX_TEXT_MAX: usize = 16 * 1024;
/// Variants one value may stand for: placeholders, or dashes before an encoding.
pub const VARIANTS_MAX: usize = 1024;
/// Members of a correlation: they are bits of a 64-bit set.
pub const MEMBERS_MAX: usize = 64;
/// The largest threshold of a correlation; so many events are kept per group to reach it.
pub const THRESHOLD_MAX: u64 = 100_000;
/// The longest timespan of a correlation, in seconds: 90 days.
pub const TIMESPAN_S_MAX: u64 = 90 * 24 * 3600;
/// Bytes of a matched value that are shown with a match.
pub const SHOWN_BYTES_MAX: usize = 1024;
/// Ids of events kept as evidence of a correlation.
pub const EVIDENCE_MAX: usize = 32;
/// Bytes of a value in the key of a group; longer ones are shortened to a prefix and a hash.
pub const GROUP_VALUE_BYTES_MAX: usize = 256;
/// Bytes of one event as JSON.
pub const EVENT_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Objects and lists inside each other in an event.
pub const EVENT_DEPTH_MAX: usize = 64;
/// Bytes an evaluator keeps for the next event.
pub const RECORD_BYTES_KEPT: usize = 1024 * 1024;
/// Work one rule may do on one event, in steps of about a nanosecond; then the rule has not matched.
pub const STEPS_MAX: u64 = 5_000_000;
