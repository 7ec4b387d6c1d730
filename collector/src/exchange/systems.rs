use std::collections::HashMap;

use soc_archive::Agencies;
use soc_event::Timestamp;
use sqlx::{Row as _, SqliteConnection};

use super::table::{Line, Table, differences};
use super::{Error, Mistake, PlannedRow, Read, Step, Wrong};
use crate::access::Caller;
use crate::fleet::{
    Checked, Contact, Rollout, SystemApproval, SystemDraft, SystemKind, check_system, put_system,
    system_draft_of,
};

pub(super) async fn read(
    tx: &mut SqliteConnection,
    table: &Table,
    reach: &Agencies,
) -> Result<Read, Error> {
    let there = there(tx).await?;
    let agencies: Vec<(i64, String, bool)> =
        sqlx::query_as("SELECT id, code, valid_until IS NULL FROM agency").fetch_all(tx).await?;
    let agencies = agencies.into_iter().filter(|(id, ..)| reach.hold(*id));
    let agencies: HashMap<String, bool> =
        agencies.map(|(_, code, is_live)| (code, is_live)).collect();
    let mut read = Read::default();
    let mut seen: HashMap<&str, usize> = HashMap::new();
    for line in table.lines() {
        let code = line.text("code");
        let known = there.get(code);
        let mut mistakes = Vec::new();
        if let Some(first) = seen.insert(code, line.number()) {
            let hint = format!("the system is on line {first} already: remove one of both");
            mistakes.push(line.mistake("code", Wrong::Twice, hint));
        }
        let before = known.map(|(.., draft)| draft.clone()).unwrap_or_default();
        let draft = draft(line, &before, &agencies, &mut mistakes);
        if mistakes.is_empty()
            && let Err(hint) = check_system(&draft)
        {
            mistakes.push(line.mistake("code", Wrong::Value, hint));
        }
        if !mistakes.is_empty() {
            read.mistakes.append(&mut mistakes);
        } else if known.is_some() && draft == before {
            read.same += 1;
        } else {
            let changes = differences(&columns(&before, &draft));
            let (key, is_new) = (code.to_owned(), known.is_none());
            read.rows.push(PlannedRow { line: line.number(), is_new, key, changes });
            let known = known.map(|(id, version, _)| (*id, *version));
            read.steps.push(Step::System { known, draft });
        }
    }
    Ok(read)
}

type There = HashMap<String, (i64, i64, SystemDraft)>;

async fn there(tx: &mut SqliteConnection) -> Result<There, Error> {
    let rows = sqlx::query(
        "SELECT system.id, system.code, system.name, level, kind, approval, decision, approved_on,
            rollout, rollout_on, checked, checked_on, regulation, contacts, note, system.version,
            owns.code AS owner_code, runs.code AS operator_code
         FROM information_system AS system
         JOIN agency AS owns ON owns.id = owner JOIN agency AS runs ON runs.id = operator",
    )
    .fetch_all(tx)
    .await?;
    let mut there = HashMap::new();
    for row in &rows {
        let (owner, operator) = (row.try_get("owner_code")?, row.try_get("operator_code")?);
        let draft = SystemDraft { owner, operator, ..system_draft_of(row)? };
        there.insert(draft.code.clone(), (row.try_get("id")?, row.try_get("version")?, draft));
    }
    Ok(there)
}

/// What a line says, on top of what is so.
fn draft(
    line: Line<'_>,
    before: &SystemDraft,
    agencies: &HashMap<String, bool>,
    mistakes: &mut Vec<Mistake>,
) -> SystemDraft {
    let text = |key: &str, before: &str| line.get(key).map_or(before, |said| said).to_owned();
    let mut draft = SystemDraft {
        code: line.text("code").to_owned(),
        name: line.text("name").to_owned(),
        owner: line.text("owner").to_owned(),
        operator: text("operator", &before.operator),
        decision: text("decision", &before.decision),
        regulation: text("regulation", &before.regulation),
        note: text("note", &before.note),
        ..before.clone()
    };
    if draft.operator.is_empty() {
        draft.operator.clone_from(&draft.owner);
    }
    match line.text("level").parse() {
        Ok(level @ 1..=5) => draft.level = level,
        _ => mistakes.push(line.mistake("level", Wrong::Value, "write 1, 2, 3, 4 or 5")),
    }
    for (column, code) in [("owner", &draft.owner), ("operator", &draft.operator)] {
        if column == "operator" && code == &draft.owner {
            continue;
        }
        match agencies.get(code) {
            Some(true) => {}
            Some(false) => {
                let hint = "this agency is no more: name its successor";
                mistakes.push(line.mistake(column, Wrong::Ended, hint));
            }
            None => {
                let hint = "no agency has this code: add it first, or mend the code";
                mistakes.push(line.mistake(column, Wrong::Agency, hint));
            }
        }
    }
    draft.kind = word(line, "kind", before.kind, SystemKind::ALL, SystemKind::as_str, mistakes);
    let all = SystemApproval::ALL;
    draft.approval = word(line, "approval", before.approval, all, SystemApproval::as_str, mistakes);
    draft.rollout = word(line, "rollout", before.rollout, Rollout::ALL, Rollout::as_str, mistakes);
    draft.checked = word(line, "checked", before.checked, Checked::ALL, Checked::as_str, mistakes);
    draft.approved_on = day(line, "approved_on", before.approved_on.as_ref(), mistakes);
    draft.rollout_on = day(line, "rollout_on", before.rollout_on.as_ref(), mistakes);
    draft.checked_on = day(line, "checked_on", before.checked_on.as_ref(), mistakes);
    if let Some(said) = line.get("contacts") {
        draft.contacts = contacts(said);
    }
    draft
}

