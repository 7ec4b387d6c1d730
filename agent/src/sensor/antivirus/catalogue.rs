//! The products that are known: one data file each, in `products/`, built into the program.
//!
//! A new product is a new file there and a folder with its fixture in `agent/tests/antivirus/`.
//! What a file may say is what the structures here say; a mistake in one is an error of the tests.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::template::{self, Template};

macro_rules! files {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("products/", $name, ".toml")))),*]
    };
}

/// Name and text of each file.
const FILES: &[(&str, &str)] = files![
    "bitdefender",
    "clamav",
    "crowdstrike",
    "defender",
    "eset",
    "kaspersky",
    "sentinelone",
    "sophos",
    "trendmicro",
];

/// A product: how it is recognised and what its files say.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Product {
    pub(super) name: String,
    pub(super) vendor: String,
    /// Programs of it; one of them is enough to say that it is installed.
    pub(super) paths: Vec<String>,
    /// Its units of systemd; any of them says that it is installed.
    #[serde(default)]
    pub(super) units: Vec<String>,
    /// Its engine, by the name of the executable; one of them running says that it runs.
    pub(super) processes: Vec<String>,
    /// Its packages in dpkg's database: their version is the product's.
    #[serde(default)]
    pub(super) packages: Vec<String>,
    /// It knows malware by behaviour or models that come with the program: nothing to be outdated.
    #[serde(default)]
    pub(super) has_no_signatures: bool,
    /// It is read by code of its own, because files do not tell enough.
    #[serde(default)]
    pub(super) reader: Option<Reader>,
    /// Where its claims stand. Of those about the same the first that says something counts.
    #[serde(default, rename = "claim")]
    pub(super) claims: Vec<Place>,
    /// Logs in which it reports malware.
    #[serde(default, rename = "detection")]
    pub(super) detections: Vec<Report>,
}

/// Code that reads a product.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Reader {
    /// The rooms below `clamav`.
    Clamav,
}

/// What can be claimed by a file or process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum About {
    Version,
    Mode,
    EngineVersion,
    Realtime,
    Blocking,
    SignaturesVersion,
    SignaturesTime,
    Updates,
    Updated,
    TamperProtection,
    LicenceEnd,
}

/// Where a claim stands and how it is read.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Written")]
pub(super) struct Place {
    pub(super) about: About,
    pub(super) from: From,
    /// What words of the product mean in ours; words that are not here say nothing. Without the
    /// table the text itself is the value.
    pub(super) values: BTreeMap<String, String>,
    /// How a time is written.
    pub(super) time: Option<String>,
    /// The time is only near the one asked for, and never earlier.
    pub(super) guess: bool,
}

/// The same as it is written in a file: one of `json`, `key`, `line`, `modified` and `process`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    about: About,
    json: Option<Json>,
    key: Option<Key>,
    line: Option<Line>,
    modified: Option<Modified>,
    process: Option<Process>,
    #[serde(default)]
    values: BTreeMap<String, String>,
    time: Option<String>,
    #[serde(default)]
    guess: bool,
}

/// A place of a data file that says not one way of reading, but none or several.
#[derive(Debug, thiserror::Error)]
#[error("a claim needs one of json, key, line, modified and process")]
pub(super) struct NotOneWay;

impl TryFrom<Written> for Place {
    type Error = NotOneWay;

    fn try_from(written: Written) -> Result<Self, NotOneWay> {
        let Written { about, json, key, line, modified, process, values, time, guess } = written;
        let ways = [
            json.map(From::Json),
            key.map(From::Key),
            line.map(From::Line),
            modified.map(From::Modified),
            process.map(From::Process),
        ];
        let mut ways = ways.into_iter().flatten();
        let (Some(from), None) = (ways.next(), ways.next()) else { return Err(NotOneWay) };
        Ok(Self { about, from, values, time, guess })
    }
}

