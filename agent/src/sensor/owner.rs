//! Which process holds a socket, and what is known of its program.
//!
//! Looks through `/proc/*/fd` when an unknown socket appears, and keeps what it found until the
//! socket is gone. Of the program it says who made it: its package, and the SHA-256 of its file,
//! read through `/proc/PID/exe`, so that it is the file that runs and not one that has its name by
//! now. Reads only.

mod hash;
mod package;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::Serialize;
use soc_event::Event;

use super::{Root, fit, read};
use hash::{Hash, Hashes};
use package::Packages;

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
    /// The container, as its cgroup names it.
    pub container: Option<String>,
    /// SHA-256 of the executable, in hexadecimal.
    pub sha256: Option<String>,
    /// The package the executable came in.
    pub package: Option<String>,
    /// Whether it came in a package; nothing where that is not known.
    pub is_packaged: Option<bool>,
}

impl Owner {
    /// The fields of an event that say who it is.
    pub(super) fn describe(&self, event: Event) -> Event {
        let mut event = event
            .with("process.pid", self.pid)
            .with("process.name", self.name.clone())
            .with("process.executable", self.executable.clone())
            .with("process.command_line", self.command_line.clone())
            .with("user.name", self.user.clone())
            .with("service.unit", self.unit.clone());
        let further = [
            ("process.hash.sha256", &self.sha256),
            ("package.name", &self.package),
            ("container.id", &self.container),
        ];
        for (name, value) in further {
            if let Some(value) = value {
                event = event.with(name, value.as_str());
            }
        }
        match self.is_packaged {
            Some(is_packaged) => event.with("package.managed", is_packaged),
            None => event,
        }
    }
}

/// A socket by which its owner is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Handle {
    /// 0 for sockets of the kernel.
    pub inode: u64,
    /// To whom it belongs.
    pub uid: u32,
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
    hashes: Hashes,
    packages: Packages,
}

#[derive(Debug, Default)]
struct Known {
    owner: Owner,
    attempts: u8,
    /// The executable is one of the host's own files.
    is_host_file: bool,
    /// The file whose hash is still to be found.
    unhashed: Option<PathBuf>,
}

impl Owners {
    pub(super) fn new(root: Root) -> Self {
        let packages = Packages::new(root.clone());
        Self { root, known: BTreeMap::new(), hashes: Hashes::default(), packages }
    }

