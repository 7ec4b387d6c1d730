//! The identity on disk: one file, readable by its owner alone, replaced whole or not at all.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rcgen::{KeyPair, PublicKeyData};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde::{Deserialize, Serialize};
use soc_event::{AgentId, Timestamp};

use super::Error;
use crate::link::{Address, Client, Peer, Pin};

/// Who this agent is, with all it needs to prove it.
#[derive(Debug)]
pub struct Identity {
    stored: Stored,
    ca: CertificateDer<'static>,
    certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
    not_before: Timestamp,
    not_after: Timestamp,
}

/// CA, certificate and key in PEM.
pub(super) struct Papers {
    pub ca: String,
    pub certificate: String,
    pub key: String,
}

/// The file.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    agent: AgentId,
    collector: Address,
    ca_pin: Pin,
    ca: String,
    certificate: String,
    key: String,
}

impl std::fmt::Debug for Stored {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stored").field("agent", &self.agent).finish_non_exhaustive()
    }
}

impl Identity {
    pub(super) fn new(agent: AgentId, peer: Peer, papers: Papers) -> Result<Self, Error> {
        let Papers { ca, certificate, key } = papers;
        let Peer { address: collector, pin: ca_pin, .. } = peer;
        Self::check(Stored { agent, collector, ca_pin, ca, certificate, key })
            .map_err(Error::Answer)
    }

    pub(super) fn renewed(&self, certificate: String, key: String) -> Result<Self, Error> {
        Self::check(Stored { certificate, key, ..self.stored.clone() }).map_err(Error::Answer)
    }

    /// Reads the identity from the state folder; none if this machine was never enrolled.
    ///
    /// # Errors
    /// [`Error::Disk`] and [`Error::Damaged`].
    pub fn load(state: &Path) -> Result<Option<Self>, Error> {
        let path = file(state);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(disk(&path, source)),
        };
        let damaged = |reason: String| Error::Damaged { path: path.display().to_string(), reason };
        let stored = serde_json::from_str(&text).map_err(|error| damaged(error.to_string()))?;
        Self::check(stored).map(Some).map_err(damaged)
    }

    /// Writes the identity into the state folder, which is made if it is not there.
    ///
    /// # Errors
    /// [`Error::Disk`]; then the identity that was there is still there.
    pub fn save(&self, state: &Path) -> Result<(), Error> {
        let path = file(state);
        let text = serde_json::to_vec_pretty(&self.stored).map_err(std::io::Error::other);
        text.and_then(|text| replace(&path, &text)).map_err(|source| disk(&path, source))
    }

    /// The name the collector gave.
    pub fn agent(&self) -> AgentId {
        self.stored.agent
    }

    /// Where the collector is and how it is known.
    pub fn peer(&self) -> Peer {
        let Stored { collector, ca_pin, .. } = &self.stored;
        Peer { address: collector.clone(), pin: *ca_pin, ca: Some(self.ca.clone()) }
    }

    /// What proves who we are.
    pub fn client(&self) -> Client {
        Client { certificate: self.certificate.clone(), key: self.key.clone_key() }
    }

    /// Until when the certificate is good.
    pub fn expires(&self) -> Timestamp {
        self.not_after
    }

    /// Whether it is time for a new certificate: a third of the life is left, or less.
    pub fn is_due(&self, now: Timestamp) -> bool {
        let life = self.not_after.as_micros().saturating_sub(self.not_before.as_micros());
        let left = self.not_after.as_micros().saturating_sub(now.as_micros());
        left <= life / 3
    }

    /// The only way to an identity: everything in it fits together.
    fn check(stored: Stored) -> Result<Self, String> {
        let pem = |what: &'static str| move |error| format!("{what}: {error}");
        let ca = CertificateDer::from_pem_slice(stored.ca.as_bytes()).map_err(pem("ca"))?;
        if Pin::of(&ca) != stored.ca_pin {
            return Err(format!("its CA is {}, not {}", Pin::of(&ca), stored.ca_pin));
        }
        let certificate = CertificateDer::from_pem_slice(stored.certificate.as_bytes())
            .map_err(pem("certificate"))?;
        let key = PrivateKeyDer::from_pem_slice(stored.key.as_bytes()).map_err(pem("key"))?;
        let pair = KeyPair::from_pem(&stored.key).map_err(|error| format!("key: {error}"))?;
        let (_, parsed) = x509_parser::parse_x509_certificate(&certificate)
            .map_err(|error| format!("certificate: {error}"))?;
        if parsed.public_key().subject_public_key.data != pair.der_bytes() {
            return Err("the certificate is for another key".to_owned());
        }
        let moment = |time: x509_parser::time::ASN1Time| {
            Timestamp::from_micros(time.timestamp().saturating_mul(1_000_000))
        };
        let validity = parsed.validity();
        let (not_before, not_after) = (moment(validity.not_before), moment(validity.not_after));
        Ok(Self { stored, ca, certificate, key, not_before, not_after })
    }
}

fn file(state: &Path) -> PathBuf {
    state.join("identity.json")
}

/// Written beside, made durable, then put in place: a power cut leaves the old or the new.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".new");
    let temporary = PathBuf::from(temporary);
    // A leftover would keep its own permissions.
    match std::fs::remove_file(&temporary) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&temporary, path)?;
    File::open(folder)?.sync_all()
}

pub(super) fn disk(path: &Path, source: std::io::Error) -> Error {
    Error::Disk { path: path.display().to_string(), source }
}
