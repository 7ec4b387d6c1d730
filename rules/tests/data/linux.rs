//! Linux events as `../shared/tools/gen_linux_events.py` makes them.

use std::process::Command;

use serde_json::Value;

use super::{Fault, shared};

/// So many events; `None` without the tool or Python.
pub fn events(count: u32, seed: u32) -> Result<Option<Vec<Value>>, Fault> {
    let tool = shared().join("tools/gen_linux_events.py");
    if !tool.exists() {
        println!("skipped: {} is absent", tool.display());
        return Ok(None);
    }
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("events.json");
    let mut python = Command::new("python3");
    python.arg(&tool).arg(&file).args([count.to_string(), seed.to_string()]);
    if !python.output().is_ok_and(|output| output.status.success()) {
        println!("skipped: python3 is needed to make Linux events");
        return Ok(None);
    }
    let text = std::fs::read_to_string(file)?;
    let events = text.lines().map(serde_json::from_str);
    Ok(Some(events.collect::<Result<_, _>>()?))
}
