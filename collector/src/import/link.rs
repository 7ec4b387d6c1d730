//! To the collector that has the data folder open, or to the folder itself where none has.

use std::path::{Path, PathBuf};

use super::desk::{Ask, Desk, Events, Reply};
use crate::control::{self, Answer, Command, Error};

/// Where events go.
#[derive(Debug)]
pub enum Link {
    /// To the collector that uses this folder.
    Collector(PathBuf),
    /// Into the folder that this process has opened.
    Here(Box<Desk>),
}

impl Link {
    /// Asks.
    ///
    /// # Errors
    /// As [`Desk::answer`], or when the collector has gone.
    pub(super) async fn ask(&self, ask: Ask) -> Result<Reply, Error> {
        match self {
            Self::Here(desk) => desk.answer(ask).await,
            Self::Collector(data) => match control::call(data, &Command::Import { ask }).await? {
                Some(Answer::Import { reply }) => Ok(reply),
                Some(_) => Err(Error::Failed("the collector is of another version".into())),
                None => Err(gone(data)),
            },
        }
    }

    /// Sends events; returns when they are on disk.
    ///
    /// # Errors
    /// As [`Desk::take`], or when the collector has gone.
    pub(super) async fn send(&self, events: &Events, lines: Vec<u8>) -> Result<(), Error> {
        match self {
            Self::Here(desk) => desk.take(events, &lines).await,
            Self::Collector(data) => {
                let mut body = serde_json::to_vec(events).unwrap_or_default();
                body.push(b'\n');
                body.extend(lines);
                let sent = control::post(data, control::IMPORT, body).await?;
                sent.map(drop).ok_or_else(|| gone(data))
            }
        }
    }
}

fn gone(data: &Path) -> Error {
    Error::Socket {
        path: control::socket_path(data).to_string_lossy().into_owned(),
        reason: "the collector has stopped; run the same command again, it goes on from there"
            .into(),
    }
}
