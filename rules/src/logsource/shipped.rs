use std::borrow::Cow;
use std::sync::LazyLock;

use rust_embed::RustEmbed;

use super::{Logsources, file};
use crate::problem::Problem;
use crate::source::Source;

/// In the binary also in debug builds.
#[derive(RustEmbed)]
#[folder = "logsources"]
struct Files;

/// Read once: the same for everybody.
static SHIPPED: LazyLock<(Logsources, Vec<Problem>)> = LazyLock::new(|| {
    let mut problems = Vec::new();
    let mut documents = Vec::new();
    let mut paths: Vec<_> = Files::iter().filter(|path| path.ends_with(".yml")).collect();
    paths.sort();
    for path in paths {
        let Some(Cow::Borrowed(data)) = Files::get(&path).map(|file| file.data) else { continue };
        let text = std::str::from_utf8(data).unwrap_or_default();
        documents.extend(file::read(Source { path: &path, text }, &mut problems));
    }
    (Logsources::of(documents, String::new()), problems)
});

pub(super) fn shipped() -> Logsources {
    SHIPPED.0.clone()
}

/// What is wrong with the files shipped.
#[cfg(test)]
pub(super) fn problems() -> Vec<Problem> {
    SHIPPED.1.clone()
}
