//! What an exception would have hidden of the alerts that are kept.

use serde::Serialize;
use soc_archive::Agencies;
use soc_event::Event;
use soc_rules::Ruleset;
use sqlx::QueryBuilder;
use utoipa::ToSchema;

use super::condition::{check, compile};
use super::{DAY_US, Draft, Error, Tuning};
use crate::access::listed;
use crate::alert::{EventView, Level};
use crate::seen::Seen;
use crate::subject::{About, Subject};

/// Days looked at.
const DAYS: i64 = 30;
/// Alerts looked at, the latest.
const ALERTS_MAX: i64 = 5000;
/// Alerts that are named.
const SAMPLES_MAX: usize = 20;

/// What it would have hidden.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Preview {
    /// Days looked at, up to now.
    pub days: i64,
    /// Alerts of that time and scope that were looked at.
    pub of: i64,
    /// Whether there are more of them, which were not.
    pub cut: bool,
    /// Alerts it would have hidden.
    pub alerts: i64,
    /// How often they were seen.
    pub hits: i64,
    /// By level.
    pub levels: Levels,
    /// Of these, such as turned out to be true positives.
    pub true_positives: i64,
    /// Of these, such as were seen several times: only the first event of each is kept, so that it
    /// is not known whether the others would have been hidden too.
    pub uncertain: i64,
    /// Whether the alert it is made from is one of them.
    pub own: Option<bool>,
    /// Some of them, the latest.
    pub samples: Vec<Sample>,
}

/// How many of each level.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Levels {
    /// Critical.
    pub critical: i64,
    /// High.
    pub high: i64,
    /// Medium.
    pub medium: i64,
    /// Low.
    pub low: i64,
    /// Informational.
    pub informational: i64,
}

/// An alert that would have been hidden.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Sample {
    /// Its id.
    pub id: String,
    /// What people call it.
    pub number: i64,
    /// How bad.
    pub level: Level,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: String,
    number: i64,
    level: i64,
    verdict: Option<String>,
    count: i64,
    agent: String,
    hostname: String,
    agency_code: String,
    first_event: String,
}

impl Tuning {
    /// What an exception would have hidden in the last 30 days, of the alerts that may be seen.
    ///
    /// # Errors
    /// [`Error::Refused`] for conditions that cannot be, or when the database fails.
    pub async fn preview(&self, draft: &Draft, seen: &Agencies) -> Result<Preview, Error> {
        check(&draft.conditions)?;
        let since = self.clock.now().plus_micros(-DAYS * DAY_US);
        let mut query = QueryBuilder::new(
            "SELECT id, number, level, verdict, count, agent, hostname, agency_code, first_event
             FROM alert WHERE last_at >= ",
        );
        query.push_bind(since.as_micros());
        if let Some(rule) = &draft.rule {
            query.push(" AND rule = ").push_bind(rule.clone());
        }
        if let Some(machine) = draft.machine {
            query.push(" AND agent = ").push_bind(machine.to_string());
        }
        if let Some(agency) = draft.agency {
            query.push(" AND agency IN (WITH RECURSIVE below (id) AS (VALUES (").push_bind(agency);
            query.push(") UNION SELECT below FROM agency_below JOIN below");
            query.push(" ON above = below.id) SELECT id FROM below)");
        }
        if let Some(list) = listed(seen) {
            query.push(" AND agency IN (SELECT value FROM json_each(").push_bind(list).push("))");
        }
        query.push(" ORDER BY last_at DESC, number DESC LIMIT ").push_bind(ALERTS_MAX + 1);
        let rows: Vec<Row> = query.build_query_as().fetch_all(self.store.pool()).await?;
        let conditions = compile(&[(0, &draft.conditions)])?;
        let alert = draft.alert.clone();
        // Thousands of events are read for this.
        let count = move || count(&rows, &conditions, alert.as_deref());
        Ok(tokio::task::spawn_blocking(count).await?)
    }
}

fn count(rows: &[Row], conditions: &Ruleset, alert: Option<&str>) -> Preview {
    let most = usize::try_from(ALERTS_MAX).unwrap_or(usize::MAX);
    let mut preview = Preview {
        days: DAYS,
        cut: rows.len() > most,
        own: alert.map(|_| false),
        ..Preview::default()
    };
    for row in rows.iter().take(most) {
        preview.of += 1;
        if is_hidden(row, conditions) {
            preview.add(row, alert);
        }
    }
    preview
}

fn is_hidden(row: &Row, conditions: &Ruleset) -> bool {
    let Ok(view) = serde_json::from_str::<EventView>(&row.first_event) else { return false };
    let event = event(view);
    let about = About {
        agent: &row.agent,
        agency: Some(&row.agency_code),
        host: Some(row.hostname.as_str()).filter(|name| !name.is_empty()),
    };
    conditions.is_match(0, &Subject { body: Seen(&event), about })
}

/// The event again of which it is the view.
fn event(view: EventView) -> Event {
    let EventView { time, kind, logsource, fields, raw, .. } = view;
    let event = Event::new(time, soc_event::Kind::from_name(kind), logsource);
    Event { fields, raw, ..event }
}

impl Preview {
    fn add(&mut self, row: &Row, alert: Option<&str>) {
        let level = Level::from_index(row.level);
        self.alerts += 1;
        self.hits += row.count;
        self.uncertain += i64::from(row.count > 1);
        self.true_positives += i64::from(row.verdict.as_deref() == Some("true_positive"));
        let of_level = match level {
            Level::Critical => &mut self.levels.critical,
            Level::High => &mut self.levels.high,
            Level::Medium => &mut self.levels.medium,
            Level::Low => &mut self.levels.low,
            Level::Informational => &mut self.levels.informational,
        };
        *of_level += 1;
        if alert == Some(row.id.as_str()) {
            self.own = Some(true);
        }
        if self.samples.len() < SAMPLES_MAX {
            self.samples.push(Sample { id: row.id.clone(), number: row.number, level });
        }
    }
}
