//! Log formats: the bytes of a log become [`soc_event::Event`]s.
//!
//! [`Format::detect`] tells a format by its first bytes and its name. A [`Cutter`] cuts what was
//! read into stretches of whole records, which may then be read in any order and in parallel:
//! [`Format::read`]. A log that is followed line by line needs only [`text`], and a [`Joiner`] where
//! its records take several lines. [`utmp`] reads the records of logins.
//!
//! Promises: total. What cannot be read is a [`Fault`] with its [`Place`], and reading goes on
//! behind it; no byte makes it panic, no length that is claimed sizes an allocation ([`limits`]).
//! JSON objects stay as they were written, because rules read them so ([`Record::Json`]); who keeps
//! them makes events of them ([`json::event`]).
//!
//! Pure: no file, clock, thread or network; the time of reading and the zone are arguments.

pub mod csv;
pub mod fit;
pub mod join;
pub mod journal;
pub mod json;
pub mod limits;
pub mod lineage;
pub mod text;
pub mod time;
pub mod utmp;
pub mod windows;

mod cutter;
mod detect;
mod documents;
#[cfg(feature = "evtx")]
mod evtx;
mod fault;
mod format;
mod joined;
mod lines;
mod named;
mod otlp;

pub use cutter::{Cut, Cutter};
pub use fault::{Fault, Place};
pub use format::{Format, Found, Record, Stretch};
pub use join::Joiner;
pub use lineage::Lineage;
