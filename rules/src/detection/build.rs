use std::collections::{BTreeMap, HashMap};

use rsigma_parser::{DetectionItem, Detections, FieldSpec, Modifier, SigmaString, SigmaValue};

use super::budget::Budget;
use super::condition;
use super::item::{Among, Compared, Item, Matcher, Pattern, Predicates};
use super::modifiers::{Operator, Plan, Wide};
use super::{Detection, Group, Selection};
use crate::limits;
use crate::logsource::Slots;
use crate::pattern::{
    Comparison, Encoding, Glob, Network, Number, Regex, Test, Token, Within, dashes, encode,
    expand_dashes, tokens, wide,
};
use crate::problem::Fault;
use crate::view::Slot;

/// What the names between `%` in values with `expand` stand for.
pub(crate) type Placeholders = BTreeMap<String, Vec<String>>;

/// Compiles detections and gives the fields they name their slots.
#[derive(Default)]
pub(crate) struct Builder {
    slots: HashMap<String, Slot>,
    names: Vec<String>,
    placeholders: Placeholders,
    budget: Budget,
    predicates: Predicates,
    /// The numbers of predicates, by what they say.
    said: HashMap<String, usize>,
}

impl Builder {
    /// With the values of placeholders.
    pub fn new(placeholders: Placeholders) -> Self {
        let mut builder = Self { placeholders, ..Self::default() };
        for name in ["product", "category", "service"] {
            builder.slot(name);
        }
        builder
    }

    /// The names of all slots, and all predicates.
    pub fn finish(self) -> (Vec<String>, Predicates) {
        (self.names, self.predicates)
    }

    /// The next file begins: what one file may ask for counts from here.
    pub fn next_file(&self) {
        self.budget.next_file();
    }

    /// Compiles the detection of a rule (`section` is `detection`) or of a filter. Besides it, the
    /// selections no condition names.
    ///
    /// # Errors
    /// The first thing wrong, with the keys that lead to it.
    pub fn detection(
        &mut self,
        parsed: &Detections,
        section: &str,
    ) -> Result<(Detection, Vec<String>), Fault> {
        let mut named: Vec<_> = parsed.named.iter().collect();
        named.sort_by_key(|(name, _)| name.as_str());
        let names: Vec<&str> = named.iter().map(|(name, _)| name.as_str()).collect();
        let mut conditions = Vec::new();
        for parsed in &parsed.conditions {
            let built = condition::build(parsed, &names);
            conditions.push(built.map_err(|fault| fault.at([section, "condition"]))?);
        }
        if conditions.is_empty() {
            return Err(Fault::new("the rule has no condition").at([section]));
        }
        let mut selections = Vec::new();
        for (name, parsed) in &named {
            let group = self.group(parsed).map_err(|mut fault| {
                fault.at.splice(0..0, [section.to_owned(), (*name).clone()]);
                fault
            })?;
            selections.push(Selection { name: (*name).clone(), group });
        }
        let mut used = Vec::new();
        conditions.iter().for_each(|condition| condition.named(&mut used));
        let unused = (0..names.len()).filter(|number| !used.contains(number));
        let unused = unused.filter_map(|number| names.get(number).map(ToString::to_string));
        let unused = unused.collect();
        Ok((Detection { selections, conditions, filters: Vec::new() }, unused))
    }

    fn group(&mut self, parsed: &rsigma_parser::Detection) -> Result<Group, Fault> {
        use rsigma_parser::Detection as Parsed;
        match parsed {
            Parsed::AllOf(items) => {
                let items = items.iter().map(|item| self.item(item));
                Ok(Group::All(items.collect::<Result<_, _>>()?))
            }
            Parsed::AnyOf(parts) => {
                let parts = parts.iter().map(|part| self.group(part));
                Ok(Group::Any(parts.collect::<Result<_, _>>()?))
            }
            Parsed::And(parts) => {
                let parts = parts.iter().map(|part| self.group(part));
                Ok(Group::All(parts.collect::<Result<_, _>>()?))
            }
            Parsed::Keywords(values) => {
                let field = FieldSpec::new(None, Vec::new());
                self.item(&DetectionItem { field, values: values.clone() })
            }
            Parsed::ArrayMatch { .. } | Parsed::Conditional { .. } => {
                Err(Fault::new("array matching of sigma-version 3 is not supported")
                    .hint("a field that holds a list matches when one of its values does"))
            }
        }
    }

