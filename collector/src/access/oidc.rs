//! Sign-in through an identity provider: the code flow with PKCE.
//! Source: OpenID Connect Core 1.0, section 3.1; OpenID Connect Discovery 1.0; RFC 7636.
//!
//! Nobody becomes an operator by it: the provider says who somebody is, and that has to be the
//! identity an administrator gave to an operator. What the provider says is believed only with its
//! signature, for this collector, for the very attempt that this browser began, once.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::{Request, header};
use http_body_util::Full;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use soc_event::Timestamp;
use url::Url;
use url::form_urlencoded::{Serializer, byte_serialize};

use super::{Access, Deed, Error, Operator, Token};
use crate::outbound::Outbound;

mod id_token;

/// How long an attempt may take: somebody finds their phone.
const ATTEMPT_US: i64 = 10 * 60 * 1_000_000;
/// Attempts at the same time; the oldest is forgotten first.
const ATTEMPTS_MAX: usize = 1000;
const METHOD: &str = "oidc";

/// Where identities are, as the configuration says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The provider, as it calls itself: `https://id.tinh.gov.vn/realms/soc`.
    pub issuer: String,
    /// What it calls this collector.
    pub client_id: String,
    /// File with the secret between the two.
    pub client_secret_file: PathBuf,
    /// Where people reach this collector: `https://soc.tinh.gov.vn`.
    pub public_url: String,
    /// What of what it says names an operator: `sub`, `preferred_username`, `email`.
    pub claim: String,
    /// What the button says.
    pub label: String,
    /// Authorities the provider's certificate may be of, in PEM; those of this system without.
    pub ca_file: Option<PathBuf>,
}

/// The provider and who is on the way to it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Provider(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    settings: Settings,
    secret: String,
    outbound: Outbound,
    attempts: Mutex<HashMap<String, Attempt>>,
}

#[derive(Clone, Debug)]
struct Attempt {
    nonce: String,
    verifier: String,
    /// What only the browser that began it has.
    browser: String,
    at: i64,
}

/// Where a browser is sent, and what it keeps until it comes back.
#[derive(Clone, Debug)]
pub struct Departure {
    /// The provider's page.
    pub location: String,
    /// For a cookie.
    pub browser: String,
}

/// What a browser comes back with.
#[derive(Clone, Debug, Deserialize)]
pub struct Arrival {
    code: Option<String>,
    state: Option<String>,
    error: Option<String>,
}

/// Source: OpenID Connect Discovery 1.0, section 3.
#[derive(Debug, Deserialize)]
struct Discovered {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
}

#[derive(Debug, Deserialize)]
struct Tokens {
    id_token: String,
}

impl Provider {
    /// Reads the secret; the provider is asked only when somebody comes.
    ///
    /// # Errors
    /// [`Error::Refused`] naming the file or the setting.
    pub fn open(settings: Settings) -> Result<Self, Error> {
        let file = &settings.client_secret_file;
        let secret = std::fs::read_to_string(file)
            .map_err(|error| Error::Refused(format!("{}: {error}", file.display())))?;
        let outbound = Outbound::new(settings.ca_file.as_deref())
            .map_err(|error| Error::Refused(error.to_string()))?;
        let (secret, attempts) = (secret.trim().to_owned(), Mutex::default());
        Ok(Self(Arc::new(Inner { settings, secret, outbound, attempts })))
    }

    /// What the button says.
    pub fn label(&self) -> &str {
        &self.0.settings.label
    }

    fn callback(&self) -> String {
        let base = self.0.settings.public_url.trim_end_matches('/');
        format!("{base}/api/v1/session/oidc/callback")
    }

    async fn discovered(&self) -> Result<Discovered, Error> {
        let issuer = &self.0.settings.issuer;
        let address = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        let found: Discovered = self.ask(Request::get(address), Bytes::new()).await?;
        if found.issuer != *issuer {
            let what = format!("it calls itself {:?}, not {issuer:?}", found.issuer);
            return Err(Error::Provider(what));
        }
        Ok(found)
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        request: http::request::Builder,
        body: Bytes,
    ) -> Result<T, Error> {
        let refused = |error: &dyn std::fmt::Display| Error::Provider(error.to_string());
        let request = request.header(header::ACCEPT, "application/json").body(Full::new(body));
        let request = request.map_err(|error| refused(&error))?;
        let answer = self.0.outbound.ask(request).await.map_err(|error| refused(&error))?;
        if !answer.status().is_success() {
            return Err(Error::Provider(format!("it answered {}", answer.status())));
        }
        serde_json::from_slice(answer.body()).map_err(|error| refused(&error))
    }

