//! The people's door: `/api/v1`, `/metrics`, `/healthz`, `/readyz`, and the page.
//!
//! Every route is described in `/api/v1/openapi.json`, every error is a Problem Details document,
//! every list has pages. Whoever changes something is signed in and on record. What rooms show is
//! theirs; this room only asks them, and never touches the database itself.
//!
//! | limit | value | beyond it |
//! |---|---|---|
//! | body | 64 KiB (4 MiB for tables, lists of machines and on the local socket) | 413 |
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
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt as _};
use utoipa_axum::routes;

use crate::access::Access;
use crate::access::Permission::{
    ApprovePorts, ChangeConfigurations, ChangeMachines, DraftRules, ForAnybody, HandleAlerts, Hunt,
    MakeTokens, ManageAgencies, ManageArchive, ManageOperators, ManageRules, SeeAgencies,
    SeeAlerts, SeeArchive, SeeAudit, SeeConfigurations, SeeEvents, SeeMachines, SeeOperators,
    SeeRules,
};
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
use crate::silence::Silences;
use crate::store::Store;
use crate::tuning::Tuning;

pub(crate) use door::talk;
pub use door::{Door, Tls};
pub use guard::Peer;
use permit::{Needs, Routes, may};
pub use problem::{AsItIs, Problem};

mod agencies;
mod alerts;
mod archive;
mod attack;
mod audit;
mod backtests;
mod configurations;
mod door;
mod events;
mod exceptions;
mod exchange;
mod guard;
mod health;
mod hunts;
mod live;
mod machines;
mod meta;
mod neighbours;
mod oidc;
mod operators;
mod overview;
mod page;
mod permit;
mod problem;
mod prometheus_routes;
mod rules;
mod session;
mod signed;
mod silences;
mod systems;
mod time_limit;
mod triage;

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
    /// What operators hold back of what rules find.
    pub tuning: Tuning,
    /// Planned work.
    pub silences: Silences,
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
        let (router, document) = described(self).split_for_parts();
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

/// Tables, and lists of machines, may be larger than other bodies.
fn tables() -> DefaultBodyLimit {
    DefaultBodyLimit::max(exchange::TABLE_BYTES_MAX)
}

/// Every route under `/api/v1` with its description.
fn described(api: &Api) -> OpenApiRouter<Api> {
    let mut document = Description::openapi();
    let components = document.components.get_or_insert_default();
    let cookie = SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new(signed::COOKIE)));
    let bearer = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
    components.add_security_scheme("cookie", cookie);
    components.add_security_scheme("bearer", bearer);
    routes(api).into_router(document)
}

/// Every route under `/api/v1`, and who may use it.
fn routes(api: &Api) -> Routes {
    let all = Routes::new(api);
    let all = about_people(all);
    let all = about_alerts(all);
    let all = about_machines(all);
    let all = about_agencies(all);
    let all = about_rules(all);
    about_events(all)
}

fn about_people(all: Routes) -> Routes {
    all.add(Needs::Nothing, routes!(meta::meta))
        .add(Needs::Nothing, routes!(session::sign_in))
        .add(Needs::Nothing, routes!(oidc::depart))
        .add(Needs::Nothing, routes!(oidc::arrive))
        .add(Needs::SignIn, routes!(session::show, session::sign_out))
        .add(Needs::SignIn, routes!(session::change_password))
        .add(Needs::SignIn, routes!(session::begin_second_factor))
        .add(Needs::SignIn, routes!(session::confirm_second_factor))
        .add(may(ForAnybody), routes!(session::end_second_factor))
        .add(may(ForAnybody), routes!(session::list))
        .add(may(ForAnybody), routes!(session::end))
        .add(may(ForAnybody), routes!(session::tokens, session::make_token))
        .add(may(ForAnybody), routes!(session::revoke_token))
        .add(may(ForAnybody), routes!(live::live))
        .add(may(SeeOperators), routes!(operators::list))
        .add(may(ManageOperators), routes!(operators::add))
        .add(may(ManageOperators), routes!(operators::change))
        .add(may(ManageOperators), routes!(operators::reset))
        .add(may(SeeAudit), routes!(audit::list))
        .add(may(SeeAudit), routes!(audit::verify))
}

fn about_alerts(all: Routes) -> Routes {
    all.add(may(SeeAlerts), routes!(overview::overview))
        .add(may(SeeAlerts), routes!(alerts::list))
        .add(may(SeeAlerts), routes!(alerts::timeline))
        .add(may(SeeAlerts), routes!(alerts::show))
        .add(may(HandleAlerts), routes!(alerts::acknowledge))
        .add(may(HandleAlerts), routes!(alerts::close))
        .add(may(HandleAlerts), routes!(alerts::reopen))
        .add(may(HandleAlerts), routes!(alerts::comment))
        .add(may(HandleAlerts), routes!(alerts::normal))
        .add(may(SeeAlerts), routes!(alerts::normal_list))
        .add(may(HandleAlerts), routes!(triage::assign))
        .add(may(HandleAlerts), routes!(triage::bulk))
        .add(may(SeeAlerts), routes!(triage::related))
        .add(may(SeeAlerts), routes!(triage::assignees))
        .add(may(SeeAlerts), routes!(triage::risky_users))
        .add(may(SeeAlerts), routes!(attack::show))
        .add(may(SeeAlerts), routes!(exceptions::list))
        .add(may(SeeAlerts), routes!(exceptions::show))
        .add(may(SeeAlerts), routes!(exceptions::preview))
        .add(may(HandleAlerts), routes!(exceptions::add))
        .add(may(HandleAlerts), routes!(exceptions::renew))
        .add(may(HandleAlerts), routes!(exceptions::end))
        .add(may(SeeAlerts), routes!(silences::list))
        .add(may(HandleAlerts), routes!(silences::add))
        .add(may(HandleAlerts), routes!(silences::end))
}

