//! A network of a test's own: hosts that are network namespaces, on one bridge.

use std::process::{Child, Command, Stdio};

use crate::stage::run;

/// A bridge with hosts on it. Dropped, everything it made is removed.
#[derive(Debug)]
pub struct Lan {
    prefix: String,
    hosts: Vec<String>,
}

impl Lan {
    /// A network with these hosts: name, and address with its length, or `-` for none. Each has the
    /// interface `eth0`.
    ///
    /// # Errors
    /// What the system said: without the rights of root, or of a container, there is no network.
    pub fn new(hosts: &[(&str, &str)]) -> Result<Self, String> {
        let mut lan = Self { prefix: format!("soc-net-{}", std::process::id()), hosts: Vec::new() };
        lan.add("bridge")?;
        // A switch has no address of its own, and its ports say nothing.
        let silent =
            "for it in all default; do echo 1 >/proc/sys/net/ipv6/conf/$it/disable_ipv6; done";
        lan.inside("bridge", &["sh", "-c", silent])?;
        lan.inside(
            "bridge",
            &["ip", "link", "add", "br0", "type", "bridge", "forward_delay", "0"],
        )?;
        lan.inside("bridge", &["ip", "link", "set", "br0", "up"])?;
        for (number, (name, address)) in hosts.iter().enumerate() {
            lan.add(name)?;
            lan.plug(number, name, address)?;
        }
        Ok(lan)
    }

    fn add(&mut self, name: &str) -> Result<(), String> {
        run(Command::new("ip").args(["netns", "add", &self.namespace(name)]))?;
        self.hosts.push(name.to_owned());
        self.inside(name, &["ip", "link", "set", "lo", "up"]).map(drop)
    }

    fn plug(&self, number: usize, name: &str, address: &str) -> Result<(), String> {
        let (port, namespace) = (format!("port{number}"), self.namespace(name));
        let peer = ["type", "veth", "peer", "name", "eth0", "netns", &namespace];
        self.inside("bridge", &[&["ip", "link", "add", &port][..], &peer].concat())?;
        self.inside("bridge", &["ip", "link", "set", &port, "master", "br0", "up"])?;
        if address != "-" {
            self.inside(name, &["ip", "address", "add", address, "dev", "eth0"])?;
        }
        self.inside(name, &["ip", "link", "set", "eth0", "up"]).map(drop)
    }

    /// The name of a host's namespace.
    pub fn namespace(&self, host: &str) -> String {
        format!("{}-{host}", self.prefix)
    }

    /// A command on a host.
    pub fn command(&self, host: &str, words: &[&str]) -> Command {
        command(&self.namespace(host), words)
    }

    /// Runs a command on a host to its end.
    ///
    /// # Errors
    /// Its output.
    pub fn inside(&self, host: &str, words: &[&str]) -> Result<String, String> {
        run(&mut self.command(host, words))
    }
}

impl Drop for Lan {
    fn drop(&mut self) {
        for host in &self.hosts {
            let _ = run(Command::new("ip").args(["netns", "delete", &self.namespace(host)]));
        }
    }
}

/// A command in a network namespace.
pub fn command(namespace: &str, words: &[&str]) -> Command {
    let mut command = Command::new("ip");
    command.args(["netns", "exec", namespace]).args(words).stdin(Stdio::null());
    command
}

/// A program that runs until this is dropped. `ip netns exec` becomes the program, so it is ended
/// by its process id.
#[derive(Debug)]
pub struct Running(Child);

impl Running {
    /// Starts it, without output.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(mut command: Command) -> std::io::Result<Self> {
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().map(Self)
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
