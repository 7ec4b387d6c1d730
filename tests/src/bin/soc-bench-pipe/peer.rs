use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use soc_tests::load::Failure;
use soc_tests::stage::free_port;
use soc_tests::{Api, Program, until};
use tokio::net::TcpStream;

use crate::Figure;
use crate::corpus::Corpus;
use soc_tests::usage::{Metrics, Usage};

const CONNECTIONS: usize = 4;
const WARM_UP: Duration = Duration::from_secs(5);
const START: Duration = Duration::from_secs(120);
const PROCESSED: &str = "rsigma_events_processed_total";

/// Feeds the peer, its rules pruned by logsource; nothing where it is not installed.
pub async fn run(
    corpus: &Arc<Corpus>,
    rules: &Path,
    folder: &Path,
    time: Duration,
) -> Result<Option<Figure>, Failure> {
    let Some(program) = on_path("rsigma") else { return Ok(None) };
    let address = format!("127.0.0.1:{}", free_port()?);
    let rules = rules.display().to_string();
    let arguments = [
        "engine",
        "daemon",
        "--rules",
        &rules,
        "--input",
        "http",
        "--input-format",
        "json",
        "--logsource-routing",
        "--output",
        "file:///dev/null",
        "--api-addr",
        &address,
    ];
    let peer = Program::start(program, arguments, &[], &folder.join("rsigma.log"))?;
    let api = Api::new(address.clone());
    until("rsigma answers", START, || async { api.text("/readyz").await.ok() }).await;
    let end = Instant::now() + WARM_UP + time;
    let feeds: Vec<_> = (0..CONNECTIONS)
        .map(|number| {
            let begin = number * corpus.peer.len() / CONNECTIONS;
            tokio::spawn(feed(address.clone(), corpus.clone(), begin, end))
        })
        .collect();
    let look = || async {
        let metrics = Metrics::read(&api.text("/metrics").await?);
        Ok::<_, String>((Instant::now(), metrics.get(PROCESSED), Usage::of(peer.pid())))
    };
    tokio::time::sleep(WARM_UP).await;
    let (began, before, used) = look().await?;
    tokio::time::sleep(end.saturating_duration_since(Instant::now())).await;
    let (ended, after, usage) = look().await?;
    for feed in feeds {
        feed.await??;
    }
    let processor = usage.processor - used.processor;
    Ok(Some(Figure {
        name: "rsigma engine daemon",
        events: (after - before) as u64,
        seconds: (ended - began).as_secs_f64(),
        resident: usage.peak,
        stages: vec![("all".to_owned(), processor)],
        notes: Vec::new(),
    }))
}

/// Sends request after request over one connection; the peer answers when its queue has room.
async fn feed(
    address: String,
    corpus: Arc<Corpus>,
    begin: usize,
    end: Instant,
) -> Result<(), Failure> {
    let stream = TcpStream::connect(&address).await?;
    let (mut sender, connection) = handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    for body in corpus.peer.iter().cycle().skip(begin) {
        if Instant::now() >= end {
            return Ok(());
        }
        post(&mut sender, &address, body.clone()).await?;
    }
    Ok(())
}

async fn post(
    sender: &mut SendRequest<Full<Bytes>>,
    address: &str,
    body: Bytes,
) -> Result<(), Failure> {
    let request = http::Request::post("/api/v1/events")
        .header("host", address)
        .header("content-type", "application/x-ndjson")
        .body(Full::new(body))?;
    let answer = sender.send_request(request).await?;
    let status = answer.status();
    answer.into_body().collect().await?;
    if status.is_success() { Ok(()) } else { Err(format!("rsigma answered {status}").into()) }
}

fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}
