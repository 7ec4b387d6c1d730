//! Lines of logs that stay on this machine, bounded, until somebody asks for them.
//!
//! Stands between the sensors and the spool: observations that a sensor marked
//! ([`Observation::stays`]) are written here and taken out of their delivery, everything else goes
//! on untouched. The end of what was written travels with the delivery as a position of its own,
//! so that spool and ring agree after any crash: what the spool did not commit is cut off again at
//! the start, and read again from the log. So a line is here exactly once. Where the spool was made
//! anew nothing says what was committed: the old files are moved aside, to `ring.aside`.
//!
//! On disk: numbered files of compressed frames in a folder of the state folder, readable by the
//! agent's user only. Over the cap the oldest file goes; that is no gap, because nobody was promised
//! more (`log.answered` says what was still there). With the disk full nothing is lost: deliveries
//! wait, and so do sensors. Writes only below its own folder. Knows neither logs nor the network.

mod frame;
mod reader;
mod writer;

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use soc_event::Event;
use tokio::sync::mpsc;

use crate::backoff::Backoff;
use crate::sensor::{Delivery, Observation, Outlet, Position, Positions};
use crate::size::Bytes;

pub use reader::{Frame, Reader};
use writer::Writer;

/// The folder in the state folder.
pub const FOLDER: &str = "ring";
/// Name of the position: how far the ring is written.
const SOURCE: &str = "ring";
/// A cap below this would hold less than a few deliveries.
const BYTES_LEAST: Bytes = Bytes::mebi(1);

/// Settings of the ring.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Most bytes on disk.
    pub bytes_max: Bytes,
}

impl Default for Config {
    fn default() -> Self {
        Self { bytes_max: Bytes::mebi(256) }
    }
}

impl Config {
    /// Everything that is out of range, each as one sentence with the name of the setting.
    pub fn mistakes(&self) -> Vec<String> {
        let too_small = self.bytes_max < BYTES_LEAST;
        let what = || "ring.bytes_max is too small; it must be at least 1 MiB".to_owned();
        too_small.then(what).into_iter().collect()
    }
}

/// A place in the ring: behind a frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark {
    /// Number of the file, from 1.
    pub file: u64,
    /// Bytes from its beginning.
    pub offset: u64,
}

impl Mark {
    /// How far the ring was written when the spool last committed.
    pub fn committed(positions: &dyn Positions) -> Option<Self> {
        Self::decode(&positions.position(SOURCE)?)
    }

    fn position(self) -> Position {
        let bytes = [self.file.to_be_bytes(), self.offset.to_be_bytes()].concat();
        Position { source: SOURCE.to_owned(), bytes }
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (file, offset) = bytes.split_first_chunk::<8>()?;
        let offset = u64::from_be_bytes(*offset.first_chunk::<8>()?);
        (bytes.len() == 16).then_some(Self { file: u64::from_be_bytes(*file), offset })
    }
}

/// Where the ring of a state folder is.
pub fn folder(state: &Path) -> PathBuf {
    state.join(FOLDER)
}

/// Takes deliveries of sensors and hands them on, without what stays, until the sensors are gone.
pub async fn run(
    config: Config,
    folder: PathBuf,
    committed: Option<Mark>,
    mut deliveries: mpsc::Receiver<Delivery>,
    outlet: Outlet,
) {
    let mut writer = Some(Writer::new(folder, config.bytes_max.get(), committed));
    while let Some(mut delivery) = deliveries.recv().await {
        let staying = take_staying(&mut delivery);
        if !staying.is_empty() {
            let (returned, mark) = keep(writer.take(), staying).await;
            writer = returned;
            delivery.positions.extend(mark.map(Mark::position));
        }
        if outlet.send(delivery).await.is_err() {
            return;
        }
    }
}

fn take_staying(delivery: &mut Delivery) -> Vec<Event> {
    if !delivery.observations.iter().any(|observation| observation.stays) {
        return Vec::new();
    }
    let all = std::mem::take(&mut delivery.observations);
    let (staying, going): (Vec<Observation>, _) = all.into_iter().partition(|it| it.stays);
    delivery.observations = going;
    staying.into_iter().map(|observation| observation.event).collect()
}

/// Writes until it succeeds.
async fn keep(writer: Option<Writer>, events: Vec<Event>) -> (Option<Writer>, Option<Mark>) {
    let Some(mut writer) = writer else { return (None, None) };
    let mut retry = Backoff::new(Duration::from_secs(1), Duration::from_secs(30));
    let frame = frame::encode(&events);
    let mut frame = match frame {
        Ok(frame) => frame,
        Err(error) => {
            tracing::error!(%error, "lines could not be compressed");
            return (Some(writer), None);
        }
    };
    let mut is_told = false;
    loop {
        let writing = tokio::task::spawn_blocking(move || {
            let outcome = writer.append(&frame);
            (writer, frame, outcome)
        });
        let Ok((returned, same, outcome)) = writing.await else { return (None, None) };
        (writer, frame) = (returned, same);
        match outcome {
            Ok(mark) => return (Some(writer), Some(mark)),
            Err(error) if !is_told => {
                is_told = true;
                tracing::error!(%error, "the ring cannot be written; sensors wait");
            }
            Err(_) => {}
        }
        tokio::time::sleep(retry.pause()).await;
    }
}

#[cfg(test)]
mod tests;
