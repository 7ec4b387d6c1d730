//! Reading small files of the system: bounded, and never from a pipe or a device.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{AtFlags, Mode, OFlags};

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

/// Most links of one path that are followed.
const LINKS_MAX: usize = 8;

/// Opens a regular file as [`open`] does, but follows only links that root or the agent's own user
/// made, or that stay in their folder: whoever may write in a log's folder could otherwise have any
/// file of the host read and reported.
///
/// # Errors
/// As [`text`], `PermissionDenied` for a link that is not followed.
pub(crate) fn open_beneath(path: &Path) -> io::Result<(File, Metadata)> {
    let mut path = path.to_owned();
    for _ in 0..=LINKS_MAX {
        match step(&path)? {
            Step::File(file, metadata) => return Ok((file, metadata)),
            Step::Link(target) => path = target,
        }
    }
    Err(refused("too many links"))
}

enum Step {
    File(File, Metadata),
    /// A link stands on the way; this is the path with it followed.
    Link(PathBuf),
}

/// Walks a path folder by folder, each held open, so that nobody can exchange one for a link.
fn step(path: &Path) -> io::Result<Step> {
    let (mut folder, mut walked) =
        (open_folder(rustix::fs::CWD, Path::new("/"))?, PathBuf::from("/"));
    let mut parts = path.components().filter(|part| *part != Component::RootDir).peekable();
    while let Some(part) = parts.next() {
        let part: &Path = part.as_os_str().as_ref();
        let found = rustix::fs::statat(&folder, part, AtFlags::SYMLINK_NOFOLLOW)?;
        match rustix::fs::FileType::from_raw_mode(found.st_mode) {
            rustix::fs::FileType::Symlink => {
                let target = rustix::fs::readlinkat(&folder, part, Vec::new())?;
                let target = PathBuf::from(target.to_string_lossy().into_owned());
                let is_near = target.components().count() == 1
                    && matches!(target.components().next(), Some(Component::Normal(_)));
                let is_trusted =
                    found.st_uid == 0 || found.st_uid == rustix::process::geteuid().as_raw();
                if !is_near && !is_trusted {
                    return Err(refused("a link that leads out of its folder"));
                }
                let rest: PathBuf = parts.collect();
                let next = walked.join(target);
                let next = if rest.as_os_str().is_empty() { next } else { next.join(rest) };
                return Ok(Step::Link(without_dots(&next)));
            }
            rustix::fs::FileType::Directory if parts.peek().is_some() => {
                folder = open_folder(&folder, part)?;
                walked.push(part);
            }
            rustix::fs::FileType::RegularFile if parts.peek().is_none() => {
                let flags = OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
                let file = File::from(rustix::fs::openat(&folder, part, flags, Mode::empty())?);
                let metadata = file.metadata()?;
                require_regular(&metadata)?;
                return Ok(Step::File(file, metadata));
            }
            _ => break,
        }
    }
    Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"))
}

fn open_folder(at: impl rustix::fd::AsFd, name: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    Ok(rustix::fs::openat(at, name, flags, Mode::empty())?)
}

/// A link's target may go upwards; its folders were reached without links.
fn without_dots(path: &Path) -> PathBuf {
    let mut clean = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => drop(clean.pop()),
            Component::CurDir => {}
            part => clean.push(part),
        }
    }
    clean
}

fn refused(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, why)
}

fn require_regular(metadata: &Metadata) -> io::Result<()> {
    if metadata.is_file() {
        return Ok(());
    }
    Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"))
}

#[cfg(test)]
mod tests;
