use std::collections::{BTreeMap, HashMap, HashSet};

use soc_archive::Agencies;
use soc_event::Timestamp;
use sqlx::SqliteConnection;

use super::table::{Line, Table, differences};
use super::{Error, Mistake, PlannedRow, Read, Step, Wrong};
use crate::access::Caller;
use crate::fleet::{Change, Order, Work, check_code, check_name};

/// An agency that is there.
#[derive(sqlx::FromRow)]
struct There {
    id: i64,
    code: String,
    name: String,
    parent: Option<String>,
    revision: i64,
    valid_until: Option<String>,
}

/// What one line says.
struct Said<'t> {
    line: Line<'t>,
    code: &'t str,
    name: &'t str,
    /// Nothing where the table does not say it.
    parent: Option<&'t str>,
}

pub(super) async fn read(
    tx: &mut SqliteConnection,
    table: &Table,
    reach: &Agencies,
) -> Result<Read, Error> {
    let there: Vec<There> = sqlx::query_as(
        "SELECT below.id, below.code, below.name, above.code AS parent, below.revision,
                below.valid_until
         FROM agency AS below LEFT JOIN agency AS above ON above.id = below.parent",
    )
    .fetch_all(tx)
    .await?;
    let there: HashMap<&str, &There> = there.iter().map(|one| (one.code.as_str(), one)).collect();
    let said: Vec<Said<'_>> = table.lines().map(said).collect();
    let mut read = Read { mistakes: mistakes(&said, &there, reach), ..Read::default() };
    if !read.mistakes.is_empty() {
        return Ok(read);
    }
    for Said { line, code, name, parent } in in_order(said) {
        let known = there.get(code).copied();
        let above = known.and_then(|known| known.parent.as_deref()).unwrap_or_default();
        let parent = parent.unwrap_or(above);
        let before = known.map_or("", |known| known.name.as_str());
        let changes = differences(&[
            ("name", before.to_owned(), name.to_owned()),
            ("parent", above.to_owned(), parent.to_owned()),
        ]);
        if known.is_some() && changes.is_empty() {
            read.same += 1;
            continue;
        }
        read.rows.push(PlannedRow {
            line: line.number(),
            is_new: known.is_none(),
            key: code.to_owned(),
            changes,
        });
        read.steps.push(Step::Agency {
            known: known.map(|known| (known.id, known.revision)),
            code: code.to_owned(),
            name: name.to_owned(),
            parent: (!parent.is_empty()).then(|| parent.to_owned()),
        });
    }
    Ok(read)
}

fn said(line: Line<'_>) -> Said<'_> {
    Said { line, code: line.text("code"), name: line.text("name"), parent: line.get("parent") }
}

/// Codes twice, parents that are nowhere, and circles.
fn mistakes(said: &[Said<'_>], there: &HashMap<&str, &There>, reach: &Agencies) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    let mut first: HashMap<&str, usize> = HashMap::new();
    let mut above: BTreeMap<&str, Option<&str>> =
        there.values().map(|one| (one.code.as_str(), one.parent.as_deref())).collect();
    for one in said {
        if let Err(hint) = check_code(one.code) {
            mistakes.push(one.line.mistake("code", Wrong::Value, hint));
            continue;
        }
        if let Err(hint) = check_name(one.name) {
            mistakes.push(one.line.mistake("name", Wrong::Value, hint));
        }
        if let Some(line) = first.insert(one.code, one.line.number()) {
            let hint = format!("the code is on line {line} already: remove one of both");
            mistakes.push(one.line.mistake("code", Wrong::Twice, hint));
        }
        if there.get(one.code).is_some_and(|known| !reach.hold(known.id)) {
            let hint = "this agency is not yours to change: remove the line";
            mistakes.push(one.line.mistake("code", Wrong::Agency, hint));
        }
        if there.get(one.code).is_some_and(|known| known.valid_until.is_some()) {
            let hint = "this agency is no more: remove the line or take another code";
            mistakes.push(one.line.mistake("code", Wrong::Ended, hint));
        }
        if let Some(parent) = one.parent {
            above.insert(one.code, Some(parent).filter(|parent| !parent.is_empty()));
        } else {
            above.entry(one.code).or_default();
        }
    }
    for one in said {
        let Some(parent) = one.parent.filter(|parent| !parent.is_empty()) else { continue };
        let is_others = |known: &&There| !reach.hold(known.id);
        if !above.contains_key(parent) || there.get(parent).is_some_and(is_others) {
            let hint = "no agency has this code: add a line for it, or mend the code";
            mistakes.push(one.line.mistake("parent", Wrong::Agency, hint));
        } else if there.get(parent).is_some_and(|known| known.valid_until.is_some()) {
            let hint = "the agency above is no more: name one that is";
            mistakes.push(one.line.mistake("parent", Wrong::Ended, hint));
        } else if is_in_circle(one.code, &above) {
            let hint = "it would be below itself: name another agency above it";
            mistakes.push(one.line.mistake("parent", Wrong::Circle, hint));
        }
    }
    mistakes
}

fn is_in_circle(code: &str, above: &BTreeMap<&str, Option<&str>>) -> bool {
    let mut at = code;
    for _ in 0..above.len() {
        match above.get(at).copied().flatten() {
            Some(parent) if parent == code => return true,
            Some(parent) => at = parent,
            None => return false,
        }
    }
    false
}

/// Those above before those below, so that each finds the one above it.
fn in_order<'t>(said: Vec<Said<'t>>) -> Vec<Said<'t>> {
    let mut waiting: HashSet<&str> = said.iter().map(|one| one.code).collect();
    let (mut ordered, mut left) = (Vec::with_capacity(said.len()), said);
    while !left.is_empty() {
        let (ready, later): (Vec<_>, Vec<_>) = left
            .into_iter()
            .partition(|one| one.parent.is_none_or(|parent| !waiting.contains(parent)));
        // A circle, which was told as a mistake.
        if ready.is_empty() {
            ordered.extend(later);
            return ordered;
        }
        for one in &ready {
            waiting.remove(one.code);
        }
        ordered.extend(ready);
        left = later;
    }
    ordered
}

pub(super) async fn apply(
    tx: &mut SqliteConnection,
    steps: Vec<Step>,
    reach: &Agencies,
    (caller, now): (&Caller, Timestamp),
) -> Result<(), Error> {
    if steps.is_empty() {
        return Ok(());
    }
    let change = Change::Add { code: String::new(), name: String::new(), parent: None };
    let order = Order {
        change,
        day: None,
        decision: String::new(),
        reason: "from a table".to_owned(),
        versions: BTreeMap::new(),
    };
    let mut work = Work::begin(tx, "import", &order, reach, (&caller.who, now)).await?;
    for step in steps {
        let Step::Agency { known, code, name, parent } = step else { continue };
        let parent = work.place_named(parent.as_deref()).await?;
        if known.is_none() {
            work.add(&code, &name, parent).await?;
            continue;
        }
        let agency = work.live(&code).await?;
        if agency.name != name {
            work.rename(&agency, &code, &name).await?;
        }
        let agency = work.live(&code).await?;
        work.place(&agency, parent).await?;
    }
    Ok(())
}
