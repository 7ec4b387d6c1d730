use super::*;

const LOCAL: &str = "SELECT id FROM agency WHERE code = 'LOCAL'";

#[tokio::test]
async fn an_alert_is_taken_by_two_people_and_the_second_is_shown_what_there_is() {
    let desk = Desk::new().await;
    let token = desk.token().await;
    let id = desk.raise("rule", "192.0.2.7", 1).await;
    let path = format!("/api/v1/alerts/{id}");
    let (_, alert) = desk.get(&path, &token).await;
    assert_eq!((&alert["version"], &alert["rule_level"]), (&json!(1), &json!("high")));
    let assign = json!({ "to": "admin", "version": 1 });
    let (status, alert) = desk.post(&format!("{path}/assign"), &token, assign).await;
    assert_eq!((status, &alert["assignee"]), (StatusCode::OK, &json!("admin")));
    let close = json!({ "verdict": "benign", "comment": "x", "version": 1 });
    let (status, problem) = desk.post(&format!("{path}/close"), &token, close).await;
    assert_eq!(status, StatusCode::CONFLICT, "{problem}");
    assert_eq!(problem["type"], "urn:soc:problem:changed");
    assert_eq!(problem["current"]["assignee"], "admin");
    let (_, mine) = desk.get("/api/v1/alerts?assignee=me", &token).await;
    let (_, free) = desk.get("/api/v1/alerts?assignee=nobody", &token).await;
    assert_eq!((&mine["total"], &free["total"]), (&json!(1), &json!(0)));
    let (_, names) = desk.get("/api/v1/alerts/assignees", &token).await;
    assert_eq!(names["items"], json!(["admin"]));
    let (status, _) = desk.get(&format!("{path}/related"), &token).await;
    assert_eq!(status, StatusCode::OK);
}

#[tokio::test]
async fn many_alerts_are_closed_with_one_request() {
    let desk = Desk::new().await;
    let token = desk.token().await;
    let first = desk.raise("rule", "192.0.2.1", 1).await;
    desk.raise("rule", "192.0.2.2", 2).await;
    let bulk = "/api/v1/alerts/bulk";
    let close = json!({ "action": "close", "verdict": "false_positive", "comment": "diễn tập",
        "matching": { "state": "open" }, "count": 3 });
    let (status, _) = desk.post(bulk, &token, close.clone()).await;
    assert_eq!(status, StatusCode::CONFLICT);
    let mut right = close;
    right["count"] = json!(2);
    let (status, done) = desk.post(bulk, &token, right).await;
    assert_eq!((status, &done["done"]), (StatusCode::OK, &json!(2)), "{done}");
    let again = json!({ "action": "acknowledge", "ids": [first] });
    let (_, done) = desk.post(bulk, &token, again).await;
    assert_eq!(done["done"], 0);
    assert_eq!(done["refused"][0]["refused"], "the alert is closed already");
    let (_, list) = desk.get("/api/v1/alerts?verdict=false_positive", &token).await;
    assert_eq!(list["total"], 2);
    let (status, _) = desk.post(bulk, &token, json!({ "action": "close", "ids": [] })).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn an_exception_is_previewed_made_from_the_alert_and_ended() {
    let desk = Desk::new().await;
    let token = desk.token().await;
    let id = desk.raise("rule", "192.0.2.7", 1).await;
    let conditions = json!([{ "field": "source.ip", "how": "equals", "value": "192.0.2.7" }]);
    let draft = json!({ "rule": "rule", "alert": id, "conditions": conditions });
    let (status, preview) = desk.post("/api/v1/exceptions/preview", &token, draft.clone()).await;
    assert_eq!(status, StatusCode::OK, "{preview}");
    assert_eq!((&preview["alerts"], &preview["own"]), (&json!(1), &json!(true)));
    assert_eq!(preview["levels"]["high"], 1);
    let (status, _) = desk.post("/api/v1/exceptions", &token, draft.clone()).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "without a reason");
    let mut whole = draft;
    (whole["why"], whole["close"]) = (json!("máy quét"), json!("false_positive"));
    let (status, made) = desk.post("/api/v1/exceptions", &token, whole).await;
    assert_eq!((status, &made["owner"]), (StatusCode::CREATED, &json!("admin")), "{made}");
    let (_, alert) = desk.get(&format!("/api/v1/alerts/{id}"), &token).await;
    assert_eq!(alert["verdict"], "false_positive");
    let (_, list) = desk.get("/api/v1/exceptions?state=in_force&rule=rule", &token).await;
    assert_eq!(list["total"], 1);
    let path = format!("/api/v1/exceptions/{}/end", made["id"]);
    let (status, problem) = desk.post(&path, &token, json!({ "why": "x", "version": 9 })).await;
    assert_eq!((status, &problem["current"]["version"]), (StatusCode::CONFLICT, &json!(1)));
    let (status, ended) = desk.post(&path, &token, json!({ "why": "x", "version": 1 })).await;
    assert_eq!((status, &ended["state"]), (StatusCode::OK, &json!("ended")));
    let (_, list) = desk.get("/api/v1/exceptions?state=in_force,expired", &token).await;
    assert_eq!(list["total"], 0);
}

