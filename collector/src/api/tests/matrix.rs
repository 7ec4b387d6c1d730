//! Every route, every role, one's own agency and another's: what is answered.
//!
//! The rows come from the routes themselves; a route that [`asked`] does not know fails the test.

use soc_archive::Agencies;

use super::*;
use crate::access::{Caller, NewOperator, Permission, Role};
use crate::api::permit::{Declared, Needs};

/// How a request that was let in may be answered.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Of {
    /// It is about nobody's data.
    Nobody,
    /// It names something of an agency: whoever may not see that finds nothing.
    Agency,
    /// Its answer lists: nothing of others is in it.
    List,
}

/// Two agencies side by side, a machine and an alert of each.
struct Province {
    desk: Desk,
    admin: String,
    own: Place,
    other: Place,
}

struct Place {
    agency: i64,
    code: &'static str,
    machine: String,
    alert: String,
    system: String,
    /// Of its exception, and of its silence.
    number: String,
}

impl Province {
    async fn new() -> Self {
        let desk = Desk::new().await;
        let admin = desk.token().await;
        for code in ["OWN", "OTHER"] {
            let agency = json!({ "code": code, "name": code, "parent": "LOCAL" });
            let (status, _) = desk.post("/api/v1/agencies", &admin, agency).await;
            assert_eq!(status, StatusCode::CREATED);
        }
        let own = Place::new(&desk, "OWN", 1).await;
        let other = Place::new(&desk, "OTHER", 2).await;
        Self { desk, admin, own, other }
    }

    /// Signed in as somebody of this role, of the own agency or of all.
    async fn come(&self, role: Role, bound: bool) -> String {
        let access = &self.desk.kept.access;
        let caller = Caller { who: "test".into(), address: "local".into() };
        let name = format!("{}{}", role.as_str(), if bound { ".own" } else { "" });
        let new = NewOperator {
            name: name.clone(),
            full_name: String::new(),
            role,
            agencies: bound.then(|| vec![self.own.agency]),
        };
        let password = access.add_operator(new, &Agencies::All, &caller).await.unwrap();
        let sign_in = json!({ "name": name, "password": password.reveal() });
        let (_, first) = self.desk.post("/api/v1/session", "", sign_in).await;
        let token = first["token"].as_str().unwrap().to_owned();
        let change = json!({ "old": password.reveal(), "new": PASSWORD });
        let (status, _) = self.desk.post("/api/v1/session/password", &token, change).await;
        assert_eq!(status, StatusCode::NO_CONTENT);
        token
    }

    async fn ask(&self, token: &str, route: &Declared, of: &Place) -> (StatusCode, String) {
        let (query, body, _) = asked(route, of);
        let path = route.path.replace("{name}", "nobody").replace("{id}", id(route, of));
        let path = path.replace("{position}", "1").replace("{agency}", "OWN");
        let method = Method::from_bytes(route.method.as_bytes()).unwrap();
        let path = format!("/api/v1{path}{query}");
        let response = self.desk.ask(request(method, &path, token, body)).await;
        let status = response.status();
        if route.path == "/live" {
            return (status, String::new());
        }
        let text = to_bytes(response.into_body(), 1 << 22).await.unwrap();
        (status, String::from_utf8_lossy(&text).into_owned())
    }
}

impl Place {
    async fn new(desk: &Desk, code: &'static str, sequence: u64) -> Self {
        let agency = desk.kept.fleet.agency(code).await.unwrap();
        let machine = desk.enrol_as(code, &format!("pc-of-{code}")).await;
        let mut found = finding("rule", &format!("source-of-{code}"), sequence);
        found.agency =
            crate::alert::AgencyRef { id: agency.id, code: code.into(), name: code.into() };
        let mut tx = desk.kept.store.write().await.unwrap();
        let raised = desk.api.alerts.raise(&mut tx, &[found]).await.unwrap();
        tx.commit().await.unwrap();
        let alert = raised[0].id.clone();
        let draft = crate::fleet::SystemDraft {
            code: format!("HT-{code}"),
            name: format!("System of {code}"),
            level: 2,
            owner: code.into(),
            operator: code.into(),
            ..crate::fleet::SystemDraft::default()
        };
        let caller = Caller { who: "test".into(), address: "local".into() };
        let system = desk.kept.fleet.write_system(None, &draft, &Agencies::All, &caller).await;
        let (machine, system) = (machine.to_string(), system.unwrap().to_string());
        let number = tuned(desk, agency.id).await.to_string();
        Self { agency: agency.id, code, machine, alert, system, number }
    }
}

