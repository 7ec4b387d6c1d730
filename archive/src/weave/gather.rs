//! The values of one column of a new file, chunk by chunk.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, new_null_array};
use datafusion::arrow::compute::interleave;

use super::source::Column;
use super::survey::Survey;
use super::{Chunk, Source, What};
use crate::batch;
use crate::census::kind_of;
use crate::{Error, layout};

/// Rows of a row group, and where their values come from.
pub(super) struct Gather<'a> {
    pub(super) sources: &'a [Source],
    pub(super) survey: &'a Survey,
    /// How many rows of each source went before.
    starts: &'a [usize],
    pub(super) chunks: Vec<Chunk>,
}

impl<'a> Gather<'a> {
    pub(super) fn new(
        sources: &'a [Source],
        survey: &'a Survey,
        starts: &'a [usize],
        chunks: Vec<Chunk>,
    ) -> Self {
        Self { sources, survey, starts, chunks }
    }

    /// A column of a source as far as it was not read for row groups before; nothing where the
    /// source does not have it.
    pub(super) fn open(&self, source: usize, what: &What) -> Result<Option<Column>, Error> {
        let found = self.sources.get(source).filter(|source| source.has(&what.name, &what.held));
        let start = self.starts.get(source).copied().unwrap_or_default();
        found.map(|source| source.column(&what.name, start)).transpose()
    }

    /// The values of a column.
    pub(super) fn column<'g>(
        &'g self,
        what: &'g What,
    ) -> Box<dyn Iterator<Item = Result<ArrayRef, Error>> + 'g> {
        if what.name == layout::REST {
            return super::rest::values(self, what);
        }
        let mut opened: Vec<Option<Opened>> = Vec::new();
        opened.resize_with(self.sources.len(), || None);
        Box::new(self.chunks.iter().map(move |chunk| self.values(chunk, what, &mut opened)))
    }

    fn values(
        &self,
        chunk: &Chunk,
        what: &What,
        opened: &mut [Option<Opened>],
    ) -> Result<ArrayRef, Error> {
        let mut arrays = Vec::with_capacity(chunk.parts.len());
        for part in &chunk.parts {
            let place = opened.get_mut(part.source).ok_or(Error::Unfit("no such source"))?;
            let column = match place {
                Some(column) => column,
                None => place.insert(self.opened(part.source, what)?),
            };
            arrays.push(match column {
                Opened::Column(column) => column.take(part.rows.len())?,
                Opened::Nothing => new_null_array(&what.held, part.rows.len()),
            });
        }
        match self.moved_in(chunk, what, arrays.len())? {
            None => together(&arrays, &chunk.indices),
            Some((mut moved, indices)) => {
                arrays.append(&mut moved);
                together(&arrays, &indices)
            }
        }
    }

    fn opened(&self, source: usize, what: &What) -> Result<Opened, Error> {
        if let Some(column) = self.open(source, what)? {
            return Ok(Opened::Column(column));
        }
        let whole = self.sources.get(source).filter(|source| !source.is_stream());
        let nulls = |source: &Source| Column::Whole(new_null_array(&what.held, source.rows()));
        Ok(whole.map_or(Opened::Nothing, |source| Opened::Column(nulls(source))))
    }

    /// Values that come out of the rest, in arrays of their own behind the others, and where each
    /// row is found then; nothing where there are none.
    fn moved_in(&self, chunk: &Chunk, what: &What, next: usize) -> Result<Option<Moved>, Error> {
        let mut arrays = Vec::new();
        let mut moved = vec![None; chunk.parts.len()];
        for (part, moved) in chunk.parts.iter().zip(&mut moved) {
            let moves = self.survey.moves.get(part.source);
            let Some(values) = moves.and_then(|moves| moves.promoted.get(&what.name)) else {
                continue;
            };
            let found = part.rows.iter().map(|row| values.get(row));
            let Some(kind) = values.values().next().and_then(kind_of) else { continue };
            let mut column = batch::Column::new(kind);
            let mut is_moved = Vec::with_capacity(part.rows.len());
            for (nth, value) in found.enumerate() {
                is_moved.push(value.is_some_and(|value| column.put(nth, value).is_some()));
            }
            if is_moved.contains(&true) {
                *moved = Some((next + arrays.len(), is_moved));
                arrays.push(column.finish(part.rows.len()));
            }
        }
        if arrays.is_empty() {
            return Ok(None);
        }
        let index = |(index, (part, nth)): (&(usize, usize), &(usize, usize))| {
            let moved = moved.get(*part).and_then(Option::as_ref);
            match moved {
                Some((array, is_moved)) if is_moved.get(*nth) == Some(&true) => (*array, *nth),
                _ => *index,
            }
        };
        Ok(Some((arrays, chunk.indices.iter().zip(&chunk.places).map(index).collect())))
    }
}

/// Arrays of values that were moved, and where each row is found then.
type Moved = (Vec<ArrayRef>, Vec<(usize, usize)>);

/// A column of a source.
enum Opened {
    Column(Column),
    /// The source has none of this name and type, and gives rows one after the other.
    Nothing,
}

/// Values of several arrays in the order of the indices.
pub(super) fn together(arrays: &[ArrayRef], indices: &[(usize, usize)]) -> Result<ArrayRef, Error> {
    if let [array] = arrays
        && array.len() == indices.len()
        && indices.iter().enumerate().all(|(nth, (_, index))| nth == *index)
    {
        return Ok(Arc::clone(array));
    }
    let arrays: Vec<_> = arrays.iter().map(AsRef::as_ref).collect();
    Ok(interleave(&arrays, indices)?)
}
