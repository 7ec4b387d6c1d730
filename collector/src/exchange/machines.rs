use std::collections::{BTreeSet, HashMap};

use soc_archive::Agencies;
use soc_event::Timestamp;
use sqlx::{Row as _, SqliteConnection};

use super::systems::day;
use super::table::{Line, Table, differences};
use super::{Error, Mistake, PlannedRow, Read, Step, Wrong};
use crate::access::{Caller, listed};
use crate::fleet::{HostRecordDraft, check_record, put_record};

/// A machine that is there.
pub(super) struct There {
    pub(super) agent: String,
    pub(super) hostname: String,
    pub(super) agency: String,
    version: i64,
    pub(super) draft: HostRecordDraft,
    systems: BTreeSet<i64>,
}

/// Machines, and the numbers of systems by their codes.
pub(super) struct World {
    pub(super) machines: Vec<There>,
    systems: HashMap<String, i64>,
}

impl World {
    pub(super) async fn load(tx: &mut SqliteConnection, which: &Agencies) -> Result<Self, Error> {
        let seen = listed(which);
        let rows = sqlx::query(
            "SELECT agent.id, hostname, agency.code AS agency_code,
                COALESCE(person, '') AS person, COALESCE(place, '') AS place,
                COALESCE(purpose, '') AS purpose, COALESCE(serial, '') AS serial,
                COALESCE(asset, '') AS asset, support_end, COALESCE(note, '') AS note,
                COALESCE(host_record.version, 0) AS version,
                (SELECT json_group_array(system) FROM system_host
                    WHERE system_host.agent = agent.id) AS systems
             FROM agent JOIN agency ON agency.id = agent.agency
             LEFT JOIN host_record ON host_record.agent = agent.id
             WHERE revoked_at IS NULL
               AND (?1 IS NULL OR agent.agency IN (SELECT value FROM json_each(?1)))
             ORDER BY agency.code, hostname, agent.id",
        )
        .bind(&seen)
        .fetch_all(&mut *tx)
        .await?;
        let mut machines = Vec::with_capacity(rows.len());
        for row in &rows {
            let systems: String = row.try_get("systems")?;
            machines.push(There {
                agent: row.try_get("id")?,
                hostname: row.try_get("hostname")?,
                agency: row.try_get("agency_code")?,
                version: row.try_get("version")?,
                draft: crate::fleet::record_draft_of(row)?,
                systems: serde_json::from_str(&systems).unwrap_or_default(),
            });
        }
        let systems: Vec<(String, i64)> = sqlx::query_as(
            "SELECT code, id FROM information_system
             WHERE ?1 IS NULL OR owner IN (SELECT value FROM json_each(?1))
                OR operator IN (SELECT value FROM json_each(?1))",
        )
        .bind(&seen)
        .fetch_all(tx)
        .await?;
        Ok(Self { machines, systems: systems.into_iter().collect() })
    }

    /// Codes of systems, with `; ` between.
    pub(super) fn systems_text(&self, of: &There) -> String {
        self.codes(&of.systems)
    }

    fn knows(&self, system: i64) -> bool {
        self.systems.values().any(|id| *id == system)
    }

    fn codes(&self, systems: &BTreeSet<i64>) -> String {
        let mut codes: Vec<&str> = self
            .systems
            .iter()
            .filter(|(_, id)| systems.contains(id))
            .map(|(code, _)| code.as_str())
            .collect();
        codes.sort_unstable();
        codes.join("; ")
    }

    /// The machine a line is about: by its number or, where that is empty, by its name, if need be
    /// with its agency.
    fn machine(&self, line: Line<'_>) -> Result<&There, Mistake> {
        let (number, name, agency) =
            (line.text("machine"), line.text("hostname"), line.text("agency"));
        let is_it = |one: &&There| match number {
            "" => {
                one.hostname.eq_ignore_ascii_case(name)
                    && (agency.is_empty() || one.agency == agency)
            }
            number => one.agent == number,
        };
        let mut found = self.machines.iter().filter(is_it);
        let column = if number.is_empty() { "hostname" } else { "machine" };
        match (found.next(), found.next()) {
            (Some(one), None) => Ok(one),
            (Some(_), Some(_)) => {
                let hint = "several machines are called so: say which by `machine` or `agency`";
                Err(line.mistake(column, Wrong::Machine, hint))
            }
            (None, _) => {
                let hint = "there is no such machine: enrol it first, or mend its name";
                Err(line.mistake(column, Wrong::Machine, hint))
            }
        }
    }
}

