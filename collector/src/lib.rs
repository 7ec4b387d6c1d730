//! The collector: keeps events, evaluates rules, raises alerts, shows them.
//!
//! `gateway` → `journal` → `detect` → `alert`; `fleet` for agencies, agents and their state; `store`
//! (SQL), `access`, `api`, `dashboard`, `metrics`; `serve` puts them together. See `ARCHITECTURE.md`.

pub mod access;
pub mod alert;
pub mod api;
pub mod archive;
pub mod backtest;
pub mod backup;
pub mod clock;
pub mod config;
pub mod configuration;
pub mod control;
pub mod dashboard;
pub mod detect;
pub mod doctor;
pub mod eval;
pub mod exchange;
pub mod fleet;
pub mod folder;
pub mod gateway;
pub mod hunt;
mod idle;
pub mod import;
pub mod journal;
pub mod live;
pub mod logs;
pub mod look_back;
pub mod metrics;
pub mod outbound;
pub mod pki;
mod places;
pub mod reorganise;
pub mod rule_files;
pub mod rulebook;
mod seen;
pub mod serve;
pub mod sheet;
pub mod silence;
pub mod stop;
pub mod store;
mod subject;
pub mod tuning;
pub mod visible;

pub(crate) use pki::hex;
