use std::os::unix::fs::PermissionsExt as _;

use rcgen::{CertificateParams, KeyPair};

use super::*;

fn now() -> Timestamp {
    "2026-11-22T10:00:00Z".parse().unwrap()
}

fn request(names: &[&str]) -> String {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let key = KeyPair::generate().unwrap();
    CertificateParams::new(names).unwrap().serialize_request(&key).unwrap().pem().unwrap()
}

fn der(pem: &str) -> CertificateDer<'static> {
    use rustls_pki_types::pem::PemObject as _;
    CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()
}

#[test]
fn the_authority_stays_the_same_over_restarts() {
    let folder = tempfile::tempdir().unwrap();
    let first = Pki::open(folder.path(), &[]).unwrap();
    let second = Pki::open(folder.path(), &[]).unwrap();
    assert_eq!(first.ca_pin(), second.ca_pin());
    assert_eq!(first.server_chain(), second.server_chain());
    assert_eq!(der(first.ca_pem()), first.ca_der());
}

#[test]
fn only_the_owner_can_read_keys() {
    let folder = tempfile::tempdir().unwrap();
    Pki::open(&folder.path().join("pki"), &[]).unwrap();
    for file in ["pki/ca.pem", "pki/server.pem"] {
        let mode = std::fs::metadata(folder.path().join(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
}

#[test]
fn other_names_make_another_server_certificate_under_the_same_authority() {
    let folder = tempfile::tempdir().unwrap();
    let before = Pki::open(folder.path(), &[]).unwrap();
    let after = Pki::open(folder.path(), &["soc.example.gov.vn".into()]).unwrap();
    assert_eq!(before.ca_pin(), after.ca_pin());
    assert_ne!(before.server_chain(), after.server_chain());
}

#[test]
fn a_damaged_authority_is_an_error_and_not_a_new_authority() {
    let folder = tempfile::tempdir().unwrap();
    Pki::open(folder.path(), &[]).unwrap();
    let file = folder.path().join("ca.pem");
    let pem = std::fs::read_to_string(&file).unwrap();
    for cut in [0, 1, pem.len() / 2] {
        std::fs::write(&file, &pem[..cut]).unwrap();
        assert!(matches!(Pki::open(folder.path(), &[]), Err(Error::Damaged { .. })), "cut {cut}");
    }
}

#[test]
fn a_signed_certificate_names_the_agent_and_nothing_the_request_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let pki = Pki::open(folder.path(), &[]).unwrap();
    let agent = AgentId::from_random([7; 16]);
    let signed = pki.sign(&request(&["evil.example"]), agent, VALIDITY_MAX, now()).unwrap();
    let identity = identity(&der(&signed.certificate)).unwrap();
    assert_eq!(identity, Identity { agent, expires: signed.expires });
    let der = der(&signed.certificate);
    let (_, parsed) = x509_parser::parse_x509_certificate(&der).unwrap();
    assert_eq!(parsed.subject().to_string(), format!("CN={agent}"));
    assert!(!format!("{parsed:?}").contains("evil"));
}

#[test]
fn no_certificate_lives_longer_than_thirty_days() {
    let folder = tempfile::tempdir().unwrap();
    let pki = Pki::open(folder.path(), &[]).unwrap();
    let agent = AgentId::from_random([7; 16]);
    let signed = pki.sign(&request(&[]), agent, VALIDITY_MAX * 100, now()).unwrap();
    assert_eq!(signed.expires, now().plus_micros(30 * 86_400 * 1_000_000));
}

#[test]
fn a_request_not_signed_by_its_own_key_is_refused() {
    use rustls_pki_types::pem::PemObject as _;
    let folder = tempfile::tempdir().unwrap();
    let pki = Pki::open(folder.path(), &[]).unwrap();
    let request = request(&[]);
    let der = rustls_pki_types::CertificateSigningRequestDer::from_pem_slice(request.as_bytes());
    let mut der = der.unwrap().as_ref().to_vec();
    let end = der.len() - 1;
    der[end] ^= 1;
    let forged = rcgen::CertificateSigningRequestParams::from_der(&der.into());
    assert!(forged.is_err(), "the signature was not checked");
    for text in ["", "-----BEGIN CERTIFICATE REQUEST-----", &request[..request.len() / 2]] {
        let agent = AgentId::from_random([7; 16]);
        assert!(matches!(pki.sign(text, agent, VALIDITY_MAX, now()), Err(Error::Request(_))));
    }
}

#[test]
fn the_servers_own_certificate_is_no_agent() {
    let folder = tempfile::tempdir().unwrap();
    let pki = Pki::open(folder.path(), &[]).unwrap();
    for certificate in pki.server_chain() {
        assert!(matches!(identity(&certificate), Err(Error::NotAnAgent(_))));
    }
}
