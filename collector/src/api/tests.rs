mod archive;
mod figures;
mod hunts;
mod matrix;
mod rules;
mod triage;

use axum::body::{Body, to_bytes};
use http::{Method, Request, Response, StatusCode, header};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::*;
use crate::access::FirstAdministrator;
use crate::alert::tests::finding;
use crate::config;
use crate::serve::Kept;

const PASSWORD: &str = "correct horse battery";

struct Desk {
    api: Api,
    kept: Kept,
    one_time: String,
    _folder: tempfile::TempDir,
}

impl Desk {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = config::load(&folder.path().join("data"), None).unwrap();
        config.journal.disk_free_bytes_min = 0;
        let kept = Kept::open(&config, Clock::system()).await.unwrap();
        let Kept { registry, clock, bus, store, journal, fleet, access, .. } = &kept;
        let first = access.first_administrator(None).await.unwrap();
        let FirstAdministrator::Random(one_time) = first else { panic!("{first:?}") };
        let (rulebook, _) =
            crate::rulebook::open(config.rulebook.clone(), bus.clone(), registry).unwrap();
        let alerts = kept.alerts.clone();
        let detect = Detect::new(
            journal.clone(),
            store.clone(),
            alerts.clone(),
            fleet.clone(),
            rulebook.clone(),
            bus.clone(),
            registry,
        )
        .unwrap()
        .with_tuning(&kept.tuning);
        let hunts = kept.hunts.clone();
        let backtests = kept.backtests(&config, &rulebook, &detect).unwrap();
        let gateway = crate::gateway::Gateway::new(
            config.gateway,
            kept.pki.clone(),
            journal.clone(),
            fleet.clone(),
            kept.configurations.clone(),
            kept.archive.clone(),
            registry,
        );
        gateway.unwrap();
        let api = Api::new(Rooms {
            access: access.clone(),
            alerts,
            tuning: kept.tuning.clone(),
            silences: Silences::new(store.clone(), clock.clone(), bus.clone()),
            fleet: fleet.clone(),
            hunts,
            archive: kept.archive.clone(),
            journal: journal.clone(),
            rulebook,
            detect,
            backtests,
            store: store.clone(),
            bus: bus.clone(),
            clock: clock.clone(),
            registry: registry.clone(),
            dashboard: Dashboard::new([]),
            control: kept.control(&config, 7443),
            config: config.api.clone(),
            shutdown: watch::channel(false).1,
        });
        let one_time = one_time.reveal().to_owned();
        Self { api, kept, one_time, _folder: folder }
    }

    async fn ask(&self, request: Request<Body>) -> Response<Body> {
        self.api.router().oneshot(request).await.unwrap()
    }

    async fn post(&self, path: &str, token: &str, body: Value) -> (StatusCode, Value) {
        answer(self.ask(request(Method::POST, path, token, body)).await).await
    }

    async fn get(&self, path: &str, token: &str) -> (StatusCode, Value) {
        answer(self.ask(request(Method::GET, path, token, Value::Null)).await).await
    }

    /// Signed in, with a password of their own.
    async fn token(&self) -> String {
        let sign_in = json!({ "name": "admin", "password": self.one_time });
        let (status, first) = self.post("/api/v1/session", "", sign_in).await;
        assert_eq!(status, StatusCode::OK, "{first}");
        let token = first["token"].as_str().unwrap().to_owned();
        let change = json!({ "old": self.one_time, "new": PASSWORD });
        let (status, _) = self.post("/api/v1/session/password", &token, change).await;
        assert_eq!(status, StatusCode::NO_CONTENT);
        token
    }

    /// A machine of this agency.
    async fn enrol(&self, agency: &str) -> soc_event::AgentId {
        self.enrol_as(agency, "pc-01").await
    }

    async fn enrol_as(&self, agency: &str, hostname: &str) -> soc_event::AgentId {
        let fleet = &self.kept.fleet;
        let token = fleet.create_token(agency, 1, None, "an").await.unwrap();
        let key = rcgen::KeyPair::generate().unwrap();
        let csr = rcgen::CertificateParams::default().serialize_request(&key).unwrap();
        let csr = csr.pem().unwrap();
        let application = crate::fleet::Application {
            token,
            hostname: hostname.into(),
            fingerprint: format!("home of {hostname}"),
            os: "Debian".into(),
            version: "0.1.0".into(),
            key_hash: crate::pki::request_key_hash(&csr).unwrap(),
        };
        let (validity, now) = (std::time::Duration::from_secs(86_400), self.kept.clock.now());
        let sign = |agent| self.kept.pki.sign(&csr, agent, validity, now);
        fleet.enrol(&application, sign).await.unwrap().agent
    }

    async fn raise(&self, rule: &str, source: &str, sequence: u64) -> String {
        let mut tx = self.kept.store.write().await.unwrap();
        let found = [finding(rule, source, sequence)];
        let raised = self.api.alerts.raise(&mut tx, &found).await.unwrap();
        tx.commit().await.unwrap();
        raised[0].id.clone()
    }
}

