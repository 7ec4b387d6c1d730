use super::*;

#[tokio::test]
async fn trends_and_changes_are_limited_like_every_other_figure() {
    let desk = Desk::new().await;
    let token = desk.token().await;
    desk.kept.fleet.add_agency("OTHER", "Khác", None).await.unwrap();
    desk.enrol("LOCAL").await;
    desk.raise("rule", "a", 1).await;
    for (agency, expected) in [("", 1), ("LOCAL", 1), ("OTHER", 0)] {
        let (status, trend) =
            desk.get(&format!("/api/v1/trend?days=3&agency={agency}"), &token).await;
        assert_eq!(status, StatusCode::OK, "{trend}");
        let days = trend["days"].as_array().unwrap();
        assert_eq!((days.len(), &days[0]["figures"]), (3, &Value::Null));
        assert_eq!(days[2]["figures"]["machines"], expected, "{agency}");
        assert_eq!(days[2]["figures"]["open"]["high"], expected, "{agency}");
        let (_, changes) = desk.get(&format!("/api/v1/changes?agency={agency}"), &token).await;
        assert_eq!(changes["new_machines"], expected, "{agency}");
        assert_eq!(changes["raised"]["high"], expected, "{agency}");
        let since = changes["since"].as_str().unwrap();
        let list = format!("/api/v1/machines?changed=new&since={since}&agency={agency}");
        let (_, list) = desk.get(&list, &token).await;
        assert_eq!(list["total"], expected, "the list behind the figure");
    }
    let (status, _) = desk.get("/api/v1/trend?agency=NONE", &token).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    let (status, _) = desk.get("/api/v1/changes?since=yesterday", &token).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn lists_take_their_words_and_refuse_others() {
    let desk = Desk::new().await;
    let token = desk.token().await;
    for (path, expected) in [
        ("machines?sort=-signatures&signatures_days=15", StatusCode::OK),
        ("machines?sort=-colour", StatusCode::UNPROCESSABLE_ENTITY),
        ("machines?changed=gone", StatusCode::UNPROCESSABLE_ENTITY),
        ("ports?scope=lan,any&approved=lacking&rare=true&sort=-machines&q=22", StatusCode::OK),
        ("ports?approved=perhaps", StatusCode::UNPROCESSABLE_ENTITY),
        ("ports/machines?transport=tcp&scope=any&port=22", StatusCode::OK),
        ("antivirus/products", StatusCode::OK),
        ("anomalies?kind=rate_spike&source=a.log&state=open", StatusCode::OK),
        ("anomalies/normal?agency=LOCAL", StatusCode::OK),
        ("alerts?kind=antivirus.detection&raised_from=2026-11-22T00:00:00Z", StatusCode::OK),
        ("alerts?kind=anything", StatusCode::UNPROCESSABLE_ENTITY),
    ] {
        let (status, answer) = desk.get(&format!("/api/v1/{path}"), &token).await;
        assert_eq!(status, expected, "{path}: {answer}");
    }
    let nothing = json!({ "anomaly": "0000000000000000", "agency": 1 });
    let (status, _) = desk.post("/api/v1/anomalies/normal/take-back", &token, nothing).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let nowhere = json!({ "ports": [], "agencies": [1] });
    let (status, _) = desk.post("/api/v1/ports/approve", &token, nowhere).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn a_view_is_saved_and_deleted_and_the_start_says_what_was_done() {
    let desk = Desk::new().await;
    let token = desk.token().await;
    let draft = json!({ "page": "/alerts", "name": "đêm", "query": "?state=open", "shared": true });
    let (status, view) = desk.post("/api/v1/saved-views", &token, draft).await;
    assert_eq!((status, &view["owner"]), (StatusCode::CREATED, &json!("admin")), "{view}");
    let (_, list) = desk.get("/api/v1/saved-views", &token).await;
    assert_eq!(list["items"].as_array().unwrap().len(), 1);
    let path = format!("/api/v1/saved-views/{}", view["id"]);
    for expected in [StatusCode::NO_CONTENT, StatusCode::NOT_FOUND] {
        let asked = request(Method::DELETE, &path, &token, Value::Null);
        assert_eq!(desk.ask(asked).await.status(), expected);
    }
    let (_, start) = desk.get("/api/v1/start", &token).await;
    let told = [&start["agencies"], &start["tokens"], &start["machines"], &start["backup_at"]];
    assert_eq!(told, [&json!(1), &json!(0), &json!(0), &Value::Null]);
    assert!(start["rules"].as_u64().unwrap() > 10);
    let deed = crate::access::Deed::new("local", "local", "backup made", "/mnt");
    desk.kept.access.record(&deed).await.unwrap();
    desk.enrol("LOCAL").await;
    let (_, start) = desk.get("/api/v1/start", &token).await;
    assert_eq!((&start["tokens"], &start["machines"]), (&json!(1), &json!(1)));
    assert!(start["backup_at"].is_string());
}
