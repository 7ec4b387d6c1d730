use crate::sensor::{Root, read};

/// Where distributions keep the daemon's configuration.
const PATHS: [&str; 5] = [
    "/etc/clamav/clamd.conf",
    "/etc/clamd.d/scan.conf",
    "/etc/clamd.conf",
    "/usr/local/etc/clamav/clamd.conf",
    "/usr/local/etc/clamd.conf",
];

/// What matters of `clamd.conf`. Source: clamd.conf(5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Conf {
    pub(super) local_socket: Option<String>,
    pub(super) tcp_port: Option<u16>,
    pub(super) tcp_address: Option<String>,
    pub(super) log_file: String,
    /// Whether findings are reported to syslog, too.
    pub(super) logs_to_syslog: bool,
    pub(super) database_directory: String,
}

impl Conf {
    /// Reads the file the running daemon was given, else the named one, else a usual one.
    pub(super) fn read(
        root: &Root,
        named: Option<&str>,
        arguments: &[String],
        sources: &mut Vec<String>,
    ) -> Self {
        let given = argument(arguments, "--config-file", "-c").filter(|path| path.starts_with('/'));
        let paths = given.into_iter().chain(named.map(str::to_owned));
        for path in paths.chain(PATHS.map(str::to_owned)) {
            if let Ok(text) = read::text(&root.path(&path)) {
                sources.push(format!("file {path}"));
                return Self::parse(&text);
            }
        }
        Self::parse("")
    }

    /// Reads `Key value` lines; what is not said has the value Debian gives it.
    fn parse(text: &str) -> Self {
        let mut conf = Self {
            local_socket: None,
            tcp_port: None,
            tcp_address: None,
            log_file: "/var/log/clamav/clamav.log".to_owned(),
            logs_to_syslog: false,
            database_directory: "/var/lib/clamav".to_owned(),
        };
        for line in text.lines() {
            let Some((key, value)) = line.trim().split_once(char::is_whitespace) else { continue };
            let value = value.trim().trim_matches('"').to_owned();
            match key {
                "LocalSocket" => conf.local_socket = Some(value),
                "TCPSocket" => conf.tcp_port = value.parse().ok(),
                "TCPAddr" => conf.tcp_address = Some(value),
                "LogFile" => conf.log_file = value,
                "LogSyslog" => conf.logs_to_syslog = is_true(&value),
                "DatabaseDirectory" => conf.database_directory = value,
                _ => {}
            }
        }
        if conf.local_socket.is_none() && conf.tcp_port.is_none() {
            conf.local_socket = Some("/run/clamav/clamd.ctl".to_owned());
        }
        conf
    }
}

/// Source: clamd.conf(5), "DIRECTIVES": BOOL.
fn is_true(value: &str) -> bool {
    ["yes", "true", "1"].iter().any(|word| value.eq_ignore_ascii_case(word))
}

/// The value of an option: `--log=F`, `--log F`, `-l F` or `-lF`.
pub(super) fn argument(arguments: &[String], long: &str, short: &str) -> Option<String> {
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        if word == long || word == short {
            return words.next().cloned();
        }
        let glued = word.strip_prefix(long).and_then(|rest| rest.strip_prefix('='));
        let glued = glued.or_else(|| word.strip_prefix(short).filter(|_| !word.starts_with("--")));
        if let Some(value) = glued {
            return Some(value.to_owned());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_replaces_the_defaults() {
        let text = "# a comment\nLocalSocket /tmp/c.sock\n TCPSocket 3310\nTCPAddr 127.0.0.1\n\
                    LogFile \"/tmp/c.log\"\nDatabaseDirectory /tmp/db\nLogSyslog yes\n";
        let conf = Conf::parse(text);
        assert_eq!(conf.local_socket.as_deref(), Some("/tmp/c.sock"));
        assert_eq!((conf.tcp_port, conf.tcp_address.as_deref()), (Some(3310), Some("127.0.0.1")));
        assert_eq!((&*conf.log_file, &*conf.database_directory), ("/tmp/c.log", "/tmp/db"));
        assert!(conf.logs_to_syslog && !Conf::parse("LogSyslog false").logs_to_syslog);
        assert_eq!(Conf::parse("").local_socket.as_deref(), Some("/run/clamav/clamd.ctl"));
    }

    #[test]
    fn options_are_found_in_every_spelling() {
        let check = |words: &[&str], expected: Option<&str>| {
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            assert_eq!(argument(&words, "--log", "-l").as_deref(), expected, "{words:?}");
        };
        check(&["clamonacc", "-F", "--log=/a"], Some("/a"));
        check(&["clamonacc", "--log", "/a", "-F"], Some("/a"));
        check(&["clamonacc", "-l", "/a"], Some("/a"));
        check(&["clamonacc", "-l/a"], Some("/a"));
        check(&["clamonacc", "--log"], None);
        check(&["clamonacc", "--logger=/a"], None);
    }
}
