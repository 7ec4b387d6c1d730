//! Neighbours have the same fields: remembers, place by place, what was found for a name.

/// What was found for the names of the row before.
#[derive(Default)]
pub(crate) struct Memo {
    last: Vec<(String, Option<usize>)>,
}

impl Memo {
    /// What `find` says of the name, asked only where the row before had another name at this place
    /// of its fields.
    pub(crate) fn get(
        &mut self,
        place: usize,
        name: &str,
        find: impl FnOnce(&str) -> Option<usize>,
    ) -> Option<usize> {
        match self.last.get_mut(place) {
            Some((known, found)) if known == name => *found,
            Some((known, found)) => {
                name.clone_into(known);
                *found = find(name);
                *found
            }
            None => {
                let found = find(name);
                // Places are shown in order; a gap would only mean that nothing is remembered.
                if self.last.len() == place {
                    self.last.push((name.to_owned(), found));
                }
                found
            }
        }
    }
}
