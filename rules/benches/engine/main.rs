//! How many events a second all rules are asked about, beside other engines: `cargo bench -p soc-rules`.
//!
//! The same events in memory as JSON lines, reading included, one core; rounds take turns, so that a
//! noisy machine is noisy for all; the figure is the best round of each, in time of the processor. Real rules and events
//! are read from `../shared/data` beside the repository.

mod corpus;
mod peers;

use std::error::Error;
use std::hint::black_box;
use std::time::Instant;

use corpus::{Corpus, Rules};
use peers::{Peer, Ratio};
use soc_rules::{Evaluator, RuleUse, Ruleset};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Rounds of each engine over all events.
const ROUNDS: usize = 7;

fn main() -> Outcome<()> {
    let only = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let wanted = |name: &str| only.as_deref().is_none_or(|only| only == name);
    let Some(data) = corpus::Data::unpack()? else { return Ok(()) };
    if wanted("windows") {
        let rules = data.rules("rules/windows")?;
        beside(
            "Windows: SigmaHQ rules/windows over EVTX attack samples",
            &rules,
            &data.windows()?,
            3.0,
        )?;
        beside("Windows, events without a hit", &rules, &data.windows()?.quiet(&rules), 3.0)?;
    }
    if wanted("linux") {
        let rules = data.rules("rules/linux")?;
        beside("Linux: SigmaHQ rules/linux over generated events", &rules, &data.linux()?, 5.0)?;
        beside("Linux, events without a hit", &rules, &data.linux()?.quiet(&rules), 5.0)?;
    }
    if only.as_deref() == Some("ours") {
        ours(&data)?;
    }
    if wanted("growth") {
        growth(&data)?;
    }
    if wanted("cores") {
        cores(&data)?;
    }
    Ok(())
}

/// One table: ours and the others, and how many times faster ours is than the best of them.
fn beside(title: &str, rules: &Rules, corpus: &Corpus, promise: f64) -> Outcome<()> {
    println!("\n== {title}: {} events of {} bytes", corpus.lines.len(), corpus.mean_bytes());
    let mut peers = peers::all(rules)?;
    let mut best = vec![f64::MAX; peers.len()];
    let mut matches = vec![0; peers.len()];
    for _ in 0..ROUNDS {
        for (number, peer) in peers.iter_mut().enumerate() {
            let began = processor_seconds();
            let found = corpus.lines.iter().map(|line| black_box((peer.evaluate)(line))).sum();
            best[number] = best[number].min(processor_seconds() - began);
            matches[number] = found;
        }
    }
    #[allow(clippy::cast_precision_loss, reason = "a count of events")]
    let rates: Vec<f64> = best.iter().map(|seconds| corpus.lines.len() as f64 / seconds).collect();
    for ((Peer { name, .. }, rate), found) in peers.iter().zip(&rates).zip(&matches) {
        println!("{name:<44} {rate:>10.0} events/s {found:>8} matches");
    }
    let rsigma =
        peers.iter().zip(&rates).filter(|(peer, _)| peer.is_engine && peer.name != peers::OURS);
    let rsigma = rsigma.map(|(_, rate)| *rate).fold(0.0, f64::max);
    let rate = |name: &str| {
        peers.iter().zip(&rates).find(|(p, _)| p.name == name).map_or(0.0, |(_, r)| *r)
    };
    println!(
        "ratio to the best of rsigma: {} (promise: {promise})",
        Ratio(rate(peers::OURS), rsigma)
    );
    println!(
        "ratio to mere reading by serde_json: {}",
        Ratio(rate(peers::OURS), rate(peers::SERDE))
    );
    Ok(())
}