#[tokio::test]
async fn planned_work_is_silenced_and_a_rule_is_switched_off() {
    let desk = Desk::new().await;
    let token = desk.token().await;
    let agency: i64 = sqlx::query_scalar(LOCAL).fetch_one(desk.kept.store.pool()).await.unwrap();
    let until = desk.kept.clock.now().plus_micros(3_600_000_000).to_string();
    let silence = json!({ "agency": "LOCAL", "until": until, "why": "thay máy chủ" });
    let (status, made) = desk.post("/api/v1/silences", &token, silence).await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
    let (_, list) = desk.get("/api/v1/silences", &token).await;
    assert_eq!(list["items"][0]["agency"], agency);
    let end = format!("/api/v1/silences/{}/end", made["id"]);
    assert_eq!(desk.post(&end, &token, json!({})).await.0, StatusCode::NO_CONTENT);
    assert_eq!(desk.post(&end, &token, json!({})).await.0, StatusCode::CONFLICT);
    let (_, rules) = desk.get("/api/v1/rules", &token).await;
    let rule = rules["items"][0]["id"].as_str().unwrap().to_owned();
    let switch = json!({ "agency": "LOCAL", "enabled": false, "why": "ồn" });
    let path = format!("/api/v1/rules/{rule}/switch");
    let (status, row) = desk.post(&path, &token, switch).await;
    assert_eq!(status, StatusCode::OK, "{row}");
    assert_eq!(row["settings"][0]["enabled"], false);
    assert_eq!(row["noise"]["alerts"], 0);
}

#[tokio::test]
async fn techniques_that_were_seen_stand_beside_those_the_rules_look_for() {
    let desk = Desk::new().await;
    let token = desk.token().await;
    let id = desk.raise("rule", "192.0.2.7", 1).await;
    let future = "2100-01-01T00:00:00Z";
    let path = format!("/api/v1/attack?from=2020-01-01T00:00:00Z&to={future}");
    let seen = async || {
        let (status, attack) = desk.get(&path, &token).await;
        assert_eq!(status, StatusCode::OK, "{attack}");
        let all = attack["techniques"].as_array().unwrap().clone();
        all.into_iter().find(|technique| technique["id"] == "T1110").unwrap()
    };
    assert_eq!(seen().await["alerts"], 1);
    let wrong = json!({ "verdict": "false_positive", "comment": "x" });
    desk.post(&format!("/api/v1/alerts/{id}/close"), &token, wrong).await;
    assert_eq!(seen().await["alerts"], 0);
    let (_, list) = desk.get("/api/v1/alerts?technique=T1110", &token).await;
    assert_eq!(list["total"], 1);
    let (status, users) = desk.get("/api/v1/risk/users", &token).await;
    assert_eq!((status, &users["items"]), (StatusCode::OK, &json!([])));
}
