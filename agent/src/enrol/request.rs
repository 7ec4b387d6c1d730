//! What is asked of the collector, and its answer in words.

use rcgen::{CertificateParams, DnType, KeyPair};
use serde::Deserialize;

use super::{Error, Granted};
use crate::link::Answer;

/// A key and the request to sign it. The key goes nowhere but into the identity.
pub(super) struct Signing {
    /// PEM.
    pub csr: String,
    /// PEM.
    pub key: String,
}

impl Signing {
    /// A request with a new key.
    pub(super) fn generate(name: &str) -> Result<Self, Error> {
        Self::new(&new_key()?, name)
    }

    /// The name is for people who read the request, identity is the collector's to give.
    pub(super) fn new(key: &KeyPair, name: &str) -> Result<Self, Error> {
        let mut params = CertificateParams::default();
        // X.520 allows 64 characters in a common name.
        params
            .distinguished_name
            .push(DnType::CommonName, name.chars().take(64).collect::<String>());
        let csr = params.serialize_request(key)?.pem()?;
        Ok(Self { csr, key: key.serialize_pem() })
    }
}

/// ECDSA on P-256.
pub(super) fn new_key() -> Result<KeyPair, Error> {
    Ok(KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?)
}

/// The parts of a problem (RFC 9457) that are shown.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Problem {
    title: String,
    detail: String,
}

/// The certificate, or why there is none.
pub(super) fn granted(answer: &Answer) -> Result<Granted, Error> {
    if answer.status == 200 || answer.status == 201 {
        let unusable = |error: serde_json::Error| Error::Answer(error.to_string());
        return serde_json::from_slice(&answer.body).map_err(unusable);
    }
    let problem: Problem = serde_json::from_slice(&answer.body).unwrap_or_default();
    let title = problem.title.trim_end_matches('.');
    let title = if title.is_empty() { "no reason given" } else { title }.to_owned();
    let (status, hint) = (answer.status, hint(answer.status));
    Err(Error::Refused { status, title, detail: problem.detail, hint })
}

fn hint(status: u16) -> &'static str {
    match status {
        401 | 403 | 410 => {
            "\nA token works once and only for a while: have a new one made on the collector with \
             `soc-collector token create --agency A`."
        }
        404 => "\nThis is not the agents' door of a collector: check address and port.",
        400 | 422 => "\nAgent and collector may be of different versions.",
        429 => "\nToo many attempts: wait a minute and try again.",
        500..=599 => "\nThe collector has trouble of its own: try again later.",
        _ => "",
    }
}
