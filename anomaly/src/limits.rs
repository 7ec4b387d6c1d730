//! Every bound of this crate, with what happens there.

/// Bytes of a line that are looked at; what follows is not part of its template.
pub const LINE_BYTES_MAX: usize = 4096;
/// Words and marks of a line that are looked at; what follows is not part of its template.
pub const TOKENS_MAX: usize = 256;
/// Longest word that counts as text: longer ones are data, whatever they are made of.
pub const WORD_BYTES_MAX: usize = 64;
/// Longest template text kept, in bytes; longer is cut.
pub const TEXT_BYTES_MAX: usize = 512;
/// Longest sample line kept, in bytes; longer is cut.
pub const SAMPLE_BYTES_MAX: usize = 512;
/// Sample lines kept of one anomaly.
pub const SAMPLES_MAX: usize = 3;
/// Templates kept by a [`crate::Miner`] unless told otherwise: the one seen longest ago gives way,
/// those seen only once first, and [`crate::Miner::forgotten`] counts it.
pub const TEMPLATES_MAX: usize = 1000;
/// Words that may stand in one place of otherwise equal templates before that place is taken for a
/// variable.
pub const VALUES_OF_A_PLACE_MAX: usize = 8;
/// Sources a [`crate::Detector`] knows: the one silent longest gives way, and
/// [`crate::Detector::forgotten`] counts it.
pub const SOURCES_MAX: usize = 32;
/// Templates kept of each source.
pub const SOURCE_TEMPLATES_MAX: usize = 300;
/// Templates of a source whose rate is followed: those that come often enough first.
pub const SOURCE_SERIES_MAX: usize = 24;
/// Values remembered of a field: the one seen longest ago gives way.
pub const VALUES_MAX: usize = 2048;
/// Anomalies remembered as told, so that they are not told again soon: the oldest give way.
pub const TOLD_MAX: usize = 1024;
/// Longest name of a source, longest value, in bytes; longer is cut.
pub const NAME_BYTES_MAX: usize = 256;
/// New templates of a source, and new values of a field, told within an hour; further ones are only
/// learned.
pub const NEW_AN_HOUR_MAX: u32 = 3;
/// Anomalies told within an hour, of all kinds; further ones are only learned, and
/// [`crate::Detector::untold`] counts them.
pub const TOLD_AN_HOUR_MAX: u32 = 30;
