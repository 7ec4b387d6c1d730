use std::net::IpAddr;

use soc_event::Fields;

use super::{pam, put};

/// What sshd says. Source: OpenSSH `auth.c` (`auth_log`), `auth2.c`, `packet.c`.
pub(super) fn fill(text: &str, fields: &mut Fields) {
    let text = text.strip_prefix("error: ").unwrap_or(text);
    let text = text.strip_suffix(" [preauth]").unwrap_or(text);
    let known = accepted(text, fields)
        .or_else(|| failed(text, fields))
        .or_else(|| refused_by_pam(text, fields))
        .or_else(|| invalid_user(text, fields))
        .or_else(|| exceeded(text, fields))
        .or_else(|| connection(text, fields))
        .or_else(|| received_disconnect(text, fields))
        .or_else(|| other(text, fields));
    if known.is_none() {
        pam::fill(text, fields);
    }
}

/// `Accepted publickey for bob from 192.0.2.7 port 50022 ssh2: ED25519 SHA256:…`
fn accepted(text: &str, fields: &mut Fields) -> Option<()> {
    let (method, rest) = text.strip_prefix("Accepted ")?.split_once(" for ")?;
    let (user, peer) = existing_user(rest)?;
    login(method, user, peer, "success", fields);
    Some(())
}

/// `Failed password for invalid user bob from 192.0.2.7 port 50022 ssh2`
fn failed(text: &str, fields: &mut Fields) -> Option<()> {
    let (method, rest) = text.strip_prefix("Failed ")?.split_once(" for ")?;
    let (user, peer) = match rest.strip_prefix("invalid user ") {
        Some(rest) => {
            put(fields, "user.invalid", true);
            stranger(rest)?
        }
        None => existing_user(rest)?,
    };
    login(method, user, peer, "failure", fields);
    Some(())
}

/// `PAM: Authentication failure for bob from 192.0.2.7`: of an account that exists, the first tries
/// of a connection are only told so. For other accounts `Failed …` follows at once.
/// Source: OpenSSH `auth-pam.c` (`sshpam_query`), `auth.c` (`auth_log`).
fn refused_by_pam(text: &str, fields: &mut Fields) -> Option<()> {
    let (why, rest) = text.strip_prefix("PAM: ")?.split_once(" for ")?;
    if let Some(rest) = rest.strip_prefix("illegal user ") {
        let (user, host) = rest.rsplit_once(" from ")?;
        put(fields, "user.invalid", true);
        put(fields, "user.name", user);
        pam::source(host, fields);
        return Some(());
    }
    let (user, host) = rest.rsplit_once(" from ")?;
    put(fields, "user.name", user);
    pam::source(host, fields);
    if why == "Authentication failure" {
        put(fields, "event.action", "ssh_login");
        put(fields, "event.outcome", "failure");
        put(fields, "ssh.method", "keyboard-interactive/pam");
    }
    Some(())
}

fn login(method: &str, user: &str, peer: Peer<'_>, outcome: &str, fields: &mut Fields) {
    put(fields, "event.action", "ssh_login");
    put(fields, "event.outcome", outcome);
    put(fields, "ssh.method", method);
    put(fields, "user.name", user);
    peer.fill(fields);
}

/// `Invalid user bob from 192.0.2.7 port 50022`; also the older line without a source.
fn invalid_user(text: &str, fields: &mut Fields) -> Option<()> {
    if let Some(user) = text.strip_prefix("input_userauth_request: invalid user ") {
        put(fields, "user.name", user);
    } else {
        let (user, peer) = stranger(text.strip_prefix("Invalid user ")?)?;
        put(fields, "user.name", user);
        peer.fill(fields);
    }
    put(fields, "user.invalid", true);
    Some(())
}

/// `maximum authentication attempts exceeded for invalid user bob from 192.0.2.7 port 1 ssh2`
fn exceeded(text: &str, fields: &mut Fields) -> Option<()> {
    let rest = text.strip_prefix("maximum authentication attempts exceeded for ")?;
    let invalid = rest.strip_prefix("invalid user ");
    if invalid.is_some() {
        put(fields, "user.invalid", true);
    }
    let (user, peer) = stranger(invalid.unwrap_or(rest))?;
    put(fields, "user.name", user);
    peer.fill(fields);
    Some(())
}

