//! From the text of a rule file to its documents.
//!
//! A file is split at its document markers first, so that a broken document leaves its neighbours
//! alone and every position can be counted in lines of the file. Then each document is checked
//! against [`crate::limits`] before the Sigma parser, which recurses, sees it.

mod assemble;
mod document;
pub(crate) mod guard;
mod place;
mod read;
mod similar;
mod strict;
mod values;
pub(crate) mod yaml;

pub(crate) use document::{Document, split};
pub(crate) use read::{Parsed, Parts, read};
pub(crate) use similar::similar;
pub(crate) use strict::{documents, strict};
pub(crate) use values::Values;

/// A rule file, read by the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source<'a> {
    /// How problems and rules name it.
    pub path: &'a str,
    /// All of it.
    pub text: &'a str,
}

/// The first 16 bytes of a hash in hexadecimal: enough to tell versions apart.
pub(crate) fn hex(hash: &[u8]) -> String {
    hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}
