//! What a provider says of somebody, and whether it is to be believed.
//! Source: OpenID Connect Core 1.0, section 3.1.3.7; RFC 7515; RFC 7517; RFC 7518, section 3.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde::Deserialize;
use serde_json::{Map, Value};
use soc_event::Timestamp;

/// How much the provider's clock may differ, in seconds.
const LEEWAY_S: i64 = 120;

/// What the word has to be about.
pub(super) struct Expected<'a> {
    pub(super) issuer: &'a str,
    pub(super) client_id: &'a str,
    pub(super) nonce: &'a str,
    pub(super) now: Timestamp,
}

/// The provider's keys. Source: RFC 7517, section 5.
#[derive(Debug, Deserialize)]
pub(super) struct Keys {
    keys: Vec<Key>,
}

#[derive(Debug, Deserialize)]
struct Key {
    kty: String,
    kid: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
}

/// What is said, if it is signed by one of the keys and is what was expected.
///
/// # Errors
/// Says what is wrong with it.
pub(super) fn verified(
    token: &str,
    keys: &Keys,
    expected: &Expected<'_>,
) -> Result<Map<String, Value>, String> {
    let no_token = || "what it sent is no signed token".to_owned();
    let (signed, signature) = token.rsplit_once('.').ok_or_else(no_token)?;
    let (header, claims) = signed.split_once('.').ok_or_else(no_token)?;
    let header: Header = json(header).ok_or_else(no_token)?;
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| no_token())?;
    let fits = |key: &&Key| {
        key.purpose.as_deref().is_none_or(|purpose| purpose == "sig")
            && (header.kid.is_none() || header.kid == key.kid)
    };
    let mut candidates = keys.keys.iter().filter(fits);
    if !candidates.any(|key| key.signed(&header.alg, signed.as_bytes(), &signature)) {
        return Err(format!("the token ({}) is signed by none of its keys", header.alg));
    }
    let claims: Map<String, Value> = json(claims).ok_or_else(no_token)?;
    check(&claims, expected)?;
    Ok(claims)
}

fn check(claims: &Map<String, Value>, expected: &Expected<'_>) -> Result<(), String> {
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    let Expected { issuer, client_id, nonce, now } = expected;
    if text("iss") != Some(*issuer) {
        return Err("the token is of another issuer".into());
    }
    let is_for_us = match claims.get("aud") {
        Some(Value::String(one)) => one == client_id,
        Some(Value::Array(all)) => all.iter().any(|one| one.as_str() == Some(client_id)),
        _ => false,
    };
    if !is_for_us || text("azp").is_some_and(|party| party != *client_id) {
        return Err("the token is for somebody else".into());
    }
    if text("nonce") != Some(*nonce) {
        return Err("the token is of another attempt".into());
    }
    let seconds = now.as_micros() / 1_000_000;
    let time = |name: &str| claims.get(name).and_then(Value::as_f64);
    #[allow(clippy::cast_precision_loss)] // Seconds of any year are exact.
    let (latest, earliest) = ((seconds + LEEWAY_S) as f64, (seconds - LEEWAY_S) as f64);
    if time("exp").is_none_or(|end| end < earliest) || time("iat").is_none_or(|at| at > latest) {
        return Err("the token is not of now: compare the clocks of both".into());
    }
    Ok(())
}

impl Key {
    fn signed(&self, algorithm: &str, text: &[u8], signature: &[u8]) -> bool {
        match (algorithm, self.kty.as_str()) {
            ("RS256", "RSA") => {
                let (Some(n), Some(e)) = (bytes(self.n.as_deref()), bytes(self.e.as_deref()))
                else {
                    return false;
                };
                let key = RsaPublicKeyComponents { n, e };
                key.verify(&RSA_PKCS1_2048_8192_SHA256, text, signature).is_ok()
            }
            ("ES256", "EC") if self.crv.as_deref() == Some("P-256") => {
                let (Some(x), Some(y)) = (bytes(self.x.as_deref()), bytes(self.y.as_deref()))
                else {
                    return false;
                };
                // Uncompressed point. Source: SEC 1, section 2.3.3.
                let point = [&[4], x.as_slice(), y.as_slice()].concat();
                let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point);
                key.verify(text, signature).is_ok()
            }
            _ => false,
        }
    }
}

