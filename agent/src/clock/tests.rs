use super::*;

const DAY_US: i64 = 86_400_000_000;
const BUILT: i64 = 20_000 * DAY_US;

struct Fixed(Timestamp);

impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        self.0
    }
}

fn clock_at(system_days: i64, elapsed: &Arc<Mutex<Duration>>) -> JudgedClock {
    let system = Arc::new(Fixed(Timestamp::from_micros(system_days * DAY_US)));
    let elapsed = elapsed.clone();
    let elapsed: Elapsed = Arc::new(move || *elapsed.lock().unwrap());
    JudgedClock::new(system, elapsed, Timestamp::from_micros(BUILT))
}

#[test]
fn a_dead_clock_battery_is_judged_by_the_build() {
    let clock = clock_at(0, &Arc::default());
    assert_eq!(clock.judged().as_micros(), BUILT);
}

#[test]
fn the_collectors_time_goes_on_through_the_run() {
    let elapsed = Arc::new(Mutex::new(Duration::from_secs(10)));
    let clock = clock_at(0, &elapsed);
    let told = Timestamp::from_micros(BUILT + 100 * DAY_US);
    clock.learn(told, Duration::from_millis(20));
    *elapsed.lock().unwrap() += Duration::from_secs(5);
    assert_eq!(clock.judged(), told.plus_micros(5_010_000));
    assert_eq!(clock.offset_us(), Some(-(told.as_micros() + 10_000)));
}

#[test]
fn a_clock_in_the_future_does_not_decide_about_renewal() {
    let clock = clock_at(27_000, &Arc::default());
    assert_eq!(clock.for_renewal(), clock.system(), "nothing else is known yet");
    let told = Timestamp::from_micros(BUILT + DAY_US);
    clock.remember(told);
    assert_eq!(clock.for_renewal(), told);
    assert_eq!(clock.judged(), clock.system());
}

#[test]
fn the_time_of_an_earlier_run_is_not_forgotten() {
    let clock = clock_at(0, &Arc::default());
    let earlier = Timestamp::from_micros(BUILT + 7 * DAY_US);
    clock.remember(earlier);
    clock.remember(Timestamp::from_micros(BUILT));
    assert_eq!(clock.judged(), earlier);
    assert_eq!(clock.learned(), Some(earlier));
}
