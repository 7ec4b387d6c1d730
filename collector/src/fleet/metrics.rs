use soc_archive::Agencies;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use prometheus::{GaugeVec, IntGaugeVec, Opts, Registry};

use super::agency::{MONITORED_MICROS, share};
use super::antivirus::by_reason;
use super::views::AntivirusState;
use super::{Error, Fleet, State};

/// What the fleet tells Prometheus. Labels are agencies' codes, which operators give, and words of
/// ours; nothing that agents say.
#[derive(Clone, Debug)]
pub(super) struct Metrics {
    agents: IntGaugeVec,
    machines: IntGaugeVec,
    coverage: GaugeVec,
    weak: IntGaugeVec,
    ports: IntGaugeVec,
    without_agent: IntGaugeVec,
    systems: IntGaugeVec,
    /// Agencies that have series.
    agencies: Arc<Mutex<BTreeSet<String>>>,
}

/// Agencies with series of their own: a province has some three hundred.
const AGENCIES_MAX: usize = 1000;
/// Label of all others; no agency can have it as its code.
const OTHER_AGENCIES: &str = "(other)";

/// Scopes of ports as agents name them; other words are not counted.
const SCOPES: [&str; 3] = ["loopback", "lan", "any"];

impl Metrics {
    pub(super) fn new(registry: &Registry) -> prometheus::Result<Self> {
        let this = Self {
            agents: IntGaugeVec::new(
                Opts::new("soc_collector_agents", "Enrolled agents, by state."),
                &["state"],
            )?,
            machines: IntGaugeVec::new(
                Opts::new(
                    "soc_collector_antivirus_machines",
                    "Machines by agency and state of their best antivirus product.",
                ),
                &["agency", "state"],
            )?,
            coverage: GaugeVec::new(
                Opts::new(
                    "soc_collector_antivirus_coverage_ratio",
                    "Share of an agency's machines that are protected by antivirus.",
                ),
                &["agency"],
            )?,
            weak: IntGaugeVec::new(
                Opts::new(
                    "soc_collector_antivirus_weak_machines",
                    "Weakly protected machines by agency and reason; one may have several reasons.",
                ),
                &["agency", "reason"],
            )?,
            ports: IntGaugeVec::new(
                Opts::new("soc_collector_open_ports", "Open ports of all machines, by scope."),
                &["scope"],
            )?,
            without_agent: IntGaugeVec::new(
                Opts::new(
                    "soc_collector_neighbours_without_agent",
                    "Machines seen on an agency's networks that have no agent and were not accepted.",
                ),
                &["agency"],
            )?,
            systems: IntGaugeVec::new(
                Opts::new(
                    "soc_collector_information_systems",
                    "Information systems by owner: all, monitored (a host heard within a day), approved.",
                ),
                &["agency", "state"],
            )?,
            agencies: Arc::default(),
        };
        for state in State::ALL {
            this.agents.with_label_values(&[state.as_str()]);
        }
        for scope in SCOPES {
            this.ports.with_label_values(&[scope]);
        }
        registry.register(Box::new(this.agents.clone()))?;
        registry.register(Box::new(this.machines.clone()))?;
        registry.register(Box::new(this.coverage.clone()))?;
        registry.register(Box::new(this.weak.clone()))?;
        registry.register(Box::new(this.ports.clone()))?;
        registry.register(Box::new(this.without_agent.clone()))?;
        registry.register(Box::new(this.systems.clone()))?;
        Ok(this)
    }
}

impl Fleet {
    /// Takes the counts anew.
    pub(crate) async fn count(&self) -> Result<(), Error> {
        let metrics = &self.0.metrics;
        let overview = self.overview(&Agencies::All).await?;
        for state in State::ALL {
            let count = overview.machines.of(state);
            metrics.agents.with_label_values(&[state.as_str()]).set(count);
        }
        self.count_antivirus().await?;
        self.count_weak().await?;
        self.count_systems().await?;
        self.count_ports().await
    }

