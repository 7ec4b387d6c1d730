//! Reading small files of the system: bounded, and never from a pipe or a device.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;

/// Most that is read of a configuration file or a file of `/proc`, in bytes.
pub(crate) const SMALL_BYTES_MAX: u64 = 1024 * 1024;

/// The text of a small file; bytes that are not UTF-8 become U+FFFD, what is over
/// [`SMALL_BYTES_MAX`] is left out.
///
/// # Errors
/// What the system says, or `InvalidInput` for anything but a regular file.
pub(crate) fn text(path: &Path) -> io::Result<String> {
    Ok(String::from_utf8_lossy(&bytes(path, SMALL_BYTES_MAX)?).into_owned())
}

/// The first `bytes_max` bytes of a regular file.
///
/// # Errors
/// As [`text`].
pub(crate) fn bytes(path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    open(path)?.0.take(bytes_max).read_to_end(&mut content)?;
    Ok(content)
}

/// Opens a regular file for reading without ever waiting for a writer, as opening a pipe would.
///
/// # Errors
/// As [`text`].
pub(crate) fn open(path: &Path) -> io::Result<(File, Metadata)> {
    // Looked at before opening, because opening some devices alone has effects; and again after,
    // because the path may name another file by then.
    require_regular(&std::fs::metadata(path)?)?;
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let flags = i32::try_from(flags.bits()).unwrap_or_default();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    let metadata = file.metadata()?;
    require_regular(&metadata)?;
    Ok((file, metadata))
}

fn require_regular(metadata: &Metadata) -> io::Result<()> {
    if metadata.is_file() {
        return Ok(());
    }
    Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"))
}
