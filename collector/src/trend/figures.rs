use std::collections::BTreeMap;

use serde::Serialize;
use soc_archive::Agencies;
use soc_event::Timestamp;
use utoipa::ToSchema;

use super::{Error, Trends};
use crate::alert::LevelCounts;
use crate::fleet::AgencyFigures;

/// What one agency, or several together, were like on a day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Figures {
    /// Machines.
    pub machines: i64,
    /// Those heard from on this day.
    pub heard: i64,
    /// Protected by antivirus.
    pub protected: i64,
    /// Protected, but something is lacking.
    pub weak: i64,
    /// Antivirus off or missing.
    pub unprotected: i64,
    /// Not known.
    pub unknown: i64,
    /// Machines known on the network without an agent; none where nobody looks.
    pub without_agent: Option<i64>,
    /// Open alerts.
    pub open: LevelCounts,
    /// Alerts raised on this day.
    pub raised: LevelCounts,
}

impl Figures {
    /// Both together.
    pub(super) fn plus(self, other: Self) -> Self {
        let either = self.without_agent.or(other.without_agent);
        let both = self.without_agent.zip(other.without_agent).map(|(one, two)| one + two);
        Self {
            machines: self.machines + other.machines,
            heard: self.heard + other.heard,
            protected: self.protected + other.protected,
            weak: self.weak + other.weak,
            unprotected: self.unprotected + other.unprotected,
            unknown: self.unknown + other.unknown,
            without_agent: both.or(either),
            open: self.open.plus(other.open),
            raised: self.raised.plus(other.raised),
        }
    }

    fn of(machines: AgencyFigures) -> Self {
        Self {
            machines: machines.machines,
            heard: machines.heard,
            protected: machines.protected,
            weak: machines.weak,
            unprotected: machines.unprotected,
            unknown: machines.unknown,
            without_agent: machines.without_agent,
            ..Self::default()
        }
    }
}

impl Trends {
    /// Figures by agency of the day that began then and goes on; of these agencies or of all.
    pub(super) async fn measured(
        &self,
        agencies: &Agencies,
        begin: Timestamp,
    ) -> Result<BTreeMap<i64, Figures>, Error> {
        let machines = self.0.fleet.figures(agencies, begin).await?;
        let of = |one: AgencyFigures| (one.agency, Figures::of(one));
        let mut figures: BTreeMap<i64, Figures> = machines.into_iter().map(of).collect();
        let to = self.now().plus_micros(1);
        for (agency, alerts) in self.0.alerts.figures(agencies, begin, to).await? {
            let of = figures.entry(agency).or_default();
            (of.open, of.raised) = (alerts.open, alerts.raised);
        }
        Ok(figures)
    }
}
