use std::borrow::Cow;
use std::io::{self, Read};
use std::path::Path;
use std::time::Instant;

use soc_event::Event;
use soc_formats::Lineage;
use soc_formats::join::{Joined, Rule};
use soc_formats::text::{self, Format, Moment, Profile};
use soc_formats::utmp::{Book, Layout};

use super::joining::Joining;
use super::position::FileId;
use super::tail::Unit;
use super::{Line, Source};
use crate::sensor::choice::Choice;
use crate::sensor::{Observation, Root, fit, read};

/// Bytes of a file by which the layout of its records is told.
const HEAD_BYTES: u64 = 8 * 400;

/// What one followed file is made of.
#[derive(Debug)]
pub(super) enum Kind {
    /// Lines, each for itself.
    Lines(Profile),
    /// Lines of which several may be one record.
    Joined(Profile, Joining),
    /// Records of logins.
    Logins(Book, Layout),
}

/// Makes observations of what was read.
pub(super) struct Maker<'a> {
    pub(super) path: &'a str,
    pub(super) moment: Moment<'a>,
    pub(super) choice: &'a mut Choice,
    pub(super) lineage: &'a mut Lineage,
    pub(super) observations: &'a mut Vec<Observation>,
}

impl Kind {
    pub(super) fn of(source: &Source, root: &Root, path: &str) -> Self {
        let profile = source.profile(path);
        if profile.format == Format::Utmp {
            let head = head(&root.path(path)).unwrap_or_default();
            let book = if path.contains("btmp") { Book::Failures } else { Book::Sessions };
            return Self::Logins(book, Layout::detect(&head).unwrap_or(Layout::NATIVE));
        }
        match source.join.clone().unwrap_or_else(|| Rule::of(profile.format)) {
            Rule::Single => Self::Lines(profile),
            rule => Self::Joined(profile, Joining::new(rule)),
        }
    }

    pub(super) fn unit(&self) -> Unit {
        match self {
            Self::Logins(_, layout) => Unit::Records(layout.bytes()),
            Self::Lines(_) | Self::Joined(..) => Unit::Lines,
        }
    }

    /// Takes a line or record; what is whole becomes an observation.
    pub(super) fn take(&mut self, line: Line<'_>, now: Instant, maker: &mut Maker<'_>) {
        match self {
            Self::Logins(book, layout) => {
                let record = layout.record(line.bytes);
                let event = record.and_then(|record| record.event(*book, maker.moment));
                if let Some(event) = event {
                    maker.add(event, line.offset, false);
                }
            }
            Self::Lines(profile) => {
                if let Some(text) = text_of(line.bytes) {
                    maker.line(&text, profile, line.offset, line.is_cut);
                }
            }
            Self::Joined(profile, joining) => {
                if let Some(text) = text_of(line.bytes) {
                    joining.push(line, &text, now, &mut |joined: Joined, offset| {
                        maker.line(&joined.text, profile, offset, joined.is_cut);
                    });
                }
            }
        }
    }

    /// Hands over what waited for more in vain; whether there was anything.
    pub(super) fn flush_quiet(&mut self, now: Instant, maker: &mut Maker<'_>) -> bool {
        let Self::Joined(profile, joining) = self else { return false };
        joining.flush_quiet(now, &mut |joined: Joined, offset| {
            maker.line(&joined.text, profile, offset, joined.is_cut);
        })
    }

    pub(super) fn is_waiting(&self) -> bool {
        matches!(self, Self::Joined(_, joining) if joining.is_waiting())
    }

    /// Where the first line of a file begins that has not been handed over.
    pub(super) fn held(&self, file: FileId) -> Option<u64> {
        match self {
            Self::Joined(_, joining) => joining.held(file),
            Self::Lines(_) | Self::Logins(..) => None,
        }
    }
}

impl Maker<'_> {
    fn line(&mut self, text: &str, profile: &Profile, offset: u64, is_cut: bool) {
        let mut event = text::line(text, profile, self.moment);
        if matches!(profile.format, Format::Auditd) {
            self.lineage.name_parent(&mut event);
        }
        if text.contains(char::REPLACEMENT_CHARACTER) {
            event.fields.insert("event.original_encoding".to_owned(), "invalid-utf8".into());
        }
        if profile.format == Format::Docker
            && let Some(container) = container(self.path)
        {
            event.fields.insert("container.id".to_owned(), container.into());
        }
        self.add(event, offset, is_cut);
    }

    fn add(&mut self, mut event: Event, offset: u64, is_cut: bool) {
        let fields = &mut event.fields;
        fields.insert("log.source".to_owned(), "file".into());
        fields.insert("log.file.path".to_owned(), self.path.into());
        fields.insert("log.offset".to_owned(), offset.into());
        if is_cut {
            fields.insert("log.truncated".to_owned(), true.into());
        }
        fit::fit(&mut event);
        self.observations.extend(self.choice.of(self.path, event, self.moment.now));
    }
}

fn head(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    read::open_beneath(path)?.0.take(HEAD_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The text of a line, `None` when it is empty.
fn text_of(bytes: &[u8]) -> Option<Cow<'_, str>> {
    let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
    // A file emptied under a program that does not append begins with a hole of zeros.
    let start = bytes.iter().position(|byte| *byte != 0)?;
    Some(String::from_utf8_lossy(bytes.get(start..)?))
}

/// `/var/lib/docker/containers/ID/ID-json.log`
fn container(path: &str) -> Option<&str> {
    path.rsplit('/').next()?.strip_suffix("-json.log")
}
