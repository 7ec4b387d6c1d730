/// Splits at a mark that stands in the text exactly once. Where it stands twice, a stranger may have
/// written one of them, and nobody can tell which.
pub(super) fn once<'a>(text: &'a str, mark: &str) -> Option<(&'a str, &'a str)> {
    let (before, after) = text.split_once(mark)?;
    (!after.contains(mark)).then_some((before, after))
}
