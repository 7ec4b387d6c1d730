/// Short names and their fields, one a line.
const ALIASES: &str = include_str!("aliases.txt");

/// The fields a name of the search box stands for; itself where it is no short name.
pub fn fields(name: &str) -> Vec<&str> {
    let lines = ALIASES.lines().filter(|line| !line.starts_with('#'));
    let mut pairs = lines.filter_map(|line| line.split_once(':'));
    match pairs.find(|(short, _)| short.eq_ignore_ascii_case(name)) {
        Some((_, fields)) => fields.split_whitespace().collect(),
        None => vec![name],
    }
}