    /// Begins an attempt.
    async fn depart(&self, now: Timestamp) -> Result<Departure, Error> {
        let found = self.discovered().await?;
        let mut location = Url::parse(&found.authorization_endpoint)
            .map_err(|error| Error::Provider(format!("authorization_endpoint: {error}")))?;
        let [state, nonce, verifier, browser] = [(); 4].map(|()| secret());
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()));
        location
            .query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.0.settings.client_id)
            .append_pair("redirect_uri", &self.callback())
            .append_pair("scope", "openid profile email")
            .append_pair("state", &state)
            .append_pair("nonce", &nonce)
            .append_pair("code_challenge", &challenge)
            .append_pair("code_challenge_method", "S256");
        let attempt = Attempt { nonce, verifier, browser: browser.clone(), at: now.as_micros() };
        self.remember(state, attempt);
        Ok(Departure { location: location.into(), browser })
    }

    fn remember(&self, state: String, attempt: Attempt) {
        let mut attempts = super::locked(&self.0.attempts);
        attempts.retain(|_, other| attempt.at - other.at < ATTEMPT_US);
        if attempts.len() >= ATTEMPTS_MAX {
            let oldest = attempts.iter().min_by_key(|(_, attempt)| attempt.at);
            if let Some(state) = oldest.map(|(state, _)| state.clone()) {
                attempts.remove(&state);
            }
        }
        attempts.insert(state, attempt);
    }

    /// The attempt this browser began, which ends with that.
    fn attempt(&self, state: &str, browser: &str, now: Timestamp) -> Option<Attempt> {
        let mut attempts = super::locked(&self.0.attempts);
        let attempt = attempts.remove(state)?;
        let in_time = now.as_micros() - attempt.at < ATTEMPT_US;
        (in_time && attempt.browser == browser).then_some(attempt)
    }

    /// Who it is, by the provider's word.
    async fn identity(
        &self,
        arrival: &Arrival,
        browser: &str,
        now: Timestamp,
    ) -> Result<String, Error> {
        if let Some(error) = &arrival.error {
            return Err(Error::Provider(format!("it refused: {error}")));
        }
        let not_begun = || Error::Provider("nobody began this here, or too long ago".into());
        let (Some(code), Some(state)) = (&arrival.code, &arrival.state) else {
            return Err(not_begun());
        };
        let attempt = self.attempt(state, browser, now).ok_or_else(not_begun)?;
        let found = self.discovered().await?;
        let Tokens { id_token } = self.tokens(&found, code, &attempt).await?;
        let keys = self.ask(Request::get(&found.jwks_uri), Bytes::new()).await?;
        let Settings { issuer, client_id, claim, .. } = &self.0.settings;
        let expected = id_token::Expected { issuer, client_id, nonce: &attempt.nonce, now };
        let claims = id_token::verified(&id_token, &keys, &expected).map_err(Error::Provider)?;
        let name = claims.get(claim).and_then(|value| value.as_str());
        let name = name.filter(|name| !name.is_empty());
        name.map(str::to_owned).ok_or_else(|| Error::Provider(format!("it does not say `{claim}`")))
    }

    /// Source: RFC 6749, sections 2.3.1 and 4.1.3.
    async fn tokens(
        &self,
        found: &Discovered,
        code: &str,
        attempt: &Attempt,
    ) -> Result<Tokens, Error> {
        let form = Serializer::new(String::new())
            .append_pair("grant_type", "authorization_code")
            .append_pair("code", code)
            .append_pair("redirect_uri", &self.callback())
            .append_pair("code_verifier", &attempt.verifier)
            .finish();
        let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
        let (id, secret) = (encoded(&self.0.settings.client_id), encoded(&self.0.secret));
        let basic = format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")));
        let request = Request::post(&found.token_endpoint)
            .header(header::AUTHORIZATION, basic)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        self.ask(request, Bytes::from(form)).await
    }
}

impl Access {
    /// The identity provider, where one is configured.
    pub fn provider(&self) -> Option<&Provider> {
        self.provider.as_ref()
    }

    /// Sends a browser to the identity provider.
    ///
    /// # Errors
    /// [`Error::Provider`] when there is none or it cannot be reached.
    pub async fn depart(&self) -> Result<Departure, Error> {
        self.configured()?.depart(self.clock.now()).await
    }

    /// Signs in whom the provider says it is.
    ///
    /// # Errors
    /// [`Error::Provider`] with the reason, [`Error::Wrong`] when it is no operator.
    pub async fn arrive(
        &self,
        arrival: &Arrival,
        browser: &str,
        address: &str,
        client: &str,
    ) -> Result<(Token, Operator), Error> {
        let now = self.clock.now();
        let identity = self.configured()?.identity(arrival, browser, now).await?;
        let name: Option<String> = sqlx::query_scalar(
            "SELECT name FROM operator WHERE oidc_subject = ? AND disabled_at IS NULL",
        )
        .bind(&identity)
        .fetch_optional(self.store.pool())
        .await?;
        let Some(name) = name else {
            self.sign_ins.with_label_values(&["wrong"]).inc();
            let deed = Deed::new(&identity, address, "sign-in failed", "").with(METHOD);
            self.record(&deed).await?;
            return Err(Error::Wrong);
        };
        self.sign_ins.with_label_values(&["ok"]).inc();
        self.begin_session(&name, address, client, true, now).await
    }

    fn configured(&self) -> Result<&Provider, Error> {
        self.provider().ok_or_else(|| Error::Provider("none is configured".into()))
    }
}

/// 256 random bits.
fn secret() -> String {
    URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>())
}
