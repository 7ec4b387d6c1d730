//! Questions to other servers over HTTPS: the one way the collector speaks first.
//!
//! Nobody is asked whom the configuration does not name. A question ends after ten seconds, an
//! answer is read up to a mebibyte, redirections are not followed.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

/// Longest answer that is read.
const ANSWER_BYTES_MAX: usize = 1 << 20;
/// How long a question may take in all.
const WITHIN: Duration = Duration::from_secs(10);

/// Asks other servers. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Outbound(Client<HttpsConnector<HttpConnector>, Full<Bytes>>);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Roots of trust cannot be read.
    #[error("certificates of trusted authorities: {0}")]
    Trust(String),
    /// Not reached, or it broke off.
    #[error("{host}: {why}")]
    Unreached {
        /// Who was asked.
        host: String,
        /// What happened.
        why: String,
    },
    /// It did not answer in time.
    #[error("{0}: no answer within {WITHIN:?}")]
    Slow(String),
}

impl Outbound {
    /// Trusts what this system trusts, or only the authorities of a PEM file.
    ///
    /// # Errors
    /// [`Error::Trust`] naming the file.
    pub fn new(authorities: Option<&Path>) -> Result<Self, Error> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| Error::Trust(error.to_string()))?
            .with_root_certificates(roots(authorities)?)
            .with_no_client_auth();
        let connector = HttpsConnectorBuilder::new().with_tls_config(tls);
        let connector = connector.https_or_http().enable_http1().build();
        Ok(Self(Client::builder(TokioExecutor::new()).build(connector)))
    }

    /// Asks, and reads the whole answer, whatever its status.
    ///
    /// # Errors
    /// [`Error`] naming who was asked.
    pub async fn ask(&self, request: Request<Full<Bytes>>) -> Result<Response<Bytes>, Error> {
        let host = host(request.uri());
        let unreached = |why: String| Error::Unreached { host: host.clone(), why };
        let asked = async {
            let sent = self.0.request(request).await;
            let (head, body) = sent.map_err(|error| unreached(whole(&error)))?.into_parts();
            let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
            let body = body.map_err(|error| unreached(error.to_string()))?;
            Ok(Response::from_parts(head, body.to_bytes()))
        };
        let answer = tokio::time::timeout(WITHIN, asked).await;
        answer.unwrap_or_else(|_| Err(Error::Slow(host.clone())))
    }
}

fn roots(authorities: Option<&Path>) -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    let Some(file) = authorities else {
        let found = rustls_native_certs::load_native_certs();
        roots.add_parsable_certificates(found.certs);
        return Ok(roots);
    };
    let wrong = |why: String| Error::Trust(format!("{}: {why}", file.display()));
    let found = CertificateDer::pem_file_iter(file).map_err(|error| wrong(error.to_string()))?;
    for certificate in found {
        let certificate = certificate.map_err(|error| wrong(error.to_string()))?;
        roots.add(certificate).map_err(|error| wrong(error.to_string()))?;
    }
    Ok(roots)
}

fn host(uri: &Uri) -> String {
    uri.authority().map(ToString::to_string).unwrap_or_default()
}

/// An error with what is behind it: the outermost only says that it failed.
fn whole(error: &dyn std::error::Error) -> String {
    let mut said = error.to_string();
    let mut behind = error.source();
    while let Some(error) = behind {
        said = format!("{said}: {error}");
        behind = error.source();
    }
    said
}
