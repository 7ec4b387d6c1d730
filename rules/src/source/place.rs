/// Where a key stands: line of the document from 0, column from 1. Keys that cannot be found leave
/// the position at their parent, so there is always an answer. `[2]` is the third item of a list.
///
/// Works on indentation rather than on YAML events, because the parser keeps no positions; good
/// enough to put the cursor on the right line, and only used for that.
pub(crate) fn find(text: &str, keys: &[String], offset: Option<u32>) -> (u32, u32) {
    let lines: Vec<&str> = text.lines().collect();
    let mut best = (lines.iter().position(|line| is_said(line)).unwrap_or(0), 0);
    let (mut from, mut parent) = (best.0, None);
    for key in keys {
        let found = match key.strip_prefix('[').and_then(|key| key.strip_suffix(']')) {
            Some(number) => item(&lines, from, parent, number.parse().unwrap_or(0)),
            None => child(&lines, from, parent, key),
        };
        let Some((line, indent, after)) = found else { break };
        best = (line, offset.map_or(indent, |offset| after + offset as usize));
        // A key may stand on the line of its item's dash.
        let is_item = key.starts_with('[');
        (from, parent) = (if is_item { line } else { line + 1 }, Some(indent));
    }
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    (number(best.0), number(best.1 + 1))
}

fn is_said(line: &str) -> bool {
    let line = line.trim();
    !line.is_empty() && !line.starts_with('#')
}

/// The line of a key below its parent: line, indentation, and where its value begins.
fn child(
    lines: &[&str],
    from: usize,
    parent: Option<usize>,
    key: &str,
) -> Option<(usize, usize, usize)> {
    for (number, line) in lines.iter().enumerate().skip(from) {
        if !is_said(line) {
            continue;
        }
        let bare = line.trim_start_matches([' ', '\t', '-']);
        let indent = line.len() - bare.len();
        let outer = line.len() - line.trim_start().len();
        let is_item = line.trim_start().starts_with('-');
        if parent.is_some_and(|parent| outer < parent || (outer == parent && !is_item)) {
            return None;
        }
        if parent.is_none_or(|parent| indent > parent)
            && let Some(after) = value_after(bare, key)
        {
            return Some((number, indent, indent + after));
        }
    }
    None
}

/// The line of an item of the list below a key: `[2]` is the third.
fn item(
    lines: &[&str],
    from: usize,
    parent: Option<usize>,
    number: usize,
) -> Option<(usize, usize, usize)> {
    let dash = |line: &str| {
        let bare = line.trim_start();
        bare.starts_with("- ").then(|| line.len() - bare.len())
    };
    let said = || lines.iter().enumerate().skip(from).filter(|(_, line)| is_said(line));
    let indent = said().next().and_then(|(_, line)| dash(line))?;
    let inside = |line: &str| {
        let outer = line.len() - line.trim_start().len();
        outer > indent || (outer == indent && dash(line).is_some())
    };
    parent.is_none_or(|parent| indent >= parent).then_some(())?;
    let items = said().take_while(|(_, line)| inside(line));
    let mut items = items.filter(|(_, line)| dash(line) == Some(indent));
    items.nth(number).map(|(line, _)| (line, indent, indent + 2))
}

/// Where the value begins in `key: value`, with or without quotes around the key.
fn value_after(line: &str, key: &str) -> Option<usize> {
    let quote = line.starts_with(['"', '\'']);
    let rest = line.get(usize::from(quote)..)?.strip_prefix(key)?;
    let rest = if quote { rest.get(1..)? } else { rest };
    let value = rest.trim_start().strip_prefix(':')?;
    let value = value.trim_start().trim_start_matches(['"', '\'']);
    Some(line.chars().count() - value.chars().count())
}