    /// Looks for owners of sockets not seen before, and forgets those that are gone. Returns the
    /// inodes whose owner will be looked for again.
    pub(super) fn resolve(&mut self, sockets: &[Handle], patience: Patience) -> Vec<u64> {
        let there: BTreeSet<u64> = sockets.iter().map(|socket| socket.inode).collect();
        self.known.retain(|inode, _| there.contains(inode));
        let mut wanted = Vec::new();
        for socket in sockets {
            let known = self.known.entry(socket.inode).or_default();
            if known.owner.pid.is_none() && known.attempts < ATTEMPTS_MAX {
                let last = patience == Patience::None || socket.inode == 0;
                known.attempts = if last { ATTEMPTS_MAX } else { known.attempts + 1 };
                known.owner.user = None;
                wanted.push(*socket);
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
            // Names of users in a container are those of its own files.
            let is_contained = owner.container.is_some();
            let number = || socket.uid.to_string();
            owner.user = Some(if is_contained { number() } else { user(&passwd, socket.uid) });
            let file = self.file(pid.unwrap_or_default(), owner.executable.as_deref());
            let is_host_file = pid.is_some_and(|pid| self.is_of_this_host(pid)) && !is_contained;
            if let Some(known) = self.known.get_mut(&socket.inode) {
                known.unhashed = pid.map(|_| file);
                (known.owner, known.is_host_file) = (owner, is_host_file);
                if pid.is_none() && known.attempts < ATTEMPTS_MAX {
                    unresolved.push(socket.inode);
                }
            }
        }
        self.complete();
        unresolved
    }

    /// Goes on reading files; whether some are left for the next turn.
    pub(super) fn hash(&mut self) -> bool {
        self.hashes.begin();
        let mut is_left = false;
        for known in self.known.values_mut() {
            let Some(file) = &known.unhashed else { continue };
            match self.hashes.of(file) {
                Hash::Known(sha256) => (known.owner.sha256, known.unhashed) = (sha256, None),
                Hash::Later => is_left = true,
            }
        }
        is_left
    }

    /// The owner of a socket, as far as it is known.
    pub(super) fn owner(&self, inode: u64) -> Owner {
        self.known.get(&inode).map(|known| known.owner.clone()).unwrap_or_default()
    }

    /// Where packages are told of, for the programs of these sockets.
    fn complete(&mut self) {
        let wanted = self.known.values().filter(|known| known.is_host_file);
        let paths: BTreeSet<String> =
            wanted.filter_map(|known| known.owner.executable.clone()).collect();
        let packages = self.packages.of(&paths);
        for known in self.known.values_mut().filter(|known| known.is_host_file) {
            let found = known.owner.executable.as_ref().and_then(|path| packages.get(path));
            if let Some(found) = found {
                known.owner.package = found.clone();
                known.owner.is_packaged = Some(found.is_some());
            }
        }
    }

    /// The process of each wanted socket. The first process of the system holds sockets for
    /// services it starts on demand, so it only counts when there is no other.
    fn holders(&self, wanted: &[Handle]) -> BTreeMap<u64, u32> {
        let mut found: BTreeMap<u64, u32> = BTreeMap::new();
        let wanted: BTreeSet<u64> = wanted.iter().map(|socket| socket.inode).collect();
        for pid in processes(&self.root) {
            let Ok(entries) = std::fs::read_dir(self.root.path(format!("/proc/{pid}/fd"))) else {
                continue;
            };
            for entry in entries.flatten() {
                let inode = entry.path().read_link().ok().and_then(|link| socket_inode(&link));
                let Some(inode) = inode.filter(|inode| *inode != 0) else { continue };
                if wanted.contains(&inode) {
                    let holder = found.entry(inode).or_insert(pid);
                    if *holder == 1 {
                        *holder = pid;
                    }
                }
            }
        }
        found
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
        let cgroup = read::text(&path("cgroup")).unwrap_or_default();
        Owner {
            pid: Some(pid),
            name: name.map(str::to_owned).or_else(comm),
            command_line: arguments.map(|bytes| command_line(&bytes)),
            user: None,
            unit: unit(&cgroup),
            container: container(&cgroup),
            sha256: None,
            executable,
            package: None,
            is_packaged: None,
        }
    }

    /// The file that runs, also when another has its name by now; in a fixture, the file named.
    fn file(&self, pid: u32, executable: Option<&str>) -> PathBuf {
        match executable {
            Some(named) if self.root != Root::default() => self.root.path(named),
            _ => self.root.path(format!("/proc/{pid}/exe")),
        }
    }

    /// Whether a process sees the files of this host under the names it uses.
    fn is_of_this_host(&self, pid: u32) -> bool {
        let of = |pid: &str| self.root.path(format!("/proc/{pid}/ns/mnt")).read_link().ok();
        of(&pid.to_string()) == of("1")
    }
}

/// All processes, the oldest numbers first.
pub(super) fn processes(root: &Root) -> Vec<u32> {
    let Ok(entries) = std::fs::read_dir(root.path("/proc")) else { return Vec::new() };
    let number = |entry: std::fs::DirEntry| entry.file_name().to_str()?.parse().ok();
    let mut pids: Vec<u32> = entries.flatten().filter_map(number).collect();
    pids.sort_unstable();
    pids
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

/// The container in a path of cgroups: 64 hexadecimal digits as Docker, Podman, containerd and
/// CRI-O name it, or the name that LXC and systemd-nspawn gave. Source: the programs' own names of
/// cgroups: `docker-ID.scope`, `/docker/ID`, `cri-containerd-ID.scope`, `libpod-ID.scope`,
/// `lxc.payload.NAME`, `machine-NAME.scope`.
fn container(cgroup: &str) -> Option<String> {
    let parts = || cgroup.lines().flat_map(|line| line.split('/'));
    let id = parts().find_map(|part| {
        let part = part.strip_suffix(".scope").unwrap_or(part);
        let id = part.rsplit('-').next().unwrap_or(part);
        (id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(id)
    });
    let named = || {
        parts().find_map(|part| {
            let machine =
                part.strip_prefix("machine-").and_then(|name| name.strip_suffix(".scope"));
            part.strip_prefix("lxc.payload.").or(machine)
        })
    };
    id.or_else(named).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn containers_are_known_by_their_cgroups() {
        let id = "0123456789abcdef".repeat(4);
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(container(text).as_deref(), expected, "{text}");
        };
        check(&format!("0::/system.slice/docker-{id}.scope\n"), Some(&id));
        check(&format!("12:pids:/docker/{id}\n"), Some(&id));
        check(&format!("0::/kubepods.slice/cri-containerd-{id}.scope\n"), Some(&id));
        check(&format!("0::/user.slice/libpod-{id}.scope/container\n"), Some(&id));
        check("0::/lxc.payload.web/init.scope\n", Some("web"));
        check("0::/machine.slice/machine-mail.scope\n", Some("mail"));
        check("0::/system.slice/docker.service\n", None);
        check("", None);
    }

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
