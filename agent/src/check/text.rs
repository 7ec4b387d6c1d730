use std::io::{self, Write};

use soc_event::{Fields, Timestamp, Value};

use super::{Report, Weight, visible};

/// Longest command line or path shown; JSON has it whole.
const CELL_CHARACTERS_MAX: usize = 60;

/// Colours of the terminal. Source: ECMA-48, SGR.
#[derive(Clone, Copy)]
enum Colour {
    Bold,
    Red,
    Yellow,
    Green,
    Dim,
}

impl Colour {
    fn code(self) -> &'static str {
        match self {
            Self::Bold => "1",
            Self::Red => "31",
            Self::Yellow => "33",
            Self::Green => "32",
            Self::Dim => "2",
        }
    }
}

struct Page<'a> {
    output: &'a mut dyn Write,
    has_colour: bool,
}

/// Writes the report as tables for people.
pub(super) fn write(report: &Report, has_colour: bool, output: &mut dyn Write) -> io::Result<()> {
    let mut page = Page { output, has_colour };
    page.heading(&format!("{} at {}", visible(&report.hostname), report.time))?;
    page.findings(report)?;
    page.host(&report.host)?;
    page.antivirus(report)?;
    page.ports(&report.ports)?;
    page.logs(report)?;
    page.could_not_see(report)
}

