use std::collections::BTreeSet;

use rsigma_parser::{Detection, DetectionItem};

/// A selection while it is being transformed: items that remember what was done to them.
#[derive(Clone, Debug)]
pub(super) enum Node {
    All(Vec<Node>),
    Any(Vec<Node>),
    Item(Item),
    /// What no transformation looks into.
    Other(Detection),
}

/// A field (none: keywords) and its values.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub parsed: DetectionItem,
    /// Ids of the steps that changed it.
    pub applied: BTreeSet<String>,
}

/// What becomes of an item: `None` drops it.
pub(super) type Change<'c> = dyn FnMut(Item) -> Result<Option<Node>, String> + 'c;

impl Node {
    pub fn of(detection: Detection) -> Self {
        let item = |parsed| Self::Item(Item { parsed, applied: BTreeSet::new() });
        match detection {
            Detection::AllOf(items) => Self::All(items.into_iter().map(item).collect()),
            Detection::And(parts) => Self::All(parts.into_iter().map(Self::of).collect()),
            Detection::AnyOf(parts) => Self::Any(parts.into_iter().map(Self::of).collect()),
            Detection::Keywords(values) => {
                let field = rsigma_parser::FieldSpec::new(None, Vec::new());
                item(DetectionItem { field, values })
            }
            other => Self::Other(other),
        }
    }

    pub fn into_detection(self) -> Detection {
        let parts = |nodes: Vec<Self>| nodes.into_iter().map(Self::into_detection).collect();
        match self {
            Self::All(nodes) => Detection::And(parts(nodes)),
            Self::Any(nodes) => Detection::AnyOf(parts(nodes)),
            Self::Item(item) => Detection::AllOf(vec![item.parsed]),
            Self::Other(detection) => detection,
        }
    }

    /// Changes every item; a node of which nothing is left is dropped.
    pub fn map(self, change: &mut Change<'_>) -> Result<Option<Self>, String> {
        let mut each = |nodes: Vec<Self>| -> Result<Vec<Self>, String> {
            let mut kept = Vec::new();
            for node in nodes {
                kept.extend(node.map(change)?);
            }
            Ok(kept)
        };
        Ok(match self {
            Self::All(nodes) => Some(each(nodes)?).filter(|kept| !kept.is_empty()).map(Self::All),
            Self::Any(nodes) => Some(each(nodes)?).filter(|kept| !kept.is_empty()).map(Self::Any),
            Self::Item(item) => change(item)?,
            other => Some(other),
        })
    }

    /// Whether an item is there of which this is true.
    pub fn any(&self, test: &dyn Fn(&Item) -> bool) -> bool {
        match self {
            Self::All(nodes) | Self::Any(nodes) => nodes.iter().any(|node| node.any(test)),
            Self::Item(item) => test(item),
            Self::Other(_) => false,
        }
    }
}
