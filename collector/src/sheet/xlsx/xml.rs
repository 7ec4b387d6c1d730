use std::borrow::Cow;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use crate::sheet::Error;

/// A part of a document.
pub(super) enum Piece<'x> {
    /// An element begins; an empty one has no end of its own.
    Start { name: &'x str, is_empty: bool, tag: BytesStart<'x> },
    /// It ends.
    End { name: &'x str },
    /// What is in it, entities replaced.
    Text(Cow<'x, str>),
}

impl Piece<'_> {
    /// An attribute by its name without prefix.
    pub(super) fn attribute(&self, wanted: &str) -> Option<String> {
        let Self::Start { tag, .. } = self else { return None };
        let found = tag.attributes().flatten().find(|one| {
            let name: &str = one.key.as_ref();
            local(name) == wanted
        })?;
        let value = found.normalized_value(quick_xml::XmlVersion::Implicit1_0).ok()?;
        Some(value.into_owned())
    }
}

/// A document, piece by piece. Entities that a document declares itself are not followed.
pub(super) struct Pieces<'x> {
    text: &'x str,
    reader: Reader<&'x [u8]>,
}

impl<'x> Pieces<'x> {
    pub(super) fn of(text: &'x str) -> Self {
        Self { text, reader: Reader::from_str(text) }
    }

    /// The next one that matters; nothing at the end.
    pub(super) fn next(&mut self) -> Result<Option<Piece<'x>>, Error> {
        loop {
            let damaged = |error: &dyn std::fmt::Display| Error::Damaged(error.to_string());
            return Ok(Some(match self.reader.read_event().map_err(|error| damaged(&error))? {
                Event::Start(tag) => Piece::Start { name: self.name(), is_empty: false, tag },
                Event::Empty(tag) => Piece::Start { name: self.name(), is_empty: true, tag },
                Event::End(_) => Piece::End { name: self.name() },
                Event::Text(text) => Piece::Text(text.xml10_content()),
                Event::CData(text) => Piece::Text(text.xml10_content()),
                Event::GeneralRef(of) => {
                    let letter = of.resolve_char_ref().map_err(|error| damaged(&error))?;
                    let name = of.xml10_content();
                    match letter {
                        Some(letter) => Piece::Text(letter.to_string().into()),
                        None => match quick_xml::escape::resolve_predefined_entity(&name) {
                            Some(text) => Piece::Text(text.into()),
                            None => return Err(Error::Damaged(format!("what is &{name};?"))),
                        },
                    }
                }
                Event::Eof => return Ok(None),
                _ => continue,
            }));
        }
    }

    /// Name of the tag that ends where the reader stands, without prefix.
    fn name(&self) -> &'x str {
        let end = usize::try_from(self.reader.buffer_position()).unwrap_or(usize::MAX);
        let read = self.text.get(..end).unwrap_or_default();
        let tag = read.rfind('<').and_then(|start| read.get(start..)).unwrap_or_default();
        let name = tag.trim_start_matches(['<', '/']);
        let over = name.find(|letter: char| letter.is_whitespace() || "/>".contains(letter));
        local(over.and_then(|over| name.get(..over)).unwrap_or(name))
    }
}

fn local(name: &str) -> &str {
    name.rsplit_once(':').map_or(name, |(_, local)| local)
}
