//! What every request on the people's door passes through.

use std::net::IpAddr;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};

use super::{Api, Problem};

/// No script, style or frame that is not the page's own.
const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; object-src 'none'; base-uri 'none'; \
     frame-ancestors 'none'; form-action 'self'";
/// Header that a form of another site cannot set.
const REQUESTED_WITH: HeaderName = HeaderName::from_static("x-requested-with");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Whence a connection came; put into every request by the door.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer(pub IpAddr);

/// Headers that keep browsers from doing more than the page asks for.
pub async fn headers(request: Request, next: Next) -> Response {
    let is_api = request.uri().path().starts_with("/api/");
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if is_api && !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    response
}

/// Refuses names that are not this collector's: a hostile page can make its own name point here.
pub async fn host(State(api): State<Api>, request: Request, next: Next) -> Response {
    if api.knows_host(request.uri(), request.headers()) {
        return next.run(request).await;
    }
    let detail = "This name is not one of the collector's. Use localhost, or add the name to \
                  `names` in the section [api] of the configuration.";
    Problem::new(StatusCode::MISDIRECTED_REQUEST, detail).into_response()
}

/// Refuses what changes something and could come from another site's form.
pub async fn forgery(request: Request, next: Next) -> Response {
    let is_safe = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    let headers = request.headers();
    let is_ours = headers.get(REQUESTED_WITH).is_some_and(|value| value == "soc");
    // A browser adds a cookie or a password by itself, but never a bearer token.
    let bearer = |value: &HeaderValue| value.as_bytes().starts_with(b"Bearer ");
    if is_safe || is_ours || headers.get(header::AUTHORIZATION).is_some_and(bearer) {
        return next.run(request).await;
    }
    let detail = "Send the header `X-Requested-With: soc` with everything that changes something.";
    Problem::new(StatusCode::FORBIDDEN, detail).into_response()
}

impl Api {
    fn knows_host(&self, uri: &Uri, headers: &HeaderMap) -> bool {
        if !self.checks_host() {
            return true;
        }
        let named = headers.get(header::HOST).and_then(|value| value.to_str().ok());
        let authority = named.or_else(|| uri.authority().map(|authority| authority.as_str()));
        let Some(authority) = authority else { return false };
        let host = without_port(authority);
        let is_address = host.trim_matches(['[', ']']).parse::<IpAddr>();
        is_address.is_ok_and(|address| address.is_loopback())
            || host.eq_ignore_ascii_case("localhost")
            || self.names().iter().any(|name| name.eq_ignore_ascii_case(host))
    }

    /// Where a request came from; behind a proxy on this machine, what the proxy says.
    pub(super) fn address(&self, peer: Option<Peer>, headers: &HeaderMap) -> String {
        let Some(Peer(peer)) = peer else { return "unknown".into() };
        let told = headers.get(FORWARDED_FOR).and_then(|value| value.to_str().ok());
        let told = told.and_then(|list| list.rsplit(',').next()?.trim().parse::<IpAddr>().ok());
        match told {
            Some(told) if self.is_behind_proxy() && peer.is_loopback() => told.to_string(),
            _ => peer.to_string(),
        }
    }
}

fn without_port(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_port_is_cut_and_an_address_is_not() {
        for (authority, host) in [
            ("localhost:8080", "localhost"),
            ("localhost", "localhost"),
            ("[::1]:80", "[::1]"),
            ("[::1]", "[::1]"),
            ("a.example", "a.example"),
        ] {
            assert_eq!(super::without_port(authority), host);
        }
    }
}
