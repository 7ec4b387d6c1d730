use prometheus::{GaugeVec, IntGaugeVec, Opts, Registry};

use super::views::{AntivirusState, Scope};
use super::{Error, Fleet, State};

/// What the fleet tells Prometheus. Labels are agencies' codes, which operators give, and words of
/// ours; nothing that agents say.
#[derive(Clone, Debug)]
pub(super) struct Metrics {
    agents: IntGaugeVec,
    machines: IntGaugeVec,
    coverage: GaugeVec,
    ports: IntGaugeVec,
}

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
            ports: IntGaugeVec::new(
                Opts::new("soc_collector_open_ports", "Open ports of all machines, by scope."),
                &["scope"],
            )?,
        };
        registry.register(Box::new(this.agents.clone()))?;
        registry.register(Box::new(this.machines.clone()))?;
        registry.register(Box::new(this.coverage.clone()))?;
        registry.register(Box::new(this.ports.clone()))?;
        Ok(this)
    }
}

impl Fleet {
    /// Takes the counts anew.
    pub(super) async fn count(&self) -> Result<(), Error> {
        let metrics = &self.0.metrics;
        let overview = self.overview(Scope::All).await?;
        for state in State::ALL {
            let count = overview.machines.of(state);
            metrics.agents.with_label_values(&[state.as_str()]).set(count);
        }
        let rows: Vec<(String, AntivirusState, i64)> = sqlx::query_as(
            "SELECT code, antivirus_state, COUNT(*) FROM agent
             JOIN agency ON agency.id = agent.agency
             WHERE revoked_at IS NULL GROUP BY code, antivirus_state",
        )
        .fetch_all(self.0.store.pool())
        .await?;
        // Every agency has every state, so that no series comes and goes.
        for view in self.agencies().await? {
            let code = view.agency.code.as_str();
            for state in AntivirusState::ALL {
                let found = rows.iter().find(|row| row.0 == code && row.1 == state);
                let count = found.map_or(0, |row| row.2);
                metrics.machines.with_label_values(&[code, state.as_str()]).set(count);
            }
            if let Some(share) = view.antivirus_coverage {
                metrics.coverage.with_label_values(&[code]).set(share);
            }
        }
        self.count_ports().await
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