/// An exception and a silence of an agency, with the same number.
async fn tuned(desk: &Desk, agency: i64) -> i64 {
    let caller = Caller { who: "test".into(), address: "local".into() };
    let (value, how) = ("none".into(), crate::tuning::How::Equals);
    let draft = crate::tuning::Draft {
        agency: Some(agency),
        conditions: vec![crate::tuning::Condition { field: "a".into(), how, value }],
        why: "test".into(),
        ..crate::tuning::Draft::default()
    };
    let exception = desk.api.tuning.except(&draft, &Agencies::All, &caller).await.unwrap();
    let now = desk.kept.clock.now();
    let draft = crate::silence::Draft {
        machine: None,
        agency: Some(agency),
        rule: Some("none".into()),
        from: now,
        until: now.plus_micros(3_600_000_000),
        why: "test".into(),
    };
    let silence = desk.api.silences.add(&draft, &Agencies::All, &caller).await.unwrap();
    assert_eq!(exception, silence);
    exception
}

fn id<'a>(route: &Declared, of: &'a Place) -> &'a str {
    match route.path.split('/').nth(1) {
        Some("alerts") => &of.alert,
        Some("exceptions" | "silences") => &of.number,
        Some("machines") => &of.machine,
        Some("agencies") => of.code,
        Some("systems") => &of.system,
        Some("port-approvals" | "archive") => "1",
        Some("session") if route.path.contains("tokens") => "1",
        Some("hunts") if route.path.contains("saved") => "1",
        _ => "nothing",
    }
}

fn system(of: &Place, code: String) -> Value {
    json!({ "code": code, "name": "new", "level": 2, "owner": of.code, "operator": of.code })
}

