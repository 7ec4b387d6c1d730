//! Network namespaces of others, as containers have them: one process of each shows its sockets.

use std::collections::BTreeMap;

use super::proc_net::{self, Socket};
use crate::sensor::{Root, owner};

/// Namespaces that are looked into; hosts with more are told as not wholly seen.
const NAMESPACES_MAX: usize = 128;

/// Network namespaces besides the own one.
#[derive(Debug, Default)]
pub(super) struct Namespaces {
    /// One process of each.
    known: BTreeMap<u64, u32>,
    /// How many there are beyond the limit.
    pub(super) left_out: usize,
}

impl Namespaces {
    /// Looks which there are.
    pub(super) fn find(&mut self, root: &Root) {
        (self.known, self.left_out) = (BTreeMap::new(), 0);
        let own = of(root, "self").or_else(|| of(root, "1"));
        for pid in owner::processes(root) {
            let Some(namespace) = of(root, &pid.to_string()) else { continue };
            if Some(namespace) == own || self.known.contains_key(&namespace) {
                continue;
            }
            if self.known.len() >= NAMESPACES_MAX {
                self.left_out += 1;
            } else {
                self.known.insert(namespace, pid);
            }
        }
    }

    /// Appends their sockets. A process that has ended, or is in another namespace by now, shows
    /// nothing until it is looked for again.
    pub(super) fn append(&self, root: &Root, sockets: &mut Vec<Socket>) -> bool {
        let mut is_whole = true;
        for (namespace, pid) in &self.known {
            let found = proc_net::of_process(root, *pid, *namespace);
            // Asked after reading: the number may be another process's by now.
            match found {
                Ok(found) if of(root, &pid.to_string()) == Some(*namespace) => {
                    sockets.extend(found)
                }
                _ => is_whole = false,
            }
        }
        is_whole
    }
}

/// `4026531840` of `net:[4026531840]`. Source: namespaces(7).
fn of(root: &Root, pid: &str) -> Option<u64> {
    let link = root.path(format!("/proc/{pid}/ns/net")).read_link().ok()?;
    link.to_str()?.strip_prefix("net:[")?.strip_suffix(']')?.parse().ok()
}
