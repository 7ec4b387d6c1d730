/// Short names and their fields, one a line.
const ALIASES: &str = include_str!("aliases.txt");

/// The fields a name of the search box stands for: those of a short name, and the field that is
/// called so.
pub fn fields(name: &str) -> Vec<&str> {
    let meant = pairs().find(|(short, _)| short.eq_ignore_ascii_case(name));
    let meant = meant.into_iter().flat_map(|(_, fields)| fields.split_whitespace());
    let mut fields: Vec<&str> = meant.filter(|field| *field != name).collect();
    fields.push(name);
    fields
}

/// Whether a short name stands for this field, so that it may be asked for without being meant.
pub fn is_meant_by_others(field: &str) -> bool {
    pairs()
        .any(|(short, fields)| short == field || fields.split_whitespace().any(|one| one == field))
}

fn pairs() -> impl Iterator<Item = (&'static str, &'static str)> {
    ALIASES.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once(':'))
}
