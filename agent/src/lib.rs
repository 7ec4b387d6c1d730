//! The agent: observes one host and delivers what it saw.
//!
//! `sensor/*` → `spool` → `uplink`, with `enrol` for who we are, `supervisor` for what runs,
//! `check` for a report on the terminal without any collector. See `ARCHITECTURE.md`.

pub mod agent;
pub mod backoff;
pub mod check;
pub mod clock;
pub mod config;
pub mod enrol;
pub mod link;
pub mod metrics;
pub mod ring;
pub mod sensor;
pub mod service;
pub mod spool;
pub mod status;
pub mod supervisor;
pub mod uplink;

#[cfg(test)]
mod gateway_double;