/// `Connection closed by authenticating user bob 192.0.2.7 port 50022`, likewise `Connection reset
/// by`, `Disconnected from`, `Disconnecting`: the address is the last but two words.
fn connection(text: &str, fields: &mut Fields) -> Option<()> {
    let rest = ["Connection closed by ", "Connection reset by ", "Disconnected from "]
        .iter()
        .find_map(|prefix| text.strip_prefix(prefix))?;
    if let Some(peer) = Peer::parse(rest) {
        peer.fill(fields);
        return Some(());
    }
    let invalid = rest.strip_prefix("invalid user ");
    let rest = invalid
        .or_else(|| rest.strip_prefix("authenticating user "))
        .or_else(|| rest.strip_prefix("user "))?;
    let (before, port) = rest.rsplit_once(" port ")?;
    let (user, ip) = before.rsplit_once(' ')?;
    if invalid.is_some() {
        put(fields, "user.invalid", true);
    }
    put(fields, "user.name", user);
    Peer { ip: address(ip)?, port: Some(port.parse().ok()?) }.fill(fields);
    Some(())
}

/// `Received disconnect from 192.0.2.7 port 50022:11: Bye Bye`, formerly without the port. What
/// follows the number is the stranger's.
fn received_disconnect(text: &str, fields: &mut Fields) -> Option<()> {
    let rest = text.strip_prefix("Received disconnect from ")?;
    let (ip, rest) = rest.split_once(": ").or_else(|| rest.split_once(' '))?;
    let (ip, port) = match ip.split_once(' ') {
        Some((ip, rest)) => (ip, rest.strip_prefix("port ")?.split(':').next()?.parse().ok()),
        None => {
            (ip, rest.strip_prefix("port ").and_then(|rest| rest.split(':').next()?.parse().ok()))
        }
    };
    Peer { ip: address(ip)?, port }.fill(fields);
    Some(())
}

fn other(text: &str, fields: &mut Fields) -> Option<()> {
    if let Some(rest) = text.strip_prefix("Did not receive identification string from ") {
        Peer::parse(rest)?.fill(fields);
    } else if let Some(rest) = text.strip_prefix("reverse mapping checking getaddrinfo for ") {
        // The name comes from the stranger's own name server, the address from the kernel.
        let (_, rest) = rest.rsplit_once('[')?;
        put(fields, "source.ip", address(rest.split_once(']')?.0)?);
    } else {
        // `User bob from 192.0.2.7 not allowed because …`
        let (user, rest) = text.strip_prefix("User ")?.split_once(" from ")?;
        let (host, _) = rest.split_once(" not allowed because ")?;
        put(fields, "user.name", user);
        pam::source(host, fields);
    }
    Some(())
}

/// Where a connection comes from.
#[derive(Clone, Copy)]
struct Peer<'a> {
    ip: &'a str,
    port: Option<u16>,
}

impl<'a> Peer<'a> {
    /// `192.0.2.7` or `192.0.2.7 port 50022`, and nothing else.
    fn parse(text: &'a str) -> Option<Self> {
        let (ip, port) = match text.split_once(" port ") {
            Some((ip, port)) => (ip, Some(port.parse().ok()?)),
            None => (text, None),
        };
        Some(Self { ip: address(ip)?, port })
    }

    fn fill(self, fields: &mut Fields) {
        put(fields, "source.ip", self.ip);
        if let Some(port) = self.port {
            put(fields, "source.port", port);
        }
    }
}

fn address(text: &str) -> Option<&str> {
    // Link-local addresses come with the interface: fe80::1%eth0.
    let bare = text.split_once('%').map_or(text, |(ip, _)| ip);
    bare.parse::<IpAddr>().ok().map(|_| bare)
}

/// A name the stranger chose: what stands last is sshd's. Such lines end after `ssh2`, because a
/// key is only described for accounts that exist.
fn stranger(rest: &str) -> Option<(&str, Peer<'_>)> {
    let rest = rest.strip_suffix(" ssh2").unwrap_or(rest);
    let (user, peer) = match rest.strip_prefix("from ") {
        Some(peer) if !peer.contains(" from ") => ("", peer),
        _ => rest.rsplit_once(" from ")?,
    };
    Some((user, Peer::parse(peer)?))
}

/// The name of an account that exists: what stands first is true. What follows `ssh2: ` describes a
/// key, whose id the stranger chose.
fn existing_user(rest: &str) -> Option<(&str, Peer<'_>)> {
    let (user, rest) = rest.split_once(" from ")?;
    let (ip, rest) = rest.split_once(" port ")?;
    let port = rest.split(' ').next()?;
    Some((user, Peer { ip: address(ip)?, port: Some(port.parse().ok()?) }))
}
