//! Rows in the order of a file, without moving them.

use std::collections::HashMap;

use soc_event::{Kind, Logsource};

use crate::Row;

/// What rows are sorted by before their time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Group<'a> {
    host: &'a str,
    kind: &'a Kind,
    source: &'a Logsource,
}

impl<'a> Group<'a> {
    fn of(row: &'a Row) -> Self {
        Self { host: &row.host, kind: &row.event.kind, source: &row.event.logsource }
    }
}

/// These rows as [`super::order`] has them. There are few machines and kinds of logs among many
/// rows, so texts are compared once a group and numbers from then on.
pub(super) fn sorted(rows: &[Row]) -> Vec<&Row> {
    let mut found: HashMap<Group<'_>, usize> = HashMap::new();
    let mut keys: Vec<(usize, i64, u64, &Row)> = Vec::with_capacity(rows.len());
    for row in rows {
        let next = found.len();
        let group = *found.entry(Group::of(row)).or_insert(next);
        keys.push((group, row.event.time.as_micros(), row.position, row));
    }
    let mut groups: Vec<(Group<'_>, usize)> = found.into_iter().collect();
    groups.sort_unstable();
    let mut ranks = vec![0; groups.len()];
    for (rank, (_, group)) in groups.iter().enumerate() {
        if let Some(place) = ranks.get_mut(*group) {
            *place = rank;
        }
    }
    for key in &mut keys {
        key.0 = ranks.get(key.0).copied().unwrap_or(0);
    }
    keys.sort_unstable_by_key(|(rank, time, position, _)| (*rank, *time, *position));
    keys.into_iter().map(|(.., row)| row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use soc_event::{AgentId, Epoch, Event, EventId, Lane, Sequence, Timestamp};

    #[test]
    fn the_order_is_that_of_merging() {
        let id = EventId {
            agent: AgentId::COLLECTOR,
            epoch: Epoch(1),
            lane: Lane::Log,
            sequence: Sequence(1),
        };
        let row = |position: u64| {
            let time = Timestamp::from_micros(i64::try_from(position * 7 % 5).unwrap_or(0));
            let kind =
                Kind::from_name(["log", "agent.started"][usize::from(position.is_multiple_of(2))]);
            let service = (!position.is_multiple_of(3)).then(|| format!("s{}", position % 4));
            let source = Logsource { service, ..Logsource::default() };
            let host = format!("h{}", position * 13 % 6).as_str().into();
            let event = Event::new(time, kind, source);
            Row { position, received: time, agency: "A".into(), host, id, event }
        };
        let rows: Vec<Row> = (0..500).map(row).collect();
        let mut wanted: Vec<&Row> = rows.iter().collect();
        wanted.sort_by(|one, other| super::super::order(one, other));
        assert_eq!(sorted(&rows), wanted);
    }
}
