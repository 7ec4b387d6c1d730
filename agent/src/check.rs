//! What this machine would report: one look through every sensor's eyes, with no collector.
//!
//! Needs no rights; what cannot be seen without them is listed, never left out silently. Reads the
//! host and writes nothing, but for one test file where a self-test is asked for.

mod finding;
mod text;
mod visible;

use std::io::{self, Write};

use serde::Serialize;
use soc_event::{Event, Fields, Timestamp, kind};

use crate::sensor::host::Vitals;
use crate::sensor::{Clock, Config, Root, antivirus, host, journald, logfile, network, port};

pub use visible::visible;

/// Findings of antivirus products that are shown.
const DETECTIONS_MAX: usize = 10;

/// How the report is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// One JSON object instead of text for people.
    pub json: bool,
    /// Colours, see [`wants_colour`].
    pub colour: bool,
}

/// Where the self-test of antivirus writes its file.
pub type TestFolder = antivirus::Folder;

/// Whether to use colours: on a terminal, and unless `NO_COLOR` says otherwise.
/// Source: <https://no-color.org>.
pub fn wants_colour(is_terminal: bool, no_color: Option<&std::ffi::OsStr>) -> bool {
    is_terminal && no_color.is_none_or(std::ffi::OsStr::is_empty)
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Weight {
    /// It needs somebody to act.
    Bad,
    /// It should be looked at.
    Warning,
    /// It is as it should be.
    Good,
}

/// One conclusion, as a sentence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How bad.
    pub weight: Weight,
    /// What.
    pub sentence: String,
}

/// What this machine would report.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// The host's name.
    pub hostname: String,
    /// When it was looked at.
    pub time: Timestamp,
    /// Fields of `antivirus.status`, one for each product.
    pub antivirus: Vec<Fields>,
    /// The last findings of antivirus products.
    pub detections: Vec<antivirus::Detection>,
    /// Whether the test file was caught, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selftest: Option<antivirus::Outcome>,
    /// Fields of `port.listening`, one for each port.
    pub ports: Vec<Fields>,
    /// The logs that would be followed.
    pub logs: Vec<logfile::Seen>,
    /// Why the journal would not be followed, nothing if it would.
    pub journal_off: Option<String>,
    /// Fields of `host.inventory` and `host.heartbeat`.
    pub host: Fields,
    /// Conclusions, worst first.
    pub findings: Vec<Finding>,
    /// What could not be seen, in sentences.
    pub could_not_see: Vec<String>,
    /// Whether it was looked with the rights of root, so that more rights would show no more.
    pub as_root: bool,
}

/// Looks at the host. May take a few seconds where ClamAV is slow to answer. What was found in the
/// folder of the self-test is no finding.
pub fn run(root: &Root, config: &Config, folder: &TestFolder, clock: &dyn Clock) -> Report {
    let now = clock.now();
    let products = antivirus::observe(root, &config.antivirus, now);
    let mut detections = antivirus::last_detections(root, &products.logs, now, DETECTIONS_MAX);
    detections.retain(|found| !folder.is_place_of(found));
    let mut could_not_see = products.could_not_see;
    let ports = port::observe(root).unwrap_or_else(|error| {
        could_not_see.push(format!("The ports of this machine could not be read: {error}."));
        port::Observed::default()
    });
    could_not_see.extend(ports.could_not_see.iter().cloned());
    let logs = logfile::observe(root, &config.logfile, clock);
    for log in &logs {
        if let Some(problem) = &log.problem {
            could_not_see.push(format!("{} could not be read: {problem}.", log.path));
        }
    }
    if config.network.enabled
        && let Err(why) = network::look(root, &config.network)
    {
        could_not_see.push(format!("The network around this machine: {why}."));
    }
    let journal = journald::observe(root, &config.journald, config.logfile.syslog_paths(), now);
    let host = fields_of_host(root, now);
    let findings = finding::conclude(&products.products, &detections, &ports.ports, &logs, &host);
    let fields = |event: Event| event.fields;
    Report {
        hostname: host::hostname(root),
        time: now,
        antivirus: products.products.iter().map(|status| fields(status.event(now))).collect(),
        detections,
        selftest: None,
        ports: ports
            .ports
            .iter()
            .map(|port| fields(port.event(now, kind::PORT_LISTENING)))
            .collect(),
        logs,
        journal_off: journal.err(),
        host,
        findings,
        could_not_see,
        as_root: rustix::process::geteuid().is_root(),
    }
}

/// Inventory and heartbeat together; what only a running agent knows is left out.
fn fields_of_host(root: &Root, now: Timestamp) -> Fields {
    let mut fields = host::inventory(root, now).fields;
    fields.extend(host::heartbeat(root, &Vitals::default(), now).fields);
    fields.retain(|name, _| {
        !name.starts_with("agent.spool") && name != "agent.sensors" && name != "agent.cpu.usage"
    });
    fields
}

impl Report {
    /// Tests real-time protection and adds what that showed. Takes up to the configured time.
    pub fn self_test(
        &mut self,
        root: &Root,
        config: &Config,
        folder: &TestFolder,
        clock: &dyn Clock,
    ) {
        let outcome = antivirus::self_test(root, &config.antivirus, folder, clock);
        self.findings.push(finding::tested(&outcome));
        self.findings.sort_by_key(|finding| finding.weight);
        self.selftest = Some(outcome);
    }

    /// Writes the report.
    ///
    /// # Errors
    /// What the output says.
    pub fn write(&self, options: Options, output: &mut dyn Write) -> io::Result<()> {
        if options.json {
            serde_json::to_writer(&mut *output, self)?;
            return writeln!(output);
        }
        text::write(self, options.colour, output)
    }
}

#[cfg(test)]
mod tests;
