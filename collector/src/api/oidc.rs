//! Sign-in through an identity provider: two redirections of the browser.

use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};

use super::session::{cookie, secure, with_cookie};
use super::{Api, Peer, Problem};
use crate::access::oidc::{Arrival, Departure};

/// Name of the cookie that binds an attempt to the browser that began it.
const COOKIE: &str = "soc_oidc";
const PATH: &str = "/api/v1/session/oidc";
/// Seconds it is kept.
const COOKIE_S: u32 = 600;
/// Where the page says that it did not work.
const FAILED: &str = "/?signin=refused";

/// Sends the browser to the identity provider.
#[utoipa::path(get, path = "/session/oidc", tag = "session", security(()),
    responses((status = 303), (status = 502, body = Problem)))]
pub async fn depart(State(api): State<Api>) -> Response {
    let Departure { location, browser } = match api.access.depart().await {
        Ok(departure) => departure,
        Err(error) => return failed(&error),
    };
    // Comes back from another site: Lax lets it.
    let secure = secure(&api);
    let cookie = format!(
        "{COOKIE}={browser}; HttpOnly; SameSite=Lax; Path={PATH}; Max-Age={COOKIE_S}{secure}"
    );
    with_cookie(to(&location), &cookie)
}

/// Where the browser comes back to.
#[utoipa::path(get, path = "/session/oidc/callback", tag = "session", security(()),
    params(("code" = Option<String>, Query), ("state" = Option<String>, Query),
        ("error" = Option<String>, Query)), responses((status = 303)))]
pub async fn arrive(
    State(api): State<Api>,
    peer: Option<axum::Extension<Peer>>,
    headers: HeaderMap,
    Query(arrival): Query<Arrival>,
) -> Response {
    let address = api.address(peer.map(|peer| peer.0), &headers);
    let client = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
    let browser = browser(&headers).unwrap_or_default();
    match api.access.arrive(&arrival, browser, &address, client.unwrap_or_default()).await {
        Ok((token, _)) => with_cookie(to("/"), &cookie(&api, &token)),
        Err(error) => failed(&error),
    }
}

fn browser(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|value| value.split(';'));
    pairs.find_map(|pair| pair.trim().strip_prefix(COOKIE)?.strip_prefix('='))
}

/// A person looks at this, not a script: the page says it.
fn failed(error: &crate::access::Error) -> Response {
    tracing::warn!(error = %crate::visible::visible(&error.to_string()), "sign-in failed");
    to(FAILED)
}

fn to(location: &str) -> Response {
    let Ok(location) = HeaderValue::from_str(location) else {
        return Problem::new(StatusCode::BAD_GATEWAY, "The provider's address is none.")
            .into_response();
    };
    (StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response()
}