    fn item(&mut self, parsed: &DetectionItem) -> Result<Group, Fault> {
        let FieldSpec { name, modifiers } = &parsed.field;
        let words: Vec<&str> = modifiers.iter().map(|modifier| word(*modifier)).collect();
        let written = words.join("|");
        let field = name.as_ref().map(|name| name.replace("\\[", "[").replace("\\]", "]"));
        let key = match (&field, words.is_empty()) {
            (Some(field), true) => Some(field.clone()),
            (Some(field), false) => Some(format!("{field}|{written}")),
            (None, true) => None,
            (None, false) => Some(format!("|{written}")),
        };
        let at = |what: String| Fault::new(what).at(key.clone());
        let mut plan = Plan::new(modifiers).map_err(|what| at(format!("{what}: '{written}'")))?;
        if field.is_none() {
            if !matches!(plan.operator, Operator::Value | Operator::Regex(_)) || plan.negated {
                return Err(at(format!("'{written}' needs the name of a field")));
            }
            plan.within = Within::Contains;
        }
        let (all, negated) = (plan.all, plan.negated);
        // They are about all values together, not about one.
        (plan.all, plan.negated) = (false, false);
        let slot = field.as_deref().map(|name| self.slot(name));
        let mut patterns = Vec::new();
        for value in &parsed.values {
            let predicate = self.predicate(slot, &plan, value).map_err(at)?;
            patterns.push(Pattern { text: value.to_string(), predicate });
        }
        let among = Among::of(&patterns);
        Ok(Group::Item(Item { slot, field, modifiers: written, patterns, among, all, negated }))
    }

    /// The number of a comparison; a new one, or the one that says the same.
    fn predicate(
        &mut self,
        slot: Option<Slot>,
        plan: &Plan,
        value: &SigmaValue,
    ) -> Result<usize, String> {
        let said = format!("{slot:?} {plan:?} {value:?}");
        if let Some(known) = self.said.get(&said) {
            return Ok(*known);
        }
        let matcher = self.matcher(plan, value, slot.is_none())?;
        self.predicates.push(Compared { slot, matcher });
        self.said.insert(said, self.predicates.len() - 1);
        Ok(self.predicates.len() - 1)
    }

    fn matcher(
        &mut self,
        plan: &Plan,
        value: &SigmaValue,
        is_keyword: bool,
    ) -> Result<Matcher, String> {
        match &plan.operator {
            Operator::Exists => match value {
                SigmaValue::Bool(wanted) => Ok(Matcher::Exists(*wanted)),
                other => Err(format!("'exists' wants true or false, not '{other}'")),
            },
            Operator::FieldRef => match value {
                SigmaValue::String(text) if text.is_plain() => {
                    let slot = self.slot(&text.as_plain().unwrap_or_default());
                    Ok(Matcher::Reference { slot, within: plan.within, cased: plan.cased })
                }
                other => Err(format!("'fieldref' wants the name of a field, not '{other}'")),
            },
            Operator::Compare(how) => compare(plan, *how, value),
            Operator::Cidr => self.each(plan, value, |text| network(text).map(|test| vec![test])),
            Operator::Regex(flags) => self.each(plan, value, |text| {
                self.budget.check()?;
                let regex = Regex::new(text, flags)?;
                self.budget.spend(regex.bytes())?;
                Ok(vec![Test::Regex(Box::new(regex))])
            }),
            Operator::Value => match value {
                SigmaValue::Null if is_keyword => Err("a keyword cannot be null".to_owned()),
                SigmaValue::Null => Ok(Matcher::Null),
                _ if plan.part.is_some() => compare(plan, Comparison::Equal, value),
                SigmaValue::String(text) => Ok(Matcher::Tests(self.text(plan, text)?)),
                other => Ok(Matcher::Tests(scalar(plan, other)?)),
            },
        }
    }

