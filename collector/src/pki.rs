//! The collector's own certificate authority: who agents trust, and what makes an agent an agent.
//!
//! Made at first start in one folder, never asked for, never replaced: agents pin it by the hash of
//! its certificate ([`Pki::ca_pin`]), and a new one would lock all of them out. So a missing or
//! damaged half of it is an error a person has to look at, not a reason to start over.
//!
//! | file | holds | mode |
//! |---|---|---|
//! | `ca.pem` | certificate and key of the authority | 0600 |
//! | `server.pem` | certificate and key of the agents' door; made anew when its names change | 0600 |
//!
//! Both are valid from 1970 to 9999: an agent whose clock is years wrong has to get in, or its
//! clock could not be reported. Agents' certificates are short ([`VALIDITY_MAX`]) and judged by the
//! collector's clock. Keys of agents are never seen here, only their requests.

mod authority;
mod files;

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest, Sha256};
use soc_event::{AgentId, Timestamp};

use authority::Authority;

/// Longest validity of an agent's certificate.
pub const VALIDITY_MAX: Duration = Duration::from_secs(30 * 86_400);
/// Before the agent's id in the certificate's alternative name.
const AGENT_URN: &str = "urn:soc:agent:";

/// The authority and the server's certificate. Cheap to clone.
#[derive(Clone)]
pub struct Pki(Arc<Inner>);

struct Inner {
    authority: Authority,
    server: files::KeyPairFile,
}

/// What the authority gave an agent.
#[derive(Clone, Debug)]
pub struct Signed {
    /// The agent's certificate as PEM.
    pub certificate: String,
    /// When it ends.
    pub expires: Timestamp,
}

/// What a client certificate says, once its signature has been checked against the authority.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Whose it is.
    pub agent: AgentId,
    /// When it ends.
    pub expires: Timestamp,
}

/// No certificate can be made or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The folder cannot be read or written.
    #[error("{path}: {source}")]
    Io {
        /// Which file.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file is there but is not what was written; restore it from a backup.
    #[error("{path}: not a certificate with its key ({reason}); restore it from a backup")]
    Damaged {
        /// Which file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The request of an agent is not one, or its signature is wrong.
    #[error("not a usable certificate request: {0}")]
    Request(rcgen::Error),
    /// A certificate lacks the name of an agent.
    #[error("not a certificate of an agent: {0}")]
    NotAnAgent(&'static str),
    /// Making a certificate failed: a name of the server that is none, or no randomness.
    #[error("certificate not made: {0}")]
    Make(rcgen::Error),
}

impl Pki {
    /// Opens the folder; makes authority and server certificate where there are none yet, and the
    /// server certificate anew when it does not name all of `names`, `localhost` and this host.
    ///
    /// # Errors
    /// [`Error::Damaged`] rather than a new authority when there is something unreadable.
    pub fn open(folder: &Path, names: &[String]) -> Result<Self, Error> {
        files::make_folder(folder)?;
        let authority = Authority::open(&folder.join("ca.pem"))?;
        let server = authority.server(&folder.join("server.pem"), &server_names(names))?;
        Ok(Self(Arc::new(Inner { authority, server })))
    }

    /// `sha256:<hex>` over the authority's certificate in DER: what an agent is told at
    /// installation, so that it can tell this collector from any other.
    pub fn ca_pin(&self) -> String {
        format!("sha256:{}", hex(&Sha256::digest(self.0.authority.certificate())))
    }

    /// The authority's certificate as PEM.
    pub fn ca_pem(&self) -> &str {
        self.0.authority.pem()
    }

    /// The authority's certificate.
    pub fn ca_der(&self) -> CertificateDer<'static> {
        self.0.authority.certificate().clone()
    }

    /// What the agents' door presents: its certificate, then the authority's.
    pub fn server_chain(&self) -> Vec<CertificateDer<'static>> {
        vec![self.0.server.certificate.clone(), self.ca_der()]
    }

    /// The key of the agents' door.
    pub fn server_key(&self) -> PrivateKeyDer<'static> {
        self.0.server.key.clone_key()
    }

    /// Signs the request of an agent: proves that it holds the key, then believes nothing else in
    /// it; the name is `agent`. A validity over [`VALIDITY_MAX`] is cut to it.
    ///
    /// # Errors
    /// [`Error::Request`] when the request is malformed or not signed by its own key.
    pub fn sign(
        &self,
        csr_pem: &str,
        agent: AgentId,
        validity: Duration,
        now: Timestamp,
    ) -> Result<Signed, Error> {
        self.0.authority.sign(csr_pem, agent, validity.min(VALIDITY_MAX), now)
    }
}

impl fmt::Debug for Pki {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pki").field("ca_pin", &self.ca_pin()).finish_non_exhaustive()
    }
}

/// Reads name and end from a certificate whose chain has already been verified.
///
/// # Errors
/// [`Error::NotAnAgent`] when the alternative name is not exactly one agent.
pub fn identity(certificate: &CertificateDer<'_>) -> Result<Identity, Error> {
    let (_, parsed) = x509_parser::parse_x509_certificate(certificate)
        .map_err(|_| Error::NotAnAgent("not X.509"))?;
    let names = parsed
        .subject_alternative_name()
        .map_err(|_| Error::NotAnAgent("alternative names are malformed"))?
        .ok_or(Error::NotAnAgent("no alternative name"))?;
    let [x509_parser::extensions::GeneralName::URI(uri)] = names.value.general_names.as_slice()
    else {
        return Err(Error::NotAnAgent("not exactly one alternative name"));
    };
    let agent = uri
        .strip_prefix(AGENT_URN)
        .and_then(|id| id.parse().ok())
        .ok_or(Error::NotAnAgent("the alternative name is not an agent's"))?;
    let seconds = parsed.validity().not_after.timestamp();
    let expires = Timestamp::from_micros(seconds.saturating_mul(1_000_000));
    Ok(Identity { agent, expires })
}

/// SHA-256 of the public key in a request, whose signature is checked.
///
/// # Errors
/// [`Error::Request`] when the request is malformed or not signed by its own key.
pub fn request_key_hash(csr_pem: &str) -> Result<[u8; 32], Error> {
    authority::request_key_hash(csr_pem)
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Names from the configuration, and those by which a machine reaches itself.
fn server_names(configured: &[String]) -> Vec<String> {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let own = ["localhost", "127.0.0.1", "::1", host.trim()].map(str::to_owned);
    let mut names: Vec<String> = configured.iter().cloned().chain(own).collect();
    names.retain(|name| !name.is_empty());
    names.sort();
    names.dedup();
    names
}

#[cfg(test)]
mod tests;
