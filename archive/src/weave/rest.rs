//! What has no column in the new file: what had none before, without what moves to a column, and
//! with what comes out of one.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, StringBuilder};
use datafusion::arrow::datatypes::{DataType, UInt32Type};
use soc_event::Fields;

use super::chunk::Part;
use super::gather::{Gather, together};
use super::source::Column;
use super::survey::{Moves, fields};
use super::{Chunk, What};
use crate::layout::{self, data_type};
use crate::unpack::{Own, strange};
use crate::{ColumnType, Error, message};

/// The column `rest`.
pub(super) fn values<'g>(
    gather: &'g Gather<'g>,
    what: &'g What,
) -> Box<dyn Iterator<Item = Result<ArrayRef, Error>> + 'g> {
    let mut rests: Vec<Option<Rest<'g>>> = Vec::new();
    rests.resize_with(gather.sources.len(), || None);
    Box::new(gather.chunks.iter().map(move |chunk| chunk_of(gather, what, chunk, &mut rests)))
}

fn chunk_of<'g>(
    gather: &'g Gather<'g>,
    what: &What,
    chunk: &Chunk,
    rests: &mut [Option<Rest<'g>>],
) -> Result<ArrayRef, Error> {
    let mut arrays = Vec::with_capacity(chunk.parts.len());
    let mut is_new = Vec::with_capacity(chunk.parts.len());
    for part in &chunk.parts {
        let place = rests.get_mut(part.source).ok_or(Error::Unfit("no such source"))?;
        let rest = match place {
            Some(rest) => rest,
            None => place.insert(Rest::open(gather, part.source, what)?),
        };
        is_new.push(!rest.moves.is_empty());
        arrays.push(rest.take(part)?);
    }
    let places = chunk.indices.iter().zip(&chunk.places);
    let place = |(index, place): (&(usize, usize), &(usize, usize))| {
        if is_new.get(place.0) == Some(&true) { *place } else { *index }
    };
    together(&arrays, &places.map(place).collect::<Vec<_>>())
}

/// The rest of a source, and its columns that go there.
struct Rest<'g> {
    moves: &'g Moves,
    rest: Column,
    own: Vec<(&'g str, ColumnType, Column)>,
    /// Where messages begin, and their lines.
    messages: Option<(Column, Column)>,
    is_stream: bool,
}

impl<'g> Rest<'g> {
    fn open(gather: &'g Gather<'g>, source: usize, what: &What) -> Result<Self, Error> {
        let missing = || Error::Unfit("no such source");
        let moves = gather.survey.moves.get(source).ok_or_else(missing)?;
        let open =
            |name: &str, held: DataType| gather.open(source, &What { name: name.to_owned(), held });
        let mut own = Vec::new();
        for (name, kind) in &moves.demoted {
            let column = open(name, data_type(*kind))?.ok_or_else(|| strange(name))?;
            own.push((name.as_str(), *kind, column));
        }
        let messages = if moves.has_message() {
            let begins = open(layout::MESSAGE_AT, DataType::UInt32)?;
            begins.zip(open("raw", DataType::Utf8)?)
        } else {
            None
        };
        let rest = gather.open(source, what)?.ok_or_else(|| strange(layout::REST))?;
        let found = gather.sources.get(source).ok_or_else(missing)?;
        Ok(Self { moves, rest, own, messages, is_stream: found.is_stream() })
    }

    /// The rests of these rows: as the source gives them or, where something moves, made anew, one
    /// for each row.
    fn take(&mut self, part: &Part) -> Result<ArrayRef, Error> {
        let count = part.rows.len();
        let rest = self.rest.take(count)?;
        if self.moves.is_empty() {
            return Ok(rest);
        }
        let mut taken = Vec::new();
        for (name, kind, column) in &mut self.own {
            taken.push((*name, *kind, column.take(count)?));
        }
        let own: Vec<Own<'_>> =
            taken.iter().filter_map(|(name, kind, array)| Own::of(name, *kind, array)).collect();
        let messages = match &mut self.messages {
            Some((begins, lines)) => Some((begins.take(count)?, lines.take(count)?)),
            None => None,
        };
        let texts = rest.as_string_opt::<i32>().ok_or_else(|| strange(layout::REST))?;
        let mut made = StringBuilder::new();
        for (nth, row) in part.rows.iter().enumerate() {
            let at = if self.is_stream { nth } else { *row };
            let old = texts.is_valid(at).then(|| fields(texts.value(at))).transpose()?;
            let mut fields = self.without_promoted(old.unwrap_or_default(), *row);
            for column in &own {
                if let Some(value) = column.value(at) {
                    fields.insert(column.name.to_owned(), value);
                }
            }
            if let Some(message) =
                messages.as_ref().and_then(|(begins, lines)| cut(begins, lines, at))
            {
                fields.insert(layout::MESSAGE.to_owned(), message.into());
            }
            let text = (!fields.is_empty()).then(|| serde_json::to_string(&fields).ok()).flatten();
            made.append_option(text);
        }
        Ok(Arc::new(made.finish()))
    }

    fn without_promoted(&self, mut fields: Fields, row: usize) -> Fields {
        let stays =
            |name: &str| self.moves.promoted.get(name).is_none_or(|rows| !rows.contains_key(&row));
        fields.retain(|name, _| stays(name));
        fields
    }
}

fn cut<'a>(begins: &'a ArrayRef, lines: &'a ArrayRef, at: usize) -> Option<&'a str> {
    let begins = begins.as_primitive_opt::<UInt32Type>()?;
    let lines = lines.as_string_opt::<i32>()?;
    let is_there = begins.is_valid(at) && lines.is_valid(at);
    is_there.then(|| message::cut(lines.value(at), begins.value(at))).flatten()
}
