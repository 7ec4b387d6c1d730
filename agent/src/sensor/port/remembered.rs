//! Which ports there were when the agent last told, so that what was opened while it was down is
//! told as opened.

use sha2::{Digest, Sha256};

use super::{Key, Port};
use crate::sensor::Position;

/// Name of the position.
pub(super) const SOURCE: &str = "port known";
const HASH_BYTES: usize = 8;
/// As many as fit into a position; on hosts with more the rest is told as opened again.
const PORTS_MAX: usize = 500;

/// The ports as a position: eight bytes of a hash for each.
pub(super) fn position<'a>(ports: impl Iterator<Item = &'a Port>) -> Position {
    let bytes = ports.take(PORTS_MAX).flat_map(|port| hash(&port.key())).collect();
    Position { source: SOURCE.to_owned(), bytes }
}

/// Whether a port is among those of a position.
pub(super) fn has(bytes: &[u8], key: &Key) -> bool {
    bytes.chunks_exact(HASH_BYTES).any(|known| *known == hash(key))
}

fn hash(key: &Key) -> [u8; HASH_BYTES] {
    let executable = key.executable.as_deref().unwrap_or_default();
    let (transport, scope) = (key.transport.as_str(), key.scope.as_str());
    let text = format!("{transport} {scope} {} {executable}", key.port);
    let mut short = [0; HASH_BYTES];
    short.iter_mut().zip(Sha256::digest(text)).for_each(|(to, from)| *to = from);
    short
}
