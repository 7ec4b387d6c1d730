//! Which program started which: the parent of a process is told by the event of its own start.
//!
//! An event names a parent by number only. A [`Lineage`] remembers the programs it has seen start
//! and adds `ParentImage` and `ParentCommandLine`. Numbers are given again: the latest start counts,
//! and a process that is older than the memory has no name rather than a wrong one of its folder.
//! Bounded: the programs that were not asked for longest are forgotten.

use std::collections::BTreeMap;

use soc_event::{Event, Value};

/// Programs that are remembered.
pub const PROGRAMS_MAX: usize = 1024;
/// Bytes of a command line that are remembered.
const LINE_BYTES_MAX: usize = 256;

/// Programs that were seen to start on one host.
#[derive(Clone, Debug, Default)]
pub struct Lineage {
    programs: BTreeMap<String, Program>,
    /// Counts up; orders programs by when they were last of use.
    turn: u64,
}

#[derive(Clone, Debug)]
struct Program {
    image: String,
    line: String,
    used: u64,
}

impl Lineage {
    /// Names the parent in an event of a program's start, and remembers the program.
    pub fn name_parent(&mut self, event: &mut Event) {
        if event.logsource.category.as_deref() != Some("process_creation") {
            return;
        }
        self.turn += 1;
        let of = |event: &Event, name: &str| event.text(name).map(str::to_owned);
        let parent = of(event, "ParentProcessId").and_then(|id| self.programs.get_mut(&id));
        if let Some(parent) = parent {
            parent.used = self.turn;
            for (name, text) in
                [("ParentImage", &parent.image), ("ParentCommandLine", &parent.line)]
            {
                event.fields.insert(name.to_owned(), Value::from(text.as_str()));
            }
        }
        let (Some(id), Some(image)) = (of(event, "ProcessId"), of(event, "Image")) else { return };
        let mut line = of(event, "CommandLine").unwrap_or_default();
        line.truncate(line.floor_char_boundary(LINE_BYTES_MAX));
        self.programs.insert(id, Program { image, line, used: self.turn });
        if self.programs.len() > PROGRAMS_MAX {
            self.forget();
        }
    }

    /// Forgets the half that was of no use for longest, so that this is seldom done.
    fn forget(&mut self) {
        let mut turns: Vec<u64> = self.programs.values().map(|program| program.used).collect();
        turns.sort_unstable();
        let middle = turns.get(turns.len() / 2).copied().unwrap_or_default();
        self.programs.retain(|_, program| program.used > middle);
    }
}

#[cfg(test)]
mod tests {
    use soc_event::{Logsource, Timestamp, kind};

    use super::*;

    fn start(lineage: &mut Lineage, id: &str, parent: &str, image: &str) -> Event {
        let category = Some("process_creation".to_owned());
        let logsource = Logsource { category, ..Logsource::service("linux", "auditd") };
        let mut event = Event::new(Timestamp::default(), kind::LOG, logsource)
            .with("ProcessId", id)
            .with("ParentProcessId", parent)
            .with("Image", image)
            .with("CommandLine", format!("{image} -x"));
        lineage.name_parent(&mut event);
        event
    }

    #[test]
    fn a_parent_that_was_seen_to_start_is_named() {
        let mut lineage = Lineage::default();
        assert_eq!(start(&mut lineage, "7", "1", "/bin/sh").text("ParentImage"), None);
        let child = start(&mut lineage, "8", "7", "/usr/bin/id");
        assert_eq!(child.text("ParentImage"), Some("/bin/sh"));
        assert_eq!(child.text("ParentCommandLine"), Some("/bin/sh -x"));
        start(&mut lineage, "7", "1", "/bin/dash");
        assert_eq!(start(&mut lineage, "9", "7", "/x").text("ParentImage"), Some("/bin/dash"));
    }

    #[test]
    fn no_number_of_programs_fills_the_memory() {
        let mut lineage = Lineage::default();
        for id in 0..20_000 {
            start(&mut lineage, &id.to_string(), "1", "/bin/true");
        }
        assert!(lineage.programs.len() <= PROGRAMS_MAX);
        assert!(lineage.programs.contains_key("19999"));
    }
}
