use std::path::Path;
use std::sync::Arc;

use super::{Config, Error};

/// The disk that a file is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Space {
    pub(super) free_bytes: u64,
    pub(super) total_bytes: u64,
}

impl Space {
    pub(super) fn of(file: &Path) -> Result<Self, Error> {
        let disk = rustix::fs::statvfs(file)
            .map_err(|error| Error::System(Arc::new(std::io::Error::from(error))))?;
        Ok(Self {
            free_bytes: disk.f_bavail.saturating_mul(disk.f_frsize),
            total_bytes: disk.f_blocks.saturating_mul(disk.f_frsize),
        })
    }

    /// An error when too little is free.
    pub(super) fn check(self, config: &Config) -> Result<u64, Error> {
        let (free_bytes, min_bytes) = (self.free_bytes, config.disk_free_bytes_min);
        if free_bytes < min_bytes {
            return Err(Error::Full { free_bytes, min_bytes });
        }
        Ok(free_bytes)
    }
}