/// Only this engine, over and over: for a profiler.
fn ours(data: &corpus::Data) -> Outcome<()> {
    for (rules, corpus) in [("rules/windows", data.windows()?), ("rules/linux", data.linux()?)] {
        let (ruleset, _) = Ruleset::load(data.rules(rules)?.sources());
        let mut evaluator = Evaluator::new(&ruleset);
        let rate = rate(&mut evaluator, &corpus, 500_000 / corpus.lines.len());
        println!("{rules}: {rate:.0} events/s");
        let mut uses = evaluator.take_use();
        uses.sort_by_key(|(_, of)| std::cmp::Reverse(of.steps));
        println!("the rules that cost most (steps, asked, matched):");
        for (rule, RuleUse { steps, asked, matched }) in uses.iter().take(10) {
            let title = ruleset.rules().get(*rule).map_or("", |rule| &rule.title.en);
            println!("{steps:>12} {asked:>10} {matched:>8} {title}");
        }
    }
    Ok(())
}

/// Events a second in the best of some rounds.
fn rate(evaluator: &mut Evaluator, corpus: &Corpus, rounds: usize) -> f64 {
    let mut best = f64::MAX;
    for _ in 0..rounds {
        let began = processor_seconds();
        for line in &corpus.lines {
            let _ = black_box(evaluator.evaluate_json(line));
        }
        best = best.min(processor_seconds() - began);
    }
    #[allow(clippy::cast_precision_loss, reason = "a count of events")]
    let rate = corpus.lines.len() as f64 / best;
    rate
}

/// Throughput with more and more rules: some of the corpus, and more than all of it.
fn growth(data: &corpus::Data) -> Outcome<()> {
    println!("\n== More rules over the Windows events");
    let corpus = data.windows()?;
    let all = data.rules("rules")?;
    let (mut first, mut before) = (None, None);
    for count in [100, 1_000, 3_100, 12_000] {
        let rules = all.resized(count);
        let began = Instant::now();
        let (ruleset, _) = Ruleset::load(rules.sources());
        let loading = began.elapsed().as_secs_f64();
        let mut evaluator = Evaluator::new(&ruleset);
        let rate = rate(&mut evaluator, &corpus, ROUNDS * 8);
        let loaded = ruleset.rules().len();
        let slower = |than: Option<f64>| Ratio(than.unwrap_or(rate), rate);
        println!(
            "{loaded:>6} rules {rate:>10.0} events/s, loaded in {loading:.2} s, slower than the step before: {}, than the first: {} (promise: less than 2)",
            slower(before),
            slower(first)
        );
        (first, before) = (first.or(Some(rate)), Some(rate));
    }
    Ok(())
}

/// All cores beside one of two.
fn cores(data: &corpus::Data) -> Outcome<()> {
    println!("\n== All cores");
    let corpus = data.windows()?;
    let (ruleset, _) = Ruleset::load(data.rules("rules/windows")?.sources());
    let cores = std::thread::available_parallelism()?.get();
    let on = |threads: usize| {
        let share = corpus.lines.len().div_ceil(threads);
        let (began, best) = (std::sync::Barrier::new(threads), std::sync::Mutex::new(0.0_f64));
        std::thread::scope(|scope| {
            for lines in corpus.lines.chunks(share) {
                let (ruleset, began, best) = (&ruleset, &began, &best);
                scope.spawn(move || {
                    let mut evaluator = Evaluator::new(ruleset);
                    let mut all = || {
                        for line in lines {
                            let _ = black_box(evaluator.evaluate_json(line));
                        }
                    };
                    all();
                    began.wait();
                    let begun = Instant::now();
                    (0..ROUNDS * 8).for_each(|_| all());
                    let took = begun.elapsed().as_secs_f64();
                    if let Ok(mut slowest) = best.lock() {
                        *slowest = slowest.max(took);
                    }
                });
            }
        });
        best.into_inner().unwrap_or(f64::MAX)
    };
    let (one, all) = (on(1), on(cores));
    println!("{cores} cores: {} times one (promise: 1.8 on two)", Ratio(one, all));
    Ok(())
}

/// What this thread has used so far.
#[allow(clippy::cast_precision_loss, reason = "minutes at the most")]
fn processor_seconds() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}