    /// For operators that take the value as it is written.
    fn each(
        &self,
        plan: &Plan,
        value: &SigmaValue,
        test: impl Fn(&str) -> Result<Vec<Test>, String>,
    ) -> Result<Matcher, String> {
        let mut tests = Vec::new();
        let text = match value {
            SigmaValue::String(text) => text.original.clone(),
            SigmaValue::Null => return Err("null is not a text".to_owned()),
            other => other.to_string(),
        };
        let texts = if plan.expand { self.expand(&text)? } else { vec![text] };
        for text in texts {
            tests.extend(test(&text)?);
        }
        Ok(Matcher::Tests(tests))
    }

    fn text(&self, plan: &Plan, text: &SigmaString) -> Result<Vec<Test>, String> {
        let variants = match plan.expand {
            true => {
                self.expand(&text.original)?.iter().map(|text| SigmaString::new(text)).collect()
            }
            false => vec![text.clone()],
        };
        let mut tests = Vec::new();
        for variant in variants {
            let mut tokens = tokens(&variant);
            if plan.windash {
                tokens = dashes(tokens);
            }
            for tokens in encoded(plan, tokens)? {
                tests.push(Test::Glob(Glob::new(tokens, plan.within, plan.cased)));
            }
        }
        Ok(tests)
    }

    /// Replaces each `%name%` by each of its values.
    fn expand(&self, text: &str) -> Result<Vec<String>, String> {
        let mut parts = at_percents(text).into_iter();
        let mut texts = vec![parts.next().unwrap_or_default()];
        let mut replaced = false;
        while let Some(name) = parts.next() {
            let Some(behind) = parts.next() else {
                texts.iter_mut().for_each(|text| text.extend(["%", &name]));
                break;
            };
            let values = self.placeholders.get(&name).filter(|values| !values.is_empty());
            let values = values.ok_or_else(|| format!("the placeholder %{name}% has no values"))?;
            let longer = |text: &String| {
                values.iter().map(|value| format!("{text}{value}{behind}")).collect::<Vec<_>>()
            };
            if texts.len().saturating_mul(values.len()) > limits::VARIANTS_MAX {
                return Err(format!("a value stands for more than {} texts", limits::VARIANTS_MAX));
            }
            texts = texts.iter().flat_map(longer).collect();
            replaced = true;
        }
        if replaced { Ok(texts) } else { Err("'expand' without a %placeholder%".to_owned()) }
    }
}

impl Slots for Builder {
    fn slot(&mut self, name: &str) -> Slot {
        if let Some(slot) = self.slots.get(name) {
            return *slot;
        }
        self.names.push(name.to_owned());
        self.slots.insert(name.to_owned(), self.names.len() - 1);
        self.names.len() - 1
    }

    fn find(&self, name: &str) -> Option<Slot> {
        self.slots.get(name).copied()
    }
}

/// Cuts at every `%` that is not written `\%`, which is a plain one.
fn at_percents(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        let next = letters.peek().copied();
        let part = parts.last_mut();
        match (letter, next, part) {
            ('%', ..) => parts.push(String::new()),
            ('\\', Some('%'), Some(part)) => part.extend(letters.next()),
            ('\\', Some('\\'), Some(part)) => {
                part.push(letter);
                part.extend(letters.next());
            }
            (_, _, Some(part)) => part.push(letter),
            (_, _, None) => {}
        }
    }
    parts
}

