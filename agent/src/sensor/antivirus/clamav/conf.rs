use soc_event::Timestamp;

use crate::sensor::antivirus::claim::Origin;
use crate::sensor::antivirus::processes::argument;
use crate::sensor::{Root, read};

/// Where distributions keep the daemon's configuration.
const CLAMD: [&str; 5] = [
    "/etc/clamav/clamd.conf",
    "/etc/clamd.d/scan.conf",
    "/etc/clamd.conf",
    "/usr/local/etc/clamav/clamd.conf",
    "/usr/local/etc/clamd.conf",
];
/// Where they keep the updater's.
const FRESHCLAM: [&str; 4] = [
    "/etc/clamav/freshclam.conf",
    "/etc/freshclam.conf",
    "/usr/local/etc/clamav/freshclam.conf",
    "/usr/local/etc/freshclam.conf",
];
/// Settings of one file that are kept.
const SETTINGS_MAX: usize = 1024;

/// What matters of `clamd.conf`; what is not said has the value Debian gives it. Source:
/// clamd.conf(5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Conf {
    pub(super) local_socket: Option<String>,
    pub(super) tcp_port: Option<u16>,
    pub(super) tcp_address: Option<String>,
    pub(super) log_file: String,
    /// Whether findings are reported to syslog, too.
    pub(super) logs_to_syslog: bool,
    pub(super) database_directory: String,
    /// The daemon itself scans in real time, as it did before version 0.102.
    pub(super) scans_on_access: bool,
    /// Folders and file systems that clamonacc watches.
    pub(super) watched: Vec<String>,
    /// Folders that it leaves out.
    pub(super) excluded: Vec<String>,
    /// Whether opening an infected file is refused.
    pub(super) prevents: bool,
}

/// `Key value` lines of a file, and the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Settings {
    entries: Vec<(String, String)>,
    /// The file, where there was one.
    pub(super) origin: Option<Origin>,
}

impl Settings {
    /// The daemon's: of the file the running program was given, else the named one, else a usual
    /// one.
    pub(super) fn of_clamd(root: &Root, named: Option<&str>, arguments: &[String]) -> Self {
        Self::read(root, named, arguments, &CLAMD)
    }

    /// The updater's, likewise.
    pub(super) fn of_freshclam(root: &Root, named: Option<&str>, arguments: &[String]) -> Self {
        Self::read(root, named, arguments, &FRESHCLAM)
    }

    fn read(root: &Root, named: Option<&str>, arguments: &[String], usual: &[&str]) -> Self {
        let given = argument(arguments, "--config-file", "-c").filter(|path| path.starts_with('/'));
        let paths = given.into_iter().chain(named.map(str::to_owned));
        for path in paths.chain(usual.iter().map(|path| (*path).to_owned())) {
            let file = root.path(&path);
            let modified = std::fs::metadata(&file).and_then(|metadata| metadata.modified());
            if let (Ok(text), Ok(modified)) = (read::text(&file), modified) {
                let at = Timestamp::from_system(modified);
                let origin = Some(Origin::new(format!("file {path}"), at));
                return Self { entries: parse(&text), origin };
            }
        }
        Self::default()
    }

    /// The last value of a key.
    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.entries.iter().rfind(|entry| entry.0 == key).map(|(_, value)| value.as_str())
    }

    /// All values of a key.
    pub(super) fn all<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        let same = move |entry: &&(String, String)| entry.0 == key;
        self.entries.iter().filter(same).map(|(_, value)| value.as_str())
    }

    /// Whether a key is set to yes. Source: clamd.conf(5), "DIRECTIVES": BOOL.
    pub(super) fn is_on(&self, key: &str) -> bool {
        let is_yes =
            |value: &str| ["yes", "true", "1"].iter().any(|word| value.eq_ignore_ascii_case(word));
        self.get(key).is_some_and(is_yes)
    }
}

fn parse(text: &str) -> Vec<(String, String)> {
    let entry = |line: &str| {
        let (key, value) = line.trim().split_once(char::is_whitespace)?;
        let value = value.trim().trim_matches('"').to_owned();
        (!key.starts_with('#')).then(|| (key.to_owned(), value))
    };
    text.lines().filter_map(entry).take(SETTINGS_MAX).collect()
}

impl Conf {
    pub(super) fn of(settings: &Settings) -> Self {
        let get = |key: &str| settings.get(key).map(str::to_owned);
        let all = |key: &str| settings.all(key).map(str::to_owned).collect::<Vec<_>>();
        let mut conf = Self {
            local_socket: get("LocalSocket"),
            tcp_port: settings.get("TCPSocket").and_then(|port| port.parse().ok()),
            tcp_address: get("TCPAddr"),
            log_file: get("LogFile").unwrap_or_else(|| "/var/log/clamav/clamav.log".to_owned()),
            logs_to_syslog: settings.is_on("LogSyslog"),
            database_directory: get("DatabaseDirectory")
                .unwrap_or_else(|| "/var/lib/clamav".to_owned()),
            scans_on_access: settings.is_on("ScanOnAccess"),
            watched: [all("OnAccessIncludePath"), all("OnAccessMountPath")].concat(),
            excluded: all("OnAccessExcludePath"),
            prevents: settings.is_on("OnAccessPrevention"),
        };
        if conf.local_socket.is_none() && conf.tcp_port.is_none() {
            conf.local_socket = Some("/run/clamav/clamd.ctl".to_owned());
        }
        conf
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conf(text: &str) -> Conf {
        Conf::of(&Settings { entries: parse(text), origin: None })
    }

    #[test]
    fn what_is_set_replaces_the_defaults() {
        let text = "# a comment\nLocalSocket /tmp/c.sock\n TCPSocket 3310\nTCPAddr 127.0.0.1\n\
                    LogFile \"/tmp/c.log\"\nDatabaseDirectory /tmp/db\nLogSyslog yes\n";
        let found = conf(text);
        assert_eq!(found.local_socket.as_deref(), Some("/tmp/c.sock"));
        assert_eq!((found.tcp_port, found.tcp_address.as_deref()), (Some(3310), Some("127.0.0.1")));
        assert_eq!((&*found.log_file, &*found.database_directory), ("/tmp/c.log", "/tmp/db"));
        assert!(found.logs_to_syslog && !conf("LogSyslog false").logs_to_syslog);
        assert_eq!(conf("").local_socket.as_deref(), Some("/run/clamav/clamd.ctl"));
    }

    #[test]
    fn what_is_scanned_on_access_is_listed() {
        let text = "OnAccessIncludePath /home\nOnAccessMountPath /srv\n\
                    #OnAccessIncludePath /no\nOnAccessExcludePath /home/x\nOnAccessPrevention TRUE\n";
        let found = conf(text);
        assert_eq!(
            (found.watched, found.excluded),
            (vec!["/home".to_owned(), "/srv".to_owned()], vec!["/home/x".to_owned()])
        );
        assert!(found.prevents && !conf("").prevents);
    }
}
