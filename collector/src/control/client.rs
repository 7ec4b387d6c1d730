use std::path::Path;
use std::time::Duration;

use http::{Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;

use super::{Answer, Command, Error, Question, socket_path};

/// How long a command may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);
/// How long copying or reading everything may take.
const ALL_WITHIN: Duration = Duration::from_secs(24 * 3600);
/// Largest answer in bytes.
const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Asks the collector that has the folder open; `None` when there is none.
///
/// # Errors
/// [`Error::Refused`] as the collector said, [`Error::Socket`] when it does not answer.
pub async fn call(data: &Path, command: &Command) -> Result<Option<Answer>, Error> {
    let body = serde_json::to_vec(command).map_err(|error| Error::Failed(error.to_string()))?;
    let patience = match command {
        Command::Backup { .. } | Command::CheckJournal => ALL_WITHIN,
        _ => ANSWER_WITHIN,
    };
    let Some(body) = exchange_within(data, "/command", body, patience).await? else {
        return Ok(None);
    };
    let wrong = |error: serde_json::Error| Error::Socket {
        path: socket_path(data).to_string_lossy().into_owned(),
        reason: error.to_string(),
    };
    serde_json::from_slice(&body).map(Some).map_err(wrong)
}

/// Sends something to a path of the socket; `None` when no collector has the folder open.
///
/// # Errors
/// As [`call`].
pub async fn post(data: &Path, to: &str, body: Vec<u8>) -> Result<Option<Vec<u8>>, Error> {
    exchange_within(data, to, body, ANSWER_WITHIN).await
}

async fn exchange_within(
    data: &Path,
    to: &str,
    body: Vec<u8>,
    patience: Duration,
) -> Result<Option<Vec<u8>>, Error> {
    let path = socket_path(data);
    // Nobody listening, or no socket at all, both mean: no collector.
    let Ok(stream) = UnixStream::connect(&path).await else { return Ok(None) };
    let wrong =
        |reason: String| Error::Socket { path: path.to_string_lossy().into_owned(), reason };
    let exchanged = tokio::time::timeout(patience, exchange(stream, to, body)).await;
    let exchanged =
        exchanged.map_err(|_| wrong(format!("no answer within {} s", patience.as_secs())))?;
    let (status, body) = exchanged.map_err(|error| wrong(error.to_string()))?;
    let said = || String::from_utf8_lossy(&body).into_owned();
    match status {
        StatusCode::OK => Ok(Some(body)),
        StatusCode::UNPROCESSABLE_ENTITY => Err(Error::Refused(said())),
        _ => Err(Error::Failed(said())),
    }
}

/// Hunts through the collector that has the folder open; `None` when there is none. `see` is given
/// each line of the answer as it comes.
///
/// # Errors
/// As [`call`].
pub async fn hunt(
    data: &Path,
    question: &Question,
    see: &mut (dyn FnMut(&str) + Send),
) -> Result<Option<()>, Error> {
    let path = socket_path(data);
    let Ok(stream) = UnixStream::connect(&path).await else { return Ok(None) };
    let wrong =
        |reason: String| Error::Socket { path: path.to_string_lossy().into_owned(), reason };
    let body = serde_json::to_vec(question).map_err(|error| wrong(error.to_string()))?;
    let mut response =
        ask(stream, "/hunt", body).await.map_err(|error| wrong(error.to_string()))?;
    if response.status() != StatusCode::OK {
        let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
        let said = body.map(|body| String::from_utf8_lossy(&body.to_bytes()).into_owned());
        return Err(Error::Refused(said.map_err(|error| wrong(error.to_string()))?));
    }
    let mut rest = Vec::new();
    while let Some(frame) = response.frame().await {
        let frame = frame.map_err(|error| wrong(error.to_string()))?;
        rest.extend(frame.data_ref().into_iter().flatten());
        while let Some(end) = memchr::memchr(b'\n', &rest) {
            let line: Vec<u8> = rest.drain(..=end).collect();
            see(String::from_utf8_lossy(&line).trim_end());
        }
    }
    Ok(Some(()))
}

async fn ask(
    stream: UnixStream,
    route: &str,
    body: Vec<u8>,
) -> Result<http::Response<hyper::body::Incoming>, Failure> {
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let request = Request::post(route)
        .header(header::HOST, "localhost")
        .header(header::CONTENT_TYPE, "application/json")
        .body(Full::new(bytes::Bytes::from(body)))?;
    Ok(sender.send_request(request).await?)
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

async fn exchange(
    stream: UnixStream,
    to: &str,
    body: Vec<u8>,
) -> Result<(StatusCode, Vec<u8>), Failure> {
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let request = Request::post(to)
        .header(header::HOST, "localhost")
        .header(header::CONTENT_TYPE, "application/json")
        .body(Full::new(bytes::Bytes::from(body)))?;
    let response = sender.send_request(request).await?;
    let status = response.status();
    let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await?;
    connection.abort();
    Ok((status, body.to_bytes().to_vec()))
}