fn about_machines(all: Routes) -> Routes {
    all.add(may(SeeMachines), routes!(machines::list))
        .add(may(ManageAgencies), routes!(machines::set_agencies).layer(tables()))
        .add(may(SeeMachines), routes!(machines::show))
        .add(may(ManageAgencies), routes!(machines::set_agency))
        .add(may(ChangeMachines), routes!(machines::set_record))
        .add(may(SeeMachines), routes!(machines::ports))
        .add(may(ApprovePorts), routes!(machines::approve_ports))
        .add(may(ApprovePorts), routes!(machines::revoke_approval))
        .add(may(SeeMachines), routes!(machines::connections))
        .add(may(SeeMachines), routes!(machines::heartbeats))
        .add(may(SeeMachines), routes!(neighbours::list))
        .add(may(ChangeMachines), routes!(neighbours::decide))
        .add(may(MakeTokens), routes!(agencies::create_token))
        .add(may(SeeConfigurations), routes!(configurations::show))
        .add(may(ChangeConfigurations), routes!(configurations::set))
        .add(may(ChangeConfigurations), routes!(configurations::restore))
        .add(may(ChangeConfigurations), routes!(configurations::check))
        .add(Needs::PermissionOrLocal(SeeMachines), routes!(prometheus_routes::targets))
}

fn about_agencies(all: Routes) -> Routes {
    all.add(may(SeeAgencies), routes!(agencies::list))
        .add(may(ManageAgencies), routes!(agencies::add))
        .add(may(SeeAgencies), routes!(agencies::show))
        .add(may(ManageAgencies), routes!(agencies::change).layer(tables()))
        .add(may(ManageAgencies), routes!(agencies::preview).layer(tables()))
        .add(may(SeeAgencies), routes!(systems::list))
        .add(may(ManageAgencies), routes!(systems::add))
        .add(may(SeeAgencies), routes!(systems::show))
        .add(may(ManageAgencies), routes!(systems::change, systems::remove))
        .add(may(ManageAgencies), routes!(systems::set_hosts).layer(tables()))
        .add(may(SeeAgencies), routes!(exchange::agencies_out))
        .add(may(SeeAgencies), routes!(exchange::systems_out))
        .add(may(SeeMachines), routes!(exchange::machines_out))
        .add(may(ManageAgencies), routes!(exchange::agencies_in).layer(tables()))
        .add(may(ManageAgencies), routes!(exchange::systems_in).layer(tables()))
        .add(may(ChangeMachines), routes!(exchange::machines_in).layer(tables()))
        .add(may(ManageAgencies), routes!(exchange::agencies_preview).layer(tables()))
        .add(may(ManageAgencies), routes!(exchange::systems_preview).layer(tables()))
        .add(may(ChangeMachines), routes!(exchange::machines_preview).layer(tables()))
}

fn about_rules(all: Routes) -> Routes {
    all.add(may(SeeRules), routes!(rules::list))
        .add(may(SeeRules), routes!(rules::show))
        .add(may(ManageRules), routes!(rules::unpark))
        .add(may(ManageRules), routes!(rules::switch))
        .add(may(DraftRules), routes!(rules::check))
        .add(may(DraftRules), routes!(backtests::list, backtests::ask))
        .add(may(DraftRules), routes!(backtests::show, backtests::stop))
}

fn about_events(all: Routes) -> Routes {
    all.add(may(SeeEvents), routes!(events::of_machine))
        .add(may(SeeEvents), routes!(events::show))
        .add(may(SeeArchive), routes!(archive::show))
        .add(may(ManageArchive), routes!(archive::set_retention))
        .add(may(ManageArchive), routes!(archive::hold))
        .add(may(ManageArchive), routes!(archive::end_hold))
        .add(may(Hunt), routes!(hunts::run))
        .add(may(Hunt), routes!(hunts::stop))
        .add(may(Hunt), routes!(hunts::histogram))
        .add(may(Hunt), routes!(hunts::fields))
        .add(may(Hunt), routes!(hunts::download))
        .add(may(Hunt), routes!(hunts::running))
        .add(may(Hunt), routes!(hunts::saved, hunts::save))
        .add(may(Hunt), routes!(hunts::change, hunts::forget))
}

#[cfg(test)]
mod tests;
