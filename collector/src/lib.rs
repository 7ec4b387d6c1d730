//! The collector: keeps events, evaluates rules, raises alerts, shows them.
//!
//! `gateway` → `journal` → `detect` → `alert`; `fleet` for agencies, agents and their state; `store`
//! (SQL), `access`, `api`, `dashboard`, `metrics`. See `ARCHITECTURE.md`.

pub mod access;
pub mod alert;
pub mod clock;
pub mod live;
pub mod store;

pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
