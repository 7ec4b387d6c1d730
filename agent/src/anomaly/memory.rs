//! What was learned, in a file; what was told since it was written, in a position.
//!
//! ```text
//! file:      generation u64 LE | zstd(JSON of soc_anomaly::Saved)
//! position:  generation u64 LE | anomaly ids, u64 LE each, at most 500
//! ```
//! A position of another generation than the file's is of no use any more.

use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use soc_anomaly::{AnomalyId, Detector, Saved, Settings};

use crate::sensor::Positions;

/// The file in the state folder.
pub(super) const FILE: &str = "anomaly.zst";
/// Name of the position.
pub(super) const POSITION: &str = "anomaly";
/// Keeps the position within its 4 KiB; the oldest go.
const TOLD_MAX: usize = 500;
/// Largest file read, and largest it may be when opened.
const FILE_BYTES_MAX: u64 = 16 << 20;
const OPENED_BYTES_MAX: u64 = 64 << 20;
const ZSTD_LEVEL: i32 = 3;

pub(super) struct Memory {
    path: PathBuf,
    generation: u64,
    told: Vec<AnomalyId>,
}

impl Memory {
    /// Reads what was learned; what cannot be used is told and learned anew.
    pub async fn open(
        state: &Path,
        settings: Settings,
        positions: &dyn Positions,
    ) -> (Self, Detector) {
        let path = state.join(FILE);
        let read = {
            let path = path.clone();
            tokio::task::spawn_blocking(move || read(&path)).await
        };
        let restored = match read {
            Ok(Ok(Some((generation, saved)))) => Detector::restore(settings.clone(), saved)
                .map(|detector| Some((generation, detector)))
                .map_err(io::Error::other),
            Ok(Ok(None)) => Ok(None),
            Ok(Err(error)) => Err(error),
            Err(error) => Err(io::Error::other(error)),
        };
        let restored = restored.unwrap_or_else(|error| {
            tracing::warn!(%error, file = %path.display(), "what was learned of logs cannot be used; learning anew");
            None
        });
        let (generation, mut detector) = restored.unwrap_or_else(|| (0, Detector::new(settings)));
        let mut told = Vec::new();
        if let Some((of, ids)) = positions.position(POSITION).as_deref().and_then(parse)
            && of == generation
        {
            told = ids;
        }
        told.iter().for_each(|id| detector.remember_told(*id));
        (Self { path, generation, told }, detector)
    }

    /// Notes what is told now; the bytes of the position that says so.
    pub fn told(&mut self, ids: &[AnomalyId]) -> Vec<u8> {
        self.told.extend_from_slice(ids);
        let surplus = self.told.len().saturating_sub(TOLD_MAX);
        self.told.drain(..surplus);
        let ids = self.told.iter().flat_map(|id| id.0.to_le_bytes());
        self.generation.to_le_bytes().into_iter().chain(ids).collect()
    }

    /// Writes what is learned. With the disk full the old file stays and learning goes on.
    pub async fn save(&mut self, detector: &Detector) {
        let next = self.generation.wrapping_add(1);
        let bytes = encode(next, detector);
        let path = self.path.clone();
        let written = match bytes {
            Ok(bytes) => tokio::task::spawn_blocking(move || write(&path, &bytes)).await,
            Err(error) => Ok(Err(error)),
        };
        match written.map_err(io::Error::other).and_then(|written| written) {
            Ok(()) => {
                self.generation = next;
                self.told.clear();
            }
            Err(error) => tracing::warn!(%error, "what was learned of logs cannot be written now"),
        }
    }
}

fn parse(bytes: &[u8]) -> Option<(u64, Vec<AnomalyId>)> {
    let (words, _) = bytes.as_chunks::<8>();
    let mut words = words.iter().map(|word| u64::from_le_bytes(*word));
    Some((words.next()?, words.take(TOLD_MAX).map(AnomalyId).collect()))
}

fn read(path: &Path) -> io::Result<Option<(u64, Saved)>> {
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut file = io::Read::take(io::BufReader::new(file), FILE_BYTES_MAX);
    let mut generation = [0; 8];
    io::Read::read_exact(&mut file, &mut generation)?;
    let opened = io::Read::take(zstd::Decoder::with_buffer(file)?, OPENED_BYTES_MAX);
    let saved = serde_json::from_reader(io::BufReader::new(opened))?;
    Ok(Some((u64::from_le_bytes(generation), saved)))
}

fn encode(generation: u64, detector: &Detector) -> io::Result<Vec<u8>> {
    let mut encoder = zstd::Encoder::new(generation.to_le_bytes().to_vec(), ZSTD_LEVEL)?;
    {
        let mut buffered = io::BufWriter::new(&mut encoder);
        serde_json::to_writer(&mut buffered, &detector.save())?;
        buffered.flush()?;
    }
    encoder.finish()
}

/// Whole or not at all, also over a power cut.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = path.with_extension("zst.new");
    let mut options = std::fs::OpenOptions::new();
    // Sample lines of logs are in it that others must not read.
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&temporary, path)
}
