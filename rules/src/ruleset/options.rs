use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use crate::logsource::Logsources;
use crate::pipeline::Pipelines;

/// What a site adds to its rules. By default the logsources shipped and nothing else.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// What the names between `%` in values with `expand` stand for.
    pub placeholders: BTreeMap<String, Vec<String>>,
    /// What events are.
    pub logsources: Logsources,
    /// What rules are sent through before they are compiled.
    pub pipelines: Pipelines,
}

impl Options {
    /// Other options are another version of the rules; the default ones count as none.
    pub(super) fn hash(&self, hash: &mut Sha256) {
        for (name, values) in &self.placeholders {
            hash.update(name);
            values.iter().for_each(|value| hash.update(value));
        }
        hash.update(self.logsources.hash());
        hash.update(self.pipelines.hash());
    }
}
