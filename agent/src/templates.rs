//! `soc-agent templates`: the templates of any log, mined once, on the terminal.
//!
//! The same miner and the same settings as the running agent's; one pass, a line's template is
//! named when the line is read. Reads the files it is given and nothing else; memory is bounded by
//! `TEMPLATES_MAX`, however large the log.

use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use soc_anomaly::{Miner, header};

/// Templates kept: beyond, the one seen longest ago gives way.
const TEMPLATES_MAX: usize = 20_000;
/// Bytes of a line that are kept; the rest cannot change its template.
const LINE_BYTES_MAX: u64 = 64 * 1024;

/// How it is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// One JSON object a line of the log, instead of a table.
    pub json: bool,
    /// Headers are text, too.
    pub whole: bool,
}

/// It cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A log cannot be read.
    #[error("{path}: {source}")]
    Read {
        /// Which.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// Nobody takes what is printed.
    #[error(transparent)]
    Write(io::Error),
}

impl Error {
    /// Whether the reader has gone, which is no failure: `soc-agent templates … | head`.
    pub fn is_broken_pipe(&self) -> bool {
        matches!(self, Self::Write(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}

/// One line of the log, with `--json`.
#[derive(Serialize)]
struct Row<'a> {
    /// From 1, through all files.
    line: u64,
    template_id: String,
    template: &'a str,
}

/// Reads the files (`-` is standard input) and prints their templates.
///
/// # Errors
/// [`Error`]; what was read before is printed.
pub fn show(files: &[PathBuf], options: Options, out: &mut dyn Write) -> Result<(), Error> {
    let mut show = Show { miner: Miner::new(TEMPLATES_MAX), lines: 0, options, out };
    for file in files {
        show.file(file)?;
    }
    show.finish().map_err(Error::Write)
}

struct Show<'a> {
    miner: Miner,
    lines: u64,
    options: Options,
    out: &'a mut dyn Write,
}

impl Show<'_> {
    fn file(&mut self, path: &Path) -> Result<(), Error> {
        let unreadable = |source| Error::Read { path: path.display().to_string(), source };
        let mut reader: Box<dyn BufRead> = if path == Path::new("-") {
            Box::new(io::stdin().lock())
        } else {
            let file = std::fs::File::open(path).map_err(unreadable)?;
            Box::new(BufReader::with_capacity(64 * 1024, file))
        };
        let mut line = Vec::new();
        while next_line(&mut *reader, &mut line).map_err(unreadable)? {
            self.line(&String::from_utf8_lossy(&line)).map_err(Error::Write)?;
        }
        Ok(())
    }

    fn line(&mut self, line: &str) -> io::Result<()> {
        self.lines += 1;
        let message = if self.options.whole { line } else { header::message(line) };
        let id = self.miner.add(message, self.lines).id;
        if !self.options.json {
            return Ok(());
        }
        let template = self.miner.template(id).map_or("", |template| &template.text);
        let row = Row { line: self.lines, template_id: id.to_string(), template };
        serde_json::to_writer(&mut *self.out, &row)?;
        self.out.write_all(b"\n")
    }

    fn finish(self) -> io::Result<()> {
        let Self { miner, lines, options, out } = self;
        if !options.json {
            let mut templates: Vec<_> = miner.templates().iter().collect();
            templates.sort_by_key(|template| (std::cmp::Reverse(template.count), template.id));
            writeln!(out, "{:>9}  {:<16}  TEMPLATE", "LINES", "ID")?;
            for template in &templates {
                writeln!(out, "{:>9}  {}  {}", template.count, template.id, template.text)?;
            }
            writeln!(out, "{lines} lines, {} templates", templates.len())?;
            if miner.forgotten() > 0 {
                writeln!(out, "{} templates are left out, they came seldom", miner.forgotten())?;
            }
        }
        out.flush()
    }
}

/// The next line without its end; false at the end of the log. What is too long is skipped.
fn next_line(reader: &mut dyn BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    if io::Read::take(&mut *reader, LINE_BYTES_MAX).read_until(b'\n', line)? == 0 {
        return Ok(false);
    }
    if line.last() == Some(&b'\n') {
        line.pop();
        if line.last() == Some(&b'\r') {
            line.pop();
        }
    } else {
        reader.skip_until(b'\n')?;
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(log: &str, options: Options) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        std::fs::write(&path, log).unwrap();
        let mut out = Vec::new();
        show(&[path], options, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    const LOG: &str = "Nov 22 10:16:42 web sshd[7]: Invalid user lan from 192.0.2.1\r\n\
                       Nov 22 10:16:43 web sshd[8]: Invalid user an from 192.0.2.2\n\
                       Nov 22 10:16:44 db su[9]: bye";

    #[test]
    fn a_table_counts_templates_of_messages() {
        let table = shown(LOG, Options::default());
        assert!(table.contains("        2  "), "{table}");
        assert!(table.contains("  Invalid user <*> from <*>\n"), "{table}");
        assert!(table.ends_with("3 lines, 2 templates\n"), "{table}");
        let whole = shown(LOG, Options { whole: true, ..Options::default() });
        assert!(whole.contains("web sshd[<*>]: Invalid user <*> from <*>"), "{whole}");
    }

    #[test]
    fn json_has_one_object_a_line_in_order() {
        let long = format!("{LOG}\n\n{}\nlast", "x".repeat(200_000));
        let json = shown(&long, Options { json: true, whole: false });
        let rows: Vec<serde_json::Value> =
            json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let lines: Vec<_> = rows.iter().map(|row| row["line"].as_u64().unwrap()).collect();
        assert_eq!(lines, [1, 2, 3, 4, 5, 6]);
        assert_eq!(rows[0]["template_id"], rows[1]["template_id"]);
        assert_ne!(rows[0]["template_id"], rows[2]["template_id"]);
        assert_eq!(rows[0]["template"], "Invalid user <*> from <*>");
    }

    #[test]
    fn a_log_that_is_not_there_is_named() {
        let error = show(&["/nowhere".into()], Options::default(), &mut Vec::new()).unwrap_err();
        assert!(error.to_string().starts_with("/nowhere: "), "{error}");
    }
}
