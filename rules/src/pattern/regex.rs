use std::ops::Range;

use regex_automata::meta::{BuildError, Config, Regex as Engine};
use regex_automata::nfa::thompson::WhichCaptures;
use regex_automata::util::syntax;

use crate::limits;

/// A regular expression, searched anywhere in a value, in time linear in the value's length.
///
/// It has no groups: only where it matches is asked, which halves what it takes to keep one.
#[derive(Debug)]
pub(crate) struct Regex {
    text: String,
    engine: Engine,
}

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
        Ok(Self { text, engine })
    }

    /// As written, with its flags in front.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The leftmost place it matches.
    pub fn find(&self, value: &str) -> Option<Range<usize>> {
        self.engine.find(value).map(|found| found.range())
    }

    /// What it takes about to keep it, without the caches of searches.
    pub fn bytes(&self) -> usize {
        /// Of the smallest expression: what its engine does not count.
        const LEAST: usize = 2048;
        LEAST + self.text.len() + self.engine.memory_usage()
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
