use std::borrow::Cow;

use rust_embed::RustEmbed;

use crate::source::Source;

/// The rules we ship, with their tests beside them; in the binary also in debug builds.
#[derive(RustEmbed)]
#[folder = "packs"]
struct Packs;

/// The rules shipped with this build, without their tests; paths like `packs/ssh/root_login.yml`.
pub fn packs() -> impl Iterator<Item = Source<'static>> {
    files().filter(|file| !file.path.ends_with(".test.yml"))
}

/// The tests of the rules shipped with this build.
pub fn pack_tests() -> impl Iterator<Item = Source<'static>> {
    files().filter(|file| file.path.ends_with(".test.yml"))
}

fn files() -> impl Iterator<Item = Source<'static>> {
    Packs::iter().filter(|path| path.ends_with(".yml")).filter_map(|path| {
        let data = Packs::get(&path)?.data;
        match (path, data) {
            (Cow::Borrowed(path), Cow::Borrowed(data)) => {
                Some(Source { path, text: std::str::from_utf8(data).ok()? })
            }
            _ => None,
        }
    })
}
