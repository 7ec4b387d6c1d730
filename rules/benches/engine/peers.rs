use std::fmt;

use rsigma_eval::{Engine, JsonEvent, LogSourceExtractor};
use rsigma_parser::{LogSource, parse_sigma_yaml};
use serde_json::Value;
use soc_rules::{Evaluator, Ruleset};

use super::Outcome;
use super::corpus::Rules;

pub const OURS: &str = "soc-rules";
pub const SERDE: &str = "serde_json, reading only";

/// Says of a line how many rules match.
type Evaluate = Box<dyn FnMut(&[u8]) -> usize>;

/// Something that is given a line and says how many rules match.
pub struct Peer {
    pub name: &'static str,
    /// False for what only reads.
    pub is_engine: bool,
    pub evaluate: Evaluate,
}

/// How many times faster.
pub struct Ratio(pub f64, pub f64);

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2}", self.0 / self.1)
    }
}

pub fn all(rules: &Rules) -> Outcome<Vec<Peer>> {
    let (ruleset, _) = Ruleset::load(rules.sources());
    let mut evaluator = Evaluator::new(&ruleset);
    let plain = engine(rules);
    let routed = engine(rules);
    let mut pruned = engine(rules);
    pruned.set_logsource_extractor(Some(LogSourceExtractor::new()));
    let mut bloom = engine(rules);
    bloom.set_bloom_prefilter(true);
    Ok(vec![
        Peer {
            name: OURS,
            is_engine: true,
            evaluate: Box::new(move |line| evaluator.evaluate_json(line).map_or(0, <[usize]>::len)),
        },
        Peer {
            name: "rsigma-eval, as it comes",
            is_engine: true,
            evaluate: Box::new(move |line| plain.evaluate(&JsonEvent::owned(read(line))).len()),
        },
        Peer {
            name: "rsigma-eval, routed by logsource",
            is_engine: true,
            evaluate: Box::new(move |line| route(&routed, line)),
        },
        Peer {
            name: "rsigma-eval, pruned by logsource",
            is_engine: true,
            evaluate: Box::new(move |line| pruned.evaluate(&JsonEvent::owned(read(line))).len()),
        },
        Peer {
            name: "rsigma-eval, routed, Bloom filter",
            is_engine: true,
            evaluate: Box::new(move |line| route(&bloom, line)),
        },
        Peer {
            name: SERDE,
            is_engine: false,
            evaluate: Box::new(|line| usize::from(read(line).is_object())),
        },
        Peer {
            name: "sonic-rs, reading only",
            is_engine: false,
            evaluate: Box::new(|line| {
                usize::from(sonic_rs::from_slice::<sonic_rs::Value>(line).is_ok())
            }),
        },
    ])
}

fn engine(rules: &Rules) -> Engine {
    let mut engine = Engine::new();
    let collections = rules.0.iter().filter_map(|(_, text)| parse_sigma_yaml(text).ok());
    let parsed: Vec<_> = collections.flat_map(|collection| collection.rules).collect();
    // What it refuses it does not evaluate.
    let _ = engine.add_rules(&parsed);
    engine
}

fn read(line: &[u8]) -> Value {
    serde_json::from_slice(line).unwrap_or_default()
}

fn route(engine: &Engine, line: &[u8]) -> usize {
    let value = read(line);
    let text = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    let logsource = LogSource {
        product: text("product"),
        category: text("category"),
        service: text("service"),
        ..LogSource::default()
    };
    engine.evaluate_with_logsource(&JsonEvent::borrow(&value), &logsource).len()
}
