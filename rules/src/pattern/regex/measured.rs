use regex_automata::Input;
use regex_automata::hybrid::dfa::{Builder, Config, DFA};
use regex_automata::nfa::thompson::{Compiler, Config as NfaConfig, WhichCaptures};

use crate::limits;

/// Searches whose work is known: for one expression and one value always the same, whatever was
/// searched before.
///
/// An expression's automaton is built while it runs, and most need a few states. Some need another
/// one at nearly every byte, and then each byte costs as much as the expression is large. Which it
/// is shows only in the run, so a run begins with nothing built and ends where building pays no more.
#[derive(Debug)]
pub(super) struct Measured {
    dfa: DFA,
    /// Of the expression: each may be looked at for each byte.
    states: u64,
    /// Bytes of the shortest value that matches.
    shortest: usize,
}

/// What a run came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Run {
    Done {
        matches: bool,
        steps: u64,
    },
    /// It costs what [`Measured::worst`] says.
    GaveUp {
        steps: u64,
    },
}

/// Steps to look at one state for one byte.
const STEPS_PER_STATE: u64 = 4;
/// Bytes of built states that a run keeps.
const BUILT_BYTES_MAX: usize = 1024 * 1024;
/// Steps to build a state, for each of its bytes.
const STEPS_PER_BUILT_BYTE: u64 = 5;
/// A state that was built has to last for so many bytes, else a run gives up.
const BYTES_PER_STATE: usize = 10;

impl Measured {
    /// `None` for what is no expression.
    pub fn new(text: &str) -> Option<Self> {
        let mut syntax = regex_syntax::ParserBuilder::new();
        let hir = syntax.nest_limit(limits::REGEX_DEPTH_MAX).build().parse(text).ok()?;
        let config = NfaConfig::new().which_captures(WhichCaptures::None);
        let nfa = Compiler::new().configure(config).build_from_hir(&hir).ok()?;
        let states = u64::try_from(nfa.states().len()).ok()?;
        let config = Config::new()
            .unicode_word_boundary(true)
            .cache_capacity(BUILT_BYTES_MAX)
            .skip_cache_capacity_check(true)
            .minimum_cache_clear_count(Some(0))
            .minimum_bytes_per_state(Some(BYTES_PER_STATE));
        let dfa = Builder::new().configure(config).build_from_nfa(nfa).ok()?;
        Some(Self { dfa, states, shortest: hir.properties().minimum_len().unwrap_or(0) })
    }

    /// The most steps a search may take, however it is done.
    pub fn worst(&self, value: &str) -> u64 {
        if value.len() < self.shortest {
            return 0;
        }
        (value.len() as u64 + 1).saturating_mul(self.states).saturating_mul(STEPS_PER_STATE)
    }

    /// Searches with a bound.
    pub fn run(&self, value: &str) -> Run {
        let mut cache = self.dfa.create_cache();
        let empty = cache.memory_usage();
        let found = self.dfa.try_search_fwd(&mut cache, &Input::new(value).earliest(true));
        let built = cache.clear_count() * BUILT_BYTES_MAX + cache.memory_usage().abs_diff(empty);
        let steps = self.states + (built as u64).saturating_mul(STEPS_PER_BUILT_BYTE);
        match found {
            Ok(found) => {
                Run::Done { matches: found.is_some(), steps: steps + 4 * value.len() as u64 }
            }
            Err(_) => Run::GaveUp { steps },
        }
    }
}
