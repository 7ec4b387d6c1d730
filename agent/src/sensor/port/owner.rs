use std::collections::BTreeMap;

use serde::Serialize;

use super::Port;
use super::proc_net::{Scope, Socket};
use crate::sensor::{Root, fit, read};

/// How often the owner of a socket is looked for before it is told as unknown.
const ATTEMPTS_MAX: u8 = 3;
/// What is kept of a command line, in bytes.
const COMMAND_LINE_BYTES_MAX: usize = 4096;

/// Who holds a socket; what could not be seen is absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Owner {
    /// The process; of several the first, which is the one that began to listen.
    pub pid: Option<u32>,
    /// The executable's name.
    pub name: Option<String>,
    /// The executable's path.
    pub executable: Option<String>,
    /// Its arguments.
    pub command_line: Option<String>,
    /// The user the socket belongs to.
    pub user: Option<String>,
    /// The unit of systemd.
    pub unit: Option<String>,
}

/// How often the owner of a socket is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Patience {
    /// Once: what has been there for long will not show more.
    None,
    /// At some looks: a process just started may not be visible yet.
    SomeLooks,
}

/// Owners of the sockets seen so far, by inode.
#[derive(Debug)]
pub(super) struct Owners {
    root: Root,
    known: BTreeMap<u64, Known>,
}

#[derive(Debug, Default)]
struct Known {
    owner: Owner,
    attempts: u8,
}

impl Owners {
    pub(super) fn new(root: Root) -> Self {
        Self { root, known: BTreeMap::new() }
    }

    /// Looks for owners of sockets not seen before, and forgets those that are gone. Returns the
    /// inodes whose owner will be looked for again.
    pub(super) fn resolve(&mut self, sockets: &[&Socket], patience: Patience) -> Vec<u64> {
        self.known.retain(|inode, _| sockets.iter().any(|socket| socket.inode == *inode));
        let mut wanted = Vec::new();
        for socket in sockets {
            let known = self.known.entry(socket.inode).or_default();
            if known.owner.pid.is_none() && known.attempts < ATTEMPTS_MAX {
                let last = patience == Patience::None || socket.inode == 0;
                known.attempts = if last { ATTEMPTS_MAX } else { known.attempts + 1 };
                known.owner.user = None;
                wanted.push(**socket);
            }
        }
        if wanted.is_empty() {
            return Vec::new();
        }
        let holders = self.holders(&wanted);
        let passwd = read::text(&self.root.path("/etc/passwd")).unwrap_or_default();
        let mut unresolved = Vec::new();
        for socket in wanted {
            let pid = holders.get(&socket.inode).copied();
            let mut owner = pid.map(|pid| self.describe(pid)).unwrap_or_default();
            owner.user = Some(user(&passwd, socket.uid));
            if let Some(known) = self.known.get_mut(&socket.inode) {
                known.owner = owner;
                if pid.is_none() && known.attempts < ATTEMPTS_MAX {
                    unresolved.push(socket.inode);
                }
            }
        }
        unresolved
    }

    /// A socket as a port, with its owner as far as it is known.
    pub(super) fn port(&self, socket: &Socket) -> Port {
        let owner = self.known.get(&socket.inode).map(|known| known.owner.clone());
        Port {
            transport: socket.transport,
            address: socket.address,
            scope: Scope::of(socket.address),
            port: socket.port,
            owner: owner.unwrap_or_default(),
        }
    }

    /// The process of each wanted socket. The first process of the system holds sockets for
    /// services it starts on demand, so it only counts when there is no other.
    fn holders(&self, wanted: &[Socket]) -> BTreeMap<u64, u32> {
        let mut found: BTreeMap<u64, u32> = BTreeMap::new();
        for pid in self.processes() {
            let Ok(entries) = std::fs::read_dir(self.root.path(format!("/proc/{pid}/fd"))) else {
                continue;
            };
            for entry in entries.flatten() {
                let inode = entry.path().read_link().ok().and_then(|link| socket_inode(&link));
                let Some(inode) = inode.filter(|inode| *inode != 0) else { continue };
                if wanted.iter().any(|socket| socket.inode == inode) {
                    let holder = found.entry(inode).or_insert(pid);
                    if *holder == 1 {
                        *holder = pid;
                    }
                }
            }
        }
        found
    }

