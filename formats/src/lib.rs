//! Log formats: the bytes of a log become [`soc_event::Event`]s.
//!
//! Pure: no file, clock or network; the time of reading and the zone of the host are arguments.

pub mod text;
