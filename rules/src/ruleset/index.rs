use std::collections::HashMap;

use crate::event::LogsourceRef;
use crate::rule::Logsource;

/// Product, category, service in lower case; `None`: the rule does not care.
type Key = [Option<String>; 3];

/// Which rules look at which logsource.
#[derive(Default)]
pub(super) struct Index {
    rules: HashMap<Key, Vec<usize>>,
}

impl Index {
    pub fn add(&mut self, logsource: &Logsource, rule: usize) {
        let part = |part: &Option<String>| part.as_deref().map(str::to_ascii_lowercase);
        let key = [part(&logsource.product), part(&logsource.category), part(&logsource.service)];
        self.rules.entry(key).or_default().push(rule);
    }

    /// The rules to ask about an event, ascending: those whose every given part equals the event's.
    pub fn candidates(&self, event: LogsourceRef<'_>) -> Vec<usize> {
        let part = |part: Option<&str>| part.map(str::to_ascii_lowercase);
        let given = [part(event.product), part(event.category), part(event.service)];
        let mut found = Vec::new();
        for cares in 0..8_u8 {
            let wanted = |number: usize| cares & (1 << number) != 0;
            if (0..3).any(|number| wanted(number) && given[number].is_none()) {
                continue;
            }
            let key: Key =
                std::array::from_fn(|number| given[number].clone().filter(|_| wanted(number)));
            found.extend(self.rules.get(&key).into_iter().flatten());
        }
        found.sort_unstable();
        found
    }
}
