use rsigma_parser::Modifier;

use crate::pattern::{Comparison, Encoding, Part, Within};

/// What the modifiers of a field ask for, in one place and free of contradictions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    pub operator: Operator,
    pub within: Within,
    /// Every value must match, rather than one.
    pub all: bool,
    /// No value may match.
    pub negated: bool,
    pub cased: bool,
    pub windash: bool,
    pub expand: bool,
    pub wide: Option<Wide>,
    pub encoding: Option<Encoding>,
    pub part: Option<Part>,
}

/// What a value is compared by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Operator {
    /// As text with wildcards, as number, boolean or null, whichever it is.
    #[default]
    Value,
    Regex(String),
    Cidr,
    Exists,
    FieldRef,
    Compare(Comparison),
}

/// A form of UTF-16.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wide {
    LittleEndian,
    BigEndian,
    /// Little endian behind a byte order mark.
    Marked,
}

impl Plan {
    /// Reads the modifiers of one field.
    ///
    /// # Errors
    /// Modifiers that exclude each other, as a sentence.
    pub fn new(modifiers: &[Modifier]) -> Result<Self, String> {
        let mut plan = Self::default();
        let mut flags = String::new();
        for modifier in modifiers {
            plan.add(*modifier, &mut flags)?;
        }
        match &mut plan.operator {
            Operator::Regex(wanted) => *wanted = flags,
            _ if !flags.is_empty() => {
                return Err(format!("'{flags}' is a flag of 're', which is not there"));
            }
            _ => {}
        }
        plan.check()?;
        Ok(plan)
    }

    fn add(&mut self, modifier: Modifier, flags: &mut String) -> Result<(), String> {
        match modifier {
            Modifier::Contains => set(&mut self.within, Within::Contains)?,
            Modifier::StartsWith => set(&mut self.within, Within::StartsWith)?,
            Modifier::EndsWith => set(&mut self.within, Within::EndsWith)?,
            Modifier::All => self.all = true,
            Modifier::Neq => self.negated = true,
            Modifier::Cased => self.cased = true,
            Modifier::WindAsh => self.windash = true,
            Modifier::Expand => self.expand = true,
            Modifier::Base64 => set(&mut self.encoding, Some(Encoding::Base64))?,
            Modifier::Base64Offset => set(&mut self.encoding, Some(Encoding::Base64Offset))?,
            Modifier::Wide => set(&mut self.wide, Some(Wide::LittleEndian))?,
            Modifier::Utf16be => set(&mut self.wide, Some(Wide::BigEndian))?,
            Modifier::Utf16 => set(&mut self.wide, Some(Wide::Marked))?,
            Modifier::Re => set(&mut self.operator, Operator::Regex(String::new()))?,
            Modifier::Cidr => set(&mut self.operator, Operator::Cidr)?,
            Modifier::Exists => set(&mut self.operator, Operator::Exists)?,
            Modifier::FieldRef => set(&mut self.operator, Operator::FieldRef)?,
            Modifier::Gt => self.compare(Comparison::Greater)?,
            Modifier::Gte => self.compare(Comparison::GreaterOrEqual)?,
            Modifier::Lt => self.compare(Comparison::Less)?,
            Modifier::Lte => self.compare(Comparison::LessOrEqual)?,
            Modifier::IgnoreCase => flags.push('i'),
            Modifier::Multiline => flags.push('m'),
            Modifier::DotAll => flags.push('s'),
            Modifier::Minute => set(&mut self.part, Some(Part::Minute))?,
            Modifier::Hour => set(&mut self.part, Some(Part::Hour))?,
            Modifier::Day => set(&mut self.part, Some(Part::Day))?,
            Modifier::Week => set(&mut self.part, Some(Part::Week))?,
            Modifier::Month => set(&mut self.part, Some(Part::Month))?,
            Modifier::Year => set(&mut self.part, Some(Part::Year))?,
        }
        Ok(())
    }

    fn compare(&mut self, how: Comparison) -> Result<(), String> {
        set(&mut self.operator, Operator::Compare(how))
    }

    fn check(&self) -> Result<(), String> {
        let encodes = self.windash || self.wide.is_some() || self.encoding.is_some();
        let is_text = matches!(self.operator, Operator::Value | Operator::FieldRef);
        let conflict = match &self.operator {
            Operator::Value if self.part.is_some() => encodes || self.within != Within::Whole,
            Operator::Value => false,
            Operator::FieldRef => encodes || self.part.is_some(),
            // A regular expression is searched anywhere, so 'contains' adds nothing to it.
            Operator::Regex(_) => {
                encodes || !matches!(self.within, Within::Whole | Within::Contains)
            }
            Operator::Compare(_) => encodes || self.within != Within::Whole,
            Operator::Cidr | Operator::Exists => {
                encodes || self.within != Within::Whole || self.part.is_some()
            }
        };
        if conflict {
            return Err("modifiers that exclude each other".to_owned());
        }
        if self.cased && !is_text {
            return Err("'cased' applies to text only".to_owned());
        }
        Ok(())
    }
}

/// Sets a choice once; naming the same twice is harmless, another one is an error.
fn set<T: PartialEq + Default>(choice: &mut T, wanted: T) -> Result<(), String> {
    if *choice != T::default() && *choice != wanted {
        return Err("modifiers that exclude each other".to_owned());
    }
    *choice = wanted;
    Ok(())
}
