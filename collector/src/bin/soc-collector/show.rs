//! Answers as people read them.

use soc_collector::control::Answer;
use soc_collector::exchange::{FieldChange, Preview};
use soc_collector::serve::Said;
use soc_collector::visible::visible;

use crate::terminal::print;

pub(crate) fn show(answer: &Answer, json: bool) {
    if json {
        return print(&serde_json::to_string(answer).unwrap_or_default());
    }
    match answer {
        Answer::Token(made) => {
            print(&format!("token:   {}", made.token));
            print(&format!("ca-pin:  {}", made.ca_pin));
            print(&format!("command: {}", made.command));
        }
        Answer::User { name, password } => {
            print(&format!("user:              {name}"));
            print(&format!("one-time password: {password}"));
        }
        Answer::Agency { code } => print(&format!("agency added: {code}")),
        Answer::Imported { preview, dry_run } => show_imported(preview, *dry_run),
        Answer::Configuration { view } => show_configuration(view),
        Answer::Import { .. } | Answer::Journal { .. } => {}
        Answer::Backtests { ids } => print(&format!("looks back: {}", ids.join(" "))),
        Answer::BacktestViews { views } => views.iter().for_each(|view| print(&view.to_string())),
        Answer::Backup { made } => print(&format!(
            "backup made: {} events so far, {} bytes in {} parts, {} bytes of them new",
            made.journal_end.saturating_sub(1),
            made.bytes,
            made.parts,
            made.new_bytes
        )),
        Answer::Status { version, journal_end, agencies, machines, online } => {
            print(&format!("version:  {version}"));
            print(&format!("events:   {} so far", journal_end.saturating_sub(1)));
            print(&format!("agencies: {agencies}"));
            print(&format!("machines: {machines}, {online} online"));
        }
    }
}

/// What a table changed; of what it would change every row that is told.
fn show_imported(preview: &Preview, dry_run: bool) {
    for row in preview.rows.iter().filter(|_| dry_run) {
        let what = if row.is_new { "new" } else { "changes" };
        let change = |one: &FieldChange| format!("{}: {:?} → {:?}", one.column, one.from, one.to);
        let changes: Vec<String> = row.changes.iter().map(change).collect();
        print(&visible(&format!("line {}: {} {what}: {}", row.line, row.key, changes.join(", "))));
    }
    for mistake in &preview.mistakes {
        print(&visible(&mistake.to_string()));
    }
    let what = preview.what.as_str();
    let (added, changed, same) = (preview.added, preview.changed, preview.same);
    let would = if dry_run { "would be " } else { "" };
    print(&format!("{what}: {added} {would}added, {changed} {would}changed, {same} as they are"));
}

pub(crate) fn show_configuration(view: &serde_json::Value) {
    let text = |value: &serde_json::Value, name: &str| match &value[name] {
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let machines = &view["machines"];
    let count = |name| text(machines, name);
    print(&format!(
        "machines: {}; {} run with it, {} have not answered, {} refused, {} went back",
        count("total"),
        count("applied"),
        count("waiting"),
        count("refused"),
        count("rolled_back")
    ));
    for trouble in view["troubles"].as_array().into_iter().flatten() {
        let [host, outcome, why] =
            ["hostname", "outcome", "reason"].map(|name| text(trouble, name));
        print(&format!("  {host}: {outcome}: {why}"));
    }
    let versions = view["versions"].as_array();
    for version in versions.into_iter().flatten() {
        let [number, at, who, why] =
            ["version", "at", "who", "why"].map(|name| text(version, name));
        print(&format!("version {number}, {at}, {who}: {why}"));
    }
    if let Some(newest) = versions.and_then(|versions| versions.first()) {
        print("");
        print(text(newest, "text").trim_end());
    }
}

pub(crate) fn say(said: Said<'_>) {
    match said {
        Said::FirstPassword(password) => print(&format!(
            "first sign-in: name admin, one-time password {} (also in first-password, until changed)",
            password.reveal()
        )),
        Said::PasswordIgnored => {
            tracing::info!("there are operators already; the given password was not looked at");
        }
        Said::Ready(addresses) => print(&format!(
            "ready: people's door {}, agents' door {}",
            addresses.people, addresses.agents
        )),
    }
}
