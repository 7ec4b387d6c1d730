use std::collections::HashMap;

use sqlx::SqliteConnection;

use super::fold::fold;
use super::operate::Entry;
use super::risk::{self, Share};
use super::{
    Alerts, EVENTS_MAX, Error, Finding, First, GROUPS_MAX, Level, Repeats, entity, importance,
};
use crate::silence;

/// [`EVENTS_MAX`], as the database counts.
const EVENTS: i64 = EVENTS_MAX as i64;

/// An alert that is new or was seen again; to be announced after the commit.
#[derive(Clone, Debug, PartialEq)]
pub struct Raised {
    /// Which.
    pub id: String,
    /// Whose.
    pub agency: i64,
    /// Of a new one.
    pub begun: Option<Begun>,
}

/// What is counted of a new alert.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Begun {
    /// How bad.
    pub level: Level,
    /// From reception of the event to now, in seconds.
    pub delay_s: f64,
}

/// An alert that findings were counted on.
#[derive(sqlx::FromRow)]
struct Counted {
    fingerprint: String,
    id: String,
    agency: i64,
    /// Events remembered for it.
    events: i64,
}

impl Alerts {
    /// Turns findings into alerts inside the caller's transaction.
    ///
    /// # Errors
    /// When the database fails; then nothing of the transaction may be committed.
    pub async fn raise(
        &self,
        tx: &mut SqliteConnection,
        findings: &[Finding],
    ) -> Result<Vec<Raised>, Error> {
        self.raise_repeats(tx, &by_fingerprint(findings)).await
    }

    /// The same for findings that were put together; each fingerprint is there once.
    ///
    /// # Errors
    /// As [`Self::raise`].
    pub async fn raise_repeats(
        &self,
        tx: &mut SqliteConnection,
        all: &[Repeats],
    ) -> Result<Vec<Raised>, Error> {
        let counted = count_on(tx, all).await?;
        let counted: HashMap<&str, &Counted> =
            counted.iter().map(|on| (on.fingerprint.as_str(), on)).collect();
        let mut raised = Vec::with_capacity(all.len());
        let mut events = Vec::new();
        for repeats in all {
            let Some(on) = counted.get(repeats.fingerprint.as_str()) else {
                raised.extend(self.begin(tx, repeats).await?);
                continue;
            };
            if on.events < EVENTS {
                events.extend(repeats.positions.iter().map(|position| (on.id.as_str(), *position)));
            }
            raised.push(Raised { id: on.id.clone(), agency: on.agency, begun: None });
        }
        remember_events(tx, &events).await?;
        Ok(raised)
    }

    /// A new alert, unless the rule has as many on this machine as it may: then what is new is
    /// counted together on one alert without a group.
    async fn begin(
        &self,
        tx: &mut SqliteConnection,
        repeats: &Repeats,
    ) -> Result<Option<Raised>, Error> {
        let Some(first) = repeats.first.finding() else { return Ok(None) };
        let unclosed: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM alert WHERE agent = ? AND rule = ? AND state <> 'closed'",
        )
        .bind(first.agent.to_string())
        .bind(&first.rule)
        .fetch_one(&mut *tx)
        .await?;
        if unclosed < GROUPS_MAX || first.group.is_empty() {
            return self.insert(tx, repeats, &first).await.map(Some);
        }
        let first = Finding { group: Vec::new(), correlation: None, ..first };
        let others = Repeats {
            fingerprint: first.fingerprint(),
            first: repeats.first.clone(),
            positions: first.positions.clone(),
            correlation: None,
            ..*repeats
        };
        // Of further groups nothing but their number is kept: what else there is would depend on
        // how the journal is cut into batches.
        match count_on(tx, std::slice::from_ref(&others)).await?.pop() {
            Some(on) => Ok(Some(Raised { id: on.id, agency: on.agency, begun: None })),
            None => self.insert(tx, &others, &first).await.map(Some),
        }
    }

    /// Forgets where in the journal the events of alerts are: the journal is another one now.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn forget_positions(&self, tx: &mut SqliteConnection) -> sqlx::Result<()> {
        sqlx::query("DELETE FROM alert_event").execute(tx).await?;
        Ok(())
    }

    /// `finding` is the first of them.
    async fn insert(
        &self,
        tx: &mut SqliteConnection,
        repeats: &Repeats,
        finding: &Finding,
    ) -> Result<Raised, Error> {
        let id = finding.alert_id(&repeats.fingerprint);
        let now = self.clock.now().as_micros();
        let correlation = repeats.correlation.as_ref().map(serde_json::to_string);
        let agent = finding.agent.to_string();
        let raised_by = importance::of_machine(tx, &agent).await?;
        let level = importance::raised(finding.level, &raised_by);
        let about =
            silence::About { agent: &agent, agency: finding.agency.id, rule: &finding.rule };
        let silence = silence::over(tx, about, finding.received).await?;
        // The same id a second time is the same event read again: it is there already.
        let inserted = sqlx::query(
            "INSERT INTO alert (number, state, id, fingerprint, rule, level, rule_level, raised_by,
                 risk, silence, silenced_until, agent, hostname, agency, agency_code, agency_name,
                 rule_said, grouped_by, predicates, correlation, first_event, count, starts_at,
                 last_at, received_at, raised_at, late, words)
             SELECT coalesce(max(number), 0) + 1, 'open', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,
                 ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ? FROM alert
             WHERE true ON CONFLICT (id) DO NOTHING",
        )
        .bind(&id)
        .bind(&repeats.fingerprint)
        .bind(&finding.rule)
        .bind(level.index())
        .bind(finding.level.index())
        .bind(serde_json::to_string(&raised_by)?)
        .bind(risk::units(level, finding.received))
        .bind(silence.map(|silence| silence.id))
        .bind(silence.map(|silence| silence.until.as_micros()))
        .bind(&agent)
        .bind(&finding.hostname)
        .bind(finding.agency.id)
        .bind(&finding.agency.code)
        .bind(&finding.agency.name)
        .bind(serde_json::to_string(&finding.said)?)
        .bind(serde_json::to_string(&finding.group)?)
        .bind(serde_json::to_string(&finding.predicates)?)
        .bind(correlation.transpose()?)
        .bind(serde_json::to_string(&finding.event)?)
        .bind(repeats.count)
        .bind(repeats.starts_at.as_micros())
        .bind(repeats.last_at.as_micros())
        .bind(finding.received.as_micros())
        .bind(now)
        .bind(finding.late)
        .bind(words(finding))
        .execute(&mut *tx)
        .await?;
        let is_new = inserted.rows_affected() > 0;
        if is_new {
            super::operate::write_history(tx, &id, now, Entry::own("raised")).await?;
            entity::write(tx, &id, finding, repeats.starts_at.as_micros()).await?;
            risk::share(tx, &id, Share::Give).await?;
        }
        let events = repeats.positions.iter().map(|position| (id.as_str(), *position));
        remember_events(tx, &events.collect::<Vec<_>>()).await?;
        let begun = is_new.then(|| self.begun(finding, level));
        Ok(Raised { id, agency: finding.agency.id, begun })
    }

    fn begun(&self, finding: &Finding, level: Level) -> Begun {
        let delay_us = self.clock.now().as_micros() - finding.received.as_micros();
        let delay = std::time::Duration::from_micros(u64::try_from(delay_us).unwrap_or(0));
        Begun { level, delay_s: delay.as_secs_f64() }
    }
}

