use sha2::{Digest, Sha256};

use super::arithmetic::{Amount, amount, amount_of_text};
use super::code::{Reader, write_text};
use super::condition::Condition;
use super::entry::{Entry, More, Value};
use super::{Correlation, CorrelationMatch};
use crate::event::{Event, FieldValue};
use crate::limits;

/// The values of `group-by`, behind the host where each has groups of its own; each with its length.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Key(Box<[u8]>);

impl Key {
    pub fn of<T: AsRef<str>>(values: impl IntoIterator<Item = T>) -> Self {
        let mut bytes = Vec::with_capacity(32);
        values.into_iter().for_each(|value| write_text(&mut bytes, value.as_ref()));
        Self(bytes.into_boxed_slice())
    }

    pub fn values(&self) -> Vec<&str> {
        let mut reader = Reader(&self.0);
        std::iter::from_fn(|| if reader.0.is_empty() { None } else { reader.text() }).collect()
    }

    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// A match on its way to a group.
pub(super) struct Signal {
    pub key: Key,
    pub entry: Entry,
}

/// A correlation that fired, with what those above it may ask for besides.
pub(super) struct Fired {
    pub found: CorrelationMatch,
    /// Values of [`Correlation::carried`].
    pub carried: Vec<Option<String>>,
}

/// Where the values of a match come from.
enum Fields<'a> {
    Event(&'a dyn Event),
    Match(&'a Correlation, &'a Fired),
}

impl Fields<'_> {
    fn text(&self, name: &str) -> Option<String> {
        match self {
            Self::Event(event) => text(&event.field(name)?),
            Self::Match(correlation, fired) => {
                let grouped = fired.found.group.iter().find(|(known, _)| known == name);
                grouped.map(|(_, value)| value.clone()).or_else(|| {
                    let place = correlation.carried.iter().position(|known| known == name)?;
                    fired.carried.get(place).cloned().flatten()
                })
            }
        }
    }

    fn amount(&self, name: &str) -> Option<Amount> {
        match self {
            Self::Event(event) => amount(&event.field(name)?),
            Self::Match(..) => amount_of_text(&self.text(name)?),
        }
    }
}

/// What an event that matched means to a correlation; `None` when it lacks a field.
pub(super) fn of_event(
    correlation: &Correlation,
    position: usize,
    host: &str,
    id: &str,
    event: &dyn Event,
    late: bool,
) -> Option<Signal> {
    let fields = Fields::Event(event);
    let (key, value) = asked(correlation, position, host, &fields)?;
    let carried = carried(correlation, &fields);
    let more = (!carried.is_empty()).then(|| Box::new(More { of_match: None, carried }));
    let entry = Entry {
        time_us: event.time_us(),
        id: id.into(),
        members: bit(position),
        weight: event.occurrences().max(1),
        value,
        arrived: 0,
        late,
        more,
    };
    Some(Signal { key, entry })
}

/// The same for a correlation that fired: it is an event of its own for those above it, which happened
/// when its last event did.
pub(super) fn of_match(
    correlation: &Correlation,
    position: usize,
    host: &str,
    below: &Correlation,
    fired: &Fired,
) -> Option<Signal> {
    let fields = Fields::Match(below, fired);
    let (key, value) = asked(correlation, position, host, &fields)?;
    let found = &fired.found;
    let first = found.events.first().map_or("", String::as_str);
    let of_match = Some((found.first_us, found.events.clone()));
    let more = More { of_match, carried: carried(correlation, &fields) };
    let counts = matches!(correlation.condition, Condition::EventCount(_));
    let entry = Entry {
        time_us: found.last_us,
        id: format!("{first} #{position}").into(),
        members: bit(position),
        weight: if counts { 1 } else { found.count },
        value,
        arrived: 0,
        late: found.late,
        more: Some(Box::new(more)),
    };
    Some(Signal { key, entry })
}

fn asked(
    correlation: &Correlation,
    position: usize,
    host: &str,
    fields: &Fields<'_>,
) -> Option<(Key, Value)> {
    let member = correlation.members.get(position)?;
    let values = |names: &[String]| {
        names.iter().map(|name| fields.text(name)).collect::<Option<Vec<String>>>()
    };
    let grouped = values(&member.group_by)?;
    let own = correlation.per_host.then_some(host);
    let key = Key::of(own.into_iter().chain(grouped.iter().map(String::as_str)));
    let value = match &correlation.condition {
        Condition::ValueCount(_) => hash(&values(&member.value)?),
        condition if condition.calculates() => fields.amount(member.value.first()?)?.into(),
        _ => Value::default(),
    };
    Some((key, value))
}

fn carried(correlation: &Correlation, fields: &Fields<'_>) -> Vec<Option<String>> {
    correlation.carried.iter().map(|name| fields.text(name)).collect()
}

/// Several fields count as one value. Half of a SHA-256: nobody finds two values that count as one.
fn hash(values: &[String]) -> Value {
    let digest = Sha256::digest(Key::of(values).bytes());
    let mut half = [0; 16];
    half.iter_mut().zip(digest).for_each(|(byte, of)| *byte = of);
    half.into()
}

fn bit(position: usize) -> u64 {
    u32::try_from(position).ok().and_then(|bit| 1_u64.checked_shl(bit)).unwrap_or(0)
}

/// A value as part of a key; `None` for null. Long ones keep their beginning and a hash of all.
fn text(value: &FieldValue<'_>) -> Option<String> {
    let text = match value {
        FieldValue::Null => return None,
        FieldValue::Boolean(value) => value.to_string(),
        FieldValue::Integer(n) => n.to_string(),
        FieldValue::Float(n) => n.to_string(),
        FieldValue::Text(text) => text.clone().into_owned(),
        FieldValue::List(values) => values.iter().filter_map(text_of).collect::<Vec<_>>().join(","),
    };
    if text.len() <= limits::GROUP_VALUE_BYTES_MAX {
        return Some(text);
    }
    let hash: String =
        Sha256::digest(&text).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let end = text.floor_char_boundary(limits::GROUP_VALUE_BYTES_MAX - 20);
    Some(format!("{}…{hash}", text.get(..end).unwrap_or("")))
}

fn text_of(value: &FieldValue<'_>) -> Option<String> {
    match value {
        FieldValue::List(_) => None,
        scalar => text(scalar),
    }
}
