use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use soc_event::Lane;
use soc_tests::load::{self, Failure, Sender, Sent};
use soc_tests::{Api, Stage};
use tokio::sync::watch;

use crate::Figure;
use crate::corpus::Corpus;
use soc_tests::usage::{Metrics, Usage};

/// Agents that send at once. One is not told to go slower: each has its own pace.
const AGENTS: usize = 16;
/// Before the clock starts: rules are loaded, memory is warm.
const WARM_UP: Duration = Duration::from_secs(8);
/// Metrics cost the collector something, too.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Further ahead than so many events senders do not run: of what evaluates, and of what archives,
/// which gathers a large file's worth before it begins.
const AHEAD_DETECT: f64 = 100_000.0;
const AHEAD_ARCHIVE: f64 = 600_000.0;
const REFUSED_PAUSE: Duration = Duration::from_millis(50);
/// A set of files takes seconds to make; with none for so long something is wrong.
const FILES_WAIT: Duration = Duration::from_secs(120);
const EVALUATED: &str = "soc_collector_detect_events_total";
const ARCHIVED: &str = "soc_collector_archive_archived_events_total";
const FILES: &str = "soc_collector_archive_files";
const STAGES: &str = "soc_collector_stage_processor_seconds_total";
const LAG: &str = "soc_collector_reader_lag_events";

/// How far the pipe is.
struct Mark {
    at: Instant,
    metrics: Metrics,
    usage: Usage,
}

/// Plays agents against a collector of its own.
pub async fn run(corpus: &Arc<Corpus>, rules: &Path, time: Duration) -> Result<Figure, Failure> {
    let mut stage = Stage::new()?;
    let config = format!(
        "[detect]\nrules = [{:?}]\n[journal]\nbytes_max = \"2 GiB\"\n",
        rules.display().to_string()
    );
    stage.write("collector.toml", &config)?;
    stage.start_collector().await?;
    let pid = stage.collector.as_ref().map_or(0, soc_tests::Program::pid);
    let stage = Arc::new(stage);
    let senders = load::enrolled(&stage, AGENTS).await?;
    let (go, may_go) = watch::channel(true);
    let (stop, stopped) = watch::channel(false);
    let lives: Vec<_> = senders
        .into_iter()
        .enumerate()
        .map(|(number, sender)| {
            let begin = number * corpus.parts.len() / AGENTS;
            let life = live(sender, corpus.clone(), begin, may_go.clone(), stopped.clone());
            tokio::spawn(life)
        })
        .collect();
    let figure = watch(&stage.api(), pid, time, &go).await;
    stop.send_replace(true);
    go.send_replace(true);
    for life in lives {
        life.await??;
    }
    figure
}

/// One agent's life: batch after batch, as long as the pipe keeps up.
async fn live(
    mut sender: Sender,
    corpus: Arc<Corpus>,
    begin: usize,
    mut may_go: watch::Receiver<bool>,
    stopped: watch::Receiver<bool>,
) -> Result<(), Failure> {
    for part in corpus.parts.iter().cycle().skip(begin) {
        loop {
            may_go.wait_for(|go| *go).await?;
            if *stopped.borrow() {
                return Ok(());
            }
            match sender.send_packed(Lane::Log, part.count, &part.packed).await? {
                Sent::Taken => break,
                Sent::Refused(429 | 503) => tokio::time::sleep(REFUSED_PAUSE).await,
                Sent::Refused(status) => {
                    return Err(format!("a batch was refused: {status}").into());
                }
            }
        }
    }
    Ok(())
}

/// Holds senders back while a stage is far behind, and takes the time: from one set of archived
/// files to another, so that all that counts has gone all the way.
async fn watch(
    api: &Api,
    pid: u32,
    time: Duration,
    go: &watch::Sender<bool>,
) -> Result<Figure, Failure> {
    let mut since = Instant::now() + WARM_UP;
    let mut wanted = Duration::ZERO;
    let (mut first, mut archived): (Option<Mark>, f64) = (None, 0.0);
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let metrics = Metrics::read(&api.text("/metrics").await?);
        go.send_replace(
            behind(&metrics, "detect") < AHEAD_DETECT
                && behind(&metrics, "archive") < AHEAD_ARCHIVE,
        );
        let is_done = metrics.get(ARCHIVED) > archived;
        archived = metrics.get(ARCHIVED);
        let waited = since.elapsed();
        if since > Instant::now() || waited < wanted || !is_done {
            if waited > wanted + FILES_WAIT {
                return Err("nothing more is archived".into());
            }
            continue;
        }
        let mark = Mark { at: Instant::now(), metrics, usage: Usage::of(pid) };
        match first {
            Some(first) => return Ok(figure(&first, &mark)),
            None => (since, wanted) = (mark.at, time),
        }
        first = Some(mark);
    }
}

/// How many events a reader of the journal has not done yet.
fn behind(metrics: &Metrics, reader: &str) -> f64 {
    metrics.get(&format!("{LAG}{{reader=\"{reader}\"}}"))
}

fn figure(first: &Mark, last: &Mark) -> Figure {
    let counted = |name: &str| last.metrics.get(name) - first.metrics.get(name);
    let before = first.metrics.by_label(STAGES);
    let mut stages: Vec<(String, f64)> = last.metrics.by_label(STAGES);
    for (stage, seconds) in &mut stages {
        let earlier = before.iter().find(|(name, _)| name == stage);
        *seconds -= earlier.map_or(0.0, |(_, seconds)| *seconds);
    }
    let all = last.usage.processor - first.usage.processor;
    let rest = all - stages.iter().map(|(_, seconds)| seconds).sum::<f64>();
    stages.push(("TLS, HTTP, SQL, the rest".to_owned(), rest));
    stages.push(("all".to_owned(), all));
    let change = |what: &str, of: &dyn Fn(&Metrics) -> f64| {
        format!(
            "{what}: {:.0} at the beginning, {:.0} at the end",
            of(&first.metrics),
            of(&last.metrics)
        )
    };
    Figure {
        name: "soc-collector",
        events: counted(ARCHIVED).min(counted(EVALUATED)) as u64,
        seconds: (last.at - first.at).as_secs_f64(),
        resident: last.usage.peak,
        stages,
        notes: vec![
            change("events not evaluated", &|metrics| behind(metrics, "detect")),
            change("events not archived", &|metrics| behind(metrics, "archive")),
            change("files", &|metrics| metrics.get(FILES)),
        ],
    }
}