impl Page<'_> {
    fn paint(&self, colour: Colour, text: &str) -> String {
        if self.has_colour {
            format!("\u{1b}[{}m{text}\u{1b}[0m", colour.code())
        } else {
            text.to_owned()
        }
    }

    fn heading(&mut self, text: &str) -> io::Result<()> {
        let text = self.paint(Colour::Bold, text);
        writeln!(self.output, "{text}")
    }

    fn findings(&mut self, report: &Report) -> io::Result<()> {
        for finding in &report.findings {
            let (colour, mark) = match finding.weight {
                Weight::Bad => (Colour::Red, "BAD "),
                Weight::Warning => (Colour::Yellow, "WARN"),
                Weight::Good => (Colour::Green, "OK  "),
            };
            let mark = self.paint(colour, mark);
            writeln!(self.output, "  {mark}  {}", visible(&finding.sentence))?;
        }
        Ok(())
    }

    fn host(&mut self, host: &Fields) -> io::Result<()> {
        self.heading("\nHost")?;
        let cell = |name: &str| cell(host, name);
        let memory = |name: &str| host.get(name).and_then(Value::as_f64).map_or(0.0, |v| v / 1e9);
        let rows = [
            ("system", format!("{} {}", cell("host.os.name"), cell("host.os.version"))),
            ("kernel", format!("{} {}", cell("host.os.kernel"), cell("host.architecture"))),
            ("processor", format!("{} x {}", cell("host.cpu.count"), cell("host.cpu.model"))),
            (
                "memory",
                format!(
                    "{:.1} of {:.1} GB used",
                    memory("host.memory.used.bytes"),
                    memory("host.memory.total.bytes")
                ),
            ),
            ("disks", cell("host.disks")),
            ("interfaces", cell("host.interfaces")),
            ("started", cell("host.boot_time")),
        ];
        for (name, value) in rows {
            writeln!(self.output, "  {name:<12}{value}")?;
        }
        Ok(())
    }

    fn antivirus(&mut self, report: &Report) -> io::Result<()> {
        self.heading("\nAntivirus")?;
        let mut rows = vec![
            ["PRODUCT", "STATE", "ENGINE", "SIGNATURES", "AGE DAYS", "REALTIME", "REASONS"]
                .map(str::to_owned),
        ];
        for fields in &report.antivirus {
            rows.push(
                [
                    "antivirus.product",
                    "antivirus.state",
                    "antivirus.engine.version",
                    "antivirus.signatures.version",
                    "antivirus.signatures.age_days",
                    "antivirus.realtime",
                    "antivirus.reasons",
                ]
                .map(|name| cell(fields, name)),
            );
        }
        self.table(&rows)?;
        for fields in &report.antivirus {
            self.claims(fields, report.time)?;
        }
        for found in &report.detections {
            let time =
                found.time.map_or_else(|| "at an unknown time".to_owned(), |time| time.to_string());
            let mark = self.paint(Colour::Red, "found");
            let (threat, path) = (visible(&found.threat), visible(&found.path));
            writeln!(self.output, "  {mark} {threat} in {path}, {time}")?;
        }
        Ok(())
    }

    /// Every claim about a product, who says so and since when, and what nobody says.
    fn claims(&mut self, fields: &Fields, now: Timestamp) -> io::Result<()> {
        let mut rows = vec![["CLAIM", "VALUE", "SAID BY", "AGE"].map(str::to_owned)];
        let mut unknown = Vec::new();
        for (name, value) in fields {
            let short = name.strip_prefix("antivirus.").unwrap_or(name);
            if let Some(Value::Text(at)) = fields.get(&format!("{name}.at")) {
                let source = cell(fields, &format!("{name}.source"));
                rows.push([short.to_owned(), cell(fields, name), source, age(at, now)]);
            } else if *value == Value::Null || *value == Value::from("unknown") {
                unknown.push(short);
            }
        }
        if rows.len() > 1 {
            writeln!(
                self.output,
                "  {}",
                self.paint(Colour::Bold, &cell(fields, "antivirus.product"))
            )?;
            self.table(&rows)?;
            let unknown = format!("not known: {}", unknown.join(", "));
            writeln!(self.output, "  {}", self.paint(Colour::Dim, &unknown))?;
        }
        Ok(())
    }

    fn ports(&mut self, ports: &[Fields]) -> io::Result<()> {
        self.heading("\nPorts")?;
        let mut rows = vec![
            ["PROTO", "SCOPE", "ADDRESS", "PORT", "USER", "PROGRAM", "UNIT"].map(str::to_owned),
        ];
        for fields in ports {
            let program =
                if fields.get("process.executable").is_some_and(|path| *path != Value::Null) {
                    "process.executable"
                } else {
                    "process.name"
                };
            rows.push(
                [
                    "network.transport",
                    "port.scope",
                    "server.ip",
                    "server.port",
                    "user.name",
                    program,
                    "service.unit",
                ]
                .map(|name| cell(fields, name)),
            );
        }
        self.table(&rows)
    }

    fn logs(&mut self, report: &Report) -> io::Result<()> {
        self.heading("\nLogs")?;
        let mut rows = vec![
            ["PATH", "BYTES", "LINES SEEN", "RECOGNISED", "FAILED LOGINS", "LAST LINE"]
                .map(str::to_owned),
        ];
        for log in &report.logs {
            rows.push([
                visible(&log.path),
                log.bytes.map_or_else(|| "not readable".to_owned(), |bytes| bytes.to_string()),
                log.lines.to_string(),
                log.lines_parsed.to_string(),
                log.logins_failed.to_string(),
                log.last.map_or_else(|| "-".to_owned(), |time| time.to_string()),
            ]);
        }
        self.table(&rows)?;
        let journal = match &report.journal_off {
            Some(reason) => format!("not followed: {}", visible(reason)),
            None => "followed".to_owned(),
        };
        writeln!(self.output, "  journal     {journal}")
    }

    fn could_not_see(&mut self, report: &Report) -> io::Result<()> {
        if report.could_not_see.is_empty() {
            return Ok(());
        }
        let hint = if report.as_root { "" } else { " (run as root to see more)" };
        self.heading(&format!("\nCould not be seen{hint}"))?;
        for sentence in &report.could_not_see {
            let sentence = self.paint(Colour::Dim, &visible(sentence));
            writeln!(self.output, "  {sentence}")?;
        }
        Ok(())
    }

    /// Columns as wide as their widest cell; the first row is the heading.
    fn table<const N: usize>(&mut self, rows: &[[String; N]]) -> io::Result<()> {
        if rows.len() == 1 {
            return writeln!(self.output, "  none");
        }
        let mut widths = [0; N];
        for row in rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        for (place, row) in rows.iter().enumerate() {
            let mut line = String::from("  ");
            for (cell, width) in row.iter().zip(widths) {
                let padded = format!("{cell:<width$}");
                line.push_str(&match place {
                    0 => self.paint(Colour::Dim, &padded),
                    _ => {
                        colour_of(cell).map_or(padded.clone(), |colour| self.paint(colour, &padded))
                    }
                });
                line.push_str("  ");
            }
            writeln!(self.output, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// The colour of words that mean something by themselves.
fn colour_of(cell: &str) -> Option<Colour> {
    match cell {
        "protected" => Some(Colour::Green),
        "missing" | "off" => Some(Colour::Red),
        "weak" | "unknown" | "any" | "not readable" => Some(Colour::Yellow),
        _ => None,
    }
}

/// How long ago something was said: `12 s`, `3 min`, `5 h`, `8 d`.
fn age(at: &str, now: Timestamp) -> String {
    let Ok(at) = at.parse::<Timestamp>() else { return "-".to_owned() };
    let seconds = now.as_micros().saturating_sub(at.as_micros()) / 1_000_000;
    match seconds {
        ..0 => "in the future".to_owned(),
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// A field as text that fits into a table.
fn cell(fields: &Fields, name: &str) -> String {
    let text = match fields.get(name) {
        None | Some(Value::Null) => "-".to_owned(),
        Some(value) => visible(&value.to_string()),
    };
    if text.chars().count() <= CELL_CHARACTERS_MAX {
        return text;
    }
    let mut short: String = text.chars().take(CELL_CHARACTERS_MAX - 1).collect();
    short.push('…');
    short
}
