use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use evtx::{EvtxParser, ParserSettings};
use serde_json::{Map, Value};
use soc_rules::{Evaluator, Ruleset, Source};

use super::Outcome;

/// The unpacked archives; they go when it is dropped.
pub struct Data {
    folder: tempfile::TempDir,
    shared: PathBuf,
}

/// Events as JSON lines.
pub struct Corpus {
    pub lines: Vec<Vec<u8>>,
}

/// Rule files: path and text.
pub struct Rules(pub Vec<(String, String)>);

impl Data {
    /// `None`, with the reason printed, where the data is absent.
    pub fn unpack() -> Outcome<Option<Self>> {
        let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared");
        let folder = tempfile::tempdir()?;
        for archive in ["sigma-rules", "evtx-attack-samples"] {
            let archive = shared.join(format!("data/{archive}.tar.zst"));
            if !archive.exists() {
                println!("skipped: {} is absent", archive.display());
                return Ok(None);
            }
            let mut tar = Command::new("tar");
            tar.arg("--zstd").arg("-xf").arg(&archive).arg("-C").arg(folder.path());
            if !tar.status()?.success() {
                println!(
                    "skipped: {} cannot be unpacked (tar and zstd are needed)",
                    archive.display()
                );
                return Ok(None);
            }
        }
        Ok(Some(Self { folder, shared }))
    }

    /// All rules below a folder of the corpus.
    pub fn rules(&self, folder: &str) -> Outcome<Rules> {
        let mut rules = Vec::new();
        for path in files(&self.folder.path().join(folder), "yml")? {
            rules.push((path.to_string_lossy().into_owned(), std::fs::read_to_string(&path)?));
        }
        Ok(Rules(rules))
    }

    /// Every record of the samples, flat, with the logsource it is of.
    pub fn windows(&self) -> Outcome<Corpus> {
        let mut lines = Vec::new();
        for path in files(self.folder.path(), "evtx")? {
            let settings = ParserSettings::default().separate_json_attributes(true);
            let mut parser = EvtxParser::from_path(&path)?.with_configuration(settings);
            for record in parser.records_json_value() {
                let Ok(record) = record else { continue };
                lines.push(serde_json::to_vec(&flat(&record.data))?);
            }
        }
        Ok(Corpus { lines })
    }

    /// What the generator beside the data makes.
    pub fn linux(&self) -> Outcome<Corpus> {
        let file = self.folder.path().join("linux.ndjson");
        let mut python = Command::new("python3");
        python.arg(self.shared.join("tools/gen_linux_events.py")).arg(&file).args(["50000", "7"]);
        if !python.stdout(std::process::Stdio::null()).status()?.success() {
            return Err("the generator of Linux events failed".into());
        }
        let text = std::fs::read(file)?;
        let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        Ok(Corpus { lines: lines.map(<[u8]>::to_vec).collect() })
    }
}

impl Corpus {
    pub fn mean_bytes(&self) -> usize {
        self.lines.iter().map(Vec::len).sum::<usize>() / self.lines.len().max(1)
    }

    /// Only the events no rule matches, as often as it takes to be as many.
    pub fn quiet(&self, rules: &Rules) -> Self {
        let (ruleset, _) = Ruleset::load(rules.sources());
        let mut evaluator = Evaluator::new(&ruleset);
        let mut is_quiet =
            |line: &&Vec<u8>| evaluator.evaluate_json(line).is_ok_and(<[usize]>::is_empty);
        let quiet: Vec<Vec<u8>> =
            self.lines.iter().filter(|line| is_quiet(line)).cloned().collect();
        Self { lines: quiet.iter().cycle().take(self.lines.len()).cloned().collect() }
    }
}

impl Rules {
    pub fn sources(&self) -> impl Iterator<Item = Source<'_>> {
        self.0.iter().map(|(path, text)| Source { path, text })
    }

    /// So many rules: some of all kinds, or all of them again and again with other ids and values.
    pub fn resized(&self, count: usize) -> Self {
        let every = (self.0.len() / count).max(1);
        let again = |number: usize| {
            let (path, text) = &self.0[number * every % self.0.len()];
            match number / self.0.len() {
                0 => (path.clone(), text.clone()),
                round => (format!("{round}/{path}"), varied(text, round)),
            }
        };
        Self((0..count).map(again).collect())
    }
}

