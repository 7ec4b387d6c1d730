use std::fmt;
use std::sync::OnceLock;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use rand::RngExt;

use super::Error;

/// Memory of one hash, in KiB. Source: OWASP Password Storage Cheat Sheet, Argon2id.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// Shortest password that is taken, in characters.
const CHARACTERS_MIN: usize = 12;
/// Longest password that is looked at, in bytes.
const BYTES_MAX: usize = 1024;
/// Letters and digits that are not mistaken for each other when read aloud or copied by hand.
const ALPHABET: &[u8] = b"abcdefghjkmnpqrstuvwxyz23456789";

/// A password in the clear; never shown by `Debug`.
#[derive(Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(transparent)]
pub struct Password(String);

impl Password {
    /// As it was typed.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// A one-time password: four groups of five, 99 bits.
    pub fn random() -> Self {
        let mut random = rand::rng();
        let group = |_| {
            let letter = |_| char::from(ALPHABET[random.random_range(0..ALPHABET.len())]);
            (0..5).map(letter).collect::<String>()
        };
        Self((0..4).map(group).collect::<Vec<_>>().join("-"))
    }

    /// Whether it may be chosen.
    ///
    /// # Errors
    /// [`Error::Weak`] with what to do.
    pub fn check(&self) -> Result<(), Error> {
        if self.0.chars().count() < CHARACTERS_MIN {
            return Err(Error::Weak("choose a password of at least 12 characters"));
        }
        if self.0.len() > BYTES_MAX {
            return Err(Error::Weak("choose a password of at most 1024 bytes"));
        }
        let first = self.0.chars().next();
        if self.0.chars().all(|character| Some(character) == first) {
            return Err(Error::Weak("choose a password of more than one repeated character"));
        }
        Ok(())
    }

    /// The text, to be shown to the person it was made for.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

pub(super) fn hash(password: &Password) -> Result<String, Error> {
    let hash: PasswordHash = hasher()?.hash_password(password.0.as_bytes()).map_err(broken)?;
    Ok(hash.to_string())
}

pub(super) fn verify(password: &Password, stored: &str) -> Result<bool, Error> {
    // Cut rather than refused, so that the time does not tell.
    let bytes = password.0.as_bytes();
    let bytes = bytes.get(..BYTES_MAX).unwrap_or(bytes);
    let stored = PasswordHash::new(stored).map_err(broken)?;
    Ok(hasher()?.verify_password(bytes, &stored).is_ok())
}

/// The hash of a password nobody knows, to be checked against when the name is unknown.
pub(super) fn decoy() -> Result<String, Error> {
    static DECOY: OnceLock<String> = OnceLock::new();
    if let Some(decoy) = DECOY.get() {
        return Ok(decoy.clone());
    }
    let made = hash(&Password::random())?;
    Ok(DECOY.get_or_init(|| made).clone())
}

fn hasher() -> Result<Argon2<'static>, Error> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(broken)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn broken(error: impl fmt::Display) -> Error {
    Error::Hash(error.to_string())
}
