//! The same events and questions, by others.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use serde::Deserialize;
use serde_json::json;

/// What DuckDB answered: seconds of two runs, of processor time of the second, rows, and the last
/// column where they are few.
#[derive(Deserialize)]
pub struct Told {
    pub seconds: [f64; 2],
    pub processor: f64,
    pub rows: usize,
    pub counts: Vec<serde_json::Value>,
}

/// Bytes of DuckDB's own Parquet of a file, and seconds of processor time.
///
/// # Errors
/// Why there are none: it is not installed, for example.
pub fn duckdb_file(file: &Path) -> Result<(u64, f64), String> {
    let mut command = Command::new("python3");
    let said = python(command.args(["-c", include_str!("copy.py")]).arg(file), "")?;
    let mut words = said.split_whitespace();
    let bytes = words.next().and_then(|word| word.parse().ok());
    let seconds = words.next().and_then(|word| word.parse().ok());
    bytes.zip(seconds).ok_or_else(|| "it said nothing".to_owned())
}

/// What DuckDB answers, each question twice.
///
/// # Errors
/// Why it does not.
pub fn duckdb_answers(files: &[String], questions: &[&str]) -> Result<Vec<Told>, String> {
    let given = json!({ "files": files, "questions": questions }).to_string();
    let mut command = Command::new("python3");
    let said = python(command.args(["-c", include_str!("duckdb.py")]), &given)?;
    let told = said.lines().map(serde_json::from_str).collect::<Result<_, _>>();
    told.map_err(|error| error.to_string())
}

/// How many lines of all texts have a word, and how long `zstdcat | rg` looked for it.
///
/// # Errors
/// Why it did not.
pub fn ripgrep(folder: &Path, word: &str) -> Result<(usize, f64), String> {
    let begun = Instant::now();
    let found = Command::new("sh")
        .args(["-c", "command -v rg >&2 && zstdcat \"$0\"/*.zst | rg -i -c \"$1\""])
        .arg(folder)
        .arg(word)
        .output()
        .map_err(|error| error.to_string())?;
    let count = String::from_utf8_lossy(&found.stdout).trim().parse();
    let count = count.map_err(|_| "zstdcat or rg is not there".to_owned())?;
    Ok((count, begun.elapsed().as_secs_f64()))
}

fn python(command: &mut Command, given: &str) -> Result<String, String> {
    let failed = |error: std::io::Error| format!("python3: {error}");
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(failed)?;
    if let Some(mut input) = child.stdin.take() {
        input.write_all(given.as_bytes()).map_err(failed)?;
    }
    let done = child.wait_with_output().map_err(failed)?;
    if done.status.success() {
        return Ok(String::from_utf8_lossy(&done.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&done.stderr);
    Err(said.lines().last().unwrap_or("python3 failed").to_owned())
}
