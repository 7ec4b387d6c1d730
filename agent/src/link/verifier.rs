//! Decides whether who answers is the collector.

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls13_signature};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, OtherError, RootCertStore, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use soc_event::Timestamp;

use super::{Peer, Pin};
use crate::clock::unix_time;

/// Trusts servers of the CA with this hash, and no others.
#[derive(Debug)]
pub(super) struct Pinned {
    pin: Pin,
    ca: Option<CertificateDer<'static>>,
    algorithms: WebPkiSupportedAlgorithms,
}

/// What webpki has no word for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum Distrust {
    #[error("its certificates do not come from the CA of the pin")]
    OtherCa,
    #[error("its certificate is not one for servers")]
    NoServer,
}

impl Pinned {
    pub(super) fn new(peer: &Peer, algorithms: WebPkiSupportedAlgorithms) -> Self {
        Self { pin: peer.pin, ca: peer.ca.clone(), algorithms }
    }

    fn roots(&self, presented: &[CertificateDer<'_>]) -> Result<RootCertStore, rustls::Error> {
        let known = self.ca.iter().chain(presented).find(|one| Pin::of(one) == self.pin);
        let ca = known.ok_or_else(|| distrust(Distrust::OtherCa))?;
        let mut roots = RootCertStore::empty();
        roots.add(ca.clone().into_owned())?;
        Ok(roots)
    }
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let roots = self.roots(intermediates)?;
        // webpki lets a certificate without stated purpose pass; agents' certificates are from
        // the same CA, so the purpose has to be stated.
        if !is_for_servers(end_entity) {
            return Err(distrust(Distrust::NoServer));
        }
        let begun = intermediates.iter().chain([end_entity]).filter_map(not_before).max();
        let now = begun.map_or(now, |begun| now.max(unix_time(begun)));
        let algorithms = self.algorithms.all;
        let parsed = ParsedCertificate::try_from(end_entity)?;
        verify_server_cert_signed_by_trust_anchor(&parsed, &roots, intermediates, now, algorithms)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::PeerIncompatible::Tls12NotOffered.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// What is wrong with the certificate, for an operator.
pub(super) fn in_words(reason: &CertificateError) -> String {
    match reason {
        CertificateError::Other(OtherError(inner)) => inner.to_string(),
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            Distrust::OtherCa.to_string()
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "its certificate has expired (or this machine's clock is far ahead)".to_owned()
        }
        other => format!("{other:?}"),
    }
}

fn distrust(why: Distrust) -> rustls::Error {
    let inner = OtherError(std::sync::Arc::new(why));
    rustls::Error::InvalidCertificate(CertificateError::Other(inner))
}

fn is_for_servers(certificate: &CertificateDer<'_>) -> bool {
    let Ok((_, parsed)) = x509_parser::parse_x509_certificate(certificate) else { return false };
    matches!(parsed.extended_key_usage(), Ok(Some(usage)) if usage.value.server_auth)
}

fn not_before(certificate: &CertificateDer<'_>) -> Option<Timestamp> {
    let (_, parsed) = x509_parser::parse_x509_certificate(certificate).ok()?;
    let seconds = parsed.validity().not_before.timestamp();
    Some(Timestamp::from_micros(seconds.saturating_mul(1_000_000)))
}