    async fn count_systems(&self) -> Result<(), Error> {
        let since = self.0.clock.now().plus_micros(-MONITORED_MICROS).as_micros();
        let rows: Vec<(String, i64, i64, i64)> = sqlx::query_as(
            "SELECT agency.code, COUNT(*), SUM(EXISTS (SELECT 1 FROM system_host
                    JOIN agent ON agent.id = system_host.agent
                    WHERE system_host.system = system.id AND revoked_at IS NULL
                      AND heard_at >= ?)),
                    SUM(approval = 'approved')
             FROM information_system AS system JOIN agency ON agency.id = system.owner
             GROUP BY agency.id ORDER BY agency.id",
        )
        .bind(since)
        .fetch_all(self.0.store.pool())
        .await?;
        let systems = &self.0.metrics.systems;
        systems.reset();
        for (place, (code, all, monitored, approved)) in rows.iter().enumerate() {
            let code = if place < AGENCIES_MAX { code.as_str() } else { OTHER_AGENCIES };
            for (state, count) in [("all", all), ("monitored", monitored), ("approved", approved)] {
                systems.with_label_values(&[code, state]).add(*count);
            }
        }
        Ok(())
    }

    async fn count_antivirus(&self) -> Result<(), Error> {
        let rows: Vec<(String, AntivirusState, i64)> = sqlx::query_as(
            "SELECT code, antivirus_state, COUNT(*) FROM agent
             JOIN agency ON agency.id = agent.agency
             WHERE revoked_at IS NULL GROUP BY agency.id, antivirus_state ORDER BY agency.id",
        )
        .fetch_all(self.0.store.pool())
        .await?;
        let counts = by_agency(&rows);
        let Metrics { machines, coverage, .. } = &self.0.metrics;
        let mut told = self.0.metrics.agencies.lock().unwrap_or_else(PoisonError::into_inner);
        for gone in told.iter().filter(|code| !counts.contains_key(code.as_str())) {
            let _ = coverage.remove_label_values(&[gone]);
            for state in AntivirusState::ALL {
                let _ = machines.remove_label_values(&[gone, state.as_str()]);
            }
        }
        for (code, states) in &counts {
            let protected = states.get(&AntivirusState::Protected).copied().unwrap_or_default();
            if let Some(share) = share(protected, states.values().sum()) {
                coverage.with_label_values(&[code]).set(share);
            }
            for state in AntivirusState::ALL {
                let count = states.get(&state).copied().unwrap_or_default();
                machines.with_label_values(&[code, state.as_str()]).set(count);
            }
        }
        *told = counts.into_keys().map(str::to_owned).collect();
        Ok(())
    }

    /// Takes the counts of neighbours anew; seldomer than the others, because it looks at each.
    pub(crate) async fn count_neighbours(&self) -> Result<(), Error> {
        let counts = self.without_agent(&Agencies::All).await?;
        let codes: Vec<(i64, String)> = sqlx::query_as("SELECT id, code FROM agency ORDER BY id")
            .fetch_all(self.0.store.pool())
            .await?;
        let gauge = &self.0.metrics.without_agent;
        gauge.reset();
        for (place, (id, code)) in codes.iter().enumerate() {
            let Some(count) = counts.get(id) else { continue };
            let code = if place < AGENCIES_MAX { code.as_str() } else { OTHER_AGENCIES };
            gauge.with_label_values(&[code]).add(*count);
        }
        let watched: Vec<i64> = sqlx::query_scalar(
            "SELECT DISTINCT agent.agency FROM neighbour JOIN agent ON agent.id = neighbour.agent
             WHERE agent.revoked_at IS NULL",
        )
        .fetch_all(self.0.store.pool())
        .await?;
        let count = |agency: i64| (agency, counts.get(&agency).copied().unwrap_or_default());
        let known = watched.into_iter().map(count).collect();
        *self.0.without_agent.write().unwrap_or_else(PoisonError::into_inner) = known;
        Ok(())
    }

    async fn count_weak(&self) -> Result<(), Error> {
        let codes: HashMap<i64, String> =
            sqlx::query_as::<_, (i64, String)>("SELECT id, code FROM agency ORDER BY id LIMIT ?")
                .bind(i64::try_from(AGENCIES_MAX).unwrap_or(i64::MAX))
                .fetch_all(self.0.store.pool())
                .await?
                .into_iter()
                .collect();
        let mut counts: BTreeMap<(&str, &'static str), i64> = BTreeMap::new();
        for (agency, reason, count) in self.weak_by_agency().await? {
            let code = codes.get(&agency).map_or(OTHER_AGENCIES, String::as_str);
            for (reason, count) in by_reason([(reason, count)]) {
                *counts.entry((code, reason)).or_default() += count;
            }
        }
        let weak = &self.0.metrics.weak;
        // What is not there any more has to go; between the two lines nobody sees more than a gap.
        weak.reset();
        for ((code, reason), count) in counts {
            weak.with_label_values(&[code, reason]).set(count);
        }
        Ok(())
    }

    async fn count_ports(&self) -> Result<(), Error> {
        let rows: Vec<(String, i64)> = sqlx::query_as(
            "SELECT scope, COUNT(*) FROM port JOIN agent ON agent.id = port.agent
             WHERE closed_at IS NULL AND revoked_at IS NULL GROUP BY scope",
        )
        .fetch_all(self.0.store.pool())
        .await?;
        for scope in SCOPES {
            let count = rows.iter().find(|(found, _)| found == scope).map_or(0, |row| row.1);
            self.0.metrics.ports.with_label_values(&[scope]).set(count);
        }
        Ok(())
    }
}

/// How many machines of each agency are in each state. Agencies without machines are left out, and
/// those beyond the limit (the ones made last) are counted together.
fn by_agency(
    rows: &[(String, AntivirusState, i64)],
) -> BTreeMap<&str, HashMap<AntivirusState, i64>> {
    let mut counts: BTreeMap<&str, HashMap<AntivirusState, i64>> = BTreeMap::new();
    for (code, state, count) in rows {
        let full = counts.len() >= AGENCIES_MAX && !counts.contains_key(code.as_str());
        let code = if full { OTHER_AGENCIES } else { code.as_str() };
        *counts.entry(code).or_default().entry(*state).or_default() += count;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agencies_beyond_the_limit_are_counted_together() {
        let rows: Vec<_> = (0..AGENCIES_MAX + 30)
            .map(|number| (format!("A{number}"), AntivirusState::Protected, 2))
            .collect();
        let counts = by_agency(&rows);
        assert_eq!(counts.len(), AGENCIES_MAX + 1);
        assert_eq!(counts[OTHER_AGENCIES][&AntivirusState::Protected], 60);
        assert_eq!(counts["A0"][&AntivirusState::Protected], 2);
        assert!(super::super::agency::check_code(OTHER_AGENCIES).is_err(), "no agency's own code");
    }
}
