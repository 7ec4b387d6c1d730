//! What was observed on a host, and how it is written down.
//!
//! Agent and collector agree on nothing but this crate: the event ([`Event`]), who sent it and as
//! which one ([`EventId`]), the batch it travels in ([`Envelope`], [`wire`]), the answer ([`Ack`],
//! [`Reject`]) and the limits of all of these ([`limits`]).
//!
//! Pure: no I/O, no clock, no async, no logging. Decoding is total: every input gives a value or an
//! [`Error`], and what it does not know it keeps ([`Event::unknown`]).

pub mod limits;
pub mod wire;

mod event;
mod id;
mod time;
mod value;

pub use event::{Event, Kind, Logsource, kind};
pub use id::{AgentId, Epoch, EventId, Lane, RunId, Sequence};
pub use time::Timestamp;
pub use value::{Fields, Value};
pub use wire::{Ack, Cause, Configuration, Envelope, Error, Layer, Pace, Reject};
