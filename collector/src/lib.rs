//! The collector: keeps events, evaluates rules, raises alerts, shows them.
//!
//! `gateway` → `journal` → `detect` → `alert`; `fleet` for agencies, agents and their state; `store`
//! (SQL), `access`, `api`, `dashboard`, `metrics`. See `ARCHITECTURE.md`.

pub mod access;
pub mod alert;
pub mod clock;
pub mod journal;
pub mod live;
pub mod metrics;
pub mod pki;
pub mod store;

pub(crate) use pki::hex;
