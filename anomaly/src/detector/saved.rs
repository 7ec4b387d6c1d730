//! What a detector has learned, to be kept over a restart.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::{Detector, Settings};
use crate::anomaly::{AnomalyId, Field};
use crate::clock::Clock;
use crate::limits::{SOURCE_SERIES_MAX, SOURCES_MAX, TOLD_MAX};
use crate::novelty::Values;
use crate::source::Source;

/// Changes with every change of the shape below.
const VERSION: u32 = 1;

/// Everything learned, as it was saved. Its shape is of one version only: learning again is cheaper
/// than code for old shapes.
#[derive(Debug, Deserialize)]
pub struct Saved {
    version: u32,
    clock: Clock,
    sources: Vec<Source>,
    values: HashMap<String, Values>,
    administrators: Values,
    told: HashMap<u64, u64>,
}

#[derive(Serialize)]
struct View<'a> {
    version: u32,
    clock: &'a Clock,
    sources: &'a [Source],
    values: HashMap<&'static str, &'a Values>,
    administrators: &'a Values,
    told: &'a HashMap<AnomalyId, u64>,
}

/// What was saved cannot be used; learning begins anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// Another version wrote it.
    #[error("it was learned by another version ({0})")]
    Version(u32),
    /// It has not the shape it must have.
    #[error("it is damaged")]
    Damaged,
}

impl Detector {
    /// What was learned, for [`Detector::restore`].
    pub fn save(&self) -> impl Serialize + '_ {
        View {
            version: VERSION,
            clock: &self.clock,
            sources: &self.sources,
            values: self.values.iter().map(|(field, values)| (field.as_str(), values)).collect(),
            administrators: &self.administrators,
            told: &self.told,
        }
    }

    /// A detector that goes on where another one was saved.
    ///
    /// # Errors
    /// [`Unusable`].
    pub fn restore(settings: Settings, saved: Saved) -> Result<Self, Unusable> {
        let Saved { version, clock, mut sources, mut values, administrators, told } = saved;
        if version != VERSION {
            return Err(Unusable::Version(version));
        }
        let is_small = |source: &Source| source.followed.len() <= SOURCE_SERIES_MAX;
        let is_sound = sources.iter().all(|source| source.is_sound() && is_small(source));
        if !is_sound || sources.len() > SOURCES_MAX || told.len() > TOLD_MAX {
            return Err(Unusable::Damaged);
        }
        sources.shrink_to_fit();
        let mut detector = Self::new(settings);
        detector.clock = clock;
        detector.sources = sources;
        detector.administrators = administrators;
        detector.told = told.into_iter().map(|(id, age)| (AnomalyId(id), age)).collect();
        for field in Field::ALL {
            if let Some(values) = values.remove(field.as_str()) {
                detector.values.insert(field, values);
            }
        }
        Ok(detector)
    }
}
