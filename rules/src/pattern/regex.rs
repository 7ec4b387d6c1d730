mod counted;
mod measured;

use std::ops::Range;
use std::sync::OnceLock;

use regex_automata::meta::{BuildError, Config, Regex as Engine};
use regex_automata::nfa::thompson::WhichCaptures;
use regex_automata::util::syntax;

use crate::limits;
use counted::Counted;
use measured::{Measured, Run};

/// A regular expression, searched anywhere in a value, in time linear in the value's length.
///
/// It has no groups: only where it matches is asked, which halves what it takes to keep one.
#[derive(Debug)]
pub(crate) struct Regex {
    text: String,
    engine: Engine,
    counted: Option<Counted>,
    /// Made when it is first asked.
    measured: OnceLock<Option<Measured>>,
}

/// A search that takes no more steps at the very worst is made without a closer look: 2 ms.
const WORST_SMALL: u64 = 2_000_000;
/// What such a search is counted as: the worst is rare, but a rule may ask for it many times.
const WORST_OF_USUAL: u64 = 20;

impl Regex {
    /// Compiles an expression with flags (`i`, `m`, `s`) of the whole of it.
    ///
    /// # Errors
    /// Text that is no expression, or one past a limit, as a sentence.
    pub fn new(text: &str, flags: &str) -> Result<Self, String> {
        if text.len() > limits::REGEX_TEXT_MAX {
            let most = limits::REGEX_TEXT_MAX;
            return Err(format!("a regular expression of more than {most} bytes"));
        }
        let text = if flags.is_empty() { text.to_owned() } else { format!("(?{flags}){text}") };
        let config = Config::new()
            .which_captures(WhichCaptures::Implicit)
            .nfa_size_limit(Some(limits::REGEX_BYTES_MAX))
            .onepass_size_limit(Some(limits::REGEX_CACHE_BYTES))
            .dfa_size_limit(Some(limits::REGEX_CACHE_BYTES))
            .hybrid_cache_capacity(limits::REGEX_CACHE_BYTES);
        let syntax = syntax::Config::new().nest_limit(limits::REGEX_DEPTH_MAX);
        let engine = Engine::builder().configure(config).syntax(syntax).build(&text);
        let engine = engine.map_err(|error| told(&error))?;
        let counted = Counted::new(&text);
        Ok(Self { text, engine, counted, measured: OnceLock::new() })
    }

    /// As written, with its flags in front.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The leftmost place it matches.
    pub fn find(&self, value: &str) -> Option<Range<usize>> {
        match &self.counted {
            Some(counted) => counted.find(value),
            None => self.engine.find(value).map(|found| found.range()),
        }
    }

    /// Whether it matches, and the work of finding out, which is a matter of the expression and the
    /// value alone. Where that is more than `steps_max`, it does not match.
    pub fn is_in(&self, value: &str, steps_max: u64) -> (bool, u64) {
        let usual = 16 + 4 * value.len() as u64;
        if let Some(counted) = &self.counted {
            return (usual <= steps_max && counted.find(value).is_some(), usual);
        }
        let measured = self.measured.get_or_init(|| Measured::new(&self.text));
        let Some(measured) = measured else { return (false, 0) };
        let worst = measured.worst(value);
        let steps = usual.max(worst / WORST_OF_USUAL);
        if worst <= WORST_SMALL && steps <= steps_max {
            return (worst > 0 && self.engine.is_match(value), steps);
        }
        if value.len() as u64 > steps_max {
            return (false, worst);
        }
        match measured.run(value) {
            Run::Done { matches, steps } => (matches && steps <= steps_max, steps),
            Run::GaveUp { steps } if worst + steps <= steps_max => {
                (self.engine.is_match(value), worst + steps)
            }
            Run::GaveUp { steps } => (false, worst + steps),
        }
    }

    /// What it takes about to keep it, without the caches of searches: the engine has it forward and
    /// backward, the measured search once more.
    pub fn bytes(&self) -> usize {
        /// Of the smallest expression: what its engine does not count.
        const LEAST: usize = 2048;
        LEAST + self.text.len() + self.engine.memory_usage() / 2 * 3
    }
}

/// The last line of the library's message says it; those before draw the expression.
fn told(error: &BuildError) -> String {
    if let Some(most) = error.size_limit() {
        return format!(
            "a regular expression of more than {most} bytes compiled: repeat less often"
        );
    }
    let text = error.syntax_error().map_or_else(|| error.to_string(), ToString::to_string);
    let what = text.lines().next_back().unwrap_or("").trim_start_matches("error: ");
    format!("not a usable regular expression: {what}")
}