/// Where a value comes from.
#[derive(Clone, Debug)]
pub(super) enum From {
    Json(Json),
    Key(Key),
    Line(Line),
    Modified(Modified),
    Process(Process),
}

/// A value in a JSON file, by its pointer (RFC 6901).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Json {
    pub(super) file: String,
    pub(super) pointer: String,
}

/// `key = value` or `key: value` in a file of lines.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Key {
    pub(super) file: String,
    pub(super) key: String,
}

/// The hole `value` in the last line of a file that is like this.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Line {
    pub(super) file: String,
    pub(super) like: Shape,
}

/// When the newest of these files was written. `*` and `?` may stand in the last part.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Modified {
    pub(super) file: String,
}

/// Whether a program runs: `running` or `stopped`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Process {
    pub(super) name: String,
}

/// Where a product reports malware.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Report {
    /// The log; `*` and `?` may stand in its last part.
    pub(super) log: String,
    /// A line of it with the holes `path`, and where it has them `threat`, `time`, `action`,
    /// `sha256` and `md5`.
    pub(super) like: Shape,
    /// How its time is written.
    #[serde(default)]
    pub(super) time: Option<String>,
    /// What the words of `action` mean; others are `unknown`. Without the table it is `found`.
    #[serde(default)]
    pub(super) actions: BTreeMap<String, String>,
}

/// A template in a data file.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Shape(pub(super) Template);

impl TryFrom<String> for Shape {
    type Error = template::Error;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Template::parse(&text).map(Self)
    }
}

/// All products. A file with a mistake, which a test keeps out, is left out.
pub(super) fn products() -> Vec<Product> {
    FILES.iter().filter_map(|(_, text)| toml::from_str(text).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::super::claim::{Mode, Switch};
    use super::*;

    const ACTIONS: [&str; 4] = ["found", "quarantined", "removed", "blocked"];

    #[test]
    fn every_file_can_be_read_and_says_how_its_product_is_recognised() {
        for (name, text) in FILES {
            let product: Product =
                toml::from_str(text).unwrap_or_else(|error| panic!("{name}: {error}"));
            let mut paths = product.paths.iter();
            assert!(!product.paths.is_empty() && paths.all(|it| it.starts_with('/')), "{name}");
            assert!(!product.processes.is_empty(), "{name}");
            product.claims.iter().for_each(|place| sound(name, place));
            for report in &product.detections {
                assert!(report.log.starts_with('/'), "{name}: {}", report.log);
                assert!(report.like.0.names().any(|hole| hole == "path"), "{name}");
                assert!(report.actions.values().all(|it| ACTIONS.contains(&&**it)), "{name}");
            }
        }
        assert_eq!(products().len(), FILES.len());
    }

    /// Words have to be words of ours, and times to have a way of being written.
    fn sound(name: &str, place: &Place) {
        let words = |known: &dyn Fn(&str) -> bool| {
            let of_process = matches!(place.from, From::Process(_));
            assert!(!place.values.is_empty(), "{name}: {place:?} has no words");
            assert!(place.values.values().all(|word| known(word)), "{name}: {place:?}");
            assert!(
                !of_process || place.values.keys().all(|it| it == "running" || it == "stopped")
            );
        };
        let is_modified = matches!(place.from, From::Modified(_));
        match place.about {
            About::Mode => words(&|word| Mode::from_word(word).is_some()),
            About::Realtime | About::Blocking | About::TamperProtection => {
                words(&|word| Switch::from_word(word).is_some());
            }
            About::Updates => words(&|word| ["working", "retrying"].contains(&word)),
            About::SignaturesTime | About::Updated | About::LicenceEnd => {
                assert!(is_modified || place.time.is_some(), "{name}: {place:?} has no time");
            }
            About::Version | About::EngineVersion | About::SignaturesVersion => {
                assert!(!is_modified, "{name}: {place:?}");
            }
        }
        if let From::Line(line) = &place.from {
            assert!(line.like.0.names().any(|hole| hole == "value"), "{name}: {place:?}");
        }
    }
}
