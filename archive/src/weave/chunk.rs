use super::keys::Key;
use super::{ROWS_AT_ONCE, Source};

/// Rows of a new file that follow each other, and where they come from.
pub(super) struct Chunk {
    /// The rows by their source.
    pub(super) parts: Vec<Part>,
    /// Of each row, which part it is in, and where in the values that part gives.
    pub(super) indices: Vec<(usize, usize)>,
    /// Of each row, which part it is in, and as how manieth.
    pub(super) places: Vec<(usize, usize)>,
}

/// Rows of one source.
pub(super) struct Part {
    pub(super) source: usize,
    pub(super) rows: Vec<usize>,
}

/// These rows in chunks.
pub(super) fn chunks(group: &[Key], sources: &[Source]) -> Vec<Chunk> {
    group.chunks(ROWS_AT_ONCE).map(|keys| chunk(keys, sources)).collect()
}

fn chunk(keys: &[Key], sources: &[Source]) -> Chunk {
    let mut parts: Vec<Part> = Vec::new();
    let mut part_of = vec![None; sources.len()];
    let mut chunk = Chunk { parts: Vec::new(), indices: Vec::new(), places: Vec::new() };
    for key in keys {
        let (source, row) = (key.source(), key.row());
        let next = parts.len();
        let known = part_of.get_mut(source);
        let number = known.map_or(next, |known| *known.get_or_insert(next));
        if number == next {
            parts.push(Part { source, rows: Vec::new() });
        }
        let Some(part) = parts.get_mut(number) else { continue };
        // A file gives what comes next, memory gives everything.
        let is_stream = sources.get(source).is_some_and(Source::is_stream);
        let index = if is_stream { part.rows.len() } else { row };
        chunk.indices.push((number, index));
        chunk.places.push((number, part.rows.len()));
        part.rows.push(row);
    }
    chunk.parts = parts;
    chunk
}
