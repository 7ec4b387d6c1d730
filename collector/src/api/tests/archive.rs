use super::*;

async fn ask(desk: &Desk, method: Method, path: &str, token: &str, body: Value) -> (u16, Value) {
    let (status, body) = answer(desk.ask(request(method, path, token, body)).await).await;
    (status.as_u16(), body)
}

#[tokio::test]
async fn the_archive_is_shown_and_less_than_the_law_asks_is_refused() {
    let desk = Desk::new().await;
    let token = desk.token().await;
    let path = "/api/v1/archive/retention/LOCAL";
    let set = |months: i64| json!({ "level": 3, "months": months, "why": "short of disk" });
    let (status, problem) = ask(&desk, Method::PUT, path, &token, set(2)).await;
    assert_eq!(status, 422);
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("at least 3 months: TCVN 14423:2026"), "{detail}");
    assert_eq!(ask(&desk, Method::PUT, path, &token, set(24)).await.0, 204);
    let (status, archive) = ask(&desk, Method::GET, "/api/v1/archive", &token, Value::Null).await;
    assert_eq!(status, 200, "{archive}");
    let agency = &archive["agencies"][0];
    assert_eq!((&agency["code"], &agency["months"]), (&json!("LOCAL"), &json!(24)));
    assert_eq!((&agency["legal_months"], &agency["inherited"]), (&json!(3), &json!(false)));
    assert_eq!(archive["disk"]["full_in_days"], Value::Null);
    let (_, audit) = ask(&desk, Method::GET, "/api/v1/audit", &token, Value::Null).await;
    assert_eq!(audit["items"][0]["action"], "archive retention set", "{audit}");
}

#[tokio::test]
async fn holds_are_made_shown_and_ended() {
    let desk = Desk::new().await;
    let token = desk.token().await;
    let path = "/api/v1/archive/holds";
    let hold = json!({
        "agency": "LOCAL",
        "host": "pc-01",
        "from": "2026-01-01T00:00:00Z",
        "to": "2026-02-01T00:00:00Z",
        "why": "case 7",
    });
    let (status, made) = ask(&desk, Method::POST, path, &token, hold.clone()).await;
    assert_eq!((status, &made["id"]), (201, &json!(1)));
    let mut wrong = hold;
    wrong["to"] = json!("2025-01-01T00:00:00Z");
    assert_eq!(ask(&desk, Method::POST, path, &token, wrong).await.0, 422);
    let (_, archive) = ask(&desk, Method::GET, "/api/v1/archive", &token, Value::Null).await;
    let shown = &archive["holds"][0];
    assert_eq!((&shown["agency"], &shown["why"]), (&json!("LOCAL"), &json!("case 7")));
    let one = format!("{path}/1");
    assert_eq!(ask(&desk, Method::DELETE, &one, &token, Value::Null).await.0, 204);
    assert_eq!(ask(&desk, Method::DELETE, &one, &token, Value::Null).await.0, 404);
}
