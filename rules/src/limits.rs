//! How much a rule may ask for. Past a limit a rule is refused with an error that names the limit;
//! nothing is cut silently.

/// Bytes of one rule file: the largest in public corpora has 120 KB.
pub const FILE_BYTES_MAX: usize = 512 * 1024;
/// Bytes of a file that are read again because `action: global` or `repeat` shares them.
pub const SHARED_BYTES_MAX: usize = 512 * 1024;
/// Documents in one file.
pub const DOCUMENTS_MAX: usize = 256;
/// Nesting of a document; Sigma needs about six.
pub const DEPTH_MAX: usize = 32;
/// Values of one document after aliases are followed, so that aliases of aliases cannot bloat; the
/// largest rule in public corpora has 4,400.
pub const VALUES_MAX: usize = 20_000;
/// Bytes of the texts of one document after aliases are followed.
pub const TEXT_BYTES_MAX: usize = 1024 * 1024;
/// What the Sigma parser may grumble about in one document; what is past it is not told.
pub const WARNINGS_MAX: usize = 16;
/// Selections of one rule; the most in public corpora are 34.
pub const SELECTIONS_MAX: usize = 256;
/// Brackets that open a list or mapping in one document; rules are mostly written without.
pub const FLOWS_MAX: usize = 1_000;
/// Bytes of all conditions of a rule; the longest in public corpora has 560. The parser takes
/// quadratic time.
pub const CONDITION_BYTES_MAX: usize = 4 * 1024;
/// Parentheses and `not`s inside each other in a condition: the parser recurses on them.
pub const CONDITION_DEPTH_MAX: usize = 32;
/// Bytes of a regular expression compiled to search forward, and again backward. Of the 217 in public
/// corpora one takes 3.5 MiB both ways, the next 1 MiB, half of them less than 4 KiB.
pub const REGEX_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Bytes of all compiled regular expressions of one file, so that one file is refused quickly.
pub const REGEX_FILE_BYTES_MAX: usize = 6 * 1024 * 1024;
/// Bytes of all compiled regular expressions; public corpora take 10 MiB.
pub const REGEX_ALL_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Bytes a search may keep of what it found out about one expression, for each thread.
pub const REGEX_CACHE_BYTES: usize = 2 * 1024 * 1024;
/// Groups inside each other in a regular expression.
pub const REGEX_DEPTH_MAX: u32 = 64;
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
/// Different fields of one event.
pub const EVENT_FIELDS_MAX: usize = 65_536;
/// Bytes of all names in the path of a field.
pub const EVENT_NAME_BYTES_MAX: usize = 4_096;
/// Objects and lists inside each other in an event.
pub const EVENT_DEPTH_MAX: usize = 64;
/// Bytes an evaluator keeps for the next event.
pub const RECORD_BYTES_KEPT: usize = 1024 * 1024;
/// Work one rule may do on one event, in steps of about a nanosecond; then the rule has not matched.
pub const STEPS_MAX: u64 = 5_000_000;
