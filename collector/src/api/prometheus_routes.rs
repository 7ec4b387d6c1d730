//! For Prometheus: metrics to scrape, and whom else to scrape.

use axum::Json;
use axum::Router;
use axum::extract::{Request, State};
use axum::routing::get;
use http::header;
use serde::Serialize;
use utoipa::ToSchema;

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

/// Agents on the collector's own machine that let themselves be scraped, for Prometheus' HTTP service discovery.
#[utoipa::path(get, path = "/prometheus/targets", tag = "prometheus",
    responses((status = 200, body = Vec<Target>), (status = 401, body = Problem)))]
pub async fn targets(State(api): State<Api>) -> Result<Json<Vec<Target>>, Problem> {
    let host = rustix::system::uname();
    let found = api.fleet.metrics_listeners(&host.nodename().to_string_lossy()).await?;
    let target = |found: MetricsListener| Target {
        targets: vec![found.address],
        labels: Labels { agency: found.agency_code, host: found.hostname, agent: found.agent },
    };
    Ok(Json(found.into_iter().map(target).collect()))
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
