use std::pin::pin;
use std::task::Poll;

use proptest::prelude::*;
use rand::{SeedableRng as _, rngs::StdRng};

use super::*;

const KILLS: usize = 200;

/// Lets work go on for so many steps and then drops it, as a kill would: what it had begun is half
/// done, and its threads may even go on writing.
async fn killed_after<T>(steps: usize, work: impl Future<Output = T>) -> Option<T> {
    let mut work = pin!(work);
    let mut step = 0;
    std::future::poll_fn(|context| {
        step += 1;
        match work.as_mut().poll(context) {
            Poll::Ready(done) => Poll::Ready(Some(done)),
            Poll::Pending if step > steps => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_200_times_at_any_step_every_event_is_there_once_and_as_long_as_it_must() {
    let mut scene = Scene::new().await;
    let mut random = StdRng::seed_from_u64(11);
    let (mut kills, mut rounds) = (0, 0);
    // The default is level 3: three months.
    let days = ["2026-08-20", "2026-09-30", "2026-11-20", "2026-11-22"];
    while kills < KILLS {
        rounds += 1;
        for _ in 0..random.random_range(0..3) {
            let day = days[random.random_range(0..days.len())];
            let count = random.random_range(1..6);
            scene.put(random.random_range(1..4), count, &format!("{day}T10:00:00Z")).await;
        }
        let steps = random.random_range(0..80);
        let archive = scene.archive.clone();
        let done = match random.random_range(0..5) {
            0 | 1 => killed_after(steps, archive.catch_up()).await.map(|_| ()),
            2 | 3 => killed_after(steps, archive.merge_some()).await.map(|_| ()),
            _ => killed_after(steps, archive.retain()).await.map(|_| ()),
        };
        if done.is_none() {
            kills += 1;
            // Threads of a killed process end with it; here they are waited for, half done or not.
            while Arc::strong_count(&archive.0) > 2 {
                tokio::task::yield_now().await;
            }
            scene.reopen().await;
            // Not killed itself: its thread would go on, which that of a killed process does not.
            scene.archive.sweep().await.unwrap();
        }
    }
    scene.archive.catch_up().await.unwrap();
    scene.merge_all().await;
    scene.archive.retain().await.unwrap();
    scene.archive.delete_ended().await.unwrap();
    scene.archive.sweep().await.unwrap();
    let mut expected = scene.oracle();
    let all = expected.len();
    expected.retain(|_, row| row.received >= time("2026-08-22T00:00:00Z"));
    println!("{kills} kills in {rounds} rounds: {all} events, {} kept", expected.len());
    assert_eq!(scene.troubles().await, []);
    assert_eq!(scene.archived().await, expected);
    scene.assert_nothing_is_left_over().await;
}

/// What may happen to a file on a disk.
#[derive(Clone, Copy, Debug)]
enum Harm {
    Flip(usize),
    Cut(usize),
    Gone,
}

fn harm() -> impl Strategy<Value = Harm> {
    prop_oneof![
        (0_usize..1_000_000).prop_map(Harm::Flip),
        (0_usize..1_000_000).prop_map(Harm::Cut),
        Just(Harm::Gone),
    ]
}

impl Harm {
    fn befall(self, path: &Path) {
        let mut bytes = std::fs::read(path).unwrap();
        let place = |number: usize| number % bytes.len();
        match self {
            Self::Flip(number) => {
                let place = place(number);
                bytes[place] ^= 1 << (number % 8);
                std::fs::write(path, bytes).unwrap();
            }
            Self::Cut(number) => {
                let place = place(number);
                bytes.truncate(place);
                std::fs::write(path, bytes).unwrap();
            }
            Self::Gone => std::fs::remove_file(path).unwrap(),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn what_happens_to_files_is_found_and_named_and_the_rest_is_served(
        harms in prop::collection::vec((0_usize..6, any::<bool>(), harm()), 1..4),
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        runtime.block_on(harmed(harms));
    }
}

async fn harmed(harms: Vec<(usize, bool, Harm)>) {
    let mut scene = Scene::new().await;
    for day in ["2026-11-20", "2026-11-21"] {
        for number in 1..4 {
            scene.put(number, 4, &format!("{day}T10:00:00Z")).await;
        }
    }
    scene.archive.catch_up().await.unwrap();
    let files = scene.archive.snapshot(&all()).await.unwrap().files;
    let (mut hurt, mut without_words) = (BTreeSet::new(), BTreeSet::new());
    for (number, of_words, harm) in harms {
        let file = &files[number];
        let (path, set) = match of_words {
            true => (&file.words, &mut without_words),
            false => (&file.path, &mut hurt),
        };
        if set.insert(file.path.clone()) {
            harm.befall(&scene.archive.root().join(path));
        }
    }
    let named: BTreeSet<String> = scene.troubles().await.into_iter().map(|one| one.path).collect();
    assert_eq!(named, hurt.union(&without_words).cloned().collect());

    // Each is read in its turn.
    for _ in 0..files.len() * 2 {
        scene.clock.advance_micros(1);
        scene.archive.check_one().await.unwrap();
    }
    let snapshot = scene.archive.snapshot(&all()).await.unwrap();
    let missing: BTreeSet<String> = snapshot.missing.iter().map(|one| one.path.clone()).collect();
    assert_eq!(missing, hurt);
    assert_eq!(snapshot.files.len(), files.len() - hurt.len());
    let lost: BTreeSet<u64> = files
        .iter()
        .filter(|file| hurt.contains(&file.path))
        .flat_map(|file| file.facts.position.0..=file.facts.position.1)
        .collect();
    let mut expected = scene.oracle();
    expected.retain(|position, _| !lost.contains(position));
    assert_eq!(scene.archived().await, expected);
    let told = scene.told(soc_event::kind::ARCHIVE_DAMAGED).await;
    let told: BTreeSet<&str> = told.iter().filter_map(|event| event.text("file.path")).collect();
    assert_eq!(told, hurt.iter().map(String::as_str).collect());
    // All that is left to be said is which files were set aside: words were made anew.
    let named: BTreeSet<String> = scene.troubles().await.into_iter().map(|one| one.path).collect();
    assert_eq!(named, hurt);
}

#[tokio::test]
async fn who_calls_a_whole_file_damaged_is_not_believed() {
    let mut scene = Scene::new().await;
    scene.put(1, 4, NOW).await;
    scene.archive.catch_up().await.unwrap();
    let path = scene.archive.snapshot(&all()).await.unwrap().files[0].path.clone();
    scene.archive.damaged(&path, "I cannot read it").await.unwrap();
    assert_eq!(scene.archive.snapshot(&all()).await.unwrap().missing, []);
    Harm::Flip(77).befall(&scene.archive.root().join(&path));
    scene.archive.damaged(&path, "I cannot read it").await.unwrap();
    scene.archive.damaged("events/no/such.parquet", "nor this").await.unwrap();
    let missing = scene.archive.snapshot(&all()).await.unwrap().missing;
    assert_eq!((missing.len(), missing[0].rows), (1, 4));
    assert!(missing[0].reason.contains("SHA-256"), "{}", missing[0].reason);
    assert!(scene.archive.root().join("quarantine").join(&path).exists());
}

#[tokio::test]
async fn a_manifest_that_was_tampered_with_shows_in_the_chain() {
    let mut scene = Scene::new().await;
    for _ in 0..3 {
        scene.put(1, 4, NOW).await;
        scene.archive.catch_up().await.unwrap();
    }
    assert_eq!(scene.archive.verify(1, Depth::Manifest).await.unwrap(), []);
    for tamper in [
        "UPDATE archive_file SET rows = rows - 1 WHERE number = 2",
        "UPDATE archive_file SET sha256 = zeroblob(32) WHERE number = 2",
        "UPDATE archive_file SET path = path || 'x' WHERE number = 2",
        "DELETE FROM archive_file WHERE number = 2",
    ] {
        let mut tx = scene.store.write().await.unwrap();
        sqlx::query(tamper).execute(&mut *tx).await.unwrap();
        tx.commit().await.unwrap();
        let troubles = scene.archive.verify(1, Depth::Manifest).await.unwrap();
        assert!(!troubles.is_empty(), "{tamper}");
    }
}
