use super::*;

/// Machines of one agency: name, seconds since they were heard (none: online), disk in use.
async fn reasons(machines: &[(&str, Option<i64>, f64)]) -> Vec<Option<SilenceReason>> {
    let world = World::new().await;
    for (name, quiet, disk) in machines {
        let agent = world.enrol(name).await;
        let state = if quiet.is_some() { "silent" } else { "online" };
        let heard = begin().plus_micros(-quiet.unwrap_or(0) * 1_000_000);
        sqlx::query("UPDATE agent SET state = ?, heard_at = ?, disk_used = ? WHERE id = ?")
            .bind(state)
            .bind(heard.as_micros())
            .bind(disk)
            .bind(agent.to_string())
            .execute(world.fleet.0.store.pool())
            .await
            .unwrap();
    }
    // Opened again: what an earlier process heard counts as it was saved.
    let world = world.restart().await;
    let filter = MachineFilter::of(Agencies::All);
    let page = PageRequest::default();
    let page = world.fleet.machines(&filter, MachineOrder::default(), &page).await.unwrap();
    page.items.into_iter().map(|row| row.silence).collect()
}

#[tokio::test]
async fn the_reason_is_what_is_known_of_the_machine_and_its_neighbours() {
    use SilenceReason::{Abrupt, DiskFull, Line};
    let (line, abrupt, full) = (Some(Line), Some(Abrupt), Some(DiskFull));
    let quiet = |seconds: i64| Some(seconds);
    assert_eq!(
        reasons(&[("a", quiet(600), 0.5), ("b", quiet(610), 0.5), ("c", quiet(700), 0.5)]).await,
        [line; 3]
    );
    // Two are a coincidence, and so are many when most others are heard.
    assert_eq!(
        reasons(&[("a", quiet(600), 0.5), ("b", quiet(610), 0.99), ("c", None, 0.5)]).await,
        [abrupt, full, None]
    );
    let together = [("a", quiet(600), 0.5), ("b", quiet(610), 0.5), ("c", quiet(620), 0.5)];
    assert_eq!(
        reasons(&[together.as_slice(), &[("d", None, 0.1)]].concat()).await,
        [abrupt, abrupt, abrupt, None]
    );
    // On another day.
    assert_eq!(
        reasons(&[together.as_slice(), &[("d", quiet(90_000), 0.1)]].concat()).await,
        [abrupt; 4]
    );
}
