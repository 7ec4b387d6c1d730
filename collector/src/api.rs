//! The people's door: `/api/v1`, `/metrics`, `/healthz`, `/readyz`, and the page.
//!
//! Every route is described in `/api/v1/openapi.json`, every error is a Problem Details document,
//! every list has pages. Whoever changes something is signed in and on record. What rooms show is
//! theirs; this room only asks them, and never touches the database itself.
//!
//! | limit | value | beyond it |
//! |---|---|---|
//! | body | 64 KiB (4 MiB for imports on the local socket) | 413 |
//! | rows of a list | 1,000 | cut to it |
//! | time of a request | 30 s | 503 |
//! | connections | 512 | wait |
//! | connections of one address | 128 | closed |
//! | a connection that asks nothing | 30 s, later 120 s | closed |
//! | header of a request | 10 s | closed |

use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use prometheus::Registry;
use tokio::sync::watch;
use utoipa::OpenApi;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::access::Access;
use crate::alert::Alerts;
use crate::archive::Archive;
use crate::backtest::Backtests;
use crate::clock::Clock;
use crate::control::Control;
use crate::dashboard::Dashboard;
use crate::detect::Detect;
use crate::fleet::Fleet;
use crate::hunt::Hunts;
use crate::journal::Journal;
use crate::live::Bus;
use crate::rulebook::Rulebook;
use crate::saved_view::SavedViews;
use crate::store::Store;
use crate::trend::Trends;

pub(crate) use door::talk;
pub use door::{Door, Tls};
pub use guard::Peer;
pub use problem::{AsItIs, Problem};

mod agencies;
mod alerts;
mod anomalies;
mod antivirus;
mod archive;
mod audit;
mod backtests;
mod configurations;
mod door;
mod events;
mod guard;
mod health;
mod hunts;
mod live;
mod machines;
mod meta;
mod neighbours;
mod overview;
mod page;
mod ports;
mod problem;
mod prometheus_routes;
mod rules;
mod saved_views;
mod session;
mod signed;
mod start;
mod time_limit;
mod trends;

/// Largest body of a request in bytes.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// How the door behaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Where people come in.
    pub listen: SocketAddr,
    /// Names, besides `localhost`, by which people reach the collector.
    pub names: Vec<String>,
    /// A proxy on this machine speaks TLS with people; without it, a door that is open to the
    /// network speaks TLS itself.
    pub plain_http_behind_proxy: bool,
}

impl Default for Config {
    fn default() -> Self {
        let listen = SocketAddr::from(([127, 0, 0, 1], 8080));
        Self { listen, names: Vec::new(), plain_http_behind_proxy: false }
    }
}

/// The rooms that are asked.
#[derive(Debug)]
pub struct Rooms {
    /// Operators and what they did.
    pub access: Access,
    /// Alerts.
    pub alerts: Alerts,
    /// Agencies and machines.
    pub fleet: Fleet,
    /// Events for months.
    pub archive: Archive,
    /// Events.
    pub journal: Journal,
    /// Questions to events.
    pub hunts: Hunts,
    /// Rules.
    pub rulebook: Rulebook,
    /// How far evaluation is.
    pub detect: Detect,
    /// Rules that look back.
    pub backtests: Backtests,
    /// The database, to see whether it answers.
    pub store: Store,
    /// Filters of lists that people keep.
    pub saved_views: SavedViews,
    /// What each day was like.
    pub trends: Trends,
    /// What has changed.
    pub bus: Bus,
    /// What time it is.
    pub clock: Clock,
    /// What is counted.
    pub registry: Registry,
    /// The page.
    pub dashboard: Dashboard,
    /// What commands can do, people can too.
    pub control: Control,
    /// How the door behaves; `listen` is where it really listens.
    pub config: Config,
    /// Becomes true when the collector stops.
    pub shutdown: watch::Receiver<bool>,
}

/// The room. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Api {
    rooms: Arc<Rooms>,
    health: health::Health,
}

impl Deref for Api {
    type Target = Rooms;

    fn deref(&self) -> &Rooms {
        &self.rooms
    }
}

impl Api {
    /// Opens the room.
    pub fn new(rooms: Rooms) -> Self {
        let health = health::Health::new(&rooms);
        Self { rooms: Arc::new(rooms), health }
    }