/// The rule under another id, its quoted values longer by the number of the round: so it asks for
/// what no other does.
fn varied(text: &str, round: usize) -> String {
    let mut in_detection = false;
    let line = |line: &str| {
        if !line.starts_with(' ') {
            in_detection = line.starts_with("detection:");
        }
        match line.strip_suffix('\'') {
            Some(value) if in_detection => format!("{value}{round}'\n"),
            _ if line.starts_with("id: ") => format!("id: {round}{}\n", &line[4..]),
            _ => format!("{line}\n"),
        }
    };
    text.lines().map(line).collect()
}

fn files(folder: &Path, extension: &str) -> Outcome<Vec<PathBuf>> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_path_buf()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|found| found == extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// System and event data under the names rules use.
fn flat(record: &Value) -> Value {
    let mut out = Map::new();
    out.insert("product".into(), "windows".into());
    let event = &record["Event"];
    for (name, value) in event["System"].as_object().into_iter().flatten() {
        match value {
            Value::Object(_) => {}
            scalar => {
                out.insert(name.clone(), scalar.clone());
            }
        }
    }
    for (name, attribute) in
        [("Provider", "Name"), ("TimeCreated", "SystemTime"), ("Execution", "ProcessID")]
    {
        if let Some(value) = event["System"][format!("{name}_attributes")].get(attribute) {
            out.insert(format!("{name}_{attribute}"), value.clone());
        }
    }
    for part in ["EventData", "UserData"] {
        for (name, value) in event[part].as_object().into_iter().flatten() {
            match value {
                Value::Object(inner) if part == "UserData" => {
                    out.extend(
                        inner
                            .iter()
                            .filter(|(_, v)| !v.is_object())
                            .map(|(n, v)| (n.clone(), v.clone())),
                    );
                }
                Value::Object(_) | Value::Null => {}
                scalar => {
                    out.insert(name.clone(), scalar.clone());
                }
            }
        }
    }
    let (category, service) = logsource(&out);
    out.extend(category.map(|category| ("category".to_owned(), category.into())));
    out.extend(service.map(|service| ("service".to_owned(), service.into())));
    Value::Object(out)
}

fn logsource(event: &Map<String, Value>) -> (Option<&'static str>, Option<&'static str>) {
    let id = event.get("EventID").and_then(Value::as_u64).unwrap_or(0);
    let category = |pairs: &[(u64, &'static str)]| {
        pairs.iter().copied().collect::<BTreeMap<_, _>>().get(&id).copied()
    };
    match event.get("Channel").and_then(Value::as_str).unwrap_or("") {
        "Microsoft-Windows-Sysmon/Operational" => {
            let category = category(&[
                (1, "process_creation"),
                (2, "file_change"),
                (3, "network_connection"),
                (5, "process_termination"),
                (6, "driver_load"),
                (7, "image_load"),
                (8, "create_remote_thread"),
                (9, "raw_access_thread"),
                (10, "process_access"),
                (11, "file_event"),
                (12, "registry_event"),
                (13, "registry_set"),
                (14, "registry_rename"),
                (15, "create_stream_hash"),
                (17, "pipe_created"),
                (18, "pipe_created"),
                (19, "wmi_event"),
                (20, "wmi_event"),
                (21, "wmi_event"),
                (22, "dns_query"),
                (23, "file_delete"),
            ]);
            (category, Some("sysmon"))
        }
        "Microsoft-Windows-PowerShell/Operational" => {
            (category(&[(4103, "ps_module"), (4104, "ps_script")]), Some("powershell"))
        }
        "Windows PowerShell" => {
            (category(&[(400, "ps_classic_start")]), Some("powershell-classic"))
        }
        "Security" => (category(&[(4688, "process_creation")]), Some("security")),
        "System" => (None, Some("system")),
        "Application" => (None, Some("application")),
        _ => (None, Some("other")),
    }
}
