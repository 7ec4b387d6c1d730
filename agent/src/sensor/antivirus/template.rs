//! Lines of logs and files, described by an example with holes.
//!
//! `{time}: ({guest}, {path}) virus found: {count}` is text in which `{name}` stands for anything.
//! A path may hold whatever else the line holds, also what looks like the rest of the line, because
//! strangers choose names of files. So the parts before the hole `path` are looked for from the
//! left and those after it from the right, and the path is what is left between.

/// What is looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Template {
    /// Text before the first hole.
    start: String,
    /// Each hole and the text behind it.
    holes: Vec<(String, String)>,
    /// Up to here holes are found from the left.
    pivot: usize,
    /// Longest text: a line without it is none, which costs one search.
    telling: String,
}

/// A template that cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Error {
    /// `{` without `}`, or the other way round.
    #[error("{0:?}: a hole is not closed")]
    Open(String),
    /// Nothing stands between two holes, so nobody knows where one ends.
    #[error("{0:?}: two holes stand side by side")]
    Adjacent(String),
    /// Nothing but holes.
    #[error("{0:?}: there is no text between the holes")]
    Empty(String),
}

impl Template {
    /// Reads `text {hole} text`.
    pub(super) fn parse(text: &str) -> Result<Self, Error> {
        let mut parts = text.split('{');
        let start = parts.next().unwrap_or_default().to_owned();
        let mut holes: Vec<(String, String)> = Vec::new();
        for part in parts {
            let open = || Error::Open(text.to_owned());
            let (name, behind) = part.split_once('}').ok_or_else(open)?;
            if holes.last().is_some_and(|(_, between)| between.is_empty()) {
                return Err(Error::Adjacent(text.to_owned()));
            }
            holes.push((name.to_owned(), behind.to_owned()));
        }
        let texts = holes.iter().map(|(_, behind)| behind).chain([&start]);
        let telling = texts.max_by_key(|text| text.len()).cloned().unwrap_or_default();
        if telling.is_empty() || holes.is_empty() {
            return Err(Error::Empty(text.to_owned()));
        }
        let path = holes.iter().position(|(name, _)| name == "path");
        let pivot = path.unwrap_or(holes.len().saturating_sub(1));
        Ok(Self { start, holes, pivot, telling })
    }

    /// The names of its holes.
    #[cfg(test)]
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.holes.iter().map(|(name, _)| name.as_str())
    }

    /// What stands in the holes, `None` for another line.
    pub(super) fn fill<'l>(&self, line: &'l str) -> Option<Filled<'_, 'l>> {
        line.contains(&self.telling).then_some(())?;
        let mut rest = line.strip_prefix(self.start.as_str())?;
        let (left, right) = self.holes.split_at_checked(self.pivot)?;
        let mut found = Vec::with_capacity(self.holes.len());
        for (name, behind) in left {
            let (value, after) = rest.split_once(behind.as_str())?;
            found.push((name.as_str(), value));
            rest = after;
        }
        for (place, (name, behind)) in right.iter().enumerate().rev() {
            rest = rest.strip_suffix(behind.as_str())?;
            // The text behind a hole is cut off by the one before it, but for the pivot's own.
            let before = place.checked_sub(1).and_then(|place| right.get(place));
            let value = match before {
                Some((_, between)) => {
                    let at = rest.rfind(between.as_str())?;
                    let value = rest.get(at.checked_add(between.len())?..)?;
                    rest = rest.get(..at.checked_add(between.len())?)?;
                    value
                }
                None => rest,
            };
            found.push((name.as_str(), value));
        }
        Some(Filled(found))
    }
}

/// What stood in the holes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Filled<'t, 'l>(Vec<(&'t str, &'l str)>);

impl<'l> Filled<'_, 'l> {
    /// The text in a hole, if there is such a hole.
    pub(super) fn get(&self, name: &str) -> Option<&'l str> {
        self.0.iter().find(|(hole, _)| *hole == name).map(|(_, value)| *value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(template: &str, line: &str, names: &[&str]) -> Option<Vec<String>> {
        let template = Template::parse(template).unwrap();
        let filled = template.fill(line)?;
        Some(names.iter().map(|name| filled.get(name).unwrap().to_owned()).collect())
    }

    #[test]
    fn holes_are_filled_and_other_lines_left() {
        let check = |template, line, names: &[&str], expected: Option<&[&str]>| {
            let found = filled(template, line, names);
            let expected = expected.map(|it| it.iter().map(|it| (*it).to_owned()).collect());
            assert_eq!(found, expected, "{line}");
        };
        check("v = {v}", "v = 1.2", &["v"], Some(&["1.2"]));
        check("v = {v}", "x v = 1.2", &["v"], None);
        check("{_}v={v};", "a v=1;", &["v"], Some(&["1"]));
        check("{_}v={v};", "a v=1", &["v"], None);
        check("({a}, {path}) is {b}", "(1, /x) is 2", &["a", "path", "b"], Some(&["1", "/x", "2"]));
        check("({a}, {path}) is {b}", "(1, /x) was 2", &["a"], None);
        check("{path}!", "", &["path"], None);
    }

    #[test]
    fn a_path_cannot_forge_the_rest_of_its_line() {
        let template = "[SCTRL] ({_}, {path}) virus found: {_}, act_1st={action}, act_2nd={_}";
        let line = "[SCTRL] (0, /a) virus found: 0, act_1st=9, act_2nd=0) virus found: 2, \
                    act_1st=3, act_2nd=255";
        let found = filled(template, line, &["path", "action"]).unwrap();
        assert_eq!(found, ["/a) virus found: 0, act_1st=9, act_2nd=0", "3"]);
    }

    #[test]
    fn templates_that_cannot_work_are_refused() {
        let check = |text: &str, expected: fn(String) -> Error| {
            assert_eq!(Template::parse(text), Err(expected(text.to_owned())));
        };
        check("a {b", Error::Open);
        check("a {b}{c}", Error::Adjacent);
        check("{a}", Error::Empty);
        check("", Error::Empty);
    }

    proptest::proptest! {
        #[test]
        fn no_line_is_too_strange(line in ".{0,80}") {
            let template = Template::parse("{a}: {path}: {b} x").unwrap();
            let _ = template.fill(&line);
            let _ = Template::parse(&line);
        }
    }
}
