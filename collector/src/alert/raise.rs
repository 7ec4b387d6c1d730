use std::collections::BTreeMap;

use soc_event::Timestamp;
use sqlx::SqliteConnection;

use super::{Alerts, EVENTS_MAX, Error, Finding, GROUPS_MAX, Level};

/// An alert that is new or was seen again; to be announced after the commit.
#[derive(Clone, Debug, PartialEq)]
pub struct Raised {
    /// Which.
    pub id: String,
    /// Whose.
    pub agency: i64,
    /// Whether it is new.
    pub is_new: bool,
    /// How bad.
    pub level: Level,
    /// From reception of the event to now, in seconds.
    pub delay_s: f64,
}

/// Findings of one batch with the same fingerprint.
struct Repeats<'a> {
    fingerprint: String,
    first: &'a Finding,
    /// The last in the order of the journal, whatever the clocks say.
    last: &'a Finding,
    starts_at: Timestamp,
    last_at: Timestamp,
    count: i64,
    positions: Vec<u64>,
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
        let mut raised = Vec::new();
        for repeats in by_fingerprint(findings) {
            raised.push(match self.count_on(tx, &repeats).await? {
                Some(one) => {
                    remember_events(tx, &one.id, &repeats.positions).await?;
                    one
                }
                None => self.begin(tx, &repeats).await?,
            });
        }
        Ok(raised)
    }

    /// A new alert, unless the rule has as many on this machine as it may: then what is new is
    /// counted together on one alert without a group.
    async fn begin(
        &self,
        tx: &mut SqliteConnection,
        repeats: &Repeats<'_>,
    ) -> Result<Raised, Error> {
        let unclosed: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM alert WHERE agent = ? AND rule = ? AND state <> 'closed'",
        )
        .bind(repeats.first.agent.to_string())
        .bind(&repeats.first.rule)
        .fetch_one(&mut *tx)
        .await?;
        if unclosed < GROUPS_MAX || repeats.first.group.is_empty() {
            return self.insert(tx, repeats).await;
        }
        let first = Finding { group: Vec::new(), correlation: None, ..repeats.first.clone() };
        let others = Repeats {
            fingerprint: first.fingerprint(),
            first: &first,
            last: &first,
            positions: first.positions.clone(),
            ..*repeats
        };
        // Of further groups nothing but their number is kept: what else there is would depend on
        // how the journal is cut into batches.
        match self.count_on(tx, &others).await? {
            Some(one) => Ok(one),
            None => self.insert(tx, &others).await,
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

    async fn count_on(
        &self,
        tx: &mut SqliteConnection,
        repeats: &Repeats<'_>,
    ) -> Result<Option<Raised>, Error> {
        let correlation = repeats.last.correlation.as_ref().map(serde_json::to_string);
        let id: Option<(String, i64)> = sqlx::query_as(
            "UPDATE alert SET count = count + ?, last_at = max(last_at, ?),
                 starts_at = min(starts_at, ?), correlation = coalesce(?, correlation)
             WHERE fingerprint = ? AND state <> 'closed' RETURNING id, agency",
        )
        .bind(repeats.count)
        .bind(repeats.last_at.as_micros())
        .bind(repeats.starts_at.as_micros())
        .bind(correlation.transpose()?)
        .bind(&repeats.fingerprint)
        .fetch_optional(tx)
        .await?;
        Ok(id.map(|(id, agency)| self.raised(id, agency, false, repeats.first)))
    }

    async fn insert(
        &self,
        tx: &mut SqliteConnection,
        repeats: &Repeats<'_>,
    ) -> Result<Raised, Error> {
        let finding = repeats.first;
        let id = finding.alert_id(&repeats.fingerprint);
        let now = self.clock.now().as_micros();
        let correlation = repeats.last.correlation.as_ref().map(serde_json::to_string);
        // The same id a second time is the same event read again: it is there already.
        let inserted = sqlx::query(
            "INSERT INTO alert (number, state, id, fingerprint, rule, level, agent, hostname,
                 agency, agency_code, agency_name, rule_said, grouped_by, predicates, correlation,
                 first_event, count, starts_at, last_at, received_at, raised_at, late, words)
             SELECT coalesce(max(number), 0) + 1, 'open', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,
                 ?, ?, ?, ?, ?, ?, ?, ? FROM alert
             WHERE true ON CONFLICT (id) DO NOTHING",
        )
        .bind(&id)
        .bind(&repeats.fingerprint)
        .bind(&finding.rule)
        .bind(finding.level.index())
        .bind(finding.agent.to_string())
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
            super::operate::write_history(tx, &id, now, "", "raised", None).await?;
        }
        remember_events(tx, &id, &repeats.positions).await?;
        Ok(self.raised(id, finding.agency.id, is_new, finding))
    }

    fn raised(&self, id: String, agency: i64, is_new: bool, finding: &Finding) -> Raised {
        let delay_us = self.clock.now().as_micros() - finding.received.as_micros();
        let delay_s = std::time::Duration::from_micros(u64::try_from(delay_us).unwrap_or(0));
        Raised { id, agency, is_new, level: finding.level, delay_s: delay_s.as_secs_f64() }
    }
}

fn by_fingerprint(findings: &[Finding]) -> Vec<Repeats<'_>> {
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    let mut all: Vec<Repeats<'_>> = Vec::new();
    for finding in findings {
        let fingerprint = finding.fingerprint();
        let place = *places.entry(fingerprint.clone()).or_insert(all.len());
        match all.get_mut(place) {
            Some(repeats) => repeats.add(finding),
            None => all.push(Repeats::new(fingerprint, finding)),
        }
    }
    all
}

impl<'a> Repeats<'a> {
    fn new(fingerprint: String, first: &'a Finding) -> Self {
        let positions = first.positions.clone();
        let (starts_at, last_at) = (first.at, first.at);
        Self { fingerprint, first, last: first, starts_at, last_at, count: 1, positions }
    }

    fn add(&mut self, finding: &'a Finding) {
        self.count += 1;
        self.last = finding;
        self.starts_at = self.starts_at.min(finding.at);
        self.last_at = self.last_at.max(finding.at);
        let room = EVENTS_MAX.saturating_sub(self.positions.len());
        self.positions.extend(finding.positions.iter().take(room));
    }
}

async fn remember_events(
    tx: &mut SqliteConnection,
    alert: &str,
    positions: &[u64],
) -> sqlx::Result<()> {
    let max = i64::try_from(EVENTS_MAX).unwrap_or(i64::MAX);
    for position in positions.iter().take(EVENTS_MAX) {
        sqlx::query(
            "INSERT OR IGNORE INTO alert_event SELECT ?, ?
             WHERE (SELECT count(*) FROM alert_event WHERE alert = ?) < ?",
        )
        .bind(alert)
        .bind(i64::try_from(*position).unwrap_or(i64::MAX))
        .bind(alert)
        .bind(max)
        .execute(&mut *tx)
        .await?;
    }
    Ok(())
}

/// What a search looks through; SQLite alone folds only ASCII.
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
    words.join("\n").to_lowercase()
}
