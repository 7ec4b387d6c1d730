//! The key of an enrolment whose answer is not here yet.
//!
//! A token works once. Should the answer be lost after the collector used it up, the same token
//! with the same key is given the same name again; so the key is on disk before the token is told.

use std::path::{Path, PathBuf};

use rcgen::KeyPair;
use sha2::{Digest, Sha256};

use super::Error;
use super::identity::{disk, replace};
use super::request::{Signing, new_key};

// | line | what                                                  |
// |------|-------------------------------------------------------|
// | 1    | SHA-256 of the token, hexadecimal: whose key this is  |
// | 2…   | the key, PEM                                          |
const FILE: &str = "pending-key.pem";

/// The request for this token: with the key of the last try if it was for the same one, else with a
/// new key, which is on disk when this returns.
pub(super) fn signing(state: &Path, token: &str, name: &str) -> Result<Signing, Error> {
    let (path, owner) = (file(state), digest(token));
    // One that cannot be read is replaced; the collector decides whether the token is still good.
    let kept = std::fs::read_to_string(&path).ok().and_then(|text| key_of(&text, &owner));
    if let Some(key) = kept {
        return Signing::new(&key, name);
    }
    let key = new_key()?;
    let text = format!("{owner}\n{}", key.serialize_pem());
    replace(&path, text.as_bytes()).map_err(|source| disk(&path, source))?;
    Signing::new(&key, name)
}

/// Forgets the key: it is part of an identity now.
pub(super) fn forget(state: &Path) {
    let path = file(state);
    if let Err(error) = std::fs::remove_file(&path)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        tracing::warn!(%error, path = %path.display(), "leftover of the enrolment not removed");
    }
}

fn key_of(text: &str, owner: &str) -> Option<KeyPair> {
    let (line, pem) = text.split_once('\n')?;
    (line == owner).then_some(())?;
    KeyPair::from_pem(pem).ok()
}

fn digest(token: &str) -> String {
    Sha256::digest(token.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn file(state: &Path) -> PathBuf {
    state.join(FILE)
}
