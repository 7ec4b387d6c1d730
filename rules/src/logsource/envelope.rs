use std::collections::HashMap;

use super::file;

/// The names a field answers to besides its own.
#[derive(Default)]
pub(crate) struct Envelopes {
    prefixes: Vec<Prefix>,
    paths: HashMap<String, String>,
}

/// What is taken away: texts, between them one name without dots.
struct Prefix(Vec<String>);

impl Envelopes {
    pub fn new<'a>(written: impl Iterator<Item = &'a file::Envelopes>) -> Self {
        let mut all = Self::default();
        for one in written {
            let prefixes = one.prefixes.iter();
            all.prefixes.extend(
                prefixes.map(|prefix| Prefix(prefix.split('*').map(str::to_owned).collect())),
            );
            all.paths.extend(one.paths.iter().map(|(path, name)| (path.clone(), name.clone())));
        }
        all
    }

    /// The names besides its own, the nearest first.
    pub fn answers_to(&self, path: &str) -> Vec<String> {
        let mut names = Vec::new();
        let mut add = |name: &str| {
            if name != path && !name.is_empty() && !names.iter().any(|known| known == name) {
                names.push(name.to_owned());
            }
        };
        let bare = self.paths.get(path).map(String::as_str);
        let bare = bare.or_else(|| self.prefixes.iter().find_map(|prefix| prefix.strip(path)));
        let bare = bare.unwrap_or(path);
        add(bare);
        if bare.contains(' ') {
            add(&bare.replace(' ', ""));
        }
        names
    }
}

impl Prefix {
    fn strip<'p>(&self, path: &'p str) -> Option<&'p str> {
        let (first, rest) = self.0.split_first()?;
        let mut left = path.strip_prefix(first.as_str())?;
        for text in rest {
            let name = left.find('.').unwrap_or(left.len());
            left = left.get(name..)?.strip_prefix(text.as_str())?;
        }
        Some(left)
    }
}
