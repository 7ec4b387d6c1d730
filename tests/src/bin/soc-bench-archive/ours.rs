//! What this archive answers.

use std::time::Instant;

use serde_json::Value;
use soc_archive::Agencies;
use soc_archive::hunt::{Chosen, Engine, Language, Part, Request, Source, json};
use soc_event::Timestamp;
use soc_tests::load::Failure;

/// What was answered: seconds from asking to the end, of processor time of all threads, rows, and the
/// last column where they are few.
pub struct Told {
    pub seconds: f64,
    pub processor: f64,
    pub rows: usize,
    pub counts: Vec<Value>,
}

/// A question of everybody's events.
pub fn request(query: &str, language: Language, range: (Timestamp, Timestamp)) -> Request {
    Request {
        query: query.to_owned(),
        language,
        from: range.0,
        to: range.1,
        agencies: Agencies::All,
        limit: None,
        chosen: Chosen::Events,
    }
}

/// Asks, and waits for the whole answer.
///
/// # Errors
/// The question failed.
pub async fn ask(engine: &Engine, request: Request, source: Source) -> Result<Told, Failure> {
    let (begun, worked) = (Instant::now(), processor_seconds());
    let mut answer = engine.run(request, source);
    let mut counts = Vec::new();
    while let Some(part) = answer.next().await {
        match part {
            Part::Rows(batch) if counts.len() + batch.num_rows() <= 200 => {
                counts.extend(json(&batch).into_iter().filter_map(|mut row| row.pop()));
            }
            Part::End { rows, completeness, .. } => {
                if !completeness.missing.is_empty() {
                    return Err(format!("files are missing: {:?}", completeness.missing).into());
                }
                let seconds = begun.elapsed().as_secs_f64();
                return Ok(Told { seconds, processor: processor_seconds() - worked, rows, counts });
            }
            Part::Failed(error) => return Err(error.into()),
            _ => {}
        }
    }
    Err("the answer has no end".into())
}

/// Processor time this process has had. Source: proc(5).
fn processor_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let words = stat.rsplit(") ").next().unwrap_or_default().split(' ');
    let ticks: u64 = words.skip(11).take(2).filter_map(|word| word.parse::<u64>().ok()).sum();
    ticks as f64 / rustix::param::clock_ticks_per_second() as f64
}
