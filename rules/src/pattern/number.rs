use std::cmp::Ordering;

/// A number of a rule or an event.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Number {
    Integer(i64),
    Float(f64),
}

/// How a field's number must stand to the rule's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Number {
    /// The number a text spells, if it is one and finite.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Ok(integer) = text.parse() {
            return Some(Self::Integer(integer));
        }
        let digits =
            |byte: u8| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'+' | b'e' | b'E');
        let float: f64 = text.bytes().all(digits).then(|| text.parse().ok()).flatten()?;
        float.is_finite().then_some(Self::Float(float))
    }

    /// Whole numbers are compared exactly, others as IEEE doubles.
    fn compare(self, other: Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Integer(a), Self::Integer(b)) => Some(a.cmp(&b)),
            (a, b) => a.as_float().partial_cmp(&b.as_float()),
        }
    }

    #[allow(clippy::cast_precision_loss, reason = "the other side is a double already")]
    fn as_float(self) -> f64 {
        match self {
            Self::Integer(n) => n as f64,
            Self::Float(n) => n,
        }
    }
}

impl Comparison {
    /// Whether `found` stands so to `wanted`.
    pub fn holds(self, found: Number, wanted: Number) -> bool {
        let Some(order) = found.compare(wanted) else { return false };
        match self {
            Self::Equal => order.is_eq(),
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
        }
    }
}
