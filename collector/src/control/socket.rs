use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use axum::body::Body;
use axum::extract::{DefaultBodyLimit, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use http::StatusCode;
use tokio::net::UnixListener;
use tokio::sync::watch;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::ReceiverStream;

use super::{Command, Control, Error, Question};
use crate::stop::stopped;

/// Largest command: a table of all agencies of a country fits.
const COMMAND_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Most bytes of imported events: what a batch may have, and its first line.
const EVENTS_BYTES_MAX: usize = 16 * 1024 * 1024;

/// The open socket; removed when dropped.
#[derive(Debug)]
pub struct Socket {
    listener: UnixListener,
    path: std::path::PathBuf,
}

/// Opens the socket in a data folder that this process has locked.
///
/// # Errors
/// What the system said.
pub fn listen(data: &Path) -> io::Result<Socket> {
    let path = super::socket_path(data);
    // Left by a collector that was killed: the lock on the folder says it is gone.
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(&path)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
    Ok(Socket { listener, path })
}

impl Socket {
    /// Answers commands until told to stop.
    pub async fn run(self, control: Control, mut shutdown: watch::Receiver<bool>) {
        let router = Router::new()
            .route("/command", post(perform))
            .route("/hunt", post(hunt))
            .layer(DefaultBodyLimit::max(COMMAND_BYTES_MAX))
            .route(super::IMPORT, post(take_events).layer(DefaultBodyLimit::max(EVENTS_BYTES_MAX)))
            .with_state(control);
        loop {
            let accepted = tokio::select! {
                () = stopped(&mut shutdown) => return,
                accepted = self.listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, _)) => {
                    tokio::spawn(crate::api::talk(stream, None, router.clone(), shutdown.clone()));
                }
                Err(error) => {
                    tracing::warn!(%error, "control socket: accepting failed");
                    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                }
            }
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

async fn hunt(State(control): State<Control>, Json(question): Json<Question>) -> Response {
    match control.hunt(question).await {
        Ok(lines) => {
            let lines = ReceiverStream::new(lines).map(Ok::<_, std::convert::Infallible>);
            Body::from_stream(lines).into_response()
        }
        Err(error) => (StatusCode::UNPROCESSABLE_ENTITY, error.to_string()).into_response(),
    }
}

async fn take_events(State(control): State<Control>, body: bytes::Bytes) -> Response {
    let end = memchr::memchr(b'\n', &body).unwrap_or(body.len());
    let (head, lines) = (body.slice(..end), body.slice((end + 1).min(body.len())..));
    let taken = match serde_json::from_slice(&head) {
        Ok(events) => control.imports.take(&events, &lines).await,
        Err(error) => Err(Error::Refused(error.to_string())),
    };
    match taken {
        Ok(()) => StatusCode::OK.into_response(),
        Err(error) => refusal(&error),
    }
}

fn refusal(error: &Error) -> Response {
    let status = match error {
        Error::Refused(_) => StatusCode::UNPROCESSABLE_ENTITY,
        Error::Failed(_) | Error::Socket { .. } => StatusCode::INTERNAL_SERVER_ERROR,
    };
    (status, error.to_string()).into_response()
}

async fn perform(State(control): State<Control>, Json(command): Json<Command>) -> Response {
    match control.perform(command).await {
        Ok(answer) => Json(answer).into_response(),
        Err(error) => refusal(&error),
    }
}
