use soc_event::Timestamp;

use super::claim::{Claim, Mode, Scan, Switch, Updates};

/// Most entries of a list of paths in an event.
pub(super) const PATHS_MAX: usize = 16;

/// What was read about a product, before anything is concluded. What nobody claims is not known.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    /// Its name; `none` when there is no product.
    pub product: String,
    /// Who makes it.
    pub vendor: Option<String>,
    /// Version of the product, as its package or its own files say.
    pub version: Option<Claim<String>>,
    /// Whether it acts by itself.
    pub mode: Option<Claim<Mode>>,
    /// Version of the engine.
    pub engine_version: Option<Claim<String>>,
    /// Whether the engine runs.
    pub engine_running: Option<Claim<bool>>,
    /// Whether files are scanned when they are opened.
    pub realtime: Option<Claim<Switch>>,
    /// Whether opening an infected file is refused, not only told.
    pub blocking: Option<Claim<Switch>>,
    /// Folders that are scanned in real time, where that can be chosen; at most 16.
    pub watched: Vec<String>,
    /// Folders that are left out; at most 16.
    pub excluded: Vec<String>,
    /// The product knows malware by other means than signatures.
    pub has_no_signatures: bool,
    /// Version of the signatures.
    pub signatures_version: Option<Claim<String>>,
    /// When the signatures were built, or a guess at it.
    pub signatures_time: Option<Claim<Timestamp>>,
    /// That time is a guess: it can only prove that they are old.
    pub is_time_guessed: bool,
    /// Whether the program runs that fetches new signatures.
    pub updater_running: Option<Claim<bool>>,
    /// How fetching them went.
    pub updates: Option<Claim<Updates>>,
    /// When they were last fetched, or found to be the newest.
    pub updated: Option<Claim<Timestamp>>,
    /// The last scan of the whole machine.
    pub scan: Option<Claim<Scan>>,
    /// Whether the product defends itself against being switched off.
    pub tamper_protection: Option<Claim<Switch>>,
    /// Until when it is paid for.
    pub licence_end: Option<Claim<Timestamp>>,
    /// All that was read, also what said nothing.
    pub sources: Vec<String>,
}

impl Facts {
    /// Nothing is known yet but the name.
    pub(super) fn named(product: &str, vendor: &str) -> Self {
        let vendor = Some(vendor.to_owned());
        Self { product: product.to_owned(), vendor, ..Self::default() }
    }

    /// A product without a mode of its own is as active as its parts.
    pub(super) fn derive_mode(&mut self) {
        if self.mode.is_some() {
            return;
        }
        self.mode = match (&self.engine_running, &self.realtime) {
            (Some(running), _) if !running.value => Some(running.origin.claims(Mode::Off)),
            (Some(_), Some(realtime)) if realtime.value == Switch::On => {
                Some(realtime.origin.claims(Mode::Active))
            }
            _ => None,
        };
    }
}
