//! Walks a TOML document and collects what is wrong with it instead of stopping at the first.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Mistake;

pub(super) struct Reader<'a> {
    file: &'a str,
    text: &'a str,
    root: DeTable<'a>,
    sections: Vec<&'static str>,
    mistakes: Vec<Mistake>,
}

/// One `[section]`; its keys are read one by one, and those nobody read are mistakes.
pub(super) struct Section<'r, 'a> {
    name: &'static str,
    table: DeTable<'a>,
    keys: Vec<&'static str>,
    reader: &'r mut Reader<'a>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(file: &'a str, text: &'a str) -> Self {
        let (root, errors) = DeTable::parse_recoverable(text);
        // Of a broken document the rest is guesswork: nothing more is said about it.
        let root = if errors.is_empty() { root.into_inner() } else { DeTable::new() };
        let mut reader = Self { file, text, root, sections: Vec::new(), mistakes: Vec::new() };
        for error in errors {
            reader.mistake(error.span().map(|span| span.start), error.message().to_owned());
        }
        reader
    }

    pub(super) fn section(&mut self, name: &'static str, read: impl FnOnce(&mut Section<'_, 'a>)) {
        self.sections.push(name);
        let table = match self.root.get(name).map(|value| (value.span(), value.get_ref())) {
            None => DeTable::new(),
            Some((_, DeValue::Table(table))) => table.clone(),
            Some((span, other)) => {
                let what = format!("`{name}` has to be a section [{name}], not {}", kind(other));
                self.mistake(Some(span.start), what);
                DeTable::new()
            }
        };
        let mut section = Section { name, table, keys: Vec::new(), reader: self };
        read(&mut section);
        section.finish();
    }

    /// All mistakes, in the order of lines.
    pub(super) fn finish(mut self) -> Vec<Mistake> {
        let known = std::mem::take(&mut self.sections);
        let unknown: Vec<(usize, String)> = names(&self.root, &known);
        for (start, name) in unknown {
            let what = format!("there is no section `{name}`{}", nearest(&name, &known));
            self.mistake(Some(start), what);
        }
        self.mistakes.sort_by_key(|mistake| mistake.line);
        self.mistakes
    }

    fn mistake(&mut self, start: Option<usize>, what: String) {
        let line = start.map(|start| {
            let before = self.text.as_bytes().iter().take(start);
            before.filter(|byte| **byte == b'\n').count() + 1
        });
        self.mistakes.push(Mistake { file: self.file.to_owned(), line, what });
    }
}

impl Section<'_, '_> {
    /// Reads a key, where it is given, with a function that says what would be right.
    pub(super) fn read<T>(
        &mut self,
        key: &'static str,
        into: &mut T,
        parse: impl FnOnce(&DeValue<'_>) -> Result<T, String>,
    ) {
        self.keys.push(key);
        let Some(value) = self.table.get(key) else { return };
        match parse(value.get_ref()) {
            Ok(value) => *into = value,
            Err(what) => {
                let what = format!("`{}.{key}` has to be {what}", self.name);
                self.reader.mistake(Some(value.span().start), what);
            }
        }
    }

    /// Whether anything is in it.
    pub(super) fn is_there(&self) -> bool {
        !self.table.is_empty()
    }

    /// Says that a key is lacking, where it is.
    pub(super) fn require(&mut self, key: &'static str) {
        if !self.table.contains_key(key) {
            let start = self.reader.root.get(self.name).map(|table| table.span().start);
            let what = format!("[{}] lacks `{key}`", self.name);
            self.reader.mistake(start, what);
        }
    }

    fn finish(self) {
        for (start, name) in names(&self.table, &self.keys) {
            let hint = nearest(&name, &self.keys);
            let what = format!("there is no `{name}` in [{}]{hint}", self.name);
            self.reader.mistake(Some(start), what);
        }
    }
}

/// Names in a table that are not known, with their places.
fn names(table: &DeTable<'_>, known: &[&str]) -> Vec<(usize, String)> {
    let name = |key: &Spanned<std::borrow::Cow<'_, str>>| {
        (key.span().start, key.get_ref().clone().into_owned())
    };
    let is_unknown = |(_, name): &(usize, String)| !known.contains(&name.as_str());
    table.iter().map(|(key, _)| name(key)).filter(is_unknown).collect()
}

/// `; did you mean …?`, where one of the known names is close.
fn nearest(name: &str, known: &[&str]) -> String {
    let close = known.iter().map(|known| (distance(name, known), *known)).min();
    match close {
        Some((distance, known)) if distance <= 3 && distance < name.len() => {
            format!("; did you mean `{known}`?")
        }
        _ => format!("; there are: {}", known.join(", ")),
    }
}

/// Levenshtein's distance in characters.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, a) in a.chars().enumerate() {
        let mut next = vec![i + 1];
        for (above, b) in row.windows(2).zip(&b) {
            if let ([diagonal, above], Some(left)) = (above, next.last().copied()) {
                let replace = diagonal + usize::from(a != *b);
                next.push(replace.min(above + 1).min(left + 1));
            }
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

pub(super) fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a section",
    }
}