pub(super) async fn read(
    tx: &mut SqliteConnection,
    table: &Table,
    reach: &Agencies,
) -> Result<Read, Error> {
    let world = World::load(tx, reach).await?;
    let mut read = Read::default();
    let mut seen: HashMap<&str, usize> = HashMap::new();
    for line in table.lines() {
        let there = match world.machine(line) {
            Ok(there) => there,
            Err(mistake) => {
                read.mistakes.push(mistake);
                continue;
            }
        };
        let mut mistakes = Vec::new();
        if let Some(first) = seen.insert(&there.agent, line.number()) {
            let hint = format!("the machine is on line {first} already: remove one of both");
            mistakes.push(line.mistake("hostname", Wrong::Twice, hint));
        }
        let draft = draft(line, &there.draft, &mut mistakes);
        // Systems of others that it belongs to stay as they are.
        let of_others = there.systems.iter().filter(|id| !world.knows(**id)).copied();
        let systems = systems(line, &world, &mut mistakes)
            .map(|systems| systems.into_iter().chain(of_others).collect::<BTreeSet<i64>>());
        if let Err(hint) = check_record(&draft) {
            mistakes.push(line.mistake("hostname", Wrong::Value, hint));
        }
        if !mistakes.is_empty() {
            read.mistakes.append(&mut mistakes);
            continue;
        }
        let mut columns = columns(&there.draft, &draft);
        if let Some(systems) = &systems {
            columns.push(("systems", world.codes(&there.systems), world.codes(systems)));
        }
        let changes = differences(&columns);
        if changes.is_empty() {
            read.same += 1;
            continue;
        }
        let key = there.hostname.clone();
        read.rows.push(PlannedRow { line: line.number(), is_new: false, key, changes });
        let systems = systems.filter(|systems| *systems != there.systems);
        read.steps.push(Step::Machine {
            agent: there.agent.clone(),
            version: there.version,
            draft,
            systems: systems.map(|systems| systems.into_iter().collect()),
        });
    }
    Ok(read)
}

fn draft(line: Line<'_>, before: &HostRecordDraft, mistakes: &mut Vec<Mistake>) -> HostRecordDraft {
    let text = |key: &str, before: &str| line.get(key).map_or(before, |said| said).to_owned();
    HostRecordDraft {
        person: text("person", &before.person),
        place: text("place", &before.place),
        purpose: text("purpose", &before.purpose),
        serial: text("serial", &before.serial),
        asset: text("asset", &before.asset),
        support_end: day(line, "support_end", before.support_end.as_ref(), mistakes),
        note: text("note", &before.note),
    }
}

/// The systems a line names; nothing where the table does not say.
fn systems(line: Line<'_>, world: &World, mistakes: &mut Vec<Mistake>) -> Option<BTreeSet<i64>> {
    let said = line.get("systems")?;
    let mut found = BTreeSet::new();
    for code in said.split([';', ',']).map(str::trim).filter(|code| !code.is_empty()) {
        match world.systems.get(code) {
            Some(id) => {
                found.insert(*id);
            }
            None => {
                let hint =
                    format!("no system has the code {code:?}: add it first, or mend the code");
                mistakes.push(line.mistake("systems", Wrong::System, hint));
            }
        }
    }
    Some(found)
}

fn columns(
    before: &HostRecordDraft,
    after: &HostRecordDraft,
) -> Vec<(&'static str, String, String)> {
    let both = cells(before).into_iter().zip(cells(after));
    both.map(|((key, before), (_, after))| (key, before, after)).collect()
}

/// What stands in each column.
pub(super) fn cells(of: &HostRecordDraft) -> [(&'static str, String); 7] {
    [
        ("person", of.person.clone()),
        ("place", of.place.clone()),
        ("purpose", of.purpose.clone()),
        ("serial", of.serial.clone()),
        ("asset", of.asset.clone()),
        ("support_end", of.support_end.clone().unwrap_or_default()),
        ("note", of.note.clone()),
    ]
}

pub(super) async fn apply(
    tx: &mut SqliteConnection,
    steps: Vec<Step>,
    caller: &Caller,
    now: Timestamp,
) -> Result<(), Error> {
    for step in steps {
        let Step::Machine { agent, version, draft, systems } = step else { continue };
        put_record(tx, &agent, version, &draft, caller, now).await?;
        let Some(systems) = systems else { continue };
        // Whoever edits one of these systems sees that it has changed.
        let systems = serde_json::to_string(&systems).unwrap_or_default();
        for sql in [
            "UPDATE information_system SET version = version + 1
             WHERE (id IN (SELECT system FROM system_host WHERE agent = ?1))
                <> (id IN (SELECT value FROM json_each(?2)))",
            "DELETE FROM system_host WHERE agent = ?1
             AND system NOT IN (SELECT value FROM json_each(?2))",
            "INSERT OR IGNORE INTO system_host (system, agent)
             SELECT value, ?1 FROM json_each(?2)",
        ] {
            sqlx::query(sql).bind(&agent).bind(&systems).execute(&mut *tx).await?;
        }
    }
    Ok(())
}
