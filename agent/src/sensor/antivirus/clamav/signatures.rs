use soc_event::Timestamp;

use super::daemon::Version;
use crate::sensor::antivirus::claim::{Claim, Origin};
use crate::sensor::{Root, read};

/// Length of the header. Source: ClamAV `libclamav/cvd.h`.
const HEADER_BYTES: u64 = 512;
/// Endings of files that hold signatures.
const ENDINGS: [&str; 12] =
    ["cvd", "cld", "cud", "ndb", "ldb", "hdb", "hsb", "mdb", "msb", "cdb", "yar", "yara"];

/// Which signatures, and from when.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Signatures {
    pub(super) version: Option<Claim<String>>,
    pub(super) time: Option<Claim<Timestamp>>,
    /// The time is that of a file, not of the signatures in it.
    pub(super) is_guessed: bool,
}

impl Signatures {
    /// Reads the header of the daily signatures, else of the main ones; signatures of one's own
    /// have no header, then the newest file tells.
    pub(super) fn read(root: &Root, folder: &str) -> Self {
        for name in ["daily", "main"] {
            let files = ["cld", "cvd"].map(|ending| format!("{folder}/{name}.{ending}"));
            let headers = files.into_iter().filter_map(|path| {
                let bytes = read::bytes(&root.path(&path), HEADER_BYTES).ok()?;
                Some((Header::parse(&bytes)?, path))
            });
            if let Some((header, path)) = headers.max_by_key(|(header, _)| header.version) {
                let written = std::fs::metadata(root.path(&path)).and_then(|it| it.modified());
                let at = written.map_or(header.time, Timestamp::from_system);
                let origin = Origin::new(format!("file {path}"), at);
                return Self {
                    version: Some(origin.claims(header.version.to_string())),
                    time: Some(origin.claims(header.time)),
                    is_guessed: false,
                };
            }
        }
        Self::newest(root, folder)
    }

    fn newest(root: &Root, folder: &str) -> Self {
        let Ok(entries) = std::fs::read_dir(root.path(folder)) else { return Self::default() };
        let newest = entries
            .filter_map(|entry| {
                let entry = entry.ok()?;
                let name = entry.file_name().into_string().ok()?;
                ENDINGS.contains(&name.rsplit('.').next()?).then_some(())?;
                Some((entry.metadata().ok()?.modified().ok()?, name))
            })
            .max();
        let Some((modified, name)) = newest else { return Self::default() };
        let time = Timestamp::from_system(modified);
        let origin = Origin::new(format!("time of file {folder}/{name}"), time);
        Self { version: None, time: Some(origin.claims(time)), is_guessed: true }
    }

    /// What the daemon has loaded counts, not what lies on disk; its answer tells the time to a
    /// second in the zone of the host, the header exactly, so the header is taken if it is the same.
    pub(super) fn in_use(self, answer: Option<&Version>, asked: Option<&Origin>) -> Self {
        let (Some(answer), Some(asked)) = (answer, asked) else { return self };
        match &answer.signatures {
            Some((version, _)) if self.version.as_ref().is_some_and(|it| it.value == *version) => {
                self
            }
            Some((version, time)) => Self {
                version: Some(asked.claims(version.clone())),
                time: time.map(|time| asked.claims(time)),
                is_guessed: false,
            },
            // It runs without official signatures, so those on disk are not in use.
            None => Self { version: None, is_guessed: true, ..self },
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Header {
    version: u64,
    time: Timestamp,
}

impl Header {
    // ClamAV-VDB:22 Nov 2026 08-00 +0000:27500:2070000:90:md5:signature:builder:1795334400
    // Padded with blanks to 512 bytes; the last part is missing in very old files.
    fn parse(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok().or_else(|| {
            // Behind the header compressed bytes follow where it was cut short.
            bytes.utf8_chunks().next().map(|chunk| chunk.valid())
        })?;
        let mut parts = text.strip_prefix("ClamAV-VDB:")?.split(':');
        let (built, version) = (parts.next()?, parts.next()?.parse().ok()?);
        let seconds = parts.nth(5).and_then(|text| text.trim().parse::<i64>().ok());
        let time = match seconds.filter(|seconds| *seconds > 0) {
            Some(seconds) => Timestamp::from_micros(seconds.checked_mul(1_000_000)?),
            None => written(built)?,
        };
        Some(Self { version, time })
    }
}

/// `22 Nov 2026 08-00 +0000`
fn written(text: &str) -> Option<Timestamp> {
    let moment = jiff::fmt::strtime::parse("%d %b %Y %H-%M %z", text).ok()?.to_timestamp().ok()?;
    Some(Timestamp::from_micros(moment.as_microsecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(text: &str) -> Vec<u8> {
        format!("{text:512}").into_bytes()
    }

    #[test]
    fn the_header_gives_version_and_time() {
        let text = "ClamAV-VDB:22 Nov 2026 08-01 +0000:27500:2070000:90:aa:bb:raynman:1795334400";
        let found = Header::parse(&header(text)).unwrap();
        assert_eq!(found.version, 27500);
        assert_eq!(found.time, Timestamp::from_micros(1_795_334_400_000_000));
    }

    #[test]
    fn an_old_header_has_its_time_as_text_only() {
        let text = "ClamAV-VDB:22 Nov 2026 08-01 +0700:27500:2070000:90:aa:bb:raynman";
        let found = Header::parse(&header(text)).unwrap();
        assert_eq!(found.time.to_string(), "2026-11-22T01:01:00.000000Z");
    }

    #[test]
    fn what_is_no_header_gives_nothing() {
        for text in ["", "ClamAV-VDB", "ClamAV-VDB::::", "Eicar:0:*:58354f", "ClamAV-VDB:x:y:z"] {
            assert_eq!(Header::parse(text.as_bytes()), None, "{text}");
        }
        assert_eq!(Header::parse(&[0xff; 512]), None);
    }
}
