use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DistinguishedName,
    DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, PublicKeyData as _,
    SanType, SerialNumber, date_time_ymd,
};
use rustls_pki_types::CertificateDer;
use sha2::{Digest, Sha256};
use soc_event::{AgentId, Timestamp};
use x509_parser::extensions::GeneralName;

use super::files::{self, KeyPairFile};
use super::{AGENT_URN, Error, Signed};

/// An agent's certificate begins so long before it was signed, for the sake of other clocks.
const BACKDATED: Duration = Duration::from_secs(86_400);

/// The authority's certificate and key.
pub(super) struct Authority {
    certificate: CertificateDer<'static>,
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// Reads the authority, or makes it.
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let file = match files::read(path)? {
            Some(file) => file,
            None => make(path)?,
        };
        let key = KeyPair::try_from(&file.key).map_err(|error| files::damaged(path, &error))?;
        let issuer = Issuer::from_ca_cert_der(&file.certificate, key)
            .map_err(|error| files::damaged(path, &error))?;
        Ok(Self { certificate: file.certificate, pem: file.certificate_pem, issuer })
    }

    pub(super) fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    pub(super) fn pem(&self) -> &str {
        &self.pem
    }

    /// Reads the server's certificate, or makes it when it is not there, not ours or names others.
    pub(super) fn server(&self, path: &Path, names: &[String]) -> Result<KeyPairFile, Error> {
        match files::read(path)? {
            Some(file) if self.is_server_for(&file.certificate, names) => Ok(file),
            _ => self.make_server(path, names),
        }
    }

    fn is_server_for(&self, certificate: &CertificateDer<'_>, names: &[String]) -> bool {
        let parse = x509_parser::parse_x509_certificate;
        let (Ok((_, server)), Ok((_, ca))) = (parse(certificate), parse(&self.certificate)) else {
            return false;
        };
        let ours = server.verify_signature(Some(ca.public_key())).is_ok();
        let Ok(Some(found)) = server.subject_alternative_name() else {
            return false;
        };
        let found: BTreeSet<String> =
            found.value.general_names.iter().filter_map(name_text).collect();
        ours && found.iter().eq(names.iter().collect::<BTreeSet<_>>())
    }

    fn make_server(&self, path: &Path, names: &[String]) -> Result<KeyPairFile, Error> {
        let mut params = CertificateParams::new(names).map_err(Error::Make)?;
        params.distinguished_name = common_name("SOC collector");
        params.not_before = date_time_ymd(1970, 1, 1);
        params.not_after = date_time_ymd(9999, 12, 31);
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate().map_err(Error::Make)?;
        let made = params.signed_by(&key, &self.issuer).map_err(Error::Make)?;
        store(path, &made, &key)
    }

    pub(super) fn sign(
        &self,
        csr_pem: &str,
        agent: AgentId,
        validity: Duration,
        now: Timestamp,
    ) -> Result<Signed, Error> {
        // Checks the signature of the request with the key in it.
        let request = CertificateSigningRequestParams::from_pem(csr_pem).map_err(Error::Request)?;
        let mut params = CertificateParams::default();
        params.distinguished_name = common_name(&agent.to_string());
        let urn = format!("{AGENT_URN}{agent}").try_into().map_err(Error::Make)?;
        params.subject_alt_names = vec![SanType::URI(urn)];
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.serial_number = Some(serial_number());
        params.use_authority_key_identifier_extension = true;
        let seconds = u64::try_from(now.as_micros() / 1_000_000).unwrap_or(0);
        let expires = Duration::from_secs(seconds).saturating_add(validity);
        let epoch = date_time_ymd(1970, 1, 1);
        params.not_before = epoch + Duration::from_secs(seconds).saturating_sub(BACKDATED);
        params.not_after = epoch + expires;
        let made = params.signed_by(&request.public_key, &self.issuer).map_err(Error::Make)?;
        Ok(Signed {
            certificate: made.pem(),
            expires: Timestamp::from_micros(i64::try_from(expires.as_micros()).unwrap_or(i64::MAX)),
        })
    }
}

pub(super) fn request_key_hash(csr_pem: &str) -> Result<[u8; 32], Error> {
    let request = CertificateSigningRequestParams::from_pem(csr_pem).map_err(Error::Request)?;
    Ok(Sha256::digest(request.public_key.der_bytes()).into())
}

fn make(path: &Path) -> Result<KeyPairFile, Error> {
    let mut params = CertificateParams::default();
    params.distinguished_name = common_name("SOC collector authority");
    params.not_before = date_time_ymd(1970, 1, 1);
    params.not_after = date_time_ymd(9999, 12, 31);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let key = KeyPair::generate().map_err(Error::Make)?;
    let made = params.self_signed(&key).map_err(Error::Make)?;
    store(path, &made, &key)
}

fn store(path: &Path, made: &rcgen::Certificate, key: &KeyPair) -> Result<KeyPairFile, Error> {
    files::write_private(path, &format!("{}{}", made.pem(), key.serialize_pem()))?;
    let file = files::read(path)?;
    file.ok_or_else(|| files::damaged(path, &"gone right after it was written"))
}

fn common_name(name: &str) -> DistinguishedName {
    let mut names = DistinguishedName::new();
    names.push(DnType::CommonName, name);
    names
}

/// Sixteen random bytes, positive. Source: RFC 5280, section 4.1.2.2.
fn serial_number() -> SerialNumber {
    let mut bytes: [u8; 16] = rand::random();
    if let Some(first) = bytes.first_mut() {
        *first = (*first & 0x7f) | 0x01;
    }
    SerialNumber::from_slice(&bytes)
}

fn name_text(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => match bytes.len() {
            4 => <[u8; 4]>::try_from(*bytes).ok().map(|ip| std::net::IpAddr::from(ip).to_string()),
            _ => <[u8; 16]>::try_from(*bytes).ok().map(|ip| std::net::IpAddr::from(ip).to_string()),
        },
        _ => None,
    }
}
