//! Events that are shown with a result.

use std::collections::{BTreeMap, BTreeSet};

use soc_archive::Row;
use soc_event::AgentId;

use super::Error;
use super::job::RuleRow;
use super::past::Past;
use crate::alert::{EventView, MachineRef};

/// Bytes of the events that are kept of one rule, in JSON; at least one event is.
const BYTES_MAX: usize = 512 * 1024;

/// The samples of each rule as JSON, by the id of its look back.
pub(super) fn samples(
    past: &Past,
    rules: &BTreeMap<String, RuleRow>,
) -> Result<BTreeMap<String, String>, Error> {
    let positions: BTreeSet<u64> =
        rules.values().flat_map(|row| row.tally.samples.iter().copied()).collect();
    let rows = past.pick(&positions)?;
    let mut samples = BTreeMap::new();
    for row in rules.values() {
        let mut shown = Vec::new();
        let mut bytes = 0;
        for row in row.tally.samples.iter().filter_map(|position| rows.get(position)) {
            let view = serde_json::to_value(view(row))?;
            bytes += view.to_string().len();
            if bytes > BYTES_MAX && !shown.is_empty() {
                break;
            }
            shown.push(view);
        }
        samples.insert(row.id.clone(), serde_json::to_string(&shown)?);
    }
    Ok(samples)
}

fn view(row: &Row) -> EventView {
    let named = || row.event.text("agent.id").and_then(|id| id.parse().ok());
    let id = match row.id.agent {
        AgentId::COLLECTOR => named().unwrap_or(AgentId::COLLECTOR),
        agent => agent,
    };
    let machine = MachineRef { id, hostname: row.host.to_string() };
    EventView::new(row.position, &row.id, row.received, &row.event, machine)
}