fn by_fingerprint(findings: &[Finding]) -> Vec<Repeats> {
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut all: Vec<Repeats> = Vec::new();
    for finding in findings {
        let fingerprint = finding.fingerprint();
        let place = *places.entry(fingerprint.clone()).or_insert(all.len());
        match all.get_mut(place) {
            Some(repeats) => repeats.add(finding.into()),
            None => {
                all.push(Repeats::new(fingerprint, First::of(finding.clone()), finding.into()));
            }
        }
    }
    all
}

/// Counts findings on the alerts that are not closed, with one statement for all; says which those
/// are.
async fn count_on(tx: &mut SqliteConnection, all: &[Repeats]) -> Result<Vec<Counted>, Error> {
    if all.is_empty() {
        return Ok(Vec::new());
    }
    let row = |repeats: &Repeats| {
        let Repeats { fingerprint, count, starts_at, last_at, correlation, .. } = repeats;
        let correlation = correlation.as_ref().map(serde_json::to_string).transpose()?;
        Ok((fingerprint.clone(), *count, starts_at.as_micros(), last_at.as_micros(), correlation))
    };
    let rows = all.iter().map(row).collect::<Result<Vec<_>, serde_json::Error>>()?;
    let counted = sqlx::query_as(
        "UPDATE alert SET count = alert.count + more.count,
             starts_at = min(alert.starts_at, more.starts_at),
             last_at = max(alert.last_at, more.last_at),
             -- Still going on after the planned work: it is work now.
             silenced_until = CASE WHEN more.last_at > alert.silenced_until THEN NULL
                 ELSE alert.silenced_until END,
             correlation = coalesce(more.correlation, alert.correlation)
         FROM (SELECT value ->> 0 AS fingerprint, value ->> 1 AS count, value ->> 2 AS starts_at,
             value ->> 3 AS last_at, value ->> 4 AS correlation FROM json_each(?)) AS more
         WHERE alert.fingerprint = more.fingerprint AND alert.state <> 'closed'
         RETURNING fingerprint, id, agency,
             (SELECT count(*) FROM alert_event WHERE alert_event.alert = alert.id) AS events",
    )
    .bind(serde_json::to_string(&rows)?)
    .fetch_all(tx)
    .await?;
    Ok(counted)
}

/// Where in the journal events of alerts are: of each alert the first [`EVENTS_MAX`], in one statement
/// for all.
async fn remember_events(tx: &mut SqliteConnection, events: &[(&str, u64)]) -> Result<(), Error> {
    if events.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO alert_event SELECT alert, position FROM (
             SELECT value ->> 0 AS alert, value ->> 1 AS position,
                 row_number() OVER (PARTITION BY value ->> 0 ORDER BY min(key)) AS place
             FROM json_each(?) GROUP BY 1, 2
             HAVING NOT EXISTS (SELECT 1 FROM alert_event AS old
                 WHERE old.alert = value ->> 0 AND old.position = value ->> 1)
         ) AS new
         WHERE place <= ? - (SELECT count(*) FROM alert_event AS old WHERE old.alert = new.alert)",
    )
    .bind(serde_json::to_string(events)?)
    .bind(EVENTS)
    .execute(tx)
    .await?;
    Ok(())
}

/// What a search looks through, as [`fold`] makes it.
fn words(finding: &Finding) -> String {
    let title = &finding.said.title;
    let mut words = vec![
        finding.hostname.as_str(),
        &title.en,
        title.vi.as_deref().unwrap_or_default(),
        &finding.rule,
        &finding.agency.code,
        &finding.agency.name,
    ];
    words.extend(finding.group.iter().map(|(_, value)| value.as_str()));
    words.extend(finding.said.tags.iter().map(String::as_str));
    fold(&words.join("\n"))
}
