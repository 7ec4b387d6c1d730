//! The agent: observes one host and delivers what it saw.
//!
//! `sensor/*` → `spool` → `uplink`, with `enrol` for who we are, `supervisor` for what runs, `remote`
//! for what the collector wants to run, `caps` for what we may use, `check` for a report on the terminal without any collector. See `ARCHITECTURE.md`.

pub mod agent;
pub mod anomaly;
pub mod backoff;
pub mod caps;
pub mod check;
pub mod clock;
pub mod config;
pub mod enrol;
pub mod link;
pub mod metrics;
pub mod remote;
pub mod ring;
pub mod sensor;
pub mod service;
pub mod size;
pub mod spool;
pub mod status;
pub mod supervisor;
pub mod templates;
pub mod uplink;

#[cfg(test)]
mod gateway_double;
