//! The collector: keeps events, evaluates rules, raises alerts, shows them.
//!
//! `gateway` → `journal` → `detect` → `alert`; `fleet` for agencies, agents and their state; `store`
//! (SQL), `access`, `api`, `dashboard`, `metrics`. See `ARCHITECTURE.md`.

pub mod clock;
pub mod fleet;
pub mod gateway;
pub mod journal;
pub mod live;
pub mod pki;
pub mod store;
