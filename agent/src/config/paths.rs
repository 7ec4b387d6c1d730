//! Which paths a collector may name. Pure: what is a link on the disk is the sensors' concern, which
//! open nothing outside the folder they were given.

use toml::{Table, Value};

/// The tables in which a collector may name logs.
const LOG_TABLES: [&str; 3] = ["logfile", "logs", "journald"];

/// Every text in a collector's table that is a path, but neither one that stands in the same table
/// of this machine's file nor one of a log in an allowed folder.
pub(super) fn not_allowed(theirs: &Table, ours: &Table, folders: &[String]) -> Vec<String> {
    let mut wrong = Vec::new();
    for (name, value) in theirs {
        let is_log_table = LOG_TABLES.contains(&name.as_str());
        texts(value, &mut |text| {
            let is_ours = || ours.get(name).is_some_and(|own| holds(own, text));
            let is_allowed_log = || is_log_table && is_in_folders(text, folders);
            if is_path(text) && !is_ours() && !is_allowed_log() {
                wrong.push(format!("{name}: {text:?} is not among the logs this machine allows"));
            }
        });
    }
    wrong
}

/// Calls with every text in a value, keys included.
fn texts(value: &Value, tell: &mut impl FnMut(&str)) {
    match value {
        Value::String(text) => tell(text),
        Value::Array(array) => array.iter().for_each(|value| texts(value, tell)),
        Value::Table(table) => table.iter().for_each(|(key, value)| {
            tell(key);
            texts(value, tell);
        }),
        _ => {}
    }
}

fn holds(value: &Value, wanted: &str) -> bool {
    let mut found = false;
    texts(value, &mut |text| found |= text == wanted);
    found
}

/// Whether a text could be meant as a path: rather too many than too few. What looks for `/x` in
/// lines has to be written otherwise.
pub(super) fn is_path(text: &str) -> bool {
    let trimmed = text.trim_start();
    let is_drive = |text: &str| {
        let mut letters = text.chars();
        letters.next().is_some_and(|letter| letter.is_ascii_alphabetic())
            && letters.next() == Some(':')
            && matches!(letters.next(), Some('/' | '\\'))
    };
    trimmed.starts_with(['/', '\\', '~'])
        || trimmed.starts_with("./")
        || is_drive(trimmed)
        || text.contains('\0')
        || text.split(['/', '\\']).any(|part| part.trim() == "..")
}

/// Whether a path or pattern lies in one of the folders, each `/var/log` or `/var/log/**`. Only what
/// is written plainly does: no `.`, no `..`, and no wildcard in the folder's own names.
pub(super) fn is_in_folders(path: &str, folders: &[String]) -> bool {
    let Some(names) = names(path) else { return false };
    let is_in = |folder: &String| {
        let folder = folder.strip_suffix("/**").unwrap_or(folder);
        let Some(folder) = self::names(folder) else { return false };
        names.len() > folder.len() && names.starts_with(&folder)
    };
    folders.iter().any(is_in)
}

/// The names of an absolute path, if it is written plainly.
fn names(path: &str) -> Option<Vec<&str>> {
    let names: Vec<&str> = path.strip_prefix('/')?.split('/').collect();
    let is_plain = |name: &&str| {
        !name.is_empty()
            && *name != "."
            && *name != ".."
            && !name.contains(['\0', '\\', '\n', '\r'])
    };
    names.iter().all(is_plain).then_some(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_plainly_below_a_folder_is_in_it() {
        let folders = ["/var/log/**".to_owned(), "/opt/app/log".to_owned()];
        for path in ["/var/log/a", "/var/log/a/*.log", "/opt/app/log/x"] {
            assert!(is_in_folders(path, &folders), "{path}");
        }
        for path in [
            "/var/log",
            "/var/log/",
            "/var/logs/a",
            "/var/l*/a",
            "/var/log/../lib/x",
            "/var/log/*/../../../etc/shadow",
            "/var/log//a",
            "/var/log/./a",
            " /var/log/a",
            "var/log/a",
            "/etc/shadow",
            "/var/log/a\0",
            "/var/log/a\\..\\b",
            "",
        ] {
            assert!(!is_in_folders(path, &folders), "{path}");
        }
    }

    #[test]
    fn whatever_could_be_a_path_is_taken_for_one() {
        for text in
            ["/etc/shadow", " /x", "~/x", "a/../b", "..", "C:\\x", "c:/x", "\\\\host\\x", "./a"]
        {
            assert!(is_path(text), "{text}");
        }
        for text in ["syslog", "GET /x HTTP", "auto", "18:00-06:00", "10.0.0.0/8"] {
            assert!(!is_path(text), "{text}");
        }
    }
}
