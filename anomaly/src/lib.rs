//! What is unusual about a log: templates of lines, rates, silence, values seen for the first time.
//!
//! Pure: no I/O, no clock, no thread; lines and times are arguments. Bounded: every table has a
//! limit with a name ([`limits`]) and counts what it had to forget. Total: no line makes it panic.

pub mod detector;
pub mod header;
pub mod limits;
pub mod template;

mod anomaly;
mod clock;
mod novelty;
mod series;
mod source;

pub use anomaly::{Anomaly, AnomalyId, Field, Kind};
pub use clock::Now;
pub use detector::{Detector, Line, Saved, Settings, Unusable};
pub use template::{Mined, Miner, Template, TemplateId};