/// The pieces after `wide` and `base64`, which turn one pattern into several.
fn encoded(plan: &Plan, tokens: Vec<Token>) -> Result<Vec<Vec<Token>>, String> {
    if plan.wide.is_none() && plan.encoding.is_none() {
        return Ok(vec![tokens]);
    }
    let mut out = Vec::new();
    for text in expand_dashes(&tokens)? {
        if text.is_empty() {
            return Err("an empty value cannot be encoded".to_owned());
        }
        let bytes = match plan.wide {
            None => text.into_bytes(),
            Some(Wide::LittleEndian) => wide(&text, false, false),
            Some(Wide::BigEndian) => wide(&text, true, false),
            Some(Wide::Marked) => wide(&text, false, true),
        };
        match plan.encoding {
            Some(how) => out.extend(encode(&bytes, how).into_iter().map(|t| vec![Token::Text(t)])),
            None => {
                let text = String::from_utf8(bytes);
                let text =
                    text.map_err(|_| "UTF-16 of this value is no text: add 'base64offset'")?;
                out.push(vec![Token::Text(text)]);
            }
        }
    }
    if plan.encoding == Some(Encoding::Base64Offset)
        && out.iter().any(|tokens| matches!(tokens.as_slice(), [Token::Text(t)] if t.is_empty()))
    {
        return Err("the value is too short for 'base64offset'".to_owned());
    }
    Ok(out)
}

/// Numbers and booleans: compared as such, and as text where a modifier or a keyword asks for a part.
fn scalar(plan: &Plan, value: &SigmaValue) -> Result<Vec<Test>, String> {
    let is_text = plan.within != Within::Whole || plan.wide.is_some() || plan.encoding.is_some();
    if is_text || plan.expand || plan.windash {
        let tokens = encoded(plan, vec![Token::Text(value.to_string())])?;
        let glob = |tokens| Test::Glob(Glob::new(tokens, plan.within, plan.cased));
        return Ok(tokens.into_iter().map(glob).collect());
    }
    match value {
        SigmaValue::Bool(value) => Ok(vec![Test::Boolean(*value)]),
        other => {
            let number = number(other).ok_or_else(|| format!("'{other}' is not a number"))?;
            Ok(vec![Test::Number(Comparison::Equal, number)])
        }
    }
}

fn compare(plan: &Plan, how: Comparison, value: &SigmaValue) -> Result<Matcher, String> {
    let number = number(value).ok_or_else(|| format!("'{value}' is not a number"))?;
    Ok(Matcher::Tests(vec![match plan.part {
        Some(part) => Test::Moment(part, how, number),
        None => Test::Number(how, number),
    }]))
}

fn number(value: &SigmaValue) -> Option<Number> {
    match value {
        SigmaValue::Integer(n) => Some(Number::Integer(*n)),
        SigmaValue::Float(n) => Some(Number::Float(*n)),
        SigmaValue::String(text) => Number::parse(&text.original),
        SigmaValue::Bool(_) | SigmaValue::Null => None,
    }
}

fn network(text: &str) -> Result<Test, String> {
    let network = Network::parse(text).ok_or_else(|| format!("'{text}' is not a network"))?;
    Ok(Test::Network(network))
}

/// How a modifier is written.
pub(crate) fn word(modifier: Modifier) -> &'static str {
    match modifier {
        Modifier::Contains => "contains",
        Modifier::StartsWith => "startswith",
        Modifier::EndsWith => "endswith",
        Modifier::All => "all",
        Modifier::Base64 => "base64",
        Modifier::Base64Offset => "base64offset",
        Modifier::Wide => "wide",
        Modifier::Utf16be => "utf16be",
        Modifier::Utf16 => "utf16",
        Modifier::WindAsh => "windash",
        Modifier::Re => "re",
        Modifier::Cidr => "cidr",
        Modifier::Cased => "cased",
        Modifier::Exists => "exists",
        Modifier::Expand => "expand",
        Modifier::FieldRef => "fieldref",
        Modifier::Gt => "gt",
        Modifier::Gte => "gte",
        Modifier::Lt => "lt",
        Modifier::Lte => "lte",
        Modifier::Neq => "neq",
        Modifier::IgnoreCase => "i",
        Modifier::Multiline => "m",
        Modifier::DotAll => "s",
        Modifier::Minute => "minute",
        Modifier::Hour => "hour",
        Modifier::Day => "day",
        Modifier::Week => "week",
        Modifier::Month => "month",
        Modifier::Year => "year",
    }
}
