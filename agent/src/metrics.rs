//! `/metrics` for Prometheus on a loopback address, off by default.
//!
//! The text is written from what the other rooms know at the moment of the scrape; there is nothing
//! to register and nothing is counted twice. No text from outside becomes a label.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Deserializer, de};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::status::{Board, Report};

mod text;

/// Settings of the metrics.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where to listen: a loopback address, or nowhere.
    #[serde(deserialize_with = "loopback")]
    pub listen: Option<SocketAddr>,
}

/// How long a scrape may take, so that one that hangs does not keep the next one waiting forever.
const SCRAPE_TIMEOUT: Duration = Duration::from_secs(5);

fn loopback<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SocketAddr>, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.is_empty() {
        return Ok(None);
    }
    let address: SocketAddr = text.parse().map_err(|_| {
        de::Error::custom(format!("{text:?} is not an address with port, like 127.0.0.1:9101"))
    })?;
    let outside = "must be a loopback address: metrics are shown without asking who asks";
    if address.ip().is_loopback() { Ok(Some(address)) } else { Err(de::Error::custom(outside)) }
}

/// Answers scrapes until told to stop. Scrapes are answered one after the other.
pub async fn serve(listener: TcpListener, board: Board, mut stop: watch::Receiver<bool>) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|stop| *stop) => return,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "metrics: no connection taken");
                tokio::time::sleep(Duration::from_secs(1)).await;
                continue;
            }
        };
        let connection = hyper::server::conn::http1::Builder::new()
            .keep_alive(false)
            .max_buf_size(16 * 1024)
            .serve_connection(TokioIo::new(stream), service_fn(|request| answer(request, &board)));
        match tokio::time::timeout(SCRAPE_TIMEOUT, connection).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%error, "metrics: connection"),
            Err(_) => tracing::debug!("metrics: a scrape took too long"),
        }
    }
}

/// The metrics of this report in Prometheus' text format, version 0.0.4.
pub fn render(report: &Report) -> String {
    text::render(report)
}

async fn answer(
    request: Request<hyper::body::Incoming>,
    board: &Board,
) -> Result<Response<Full<Bytes>>, http::Error> {
    if request.uri().path() != "/metrics" {
        let body = Full::new(Bytes::from_static(b"metrics are at /metrics\n"));
        return Response::builder().status(StatusCode::NOT_FOUND).body(body);
    }
    let body = Full::new(Bytes::from(render(&board.report())));
    Response::builder().header("content-type", "text/plain; version=0.0.4").body(body)
}

#[cfg(test)]
mod tests;
