use regex::{Regex, RegexBuilder};
use rsigma_parser::{Modifier, SigmaString, SigmaValue, SpecialChar, StringPart};
use serde::de::{Deserialize, Deserializer, Error};
use yaml_serde::Value;

use super::tree::Item;
use crate::limits;

/// A regular expression of a pipeline.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    anywhere: Regex,
    at_start: Regex,
}

impl Pattern {
    pub fn new(text: &str) -> Result<Self, String> {
        let build = |text: &str| {
            let mut builder = RegexBuilder::new(text);
            builder.size_limit(limits::REGEX_BYTES_MAX).build().map_err(|error| {
                let message = error.to_string();
                let last = message.lines().last().unwrap_or(&message).to_owned();
                format!("not a usable regular expression '{text}': {last}")
            })
        };
        Ok(Self { anywhere: build(text)?, at_start: build(&format!("^(?:{text})"))? })
    }

    /// Whether it matches at the start, as pySigma matches.
    pub fn begins(&self, text: &str) -> bool {
        self.at_start.is_match(text)
    }

    /// Replaces every match; `replacement` refers to groups as Python does: `\1`, `\g<name>`.
    pub fn replace(&self, text: &str, replacement: &str) -> String {
        self.anywhere.replace_all(text, groups(replacement)).into_owned()
    }
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// From `\1` and `\g<name>` to `${1}` and `${name}`.
fn groups(replacement: &str) -> String {
    let mut out = String::new();
    let mut rest = replacement;
    while let Some(at) = rest.find(['\\', '$']) {
        let (plain, special) = rest.split_at(at);
        out.push_str(plain);
        let named = special.strip_prefix("\\g<").and_then(|name| name.split_once('>'));
        let digit = special.strip_prefix('\\').and_then(|digit| digit.chars().next());
        if let Some((name, behind)) = named {
            out.push_str(&format!("${{{name}}}"));
            rest = behind;
        } else if let Some(digit) = digit.filter(char::is_ascii_digit) {
            out.push_str(&format!("${{{digit}}}"));
            rest = special.get(2..).unwrap_or_default();
        } else if special.starts_with("\\\\") {
            out.push('\\');
            rest = special.get(2..).unwrap_or_default();
        } else {
            out.push_str(if special.starts_with('$') { "$$" } else { "\\" });
            rest = special.get(1..).unwrap_or_default();
        }
    }
    out + rest
}

/// The wildcards that `contains`, `startswith` and `endswith` stand for.
#[derive(Clone, Copy, Default)]
pub(super) struct Wildcards {
    before: bool,
    after: bool,
}

impl Wildcards {
    /// The text as pySigma would show it: with wildcards, without escapes.
    pub fn of(self, parts: &[StringPart]) -> String {
        let mut text = String::new();
        let many = StringPart::Special(SpecialChar::WildcardMulti);
        if self.before && parts.first() != Some(&many) {
            text.push('*');
        }
        for part in parts {
            match part {
                StringPart::Plain(plain) => text.push_str(plain),
                StringPart::Special(SpecialChar::WildcardMulti) => text.push('*'),
                StringPart::Special(SpecialChar::WildcardSingle) => text.push('?'),
            }
        }
        if self.after && parts.last() != Some(&many) {
            text.push('*');
        }
        text
    }

    pub fn is_open(self) -> bool {
        self.before || self.after
    }
}

impl Item {
    /// What its modifiers add to its texts.
    pub fn within(&self) -> Wildcards {
        let has = |modifier| self.parsed.field.has_modifier(modifier);
        Wildcards {
            before: has(Modifier::Contains) || has(Modifier::EndsWith),
            after: has(Modifier::Contains) || has(Modifier::StartsWith),
        }
    }

    /// Whether its values are texts with wildcards, or numbers: not expressions, networks or names.
    pub fn is_text(&self) -> bool {
        let other = [Modifier::Re, Modifier::Cidr, Modifier::FieldRef, Modifier::Exists];
        !other.into_iter().any(|modifier| self.parsed.field.has_modifier(modifier))
    }

    /// Writes the wildcards of its modifiers into its texts, so that they can be changed whole.
    pub fn open(&mut self) {
        let wildcards = self.within();
        if !wildcards.is_open() {
            return;
        }
        let within = [Modifier::Contains, Modifier::StartsWith, Modifier::EndsWith];
        self.parsed.field.modifiers.retain(|modifier| !within.contains(modifier));
        let many = StringPart::Special(SpecialChar::WildcardMulti);
        for value in &mut self.parsed.values {
            let mut parts = match &*value {
                SigmaValue::String(text) => text.parts.clone(),
                SigmaValue::Null => continue,
                other => vec![StringPart::Plain(other.to_string())],
            };
            if wildcards.before && parts.first() != Some(&many) {
                parts.insert(0, many.clone());
            }
            if wildcards.after && parts.last() != Some(&many) {
                parts.push(many.clone());
            }
            *value = SigmaValue::String(of_parts(parts));
        }
    }
}

/// A text of these parts, with what could be read otherwise escaped.
pub(super) fn of_parts(parts: Vec<StringPart>) -> SigmaString {
    let mut original = String::new();
    for part in &parts {
        match part {
            StringPart::Plain(text) => {
                for letter in text.chars() {
                    if matches!(letter, '*' | '?' | '\\') {
                        original.push('\\');
                    }
                    original.push(letter);
                }
            }
            StringPart::Special(SpecialChar::WildcardMulti) => original.push('*'),
            StringPart::Special(SpecialChar::WildcardSingle) => original.push('?'),
        }
    }
    SigmaString { parts, original }
}

/// A text as [`Wildcards::of`] shows it as a value again: `*` and `?` are wildcards, a backslash is
/// one, unless the text was of a value with stars that are none: then a backslash before them tells.
pub(super) fn parse(text: &str, of: &SigmaString) -> SigmaValue {
    let is_plain_star = |part: &StringPart| match part {
        StringPart::Plain(text) => text.contains(['*', '?']),
        StringPart::Special(_) => false,
    };
    let has_plain_stars = of.parts.iter().any(is_plain_star);
    let mut escaped = String::new();
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        escaped.push(letter);
        let escapes = has_plain_stars && matches!(letters.peek(), Some('*' | '?'));
        if letter == '\\' && !escapes {
            escaped.push('\\');
        }
    }
    SigmaValue::String(SigmaString::new(&escaped))
}

/// A scalar of YAML as text.
pub(super) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Whether a rule's value is this one.
pub(super) fn same(value: &SigmaValue, wanted: &Value) -> bool {
    match (value, SigmaValue::from_yaml(wanted)) {
        (SigmaValue::String(text), SigmaValue::String(wanted)) => text.parts == wanted.parts,
        (value, wanted) => {
            value.to_string() == wanted.to_string() && !matches!(wanted, SigmaValue::String(_))
        }
    }
}
