//! The same events as others keep them.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

/// What another program made of the same events.
pub struct Figure {
    pub bytes: u64,
    pub seconds: f64,
}

/// `zstd -19` of a text.
pub fn zstd(text: &Path) -> Result<Figure, String> {
    let out = text.with_extension("zst");
    let begun = Instant::now();
    let done = Command::new("zstd")
        .args(["-19", "-q", "-f", "-o"])
        .args([&out, text])
        .stdout(Stdio::null())
        .status()
        .map_err(|error| format!("zstd: {error}"))?;
    if !done.success() {
        return Err(format!("zstd: {done}"));
    }
    let bytes = std::fs::metadata(&out).map_err(|error| error.to_string())?.len();
    Ok(Figure { bytes, seconds: begun.elapsed().as_secs_f64() })
}

/// DuckDB's own Parquet, with zstd, of the same rows in the same order; messages in their column.
pub fn duckdb(files: &[PathBuf], folder: &Path) -> Result<Figure, String> {
    let mut bytes = 0;
    let begun = Instant::now();
    for file in files {
        let out = folder.join("duckdb.parquet");
        let script = format!(
            "import duckdb; t = duckdb.read_parquet('{}'); \
             c = '* EXCLUDE (message_at) REPLACE (' + \
             'coalesce(message, substr(raw, message_at + 1)) AS message)' \
             if 'message_at' in t.columns else '*'; \
             duckdb.sql('COPY (SELECT ' + c + ' FROM t) TO \\'{}\\' (FORMAT parquet, COMPRESSION zstd)')",
            file.display(),
            out.display()
        );
        python(&script)?;
        bytes += std::fs::metadata(&out).map_err(|error| error.to_string())?.len();
    }
    Ok(Figure { bytes, seconds: begun.elapsed().as_secs_f64() })
}

/// What a script says.
pub fn python(script: &str) -> Result<String, String> {
    let done = Command::new("python3")
        .args(["-c", script])
        .output()
        .map_err(|error| format!("python3: {error}"))?;
    if done.status.success() {
        return Ok(String::from_utf8_lossy(&done.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&done.stderr);
    Err(said.lines().last().unwrap_or("python3 failed").to_owned())
}
