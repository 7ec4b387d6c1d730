//! Rules that look back, beside the same rules live.
//!
//! `soc-bench-look-back [EVENTS]` (20,000,000): imports made-up events of Linux machines while a
//! rule is in force, lets the same rule look back over all of them, and holds what it finds against
//! what was found live. Then how long agents wait for an acknowledgement, alone and beside it.
//! Everything stays on loopback and ends by itself.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use soc_event::{Event, Lane, Logsource, kind};
use soc_tests::load::{self, Failure, Sender, now};
use soc_tests::stage::run;
use soc_tests::usage::{Metrics, Usage};
use soc_tests::{Stage, built, skip, until};

const EVENTS: usize = 20_000_000;
/// Events of one file that is imported.
const PART: usize = 1_000_000;
/// Batches of the measured agent, and lines of each.
const BATCHES: usize = 300;
const LINES: usize = 64;
const PAUSE: Duration = Duration::from_millis(20);
const PATIENCE: Duration = Duration::from_secs(600);
const RULE: &str = "title: A login of root failed
id: 9a3b2a52-6f0d-4a52-9df2-0a3c8f1b7d11
logsource: {product: linux, service: sshd}
detection:
  selection:
    message|contains: 'Failed password'
    user: root
  condition: selection
level: low
";

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let events = std::env::args().nth(1).map_or(Ok(EVENTS), |text| text.parse())?;
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).parent().and_then(Path::parent);
    let tool = top.map(|top| top.join("shared/tools/gen_linux_events.py"));
    let Some(tool) = tool.filter(|tool| tool.is_file()) else {
        skip("looking back", "../shared/tools/gen_linux_events.py is absent");
        return Ok(());
    };
    let mut stage = Stage::new()?;
    std::fs::create_dir(stage.path("rules"))?;
    let rule = stage.write("rules/rule.yml", RULE)?;
    let config = format!("[detect]\nrules = [{:?}]\n", stage.path("rules").display().to_string());
    stage.write("collector.toml", &config)?;
    stage.start_collector().await?;
    let pid = stage.collector.as_ref().map_or(0, soc_tests::Program::pid);
    let began = Instant::now();
    for part in 0..events.div_ceil(PART) {
        import(&stage, &tool, part, PART.min(events - part * PART))?;
    }
    rest(&stage).await;
    println!("{events} events imported and archived in {:.0} s", began.elapsed().as_secs_f64());
    let live = matches(&stage).await?;
    let before = Usage::of(pid).processor;
    let began = Instant::now();
    let found = look_back(&stage, &rule)?;
    let (wall, processor) = (began.elapsed().as_secs_f64(), Usage::of(pid).processor - before);
    println!(
        "{found} found looking back, {live} live; {:.0} events/s, {:.0} a second of processor",
        events as f64 / wall,
        events as f64 / processor.max(0.01)
    );
    beside(Arc::new(stage), rule).await?;
    if found == live { Ok(()) } else { Err("what was found differs".into()) }
}

/// Makes a file of so many events, imports and forgets it.
fn import(stage: &Stage, tool: &Path, part: usize, events: usize) -> Result<(), Failure> {
    let file = stage.path("part.jsonl");
    let (events, seed) = (events.to_string(), (part + 1).to_string());
    run(Command::new("python3").arg(tool).arg(&file).args([events, seed]))?;
    let mut import = Command::new(built("soc-collector"));
    import.args(["import", "--agency", "LOCAL", "--host", "past", "--data"]);
    run(import.arg(stage.path("collector")).arg(&file))?;
    Ok(std::fs::remove_file(file)?)
}

/// Waits until all is judged and nearly all archived.
async fn rest(stage: &Stage) {
    let api = stage.api();
    until("events are judged and archived", PATIENCE, || async {
        let metrics = Metrics::read(&api.text("/metrics").await.ok()?);
        let behind = |reader: &str| {
            metrics.get(&format!("soc_collector_reader_lag_events{{reader=\"{reader}\"}}"))
        };
        (behind("detect") < 1.0 && behind("archive") < 10_000.0).then_some(())
    })
    .await;
}

/// How often the rule matched live.
async fn matches(stage: &Stage) -> Result<u64, Failure> {
    let metrics = Metrics::read(&stage.api().text("/metrics").await?);
    let counted = metrics.by_label("soc_collector_rule_matches_total");
    Ok(counted.iter().map(|(_, count)| *count as u64).sum())
}

fn look_back(stage: &Stage, rule: &Path) -> Result<u64, Failure> {
    let mut asked = Command::new(built("soc-collector"));
    asked.args(["rules", "backtest", "--json", "--from", "4000d", "--data"]);
    let said = run(asked.arg(stage.path("collector")).arg(rule))?;
    let views: serde_json::Value = serde_json::from_str(&said)?;
    let first = views.get(0).unwrap_or(&views);
    first["matches"].as_u64().ok_or_else(|| format!("no matches in {said}").into())
}

/// How long an agent waits for acknowledgements, alone and while rules look back.
async fn beside(stage: Arc<Stage>, rule: PathBuf) -> Result<(), Failure> {
    let mut senders = load::enrolled(&stage, 1).await?;
    let sender = senders.first_mut().ok_or("no agent")?;
    let alone = p99(sender).await?;
    let go_on = Arc::new(AtomicBool::new(true));
    let (again, looking) = (go_on.clone(), stage.clone());
    let looks = std::thread::spawn(move || {
        while again.load(Relaxed) {
            let _ = look_back(&looking, &rule);
        }
    });
    let beside = p99(sender).await?;
    go_on.store(false, Relaxed);
    let _ = looks.join();
    println!(
        "acknowledged, p99: {:.1} ms alone, {:.1} ms beside rules that look back ({:.2})",
        alone * 1000.0,
        beside * 1000.0,
        beside / alone
    );
    Ok(())
}

async fn p99(sender: &mut Sender) -> Result<f64, Failure> {
    let mut waits = Vec::new();
    for _ in 0..BATCHES {
        let lines: Vec<Event> = (0..LINES).map(line).collect();
        let began = Instant::now();
        sender.send(Lane::Log, &lines).await?;
        waits.push(began.elapsed().as_secs_f64());
        tokio::time::sleep(PAUSE).await;
    }
    waits.sort_by(f64::total_cmp);
    Ok(waits.get(waits.len() * 99 / 100).copied().unwrap_or_default())
}

fn line(number: usize) -> Event {
    let raw =
        format!("Nov 22 10:16:42 srv cron[{number}]: (root) CMD (run-parts /etc/cron.hourly)");
    let mut event = Event::new(now(), kind::LOG, Logsource::service("linux", "cron"));
    event.raw = Some(raw);
    event
}