/// Query and body of a request to a route, and what kind of request it is.
fn asked(route: &Declared, of: &Place) -> (String, Value, Of) {
    let range = "from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z";
    let between = json!({ "query": "*", "language": "search", "from": "2026-01-01T00:00:00Z",
        "to": "2026-01-02T00:00:00Z" });
    let scope = format!("agency:{}", of.agency);
    let none = Value::Null;
    let plain = |kind| (String::new(), none.clone(), kind);
    let with = |body: Value, kind| (String::new(), body, kind);
    match (route.method.as_str(), route.path.as_str()) {
        ("GET", "/meta" | "/session" | "/session/all" | "/session/tokens" | "/rules/{id}") => {
            plain(Of::Nobody)
        }
        (
            "GET",
            "/session/oidc"
            | "/session/oidc/callback"
            | "/live"
            | "/audit/verify"
            | "/prometheus/targets",
        ) => plain(Of::Nobody),
        ("GET", "/overview" | "/alerts" | "/alerts/timeline" | "/anomalies/normal") => {
            plain(Of::List)
        }
        ("GET", "/machines" | "/neighbours" | "/agencies" | "/operators" | "/rules") => {
            plain(Of::List)
        }
        ("GET", "/audit" | "/archive" | "/backtests") => plain(Of::Nobody),
        ("GET", "/backtests/{id}") | ("DELETE", "/backtests/{id}") => plain(Of::Nobody),
        ("GET", "/exceptions" | "/silences" | "/attack" | "/risk/users") => plain(Of::List),
        ("GET", "/alerts/assignees") => plain(Of::Nobody),
        ("GET", "/exceptions/{id}") => plain(Of::Agency),
        ("POST", "/exceptions" | "/exceptions/preview") => {
            let condition = json!({ "field": "source.ip", "how": "equals", "value": "x" });
            let body = json!({ "agency": of.code, "why": "test", "conditions": [condition] });
            with(body, Of::Agency)
        }
        ("POST", path) if path.starts_with("/exceptions/{id}") => {
            with(json!({ "why": "test", "version": 1 }), Of::Agency)
        }
        ("POST", "/silences") => {
            let body = json!({ "agency": of.code, "why": "test", "until": "2020-01-01T00:00:00Z" });
            with(body, Of::Agency)
        }
        ("POST", "/silences/{id}/end") => with(json!({}), Of::Agency),
        ("POST", "/alerts/bulk") => {
            let body = json!({ "action": "comment", "comment": "seen",
                "matching": { "agency": of.code }, "count": 0 });
            with(body, Of::Agency)
        }
        ("GET", path) if path.starts_with("/alerts/{id}") => plain(Of::Agency),
        (_, path) if path.starts_with("/machines/{id}") && route.method == "GET" => {
            plain(Of::Agency)
        }
        ("POST", "/machines/{id}/ports/approve") => {
            with(json!({ "ports": [], "note": "" }), Of::Agency)
        }
        ("GET", "/events/{position}") => plain(Of::Agency),
        ("POST", path) if path.starts_with("/alerts/{id}") => {
            with(json!({ "comment": "seen" }), Of::Agency)
        }
        ("POST", "/neighbours/decision") => {
            with(json!({ "agency": of.agency, "mac": "02:00:00:00:00:01" }), Of::Agency)
        }
        ("POST", "/tokens") => with(json!({ "agency": of.code }), Of::Agency),
        ("GET", "/agencies/{id}" | "/systems/{id}") => plain(Of::Agency),
        ("GET", "/systems" | "/tables/agencies" | "/tables/systems" | "/tables/machines") => {
            plain(Of::List)
        }
        ("POST", "/agencies/changes" | "/agencies/changes/preview") => {
            let name = format!("name {}", fastrand());
            let change = json!({ "kind": "rename", "agency": of.code, "code": of.code,
                "name": name });
            with(json!({ "change": change, "reason": "test" }), Of::Agency)
        }
        ("POST", "/machines/{id}/agency") => {
            with(json!({ "agency": of.code, "reason": "test" }), Of::Agency)
        }
        ("POST", "/machines/agency") => {
            let machines = json!([of.machine]);
            with(json!({ "machines": machines, "agency": of.code, "reason": "test" }), Of::Agency)
        }
        ("PUT", "/machines/{id}/record") => {
            with(json!({ "person": "somebody", "version": 0 }), Of::Agency)
        }
        ("POST", "/systems") => with(system(of, format!("S{}", fastrand())), Of::Agency),
        // A version that was never seen: nothing is to be changed.
        ("PUT", "/systems/{id}") => {
            let mut system = system(of, "S".into());
            system["version"] = json!(99);
            with(system, Of::Agency)
        }
        ("PUT", "/systems/{id}/hosts") => {
            with(json!({ "hosts": [of.machine], "version": 99 }), Of::Agency)
        }
        ("DELETE", "/systems/{id}") => ("?version=99".into(), none, Of::Agency),
        ("POST", path) if path.starts_with("/tables/") => {
            ("?mark=none".into(), json!("no table"), Of::Nobody)
        }
        ("POST", "/agencies") => {
            let code = format!("{}-{}", of.code, fastrand());
            with(json!({ "code": code, "name": "new", "parent": of.code }), Of::Agency)
        }
        ("GET", "/configurations") => (format!("?scope={scope}"), none, Of::Agency),
        ("POST", "/configurations") => {
            with(json!({ "scope": scope, "text": "", "why": "test" }), Of::Agency)
        }
        ("POST", "/configurations/restore") => {
            with(json!({ "scope": scope, "version": 1, "why": "test" }), Of::Agency)
        }
        ("POST", "/configurations/check") => with(json!({ "text": "" }), Of::Nobody),
        ("POST", "/rules/check") => with(json!({ "source": "" }), Of::Nobody),
        ("POST", "/hunts" | "/hunts/histogram") => with(between, Of::List),
        ("GET", "/hunts/fields") => (format!("?{range}"), none, Of::List),
        ("GET", "/hunts/download") => {
            (format!("?{range}&query=*&language=search&format=csv"), none, Of::List)
        }
        ("GET", "/hunts/running" | "/hunts/saved") => plain(Of::List),
        // What is asked of these is wrong or not there; being let in is what is looked at.
        ("POST" | "PUT" | "PATCH" | "DELETE", _) if KNOWN.contains(&route.path.as_str()) => {
            with(json!({}), Of::Nobody)
        }
        (method, path) => panic!("{method} {path} is not in the matrix: say how it is asked"),
    }
}