fn word<T: Copy>(
    line: Line<'_>,
    column: &str,
    before: T,
    all: &[T],
    as_str: fn(T) -> &'static str,
    mistakes: &mut Vec<Mistake>,
) -> T {
    let Some(said) = line.get(column).filter(|said| !said.is_empty()) else { return before };
    let found = all.iter().copied().find(|one| as_str(*one).eq_ignore_ascii_case(said));
    found.unwrap_or_else(|| {
        let words: Vec<&str> = all.iter().copied().map(as_str).collect();
        let hint = format!("write one of {}", words.join(", "));
        mistakes.push(line.mistake(column, Wrong::Word, hint));
        before
    })
}

/// A day as text or, as spreadsheets keep it, as the number of days since the end of 1899.
pub(super) fn day(
    line: Line<'_>,
    column: &str,
    before: Option<&String>,
    mistakes: &mut Vec<Mistake>,
) -> Option<String> {
    let Some(said) = line.get(column) else { return before.cloned() };
    if said.is_empty() {
        return None;
    }
    let found = read_day(said);
    if found.is_none() {
        let hint = "write the day as 2026-12-31 or 31/12/2026";
        mistakes.push(line.mistake(column, Wrong::Day, hint));
    }
    found
}

fn read_day(said: &str) -> Option<String> {
    if let Ok(number @ 10_000..100_000) = said.parse::<i64>() {
        let epoch = jiff::civil::date(1899, 12, 30);
        let span = jiff::Span::new().try_days(number).ok()?;
        return epoch.checked_add(span).ok().map(|day| day.to_string());
    }
    let parts: Vec<&str> = said.split('/').collect();
    let text = match parts.as_slice() {
        [day, month, year] => format!("{year}-{month:0>2}-{day:0>2}"),
        _ => said.to_owned(),
    };
    let is_day = text.len() == 10 && text.parse::<jiff::civil::Date>().is_ok();
    is_day.then_some(text)
}

/// `name; role; phone; mail`, one after another with `|` between.
fn contacts(said: &str) -> Vec<Contact> {
    let one = |text: &str| {
        let mut parts = text.split(';').map(|part| part.trim().to_owned());
        let mut next = || parts.next().unwrap_or_default();
        Contact { name: next(), role: next(), phone: next(), email: next() }
    };
    said.split('|').map(one).filter(|contact| *contact != Contact::default()).collect()
}

/// The same written again.
pub(super) fn contacts_text(contacts: &[Contact]) -> String {
    // What stands between may not be in it.
    let plain = |text: &String| text.replace([';', '|'], ",");
    let one = |Contact { name, role, phone, email }: &Contact| {
        [name, role, phone, email].map(plain).join("; ")
    };
    contacts.iter().map(one).collect::<Vec<_>>().join(" | ")
}

/// Every column but the code, before and after.
fn columns(before: &SystemDraft, after: &SystemDraft) -> Vec<(&'static str, String, String)> {
    let both = cells(before).into_iter().zip(cells(after));
    both.map(|((key, before), (_, after))| (key, before, after))
        .filter(|(key, ..)| *key != "code")
        .collect()
}

/// What stands in each column.
pub(super) fn cells(of: &SystemDraft) -> [(&'static str, String); 16] {
    let day = |day: &Option<String>| day.clone().unwrap_or_default();
    [
        ("code", of.code.clone()),
        ("name", of.name.clone()),
        ("level", if of.level == 0 { String::new() } else { of.level.to_string() }),
        ("owner", of.owner.clone()),
        ("operator", of.operator.clone()),
        ("kind", of.kind.as_str().to_owned()),
        ("approval", of.approval.as_str().to_owned()),
        ("decision", of.decision.clone()),
        ("approved_on", day(&of.approved_on)),
        ("rollout", of.rollout.as_str().to_owned()),
        ("rollout_on", day(&of.rollout_on)),
        ("checked", of.checked.as_str().to_owned()),
        ("checked_on", day(&of.checked_on)),
        ("regulation", of.regulation.clone()),
        ("contacts", contacts_text(&of.contacts)),
        ("note", of.note.clone()),
    ]
}

pub(super) async fn apply(
    tx: &mut SqliteConnection,
    steps: Vec<Step>,
    reach: &Agencies,
    by: (&Caller, Timestamp),
) -> Result<(), Error> {
    for step in steps {
        let Step::System { known, draft } = step else { continue };
        put_system(tx, known, &draft, reach, by).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_read_as_people_and_spreadsheets_write_them() {
        for (said, expected) in [
            ("2026-12-31", Some("2026-12-31")),
            ("31/12/2026", Some("2026-12-31")),
            ("1/7/2025", Some("2025-07-01")),
            ("45839", Some("2025-07-01")),
            ("31/02/2026", None),
            ("soon", None),
        ] {
            assert_eq!(read_day(said).as_deref(), expected, "{said}");
        }
    }

    #[test]
    fn contacts_come_back_as_they_were_written() {
        let text = "Nguyễn Văn A; Quản trị; 0912; a@example.vn | B; ; ; ";
        let read = contacts(text);
        assert_eq!((read.len(), read[0].phone.as_str(), read[1].name.as_str()), (2, "0912", "B"));
        assert_eq!(contacts(&contacts_text(&read)), read);
    }
}
