//! For Prometheus: metrics to scrape, and whom else to scrape.

use std::net::{IpAddr, SocketAddr};

use axum::Json;
use axum::Router;
use axum::extract::{FromRequestParts, Request, State};
use axum::routing::get;
use http::header;
use http::request::Parts;
use serde::Serialize;
use utoipa::ToSchema;

use super::signed::Signed;
use super::{Api, Problem};
use crate::fleet::MetricsListener;
use crate::metrics;

/// A machine to scrape. Source: Prometheus, "HTTP SD".
#[derive(Debug, Serialize, ToSchema)]
pub struct Target {
    targets: Vec<String>,
    #[schema(value_type = Object)]
    labels: Labels,
}

#[derive(Debug, Serialize)]
struct Labels {
    #[serde(rename = "__meta_soc_agency")]
    agency: String,
    #[serde(rename = "__meta_soc_host")]
    host: String,
    #[serde(rename = "__meta_soc_agent")]
    agent: String,
}

/// Whoever is on this machine, or signed in.
pub struct LocalOrSigned;

impl FromRequestParts<Api> for LocalOrSigned {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        if api.config.listen.ip().is_loopback() && !api.is_behind_proxy() {
            return Ok(Self);
        }
        Signed::from_request_parts(parts, api).await.map(|_| Self)
    }
}

/// Agents that let themselves be scraped, for Prometheus' HTTP service discovery.
#[utoipa::path(get, path = "/prometheus/targets", tag = "prometheus",
    responses((status = 200, body = Vec<Target>), (status = 401, body = Problem)))]
pub async fn targets(
    State(api): State<Api>,
    _: LocalOrSigned,
) -> Result<Json<Vec<Target>>, Problem> {
    let found = api.fleet.metrics_listeners().await?;
    let target = |found: MetricsListener| {
        let address = scrapable(&found.address)?;
        let labels = Labels { agency: found.agency_code, host: found.hostname, agent: found.agent };
        Some(Target { targets: vec![address.to_string()], labels })
    };
    Ok(Json(found.into_iter().filter_map(target).collect()))
}

/// An address that Prometheus may be sent to. An agent names it, so it is an address and nothing
/// else, and not one that has a meaning only on the machine or the line of Prometheus itself (but
/// loopback, which is where an agent beside Prometheus listens).
fn scrapable(text: &str) -> Option<SocketAddr> {
    let address: SocketAddr = text.parse().ok()?;
    let is_local = match address.ip().to_canonical() {
        IpAddr::V4(ip) => ip.is_link_local() || ip.is_broadcast(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    };
    let ip = address.ip();
    let good = !(is_local || ip.is_unspecified() || ip.is_multicast() || address.port() == 0);
    good.then_some(address)
}

pub(super) fn metrics_route() -> Router<Api> {
    Router::new().route("/metrics", get(metrics_text))
}

async fn metrics_text(
    State(api): State<Api>,
    _: Request,
) -> Result<([(header::HeaderName, &'static str); 1], String), Problem> {
    api.alerts.measure().await?;
    api.detect.measure();
    let text = metrics::text(&api.registry).map_err(|error| Problem::internal(&error))?;
    Ok(([(header::CONTENT_TYPE, metrics::TEXT_TYPE)], text))
}

#[cfg(test)]
mod tests {
    #[test]
    fn an_agent_can_send_prometheus_to_an_address_only() {
        for (text, good) in [
            ("192.0.2.5:9101", true),
            ("[2001:db8::5]:9101", true),
            ("127.0.0.1:9101", true),
            ("0.0.0.0:9101", false),
            ("169.254.169.254:80", false),
            ("[fe80::1]:9101", false),
            ("[::ffff:169.254.169.254]:80", false),
            ("224.0.0.1:9101", false),
            ("192.0.2.5:0", false),
            ("192.0.2.5", false),
            ("evil.example:80/?x=", false),
            ("user@192.0.2.5:80", false),
        ] {
            assert_eq!(super::scrapable(text).is_some(), good, "{text}");
        }
    }
}
