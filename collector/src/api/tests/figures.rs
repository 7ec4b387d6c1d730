use super::*;

#[tokio::test]
async fn an_agency_limits_every_figure_to_itself_and_those_below_it() {
    let desk = Desk::new().await;
    let token = desk.token().await;
    let fleet = &desk.kept.fleet;
    let local = fleet.agency("LOCAL").await.unwrap().id;
    let below = fleet.add_agency("LOCAL-1", "Xã", Some("LOCAL")).await.unwrap().id;
    // Named with the number of another: numbers are what the page sends, so they come first.
    let other = fleet.add_agency(&local.to_string(), "Khác", None).await.unwrap().id;
    desk.raise("rule", "a", 1).await;
    desk.enrol("LOCAL-1").await;
    for (agency, number, machines, alerts) in [
        (String::new(), json!(null), 1, 1),
        (local.to_string(), json!(local), 1, 1),
        ("LOCAL".to_owned(), json!(local), 1, 1),
        (below.to_string(), json!(below), 1, 0),
        (other.to_string(), json!(other), 0, 0),
    ] {
        let (status, overview) =
            desk.get(&format!("/api/v1/overview?agency={agency}"), &token).await;
        assert_eq!((status, &overview["agency"]), (StatusCode::OK, &number), "{agency}");
        assert_eq!(overview["machines"]["total"], machines, "{agency}");
        assert_eq!(overview["alerts"]["open"]["high"], alerts, "{agency}");
        assert_eq!(overview["newest"].as_array().unwrap().len(), alerts, "{agency}");
        let range = "from=2001-01-01T00:00:00Z&to=2100-01-01T00:00:00Z&buckets=3";
        let timeline = format!("/api/v1/alerts/timeline?{range}&agency={agency}");
        let (_, timeline) = desk.get(&timeline, &token).await;
        let counts = timeline["buckets"].as_array().unwrap().iter();
        let counted: u64 = counts.map(|bucket| bucket["high"].as_u64().unwrap()).sum();
        let (_, list) = desk.get(&format!("/api/v1/alerts?{range}&agency={agency}"), &token).await;
        assert_eq!((counted, &list["total"]), (alerts as u64, &json!(alerts)), "{agency}");
    }
    let (status, _) = desk.get("/api/v1/overview?agency=NONE", &token).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
}

/// Names of ours in a file that Prometheus or Grafana reads.
fn names_in(text: &str) -> std::collections::BTreeSet<&str> {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let words = text.split(|letter: char| !is_part(letter));
    words.filter(|word| word.starts_with("soc_collector_")).collect()
}

#[tokio::test]
async fn every_metric_that_is_watched_is_there_from_the_first_scrape() {
    let desk = Desk::new().await;
    desk.enrol("LOCAL").await;
    desk.kept.fleet.count().await.unwrap();
    let metrics = desk.ask(request(Method::GET, "/metrics", "", Value::Null)).await;
    let text = to_bytes(metrics.into_body(), 1 << 20).await.unwrap();
    let text = String::from_utf8(text.to_vec()).unwrap();
    let sample = |line: &str| line.split(['{', ' ']).next().unwrap_or_default().to_owned();
    let samples: Vec<String> =
        text.lines().filter(|line| !line.starts_with('#')).map(sample).collect();
    let files = [
        include_str!("../../../../deploy/prometheus/rules.yml"),
        include_str!("../../../../deploy/grafana/soc.json"),
    ];
    let watched: std::collections::BTreeSet<&str> = files
        .into_iter()
        .flat_map(names_in)
        .chain(["soc_collector_correlation_evicted_total"])
        .collect();
    assert!(watched.len() > 10, "{watched:?}");
    for name in watched {
        assert!(samples.iter().any(|sample| sample == name), "{name} is not in:\n{text}");
    }
    for sample in [
        "soc_collector_agents{state=\"never\"} 1",
        "soc_collector_agents{state=\"silent\"} 0",
        "soc_collector_alerts_open{level=\"critical\"} 0",
        "soc_collector_antivirus_coverage_ratio{agency=\"LOCAL\"} 0",
        "soc_collector_batches_rejected_total{cause=\"too_large\"} 0",
        "soc_collector_events_received_total{lane=\"log\"} 0",
        "soc_collector_open_ports{scope=\"any\"} 0",
        "soc_collector_reader_lag_events{reader=\"detect\"} 0",
        "soc_collector_reader_lag_events{reader=\"fleet\"} 0",
    ] {
        assert!(text.lines().any(|line| line == sample), "{sample} is not in:\n{text}");
    }
}
