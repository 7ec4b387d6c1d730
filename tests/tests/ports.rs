//! Ports from a socket to an alert: described, approved, restarted, and told when nobody approved.

use std::net::TcpListener;
use std::time::Duration;

use serde_json::{Value, json};
use soc_tests::{Api, Stage, until};

const PATIENCE: Duration = Duration::from_secs(60);
const CONNECTIONS: usize = 1000;

async fn rows(api: &Api, path: &str) -> Vec<Value> {
    let list = api.get(path).await.unwrap_or_default();
    list["items"].as_array().cloned().unwrap_or_default()
}

/// Waits until a port is open or has been closed, and returns it.
async fn port(api: &Api, machine: &str, number: u16, is_open: bool) -> Value {
    let path = format!("/api/v1/machines/{machine}/ports?history=true");
    until(&format!("port {number} is open: {is_open}"), PATIENCE, || async {
        let rows = rows(api, &path).await;
        let mut of_it = rows.iter().filter(|row| row["port"] == number);
        let newest = of_it.clone().find(|row| row["closed_at"].is_null());
        match is_open {
            true => newest.cloned(),
            false => newest.is_none().then(|| of_it.next().cloned()).flatten(),
        }
    })
    .await
}

/// Alerts about a port: the title, and how often it was seen.
async fn alerts(api: &Api, number: u16) -> Vec<(String, i64)> {
    let of_it = |row: &Value| row["group"].to_string().contains(&number.to_string());
    let rows = rows(api, "/api/v1/alerts?limit=1000").await;
    let told = rows.iter().filter(|row| of_it(row));
    told.map(|row| (row["title"].to_string(), row["count"].as_i64().unwrap_or_default())).collect()
}

async fn alert(api: &Api, number: u16, words: &str) {
    until(&format!("an alert about port {number}: {words}"), PATIENCE, || async {
        alerts(api, number).await.iter().any(|(title, _)| title.contains(words)).then_some(())
    })
    .await;
}

fn listen(number: u16) -> TcpListener {
    TcpListener::bind(("0.0.0.0", number)).unwrap()
}

/// A thousand connections that last no longer than it takes.
fn connect_often(listener: &TcpListener) {
    let to = ("127.0.0.1", listener.local_addr().unwrap().port());
    for _ in 0..CONNECTIONS {
        let client = std::net::TcpStream::connect(to).unwrap();
        drop((listener.accept().unwrap(), client));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_approved_never_alerts_and_what_nobody_approved_does() {
    let mut stage = Stage::new().unwrap();
    stage.start_collector().await.unwrap();
    stage.enrol_agent().unwrap();
    stage.start_agent().unwrap();
    let api = stage.administrator().await.unwrap();
    let machine = until("the machine's ports are there", PATIENCE, || async {
        let machine = rows(&api, "/api/v1/machines").await.into_iter().next()?;
        let has_ports = machine["open_ports"].as_i64()? > 0;
        has_ports.then(|| machine["id"].as_str().map(str::to_owned)).flatten()
    })
    .await;

    // A program begins to listen: described, judged, told.
    let listener = listen(0);
    let number = listener.local_addr().unwrap().port();
    let shown = port(&api, &machine, number, true).await;
    assert_eq!(shown["fields"]["process.hash.sha256"].as_str().unwrap().len(), 64, "{shown}");
    assert!(shown["fields"]["port.reachable"].is_string(), "{shown}");
    assert!(shown["approval"].is_null());
    alert(&api, number, "New port").await;

    // Everything that is there is approved in one go.
    let path = format!("/api/v1/machines/{machine}/ports/approve");
    let approved = api.post(&path, json!({"note": "baseline"})).await.unwrap();
    assert!(approved["approved"].as_i64().unwrap() > 0);
    let shown = port(&api, &machine, number, true).await;
    assert_eq!(shown["approval"]["note"], "baseline");

    // It restarts within the grace period, and later after a longer pause.
    drop(listener);
    drop(listen(number));
    let listener = listen(number);
    connect_often(&listener);
    drop(listener);
    port(&api, &machine, number, false).await;
    let listener = listen(number);
    port(&api, &machine, number, true).await;

    // Another port is told. Judgements are in order: by now the first port's is behind us.
    let other = listen(0);
    let other_number = other.local_addr().unwrap().port();
    alert(&api, other_number, "nobody approved").await;
    let about = alerts(&api, number).await;
    assert_eq!(about.len(), 1, "{about:?}");
    assert_eq!(about[0].1, 1, "{about:?}");

    // The approval can be taken back, and all of it is on record.
    let id = port(&api, &machine, number, true).await["approval"]["id"].as_i64().unwrap();
    let path = format!("/api/v1/port-approvals/{id}/revoke");
    let _ = api.post(&path, json!({})).await;
    assert!(port(&api, &machine, number, true).await["approval"].is_null());
    let deeds = rows(&api, "/api/v1/audit").await;
    let done = |action: &str| deeds.iter().any(|deed| deed["action"] == action);
    assert!(done("ports approved") && done("port approval taken back"), "{deeds:?}");
    drop((listener, other));
}