fn request(method: Method, path: &str, token: &str, body: Value) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path).header("host", "localhost:8080");
    if !token.is_empty() {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    request = request.header("x-requested-with", "soc");
    if body.is_null() {
        return request.body(Body::empty()).unwrap();
    }
    let request = request.header("content-type", "application/json");
    request.body(Body::from(body.to_string())).unwrap()
}

async fn answer(response: Response<Body>) -> (StatusCode, Value) {
    let status = response.status();
    let bytes = to_bytes(response.into_body(), 1 << 22).await.unwrap();
    (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
}

#[tokio::test]
async fn a_given_password_opens_nothing_but_the_choice_of_another() {
    let desk = Desk::new().await;
    let sign_in = json!({ "name": "admin", "password": desk.one_time });
    let response = desk.ask(request(Method::POST, "/api/v1/session", "", sign_in)).await;
    let cookie = response.headers()[header::SET_COOKIE].to_str().unwrap().to_owned();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
    let (_, session) = answer(response).await;
    assert_eq!(session["must_change"], true);
    let token = session["token"].as_str().unwrap();
    let (status, problem) = desk.get("/api/v1/overview", token).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert_eq!(problem["type"], "urn:soc:problem:password-change-required");
    let short = json!({ "old": desk.one_time, "new": "short" });
    let (status, problem) = desk.post("/api/v1/session/password", token, short).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(problem["detail"].as_str().unwrap().contains("12 characters"));
    let change = json!({ "old": desk.one_time, "new": PASSWORD });
    let (status, _) = desk.post("/api/v1/session/password", token, change).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    let (status, overview) = desk.get("/api/v1/overview", token).await;
    assert_eq!((status, &overview["alerts"]["open"]["high"]), (StatusCode::OK, &json!(0)));
    let old = json!({ "name": "admin", "password": desk.one_time });
    let (status, _) = desk.post("/api/v1/session", "", old).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    let cookie = cookie.split(';').next().unwrap().to_owned();
    let by_cookie = Request::get("/api/v1/session").header("host", "localhost");
    let by_cookie = by_cookie.header("cookie", cookie).body(Body::empty()).unwrap();
    assert_eq!(desk.ask(by_cookie).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn an_alert_lives_from_open_to_closed_and_everything_is_on_record() {
    let desk = Desk::new().await;
    let token = desk.token().await;
    let id = desk.raise("rule", "192.0.2.7", 1).await;
    let path = |what: &str| format!("/api/v1/alerts/{id}{what}");
    let (_, list) = desk.get("/api/v1/alerts?state=open,acknowledged&level=high", &token).await;
    assert_eq!((&list["total"], &list["items"][0]["id"]), (&json!(1), &json!(id)));
    let acknowledge = desk.ask(request(Method::POST, &path("/acknowledge"), &token, Value::Null));
    assert_eq!(answer(acknowledge.await).await.1["assignee"], "admin");
    let (status, _) = desk.post(&path("/acknowledge"), &token, json!({})).await;
    assert_eq!(status, StatusCode::CONFLICT);
    let (status, _) = desk.post(&path("/close"), &token, json!({})).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    let closed = json!({ "verdict": "true_positive", "comment": "đã chặn" });
    let (_, closed) = desk.post(&path("/close"), &token, closed).await;
    assert_eq!(
        (&closed["state"], &closed["history"][2]["comment"]),
        (&json!("closed"), &json!("đã chặn"))
    );
    let (_, audit) = desk.get("/api/v1/audit?limit=2", &token).await;
    assert_eq!(audit["items"][0]["action"], "alert closed");
    assert_eq!(audit["items"][1]["action"], "alert acknowledged");
    assert!(audit["next"].is_string());
    let (status, _) = desk.get("/api/v1/alerts/00", &token).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn hostile_text_arrives_as_the_text_it_is() {
    let desk = Desk::new().await;
    let token = desk.token().await;
    let hostile = "<script>alert(1)</script>\u{1b}[31m\u{202e}\u{0}'; DROP TABLE alert; --";
    let id = desk.raise(hostile, hostile, 1).await;
    let response =
        desk.ask(request(Method::GET, &format!("/api/v1/alerts/{id}"), &token, Value::Null)).await;
    assert_eq!(response.headers()[header::CONTENT_TYPE], "application/json");
    assert_eq!(response.headers()[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
    let (_, alert) = answer(response).await;
    assert_eq!(alert["group"]["source.ip"], hostile);
    assert_eq!(alert["events"][0]["fields"]["source.ip"], hostile);
    let (_, list) = desk.get("/api/v1/alerts?q=%3Cscript%3E", &token).await;
    assert_eq!(list["total"], 1);
}

#[tokio::test]
async fn every_refusal_is_a_problem() {
    let desk = Desk::new().await;
    let token = desk.token().await;
    let raw = |method: Method, path: &str, content_type: &str, body: &str| {
        Request::builder()
            .method(method)
            .uri(path)
            .header("host", "127.0.0.1:8080")
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", content_type)
            .body(Body::from(body.to_owned()))
            .unwrap()
    };
    let json_type = "application/json";
    let large = format!("{{\"name\":\"{}\"}}", "x".repeat(100_000));
    for (request, status) in [
        (raw(Method::GET, "/api/v1/nothing", "", ""), 404),
        (raw(Method::GET, "/api/nothing", "", ""), 404),
        (raw(Method::PUT, "/api/v1/session", json_type, "{}"), 405),
        (raw(Method::POST, "/api/v1/agencies", "text/plain", "{}"), 415),
        (raw(Method::POST, "/api/v1/agencies", json_type, "{"), 400),
        (raw(Method::POST, "/api/v1/agencies", json_type, "{\"code\":1}"), 422),
        (raw(Method::POST, "/api/v1/agencies", json_type, &large), 413),
        (raw(Method::GET, "/api/v1/alerts?level=huge", "", ""), 422),
        (raw(Method::GET, "/api/v1/alerts?limit=x", "", ""), 400),
        (raw(Method::GET, "/api/v1/alerts?cursor=x", "", ""), 422),
        (raw(Method::GET, "/api/v1/machines/x", "", ""), 404),
        (raw(Method::GET, "/api/v1/events/x", "", ""), 400),
        (raw(Method::POST, "/api/v1/tokens", json_type, "{\"agency\":\"NONE\"}"), 422),
    ] {
        let what = format!("{} {}", request.method(), request.uri());
        let response = desk.ask(request).await;
        assert_eq!(response.status(), status, "{what}");
        let content_type = &response.headers()[header::CONTENT_TYPE];
        assert_eq!(content_type, "application/problem+json", "{what}");
        let (_, problem) = answer(response).await;
        assert_eq!(problem["status"], status, "{what}");
        assert!(!problem["detail"].as_str().unwrap().is_empty(), "{what}");
    }
}

#[tokio::test]
async fn forms_of_other_sites_and_other_names_are_refused() {
    let desk = Desk::new().await;
    for (method, host, ours, status) in [
        (Method::POST, "localhost:8080", false, 403),
        (Method::POST, "localhost:8080", true, 415),
        (Method::GET, "localhost:8080", false, 200),
        (Method::GET, "[::1]:8080", false, 200),
        (Method::GET, "evil.example", false, 421),
        (Method::GET, "localhost.evil.example:8080", false, 421),
    ] {
        let path = if method == Method::GET { "/api/v1/meta" } else { "/api/v1/session" };
        let mut request = Request::builder().method(method).uri(path).header("host", host);
        if ours {
            request = request.header("x-requested-with", "soc");
        }
        let response = desk.ask(request.body(Body::empty()).unwrap()).await;
        assert_eq!(response.status(), status, "{host}");
        assert!(response.headers().contains_key(header::CONTENT_SECURITY_POLICY));
    }
}

#[tokio::test]
async fn every_described_route_exists_and_asks_who_is_there() {
    let desk = Desk::new().await;
    let (_, document) = desk.get("/api/v1/openapi.json", "").await;
    let paths = document["paths"].as_object().unwrap();
    let public = ["/api/v1/meta", "/api/v1/prometheus/targets"];
    let routes_of = super::routes;
    let mut routes = Vec::new();
    for (path, methods) in paths {
        for method in methods.as_object().unwrap().keys().filter(|key| key.len() <= 6) {
            routes.push(format!("{} {path}", method.to_uppercase()));
            let concrete =
                path.replace("{id}", "00").replace("{position}", "1").replace("{agency}", "A");
            let method: Method = method.to_uppercase().parse().unwrap();
            let body = if method == Method::POST { json!({}) } else { Value::Null };
            let (status, _) = answer(desk.ask(request(method, &concrete, "", body)).await).await;
            let expected = match concrete.as_str() {
                path if public.contains(&path) => StatusCode::OK,
                path if path.starts_with("/api/v1/session/oidc") => StatusCode::SEE_OTHER,
                "/api/v1/session" if routes.last().unwrap().starts_with("POST") => {
                    StatusCode::UNPROCESSABLE_ENTITY
                }
                _ => StatusCode::UNAUTHORIZED,
            };
            assert_eq!(status, expected, "{:?}", routes.last());
        }
    }
    let declared = routes_of(&desk.api).declared().len();
    assert_eq!(routes.len(), declared, "{routes:#?}");
}

#[tokio::test]
async fn outside_the_api_there_are_metrics_health_and_the_page() {
    let desk = Desk::new().await;
    let (status, ready) = desk.get("/readyz", "").await;
    assert_eq!((status, &ready["ready"]), (StatusCode::OK, &json!(true)), "{ready}");
    assert_eq!(desk.get("/healthz", "").await.0, StatusCode::OK);
    let metrics = desk.ask(request(Method::GET, "/metrics", "", Value::Null)).await;
    let text = to_bytes(metrics.into_body(), 1 << 20).await.unwrap();
    let text = String::from_utf8(text.to_vec()).unwrap();
    for name in ["soc_collector_alerts_open", "soc_collector_detect_lag_events", "process_open_fds"]
    {
        assert!(text.contains(name), "{name}");
    }
    let page = desk.ask(request(Method::GET, "/", "", Value::Null)).await;
    assert_eq!(page.status(), StatusCode::SERVICE_UNAVAILABLE);
    let said = to_bytes(page.into_body(), 1 << 16).await.unwrap();
    assert!(String::from_utf8_lossy(&said).contains("make dashboard"));
}

#[tokio::test]
async fn a_token_says_how_to_enrol() {
    let desk = Desk::new().await;
    let token = desk.token().await;
    let (status, made) = desk.post("/api/v1/tokens", &token, json!({ "agency": "LOCAL" })).await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
    let command = made["command"].as_str().unwrap();
    for part in ["soc-agent enrol --collector https://", ":7443", made["ca_pin"].as_str().unwrap()]
    {
        assert!(command.contains(part), "{command}");
    }
    let below = json!({ "code": "LOCAL-1", "name": "Xã", "parent": "LOCAL" });
    let (status, _) = desk.post("/api/v1/agencies", &token, below).await;
    assert_eq!(status, StatusCode::CREATED);
    desk.raise("rule", "a", 1).await;
    let (_, alerts) = desk.get("/api/v1/alerts?agency=LOCAL", &token).await;
    assert_eq!(alerts["total"], 1);
    let (_, alerts) = desk.get("/api/v1/alerts?agency=LOCAL-1", &token).await;
    assert_eq!(alerts["total"], 0);
}
