use soc_archive::Agencies;
use soc_event::{Envelope, Epoch, Event, Kind, Lane, Logsource, RunId, Sequence};

use super::*;
use crate::journal::Batch;

const RANGE: &str = "from=2026-11-01T00:00:00Z&to=2026-12-01T00:00:00Z";

/// What only the other agency has: nowhere may any of it be seen.
const SECRETS: [&str; 5] =
    ["SECRET-AGENCY", "secret-host", "secretline", "secretvalue", "secretuser"];

/// Two agencies with a machine each, and three operators.
struct Province {
    desk: Desk,
    administrator: String,
    analyst: String,
    other: String,
}

impl Province {
    async fn new() -> Self {
        let desk = Desk::new().await;
        let administrator = desk.token().await;
        let fleet = &desk.kept.fleet;
        fleet.add_agency("OWN", "Own", None).await.unwrap();
        fleet.add_agency("BELOW", "Below", Some("OWN")).await.unwrap();
        fleet.add_agency("SECRET-AGENCY", "Other", None).await.unwrap();
        let own = desk.enrol_as("OWN", "own-host").await;
        let below = desk.enrol_as("BELOW", "below-host").await;
        let secret = desk.enrol_as("SECRET-AGENCY", "secret-host").await;
        desk.append(own, ["root", "alice"], "sshd: Accepted password").await;
        desk.append(below, ["root"], "sshd: Failed password").await;
        desk.append(secret, ["secretuser", "secretuser"], "secretline of sshd").await;
        let analyst = desk.analyst("an", "OWN").await;
        let other = desk.analyst("binh", "SECRET-AGENCY").await;
        Self { desk, administrator, analyst, other }
    }

