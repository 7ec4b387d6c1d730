use std::fs::{File, Metadata};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use soc_event::Timestamp;

use super::Finding;
use crate::config::Config;

/// A certificate that ends within so many days is told.
const DAYS_LEFT_MIN: i64 = 30;
const DAY_S: i64 = 86_400;
/// What only the owner may read.
const PRIVATE: [&str; 4] = ["state.sqlite", "journal.redb", "first-password", "pki"];

/// Rights and owner; false when there is no folder to look into.
pub(super) fn check(data: &Path, each: &mut dyn FnMut(Finding)) -> bool {
    let shown = data.display();
    let found = match std::fs::metadata(data) {
        Ok(found) if found.is_dir() => found,
        Ok(_) => {
            each(Finding::problem("folder", format!("{shown} is a file"), "name another --data"));
            return false;
        }
        Err(error) => {
            let todo = "name the folder with --data; `serve` makes it at its first start";
            each(Finding::problem("folder", format!("{shown}: {error}"), todo));
            return false;
        }
    };
    let paths: Vec<PathBuf> = PRIVATE.iter().map(|name| data.join(name)).collect();
    let inside = paths.iter().filter_map(|path| Some((path.clone(), path.metadata().ok()?)));
    let all: Vec<(PathBuf, Metadata)> =
        std::iter::once((data.to_owned(), found)).chain(inside).collect();
    let mut is_good = true;
    for (path, found) in &all {
        let mode = found.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            is_good = false;
            let said =
                format!("{} has the rights {mode:03o}: others may look into it", path.display());
            each(Finding::problem("folder", said, format!("chmod go= {}", path.display())));
        }
        // The kernel says who a process is by the owner of its entry.
        let own = std::fs::metadata("/proc/self").map_or(0, |process| process.uid());
        if own != 0 && found.uid() != own {
            is_good = false;
            let said =
                format!("{} belongs to user {}, this is user {own}", path.display(), found.uid());
            each(Finding::problem("folder", said, "run this as the user the collector runs as"));
        }
    }
    if is_good {
        each(Finding::good("folder", format!("{shown}, for its owner alone")));
    }
    true
}

/// Whether a process holds the folder's lock.
pub(super) fn is_held(data: &Path) -> bool {
    File::open(data.join("lock")).is_ok_and(|file| file.try_lock_shared().is_err())
}

/// Free space.
pub(super) fn disk(config: &Config, each: &mut dyn FnMut(Finding)) {
    let space = match rustix::fs::statvfs(&config.data) {
        Ok(space) => space,
        Err(error) => {
            return each(Finding::problem("disk", error.to_string(), "look at the disk"));
        }
    };
    let free = space.f_bavail.saturating_mul(space.f_frsize);
    let min = config.journal.disk_free_bytes_min;
    let said = format!("{} MiB free, {} MiB are kept free", free >> 20, min >> 20);
    let todo = "make room: below that no events are taken, and agents keep theirs";
    each(match free {
        free if free < min => Finding::problem("disk", said, todo),
        free if free < min.saturating_mul(4) => Finding::warning("disk", said, todo),
        _ => Finding::good("disk", said),
    });
}

/// When certificates end.
pub(super) fn certificates(data: &Path, now: Timestamp, each: &mut dyn FnMut(Finding)) {
    let folder = data.join("pki");
    let entries = match std::fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) => {
            let todo = "restore the folder from a backup: without it agents know no collector";
            let said = format!("{}: {error}", folder.display());
            return each(Finding::problem("certificates", said, todo));
        }
    };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "pem"));
    paths.sort();
    if paths.is_empty() {
        let todo = "restore the folder from a backup; the first start makes them";
        each(Finding::problem("certificates", format!("{}: none", folder.display()), todo));
    }
    for path in paths {
        each(certificate(&path, now));
    }
}

fn certificate(path: &Path, now: Timestamp) -> Finding {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let broken = |why: String| {
        let todo = "restore it from a backup";
        Finding::problem("certificates", format!("{name}: {why}"), todo)
    };
    let pem = match std::fs::read(path) {
        Ok(pem) => pem,
        Err(error) => return broken(error.to_string()),
    };
    let certificate = match CertificateDer::from_pem_slice(&pem) {
        Ok(certificate) => certificate,
        Err(error) => return broken(error.to_string()),
    };
    let ends = match x509_parser::parse_x509_certificate(&certificate) {
        Ok((_, parsed)) => parsed.validity().not_after.timestamp(),
        Err(error) => return broken(error.to_string()),
    };
    let left = ends.saturating_sub(now.as_micros() / 1_000_000) / DAY_S;
    let at = Timestamp::from_micros(ends.saturating_mul(1_000_000));
    let todo = "start the collector: it renews its own; an authority's end is a new enrolment";
    match left {
        left if ends < now.as_micros() / 1_000_000 => {
            let said = format!("{name}: ended {} days ago", left.saturating_neg());
            Finding::problem("certificates", said, todo)
        }
        left if left < DAYS_LEFT_MIN => {
            Finding::warning("certificates", format!("{name}: ends in {left} days"), todo)
        }
        _ => Finding::good("certificates", format!("{name}: good until {at}")),
    }
}
