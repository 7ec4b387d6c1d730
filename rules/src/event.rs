use std::borrow::Cow;

/// How an event looks to a rule. Whoever keeps events implements it; this crate never sees more.
pub trait Event {
    /// The value of a field, `None` when the event has no such field. Names are case-sensitive.
    /// For our own kinds the event's kind (`port.opened`) is the field `kind`.
    fn field(&self, name: &str) -> Option<FieldValue<'_>>;

    /// Shows every field once, with its value, in any order: names as [`Event::field`] knows them.
    fn fields<'e>(&'e self, visit: &mut dyn FnMut(&'e str, FieldValue<'e>));

    /// Shows every text of the event, its fields' and the raw line, to `visit`; stops when `visit`
    /// returns true. This is what a keyword searches.
    fn texts(&self, visit: &mut dyn FnMut(&str) -> bool);

    /// Which rules may look at it.
    fn logsource(&self) -> LogsourceRef<'_>;

    /// When it happened: microseconds since 1970, UTC.
    fn time_us(&self) -> i64;

    /// How many occurrences it stands for: a log says "message repeated 3 times" in one line.
    fn occurrences(&self) -> u64 {
        match self.field("event.count") {
            Some(FieldValue::Integer(n)) => u64::try_from(n).unwrap_or(1).max(1),
            _ => 1,
        }
    }
}

/// One value of a field.
#[derive(Clone, Debug, PartialEq)]
pub enum FieldValue<'a> {
    /// The field is there and holds nothing; only `exists` tells it from one that is absent.
    Null,
    /// True or false.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// Any other number.
    Float(f64),
    /// A text.
    Text(Cow<'a, str>),
    /// Several; a pattern matches the list when it matches one of them.
    List(Vec<FieldValue<'a>>),
}

/// Where an event comes from, as far as it says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogsourceRef<'a> {
    /// `linux`, `windows`, `soc` for our own kinds.
    pub product: Option<&'a str>,
    /// `process_creation`, `webserver`.
    pub category: Option<&'a str>,
    /// `sshd`, `sudo`.
    pub service: Option<&'a str>,
}