/// Routes that change what belongs to no agency.
const KNOWN: [&str; 21] = [
    "/session",
    "/session/password",
    "/session/second-factor",
    "/session/second-factor/confirm",
    "/session/second-factor/remove",
    "/session/all/{id}",
    "/session/tokens",
    "/session/tokens/{id}",
    "/operators",
    "/operators/{name}",
    "/operators/{name}/reset",
    "/port-approvals/{id}/revoke",
    "/rules/{id}/unpark",
    "/rules/{id}/switch",
    "/backtests",
    "/archive/retention/{agency}",
    "/archive/holds",
    "/archive/holds/{id}",
    "/hunts/saved",
    "/hunts/saved/{id}",
    "/hunts/{id}",
];

fn fastrand() -> u64 {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

fn is_let_in(status: StatusCode) -> bool {
    status != StatusCode::FORBIDDEN && status != StatusCode::UNAUTHORIZED
}

/// Routes that are left out because asking them ends the session that asks.
fn ends_the_session(route: &Declared) -> bool {
    (route.method.as_str(), route.path.as_str()) == ("DELETE", "/session")
}

#[tokio::test]
async fn every_route_lets_in_who_may_and_shows_nothing_of_others() {
    let province = Province::new().await;
    let routes = crate::api::routes(&province.desk.api).declared().to_vec();
    let mut cells = 0;
    for role in Role::ALL {
        for bound in [false, true] {
            if role == Role::Officer && !bound {
                continue;
            }
            let token = province.come(role, bound).await;
            for route in routes.iter().filter(|route| !ends_the_session(route)) {
                let Needs::Permission(permission) = route.needs else { continue };
                for (of, own) in [(&province.own, true), (&province.other, false)] {
                    let (status, text) = province.ask(&token, route, of).await;
                    let cell =
                        format!("{role:?} bound={bound} own={own} {route:?}: {status} {text}");
                    assert_ne!(status, StatusCode::INTERNAL_SERVER_ERROR, "{cell}");
                    assert_eq!(is_let_in(status), role.may(permission, bound), "{cell}");
                    let (_, _, kind) = asked(route, of);
                    if bound && is_let_in(status) {
                        let is_foreign = kind == Of::Agency && !own;
                        assert!(!is_foreign || !status.is_success(), "{cell}");
                        let secrets = ["OTHER", &province.other.machine, &province.other.alert];
                        let told = secrets.iter().any(|secret| text.contains(secret));
                        assert!(
                            !told || kind == Of::Agency && text.contains("no agency"),
                            "{cell}"
                        );
                    }
                    cells += 1;
                }
            }
        }
    }
    println!("{} routes, {cells} cells", routes.len());
    assert!(cells > 1000, "{cells}");
}

#[tokio::test]
async fn without_a_session_or_with_one_that_is_not_finished_nothing_opens() {
    let province = Province::new().await;
    let access = &province.desk.kept.access;
    let caller = Caller { who: "test".into(), address: "local".into() };
    let new = NewOperator {
        name: "new".into(),
        full_name: String::new(),
        role: Role::Administrator,
        agencies: None,
    };
    let password = access.add_operator(new, &Agencies::All, &caller).await.unwrap();
    let sign_in = json!({ "name": "new", "password": password.reveal() });
    let (_, first) = province.desk.post("/api/v1/session", "", sign_in).await;
    let unfinished = first["token"].as_str().unwrap();
    for route in crate::api::routes(&province.desk.api).declared() {
        let (status, text) = province.ask("", route, &province.own).await;
        let (later, _) = province.ask(unfinished, route, &province.own).await;
        match route.needs {
            Needs::Permission(_) => {
                assert_eq!(status, StatusCode::UNAUTHORIZED, "{route:?} {text}");
                assert_eq!(later, StatusCode::FORBIDDEN, "{route:?}");
            }
            Needs::SignIn => assert_eq!(status, StatusCode::UNAUTHORIZED, "{route:?} {text}"),
            Needs::Nothing | Needs::PermissionOrLocal(_) => {
                assert_ne!(status, StatusCode::FORBIDDEN, "{route:?}");
                assert_ne!(status, StatusCode::INTERNAL_SERVER_ERROR, "{route:?} {text}");
            }
        }
        if ends_the_session(route) {
            break;
        }
    }
    assert!(Role::Viewer.may(Permission::SeeAlerts, true));
    assert!(!province.admin.is_empty());
}