    /// Everything the door answers.
    pub fn router(&self) -> Router {
        let (router, document) = described().split_for_parts();
        let router = router
            .merge(meta::document_route(&document))
            .merge(prometheus_routes::metrics_route())
            .merge(health::outside_routes())
            .fallback(meta::page)
            .method_not_allowed_fallback(meta::method_not_allowed)
            .layer(middleware::from_fn(time_limit::limit))
            .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
            .layer(middleware::from_fn(guard::forgery))
            .layer(middleware::from_fn_with_state(self.clone(), guard::host))
            .layer(middleware::from_fn(problem::translate))
            .layer(middleware::from_fn(guard::headers));
        router.with_state(self.clone())
    }

    fn checks_host(&self) -> bool {
        self.config.listen.ip().is_loopback()
    }

    fn names(&self) -> &[String] {
        &self.config.names
    }

    fn is_behind_proxy(&self) -> bool {
        self.config.plain_http_behind_proxy
    }

    /// Whether people reach the door through TLS, so that cookies must not travel without.
    fn is_secure(&self) -> bool {
        !self.config.listen.ip().is_loopback() || self.is_behind_proxy()
    }
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "soc-collector",
        description = "What the collector knows, and what operators do with it.",
        license(name = "Apache-2.0")
    ),
    security(("cookie" = []), ("bearer" = [])),
)]
struct Description;

/// Every route under `/api/v1` with its description.
fn described() -> OpenApiRouter<Api> {
    let mut document = Description::openapi();
    let components = document.components.get_or_insert_default();
    let cookie = SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new(signed::COOKIE)));
    let bearer = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
    components.add_security_scheme("cookie", cookie);
    components.add_security_scheme("bearer", bearer);
    let v1 = OpenApiRouter::new()
        .routes(routes!(session::sign_in, session::show, session::sign_out))
        .routes(routes!(session::change_password))
        .routes(routes!(overview::overview))
        .routes(routes!(trends::trend))
        .routes(routes!(trends::changes))
        .routes(routes!(start::show))
        .routes(routes!(saved_views::list, saved_views::save))
        .routes(routes!(saved_views::delete))
        .routes(routes!(alerts::list))
        .routes(routes!(alerts::timeline))
        .routes(routes!(alerts::show))
        .routes(routes!(alerts::acknowledge))
        .routes(routes!(alerts::close))
        .routes(routes!(alerts::reopen))
        .routes(routes!(alerts::comment))
        .routes(routes!(alerts::normal))
        .routes(routes!(anomalies::list))
        .routes(routes!(anomalies::normal))
        .routes(routes!(anomalies::take_back))
        .routes(routes!(antivirus::products))
        .routes(routes!(machines::list))
        .routes(routes!(machines::show))
        .routes(routes!(machines::ports))
        .routes(routes!(machines::approve_ports))
        .routes(routes!(machines::revoke_approval))
        .routes(routes!(machines::connections))
        .routes(routes!(machines::heartbeats))
        .routes(routes!(ports::list))
        .routes(routes!(ports::machines))
        .routes(routes!(ports::approve))
        .routes(routes!(neighbours::list))
        .routes(routes!(neighbours::decide))
        .routes(routes!(events::of_machine))
        .routes(routes!(events::show))
        .routes(routes!(agencies::list, agencies::add))
        .routes(routes!(agencies::create_token))
        .routes(routes!(rules::list))
        .routes(routes!(rules::show))
        .routes(routes!(rules::unpark))
        .routes(routes!(rules::check))
        .routes(routes!(backtests::list, backtests::ask))
        .routes(routes!(backtests::show, backtests::stop))
        .routes(routes!(configurations::show, configurations::set))
        .routes(routes!(configurations::restore))
        .routes(routes!(configurations::check))
        .routes(routes!(audit::list))
        .routes(routes!(archive::show))
        .routes(routes!(archive::set_retention))
        .routes(routes!(archive::hold))
        .routes(routes!(archive::end_hold))
        .routes(routes!(live::live))
        .routes(routes!(prometheus_routes::targets))
        .routes(routes!(hunts::run))
        .routes(routes!(hunts::stop))
        .routes(routes!(hunts::histogram))
        .routes(routes!(hunts::fields))
        .routes(routes!(hunts::download))
        .routes(routes!(hunts::running))
        .routes(routes!(hunts::saved, hunts::save))
        .routes(routes!(hunts::change, hunts::forget))
        .routes(routes!(meta::meta));
    OpenApiRouter::with_openapi(document).nest("/api/v1", v1)
}

#[cfg(test)]
mod tests;