    fn processes(&self) -> Vec<u32> {
        let Ok(entries) = std::fs::read_dir(self.root.path("/proc")) else { return Vec::new() };
        let number = |entry: std::fs::DirEntry| entry.file_name().to_str()?.parse().ok();
        let mut pids: Vec<u32> = entries.flatten().filter_map(number).collect();
        pids.sort_unstable();
        pids
    }

    fn describe(&self, pid: u32) -> Owner {
        let path = |name: &str| self.root.path(format!("/proc/{pid}/{name}"));
        let executable = path("exe").read_link().ok().map(|link| {
            let text = link.to_string_lossy();
            // An upgrade replaces the file under the running program; it is the same program.
            text.strip_suffix(" (deleted)").unwrap_or(&text).to_owned()
        });
        let name = executable.as_deref().and_then(|path| path.rsplit('/').next());
        let comm = || Some(read::text(&path("comm")).ok()?.trim_end().to_owned());
        let arguments = read::bytes(&path("cmdline"), COMMAND_LINE_BYTES_MAX as u64).ok();
        Owner {
            pid: Some(pid),
            name: name.map(str::to_owned).or_else(comm),
            executable,
            command_line: arguments.map(|bytes| command_line(&bytes)),
            user: None,
            unit: read::text(&path("cgroup")).ok().and_then(|text| unit(&text)),
        }
    }
}

/// `12345` of `socket:[12345]`.
fn socket_inode(link: &std::path::Path) -> Option<u64> {
    link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
}

fn command_line(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut line = text.trim_end_matches('\0').replace('\0', " ");
    fit::cut(&mut line, COMMAND_LINE_BYTES_MAX);
    line
}

/// The name of a user, the number where it has none. Source: passwd(5).
fn user(passwd: &str, uid: u32) -> String {
    let name = |line: &str| {
        let mut parts = line.split(':');
        let name = parts.next()?;
        (parts.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
    };
    passwd.lines().find_map(name).unwrap_or_else(|| uid.to_string())
}

/// The unit in `0::/system.slice/ssh.service`, or in the old `1:name=systemd:/…`.
/// Source: cgroups(7).
fn unit(cgroup: &str) -> Option<String> {
    let path = |line: &str| {
        let mut parts = line.splitn(3, ':');
        let (_, controller, path) = (parts.next()?, parts.next()?, parts.next()?);
        (controller.is_empty() || controller == "name=systemd").then(|| path.to_owned())
    };
    let path = cgroup.lines().find_map(path)?;
    let units = path.rsplit('/').filter(|part| part.ends_with(".service"));
    units.chain(path.rsplit('/').filter(|part| part.ends_with(".scope"))).next().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unit_is_read_from_both_kinds_of_cgroups() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(unit(text).as_deref(), expected, "{text}");
        };
        check("0::/system.slice/ssh.service\n", Some("ssh.service"));
        check("12:pids:/x\n1:name=systemd:/system.slice/cron.service\n", Some("cron.service"));
        check("0::/user.slice/user-1000.slice/session-3.scope\n", Some("session-3.scope"));
        check("0::/system.slice/php.service/worker\n", Some("php.service"));
        check("0::/\n", None);
        check("", None);
    }

    #[test]
    fn users_without_a_name_keep_their_number() {
        let passwd = "root:x:0:0:root:/root:/bin/bash\nwww-data:x:33:33::/var/www:/bin/sh\n";
        assert_eq!(user(passwd, 33), "www-data");
        assert_eq!(user(passwd, 1000), "1000");
        assert_eq!(user("broken\n:::\n", 0), "0");
    }
}
