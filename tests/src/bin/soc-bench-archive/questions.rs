//! Questions people ask, and how long who takes to answer them.

use soc_archive::hunt::{Engine, Language, Limits};
use soc_event::Timestamp;
use soc_tests::load::Failure;
use soc_tests::skip;

use crate::corpus::{self, NEEDLE};
use crate::make::DAYS;
use crate::shelf::Shelf;
use crate::{ours, peers};

/// One question in two languages.
struct Question {
    name: &'static str,
    ours: (Language, String),
    range: (Timestamp, Timestamp),
    /// As DuckDB is asked; nothing where it has no such question.
    duckdb: Option<String>,
    /// Whether both are to say the same.
    is_same: bool,
    promise: &'static str,
}

/// Asks everybody all questions whose name has the word, and says how long it took.
///
/// # Errors
/// There are no files, or a question of ours fails.
pub fn ask(shelf: &Shelf, word: &str) -> Result<(), Failure> {
    let files = shelf.files()?;
    let mut questions = all();
    questions.retain(|question| question.name.contains(word));
    println!(
        "\nQuestions; {} files. Seconds of two runs, of processor time of the second",
        files.len()
    );
    println!("{:<28}{:^24}{:^24}{:>12}{:>8}", "", "ours", "DuckDB", "ours/theirs", "rows");
    let mine = answers(shelf, &questions)?;
    let resident = resident_peak();
    let paths: Vec<String> =
        files.iter().map(|file| shelf.path(file).display().to_string()).collect();
    let asked: Vec<&str> = questions.iter().filter_map(|q| q.duckdb.as_deref()).collect();
    let theirs = peers::duckdb_answers(&paths, &asked);
    if let Err(why) = &theirs {
        skip("DuckDB's answers", why);
    }
    let mut theirs = theirs.unwrap_or_default().into_iter();
    for (question, [first, second]) in questions.iter().zip(&mine) {
        let told = question.duckdb.as_ref().and_then(|_| theirs.next());
        show(question, first, second, told.as_ref());
    }
    println!(
        "most memory resident while all of ours were answered: {:.0} MB",
        resident as f64 / 1e6
    );
    match questions.iter().zip(&mine).find(|(question, _)| question.name.starts_with("needle")) {
        Some((_, [_, needle])) => ripgrep(shelf, needle.seconds),
        None => Ok(()),
    }
}

fn ripgrep(shelf: &Shelf, ours: f64) -> Result<(), Failure> {
    match peers::ripgrep(&shelf.text(), NEEDLE) {
        Ok((lines, seconds)) => println!(
            "needle by zstdcat | rg, all text by zstd -3: {lines} line, {seconds:.1} s, {:.0} times \
             ours",
            seconds / ours
        ),
        Err(why) => skip("zstdcat | rg", &why),
    }
    Ok(())
}

fn all() -> Vec<Question> {
    // The last events of the last day are a little late.
    let always = (corpus::begin_of_day(0), corpus::begin_of_day(DAYS + 1));
    let mut all = searches(always);
    all.extend(of_a_day((corpus::begin_of_day(DAYS - 1), always.1)));
    all.extend(counts(always));
    all
}

fn searches(range: (Timestamp, Timestamp)) -> Vec<Question> {
    vec![
        Question {
            name: "needle (DuckDB: raw only)",
            ours: (Language::Search, NEEDLE.to_owned()),
            range,
            duckdb: Some(format!("SELECT host, raw FROM events WHERE raw ILIKE '%{NEEDLE}%'")),
            is_same: false,
            promise: "< 1 s of 20 million",
        },
        Question {
            name: "frequent word, newest 1,000",
            ours: (Language::Search, "accept".to_owned()),
            range,
            duckdb: Some(
                "SELECT host, raw FROM events WHERE raw ILIKE '%accept%' \
                 ORDER BY time DESC, position DESC LIMIT 1000"
                    .to_owned(),
            ),
            is_same: false,
            promise: "",
        },
    ]
}

