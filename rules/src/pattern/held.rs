#[cfg(test)]
use super::fold;
use super::{Glob, Number};

/// One scalar value of an event.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Held<'v> {
    /// As text; numbers in decimal, booleans as `true` and `false`.
    pub text: &'v str,
    /// In lower case, character for character.
    pub folded: &'v str,
    pub kind: Kind,
}

/// What a value was before it was text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    Text,
    Boolean(bool),
    Number(Number),
}

impl<'v> Held<'v> {
    /// The text a glob compares itself with.
    pub fn text_for(&self, glob: &Glob) -> &'v str {
        if glob.cased { self.text } else { self.folded }
    }

    /// As a number, also when a text spells one.
    pub fn number(&self) -> Option<Number> {
        match self.kind {
            Kind::Number(number) => Some(number),
            Kind::Text => Number::parse(self.text),
            Kind::Boolean(_) => None,
        }
    }

    /// As true or false, also when a text says so.
    pub fn boolean(&self) -> Option<bool> {
        match self.kind {
            Kind::Boolean(value) => Some(value),
            Kind::Text if self.text.eq_ignore_ascii_case("true") => Some(true),
            Kind::Text if self.text.eq_ignore_ascii_case("false") => Some(false),
            _ => None,
        }
    }
}

/// A text by itself, for tests of patterns.
#[cfg(test)]
pub(crate) fn with_held<T>(text: &str, then: impl FnOnce(&Held<'_>) -> T) -> T {
    let folded = fold(text);
    then(&Held { text, folded: &folded, kind: Kind::Text })
}