fn bytes(text: Option<&str>) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text?).ok()
}

fn json<T: serde::de::DeserializeOwned>(part: &str) -> Option<T> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use ring::rand::SystemRandom;
    use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
    use serde_json::json;

    use super::*;

    const NOW_S: i64 = 1_800_000_000;

    struct Provider {
        pair: EcdsaKeyPair,
        keys: Keys,
    }

    impl Provider {
        fn new() -> Self {
            let random = SystemRandom::new();
            let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
            let document = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
            let pair = EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &random).unwrap();
            let point = pair.public_key().as_ref().to_vec();
            let part = |range: std::ops::Range<usize>| URL_SAFE_NO_PAD.encode(&point[range]);
            let keys = json!({ "keys": [{ "kty": "EC", "kid": "1", "use": "sig", "crv": "P-256",
                "x": part(1..33), "y": part(33..65) }] });
            Self { pair, keys: serde_json::from_value(keys).unwrap() }
        }

        fn sign(&self, header: &Value, claims: &Value) -> String {
            let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
            let signed = format!("{}.{}", part(header), part(claims));
            let signature = self.pair.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
            format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
        }
    }

    fn claims() -> Value {
        json!({ "iss": "https://id", "aud": "soc", "sub": "an", "nonce": "n", "iat": NOW_S,
            "exp": NOW_S + 60 })
    }

    fn expected() -> Expected<'static> {
        let now = Timestamp::from_micros(NOW_S * 1_000_000);
        Expected { issuer: "https://id", client_id: "soc", nonce: "n", now }
    }

    #[test]
    fn only_the_word_for_this_attempt_of_this_provider_is_believed() {
        let (ours, other) = (Provider::new(), Provider::new());
        let header = json!({ "alg": "ES256", "kid": "1" });
        let good = ours.sign(&header, &claims());
        assert_eq!(verified(&good, &ours.keys, &expected()).unwrap()["sub"], "an");
        assert!(verified(&other.sign(&header, &claims()), &ours.keys, &expected()).is_err());
        for (name, value) in [
            ("iss", json!("https://evil")),
            ("aud", json!("other")),
            ("aud", json!(["other"])),
            ("azp", json!("other")),
            ("nonce", json!("m")),
            ("nonce", Value::Null),
            ("exp", json!(NOW_S - 600)),
            ("exp", Value::Null),
            ("iat", json!(NOW_S + 600)),
        ] {
            let mut changed = claims();
            changed[name] = value;
            let token = ours.sign(&header, &changed);
            assert!(verified(&token, &ours.keys, &expected()).is_err(), "{changed}");
        }
        let mut many = claims();
        many["aud"] = json!(["other", "soc"]);
        assert!(verified(&ours.sign(&header, &many), &ours.keys, &expected()).is_ok());
    }

    #[test]
    fn a_token_without_a_signature_is_worth_nothing() {
        let ours = Provider::new();
        let good = ours.sign(&json!({ "alg": "ES256", "kid": "1" }), &claims());
        let (signed, _) = good.rsplit_once('.').unwrap();
        let none = ours.sign(&json!({ "alg": "none" }), &claims());
        let symmetric = ours.sign(&json!({ "alg": "HS256", "kid": "1" }), &claims());
        let unknown = ours.sign(&json!({ "alg": "ES256", "kid": "2" }), &claims());
        let bare = format!("{signed}.");
        for token in [none.as_str(), &symmetric, &unknown, &bare, signed, "", ".", "..", "a.b.c"] {
            assert!(verified(token, &ours.keys, &expected()).is_err(), "{token}");
        }
    }
}