fn of_a_day(range: (Timestamp, Timestamp)) -> Vec<Question> {
    let host = corpus::workstation(7, 0);
    let between = format!("time >= '{}' AND time < '{}'", range.0, range.1);
    let day = |time: &str, and: &str| {
        format!(
            "SELECT {time} AS time, kind, \"EventID\", \"Image\", \"CommandLine\", \"TargetUserName\" \
             FROM events WHERE host = '{host}'{and} ORDER BY events.time, position"
        )
    };
    vec![
        Question {
            name: "a host's last day",
            ours: (Language::Sql, day("time", "")),
            range,
            duckdb: Some(day("epoch_us(time)", &format!(" AND {between}"))),
            is_same: false,
            promise: "< 0.2 s",
        },
        Question {
            name: "the same, search box",
            ours: (Language::Search, format!("host:{host}")),
            range,
            duckdb: None,
            is_same: false,
            promise: "< 0.2 s",
        },
    ]
}

fn counts(range: (Timestamp, Timestamp)) -> Vec<Question> {
    let failed = |is_failed: &str| {
        format!(
            "SELECT src_ip, count(*) AS n FROM events WHERE service = 'sshd' AND {is_failed} \
             GROUP BY src_ip ORDER BY n DESC LIMIT 20"
        )
    };
    let hours = "SELECT date_trunc('hour', time) AS hour, count(*) AS n FROM events \
                 GROUP BY 1 ORDER BY 1";
    // Its own date_trunc looks up the zone of each row, which takes ten times as long.
    let hours_there = "SELECT epoch_us(time) // 3600000000 AS hour, count(*) AS n FROM events \
                       GROUP BY 1 ORDER BY 1";
    let message = "coalesce(message, substr(raw, message_at + 1))";
    vec![
        Question {
            name: "20 addresses, failed logins",
            ours: (Language::Sql, failed("contains_i(message, 'failed password')")),
            range,
            duckdb: Some(failed(&format!("{message} ILIKE '%failed password%'"))),
            is_same: true,
            promise: "<= DuckDB",
        },
        Question {
            name: "how many by hour",
            ours: (Language::Sql, hours.to_owned()),
            range,
            duckdb: Some(hours_there.to_owned()),
            is_same: true,
            promise: "<= DuckDB",
        },
    ]
}

/// Each question twice.
fn answers(shelf: &Shelf, questions: &[Question]) -> Result<Vec<[ours::Told; 2]>, Failure> {
    let engine = Engine::new(Limits::default(), || {})?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let files = shelf.files()?;
    let one = |question: &Question| {
        let (language, query) = &question.ours;
        let request = ours::request(query, *language, question.range);
        runtime.block_on(ours::ask(&engine, request, shelf.source(files.clone())?))
    };
    questions.iter().map(|question| Ok([one(question)?, one(question)?])).collect()
}

fn show(question: &Question, first: &ours::Told, second: &ours::Told, told: Option<&peers::Told>) {
    let [cold, warm] = told.map_or([f64::NAN; 2], |told| told.seconds);
    let processor = told.map_or(f64::NAN, |told| told.processor);
    let differs = |told: &peers::Told| {
        told.rows != second.rows || question.is_same && told.counts != second.counts
    };
    println!(
        "{:<28}{:>8.3}{:>8.3}{:>8.2}{cold:>8.3}{warm:>8.3}{processor:>8.2}{:>12.2}{:>8}   {}{}",
        question.name,
        first.seconds,
        second.seconds,
        second.processor,
        second.seconds / warm,
        second.rows,
        question.promise,
        if told.is_some_and(differs) { "   ANSWERS DIFFER" } else { "" },
    );
}

/// In bytes. Source: proc(5).
fn resident_peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|text| text.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kib.unwrap_or_default() * 1024
}
