//! The agent: observes one host and delivers what it saw.
//!
//! `sensor/*` → `spool` → `uplink`, with `enrol` for who we are, `supervisor` for what runs,
//! `check` for a report on the terminal without any collector. See `ARCHITECTURE.md`.

pub mod check;
pub mod sensor;