    async fn hunt(&self, token: &str, language: &str, query: &str) -> Vec<Value> {
        let asked = json!({
            "query": query, "language": language,
            "from": "2026-11-01T00:00:00Z", "to": "2026-12-01T00:00:00Z",
        });
        let response = self.desk.ask(request(Method::POST, "/api/v1/hunts", token, asked)).await;
        let bytes = to_bytes(response.into_body(), 1 << 24).await.unwrap();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    async fn text(&self, token: &str, path: &str) -> String {
        let response = self.desk.ask(request(Method::GET, path, token, Value::Null)).await;
        let bytes = to_bytes(response.into_body(), 1 << 24).await.unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Desk {
    async fn append<const N: usize>(&self, agent: soc_event::AgentId, users: [&str; N], raw: &str) {
        let event = |user: &&str| {
            let source = Logsource::service("linux", "sshd");
            let time = "2026-11-20T10:00:00Z".parse().unwrap();
            let mut event = Event::new(time, Kind::from_name("log"), source)
                .with("user.name", *user)
                .with(if user.starts_with("secret") { "secretvalue" } else { "plain" }, "x");
            event.raw = Some(format!("{raw} for {user}"));
            event
        };
        let events: Vec<Event> = users.iter().map(event).collect();
        let batch = Batch::encode(envelope(agent), &events, self.kept.clock.now()).unwrap();
        self.kept.journal.append(batch).await.unwrap();
    }

    async fn analyst(&self, name: &str, agency: &str) -> String {
        let id = self.kept.fleet.agency(agency).await.unwrap().id;
        let caller = crate::access::Caller { who: "test".into(), address: "local".into() };
        let new = crate::access::NewOperator {
            name: name.into(),
            full_name: String::new(),
            role: crate::access::Role::Analyst,
            agencies: Some(vec![id]),
        };
        let added = self.kept.access.add_operator(new, &Agencies::All, &caller).await;
        let password = added.unwrap();
        let sign_in = json!({ "name": name, "password": password.reveal() });
        let (_, first) = self.post("/api/v1/session", "", sign_in).await;
        assert_eq!(first["role"], "analyst", "{first}");
        let token = first["token"].as_str().unwrap().to_owned();
        let change = json!({ "old": password.reveal(), "new": PASSWORD });
        let (status, _) = self.post("/api/v1/session/password", &token, change).await;
        assert_eq!(status, StatusCode::NO_CONTENT);
        token
    }
}

fn envelope(agent: soc_event::AgentId) -> Envelope {
    Envelope {
        version: soc_event::wire::VERSION,
        agent,
        epoch: Epoch(42),
        lane: Lane::Log,
        first: Sequence(1),
        count: 0,
        run: RunId(1),
        fingerprint: "home".into(),
        sent: "2026-11-20T10:00:00Z".parse().unwrap(),
        clock_offset_us: None,
        configuration: 0,
    }
}

#[tokio::test]
async fn an_analyst_sees_their_agencies_and_nothing_of_any_other() {
    let province = Province::new().await;
    for (language, query) in [
        ("sql", "SELECT * FROM events"),
        ("sql", "SELECT * FROM hosts"),
        ("sql", "SELECT * FROM alerts"),
        ("sql", "SELECT * FROM ports"),
        ("sql", "SELECT DISTINCT agency, host, user.name FROM events"),
        ("sql", "SELECT max(raw), min(host), max(everything) FROM events"),
        ("sql", "SELECT count(*) FROM events e JOIN hosts h ON e.host = h.host"),
        ("sql", "SELECT * FROM events WHERE agency <> 'OWN' OR has_word('root') OR 1 = 1"),
        ("sql", "SELECT CAST(raw AS BIGINT) FROM events"),
        ("sql", "SELECT json_get(raw, 'x'), field('user.name') FROM events"),
        ("sql", "SELECT arrow_cast(user.name, 'Int64') FROM events"),
        ("sql", "EXPLAIN ANALYZE SELECT * FROM events"),
        ("sql", "SHOW COLUMNS FROM events"),
        ("sql", "SELECT wrong(raw) FROM events"),
        ("sql", "SELECT * FROM nowhere"),
        ("search", "*"),
        ("search", "sshd"),
        ("search", "NOT root"),
    ] {
        let told = json!(province.hunt(&province.analyst, language, query).await).to_string();
        for secret in SECRETS {
            assert!(!told.contains(secret), "{query}: {told}");
        }
    }
    let rows = |lines: &[Value]| lines.last().unwrap()["rows"].clone();
    for (token, expected) in
        [(&province.administrator, 5), (&province.analyst, 3), (&province.other, 2)]
    {
        let lines = province.hunt(token, "search", "sshd kind:log").await;
        assert_eq!(rows(&lines), expected, "{lines:?}");
        let end = &lines.last().unwrap()["completeness"];
        assert!(end["unarchived_events"].as_u64().unwrap() >= expected, "{end}");
    }
}

#[tokio::test]
async fn figures_fields_files_and_saved_hunts_are_of_ones_own_agencies() {
    let province = Province::new().await;
    let desk = &province.desk;
    let asked = json!({
        "query": "sshd", "language": "search", "buckets": 10,
        "from": "2026-11-01T00:00:00Z", "to": "2026-12-01T00:00:00Z",
    });
    for (token, expected) in
        [(&province.administrator, 5), (&province.analyst, 3), (&province.other, 2)]
    {
        let (status, told) = desk.post("/api/v1/hunts/histogram", token, asked.clone()).await;
        assert_eq!(status, StatusCode::OK, "{told}");
        let counts = told["buckets"].as_array().unwrap().iter().map(|b| b["count"].as_u64());
        assert_eq!(counts.sum::<Option<u64>>(), Some(expected), "{told}");
    }
    let draft = json!({
        "name": "secretline hunt", "query": "secretuser", "language": "search", "range_s": 3600,
    });
    let (status, saved) = desk.post("/api/v1/hunts/saved", &province.other, draft.clone()).await;
    assert_eq!(status, StatusCode::CREATED, "{saved}");
    let download = |format: &str| {
        format!("/api/v1/hunts/download?query=*&language=search&format={format}&{RANGE}")
    };
    for path in [
        format!("/api/v1/hunts/fields?{RANGE}"),
        "/api/v1/hunts/saved".to_owned(),
        "/api/v1/hunts/running".to_owned(),
        download("csv"),
        download("json"),
        download("parquet"),
    ] {
        let told = province.text(&province.analyst, &path).await;
        for secret in SECRETS {
            assert!(!told.contains(secret), "{path}: {told}");
        }
    }
    assert!(province.text(&province.analyst, &download("csv")).await.contains("own-host"));
    assert!(province.text(&province.administrator, &download("csv")).await.contains("secret-host"));
    let path = format!("/api/v1/hunts/saved/{}", saved["id"]);
    for (token, status) in
        [(&province.analyst, StatusCode::NOT_FOUND), (&province.other, StatusCode::NO_CONTENT)]
    {
        let change = request(Method::PUT, &path, token, draft.clone());
        assert_eq!(desk.ask(change).await.status() == StatusCode::OK, status.is_success());
        let removed = desk.ask(request(Method::DELETE, &path, token, Value::Null)).await;
        assert_eq!(removed.status(), status);
    }
}

#[tokio::test]
async fn hunts_are_on_record_with_what_was_asked_and_how_it_ended() {
    let province = Province::new().await;
    province.hunt(&province.analyst, "search", "root").await;
    province.hunt(&province.analyst, "sql", "SELECT nonsense(1)").await;
    let mut ended = Vec::new();
    // The end is written by a task of its own; its deed is what is waited for.
    while ended.len() < 2 {
        let (_, audit) = province.desk.get("/api/v1/audit?limit=20", &province.administrator).await;
        let items = audit["items"].as_array().unwrap().clone();
        ended = items.into_iter().filter(|deed| deed["action"] == "hunt ended").collect();
        tokio::task::yield_now().await;
    }
    assert_eq!((&ended[1]["who"], &ended[1]["subject"]), (&json!("an"), &json!("root")));
    let detail = ended[1]["detail"].as_str().unwrap();
    assert!(detail.starts_with("done, 2 rows; search, 2026-11-01"), "{detail}");
    assert!(ended[0]["detail"].as_str().unwrap().starts_with("failed: "), "{ended:?}");
}

#[tokio::test]
async fn what_a_scheduled_hunt_finds_is_one_alert_a_run() {
    let province = Province::new().await;
    let desk = &province.desk;
    let draft = json!({
        "name": "roots", "query": "root", "language": "search", "range_s": 315_360_000,
        "schedule": { "every_s": 60, "level": "high", "title": "Somebody was root" },
    });
    let (status, saved) = desk.post("/api/v1/hunts/saved", &province.analyst, draft).await;
    assert_eq!(status, StatusCode::CREATED, "{saved}");
    let late = json!({
        "name": "nothing", "query": "nobodyatall", "language": "search", "range_s": 3600,
        "schedule": { "every_s": 60, "level": "high", "title": "Nothing" },
    });
    desk.post("/api/v1/hunts/saved", &province.analyst, late).await;
    assert_eq!(desk.kept.hunts.run_due().await.unwrap(), 2);
    assert_eq!(desk.kept.hunts.run_due().await.unwrap(), 0, "not due again yet");
    let (_, alerts) = desk.get("/api/v1/alerts?level=high", &province.administrator).await;
    assert_eq!(alerts["total"], 1, "{alerts}");
    assert_eq!(alerts["items"][0]["title"]["en"], "Somebody was root");
    assert_eq!(alerts["items"][0]["agency"]["code"], "OWN");
    let (_, list) = desk.get("/api/v1/hunts/saved", &province.analyst).await;
    assert_eq!(list[0]["last_run"]["rows"], 2, "{list}");
}
