use super::*;

#[tokio::test]
async fn a_draft_is_told_what_is_wrong_with_it_and_is_not_in_force() {
    let desk = Desk::new().await;
    let token = desk.token().await;
    let (_, before) = desk.get("/api/v1/rules", &token).await;
    let good = "title: Draft\nlogsource: {product: linux}\ndetection:\n  selection:\n    \
                message|contains: x\n  condition: selection\n";
    let check = async |source: &str| {
        let (status, checked) =
            desk.post("/api/v1/rules/check", &token, json!({ "source": source })).await;
        assert_eq!(status, StatusCode::OK, "{checked}");
        checked
    };
    assert_eq!(check(good).await["rules"], 1);
    let checked = check(&good.replace("contains", "contain")).await;
    assert_eq!(checked["rules"], 0);
    assert_eq!(checked["problems"][0]["severity"], "error");
    assert!(checked["problems"][0]["line"].is_number(), "{checked}");
    let (_, after) = desk.get("/api/v1/rules", &token).await;
    assert_eq!(before, after);
}

#[tokio::test]
async fn a_rule_says_what_it_costs_and_whether_it_is_parked() {
    let desk = Desk::new().await;
    let token = desk.token().await;
    let (_, rules) = desk.get("/api/v1/rules", &token).await;
    let row = &rules["items"][0];
    assert_eq!((&row["cost"], &row["matched"]), (&json!(0.0), &json!(0)));
    assert_eq!(row["parked"], Value::Null);
    let id = row["id"].as_str().unwrap();
    sqlx::query("INSERT INTO rule_parked VALUES (?, 't', 'f', 7, 'e', 0, 1)")
        .bind(id)
        .execute(desk.kept.store.pool())
        .await
        .unwrap();
    let path = format!("/api/v1/rules/{id}");
    let (_, rule) = desk.get(&path, &token).await;
    assert_eq!(rule["parked"]["position"], 7, "{rule}");
    let unpark = format!("{path}/unpark");
    assert_eq!(desk.post(&unpark, &token, json!({})).await.0, StatusCode::NO_CONTENT);
    assert_eq!(desk.post(&unpark, &token, json!({})).await.0, StatusCode::CONFLICT);
    let (_, audit) = desk.get("/api/v1/audit?limit=1", &token).await;
    assert_eq!(audit["items"][0]["action"], "rule unparked");
    assert_eq!(audit["items"][0]["subject"], id);
}
