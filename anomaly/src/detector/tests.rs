use proptest::prelude::*;

use super::*;

const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;
/// A Monday, 00:00.
const MONDAY: i64 = 1_763_942_400;

fn at(second: u64) -> Now {
    let local_s = MONDAY + i64::try_from(second).unwrap();
    Now { boot: 1, elapsed_s: 1000 + second, local_s, is_confirmed: false }
}

fn line(message: &str) -> Line<'_> {
    Line { source: "log", message, raw: message, is_fresh: true, count: 1, ..Line::default() }
}

/// Days of one line every ten minutes, from `from` to `to` (in seconds).
fn live(detector: &mut Detector, from: u64, to: u64) -> Vec<Anomaly> {
    let mut anomalies = Vec::new();
    for second in (from..to).step_by(60) {
        anomalies.extend(detector.tick(at(second)));
        if second % 600 == 0 {
            anomalies.extend(detector.see(&line("all is well"), at(second)));
        }
    }
    anomalies
}

fn learned() -> Detector {
    let mut detector = Detector::new(Settings::default());
    assert_eq!(live(&mut detector, 0, 4 * DAY), []);
    detector
}

#[test]
fn a_new_template_is_told_once_with_all_there_is_to_know() {
    let mut detector = learned();
    let told = detector.see(&line("the disk is on fire 17"), at(4 * DAY));
    let [anomaly] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!((anomaly.kind, anomaly.source.as_str()), (Kind::NewTemplate, "log"));
    assert_eq!(anomaly.template.as_ref().unwrap().1, "the disk is on fire <*>");
    assert_eq!(anomaly.samples, ["the disk is on fire 17"]);
    assert!(anomaly.score > 0.9, "{anomaly:?}");
    assert_eq!(detector.see(&line("the disk is on fire 18"), at(4 * DAY + 1)), []);
}

#[test]
fn what_an_operator_calls_normal_is_not_told() {
    let told = learned().see(&line("the disk is on fire 17"), at(4 * DAY));
    let text = told[0].id.to_string();
    let normal = [AnomalyId::parse(&text).unwrap()].into();
    let mut detector = learned();
    detector.configure(Settings { normal, ..Settings::default() });
    assert_eq!(detector.see(&line("the disk is on fire 17"), at(4 * DAY)), []);
    assert_eq!(detector.hushed(), 1);
    assert!(AnomalyId::parse("xyz").is_none() && AnomalyId::parse("+123456789abcdef").is_none());
}

#[test]
fn a_template_that_returns_after_weeks_is_told() {
    let mut detector = learned();
    detector.see(&line("the yearly audit begins"), at(4 * DAY));
    assert_eq!(live(&mut detector, 4 * DAY + 60, 24 * DAY), []);
    let told = detector.see(&line("the yearly audit begins"), at(24 * DAY));
    assert_eq!(told.len(), 1);
    assert_eq!((told[0].kind, told[0].seen.as_str()), (Kind::ReturnedTemplate, "20 d"));
}

#[test]
fn a_burst_of_failures_is_told_as_one() {
    let mut detector = Detector::new(Settings::default());
    let failure = Line { is_failure: true, ..line("cannot open 7") };
    let mut told = Vec::new();
    for second in (0..5 * DAY).step_by(60) {
        told.extend(detector.tick(at(second)));
        let burst = second > 4 * DAY + 10 * HOUR && second < 4 * DAY + 11 * HOUR;
        for _ in 0..if burst { 20 } else { u32::from(second % 1200 == 0) } {
            told.extend(detector.see(&failure, at(second)));
        }
    }
    let kinds: Vec<_> = told.iter().map(|anomaly| anomaly.kind).collect();
    assert_eq!(kinds, [Kind::FailureBurst]);
    assert_eq!(told[0].samples.len(), 3);
}

#[test]
fn an_administrator_is_known_by_deeds_and_networks_of_others_are_no_alarm() {
    let mut detector = learned();
    let login = |address: &str, is_administrator| Line {
        user: Some("lan"),
        address: Some(address.parse().unwrap()),
        is_administrator,
        ..line("all is well")
    };
    let fields = |told: Vec<Anomaly>| -> Vec<_> {
        told.into_iter().filter_map(|anomaly| anomaly.value).collect()
    };
    // A new user, from one network and then another: no administrator yet.
    assert_eq!(
        fields(detector.see(&login("192.0.2.1", false), at(4 * DAY))),
        [(Field::User, "lan".to_owned())]
    );
    detector.see(&login("2001:db8::1", false), at(4 * DAY));
    // With all rights once, an administrator since.
    let sudo = Line { address: None, ..login("192.0.2.1", true) };
    assert_eq!(fields(detector.see(&sudo, at(4 * DAY))), []);
    assert_eq!(fields(detector.see(&login("192.0.2.9", false), at(4 * DAY))), []);
    let told = fields(detector.see(&login("198.51.100.7", false), at(4 * DAY)));
    assert_eq!(told, [(Field::AdministratorNetwork, "lan@198.51.100.0/24".to_owned())]);
}

#[test]
fn what_is_read_late_counts_for_no_rate() {
    let mut detector = learned();
    let old = Line { is_fresh: false, ..line("all is well") };
    for number in 0..5000 {
        assert_eq!(detector.see(&old, at(4 * DAY + number / 10)), []);
    }
    assert_eq!(live(&mut detector, 4 * DAY + 600, 4 * DAY + 2 * HOUR), []);
}

#[test]
fn what_was_learned_survives_being_saved_and_other_shapes_are_refused() {
    let mut detector = learned();
    detector.see(&line("the disk is on fire 17"), at(4 * DAY));
    let text = serde_json::to_string(&detector.save()).unwrap();
    let restore =
        |text: &str| Detector::restore(Settings::default(), serde_json::from_str(text).unwrap());
    let mut again = restore(&text).unwrap();
    assert_eq!(again.see(&line("the disk is on fire 18"), at(4 * DAY + 60)), []);
    assert_eq!(again.see(&line("the house is flooded"), at(4 * DAY + 60)).len(), 1);
    let other = text.replacen("\"version\":1", "\"version\":0", 1);
    assert_eq!(restore(&other).unwrap_err(), Unusable::Version(0));
    let damaged = text.replacen("\"hours\":[", "\"hours\":[1,", 1);
    assert_eq!(restore(&damaged).unwrap_err(), Unusable::Damaged);
}

#[test]
fn hostile_lines_stay_within_bounds() {
    let mut detector = Detector::new(Settings { warmup_s: 0, ..Settings::default() });
    let long = "x".repeat(65_536);
    let mut told = 0;
    for number in 0..20_000_u64 {
        let source = format!("log{}{long}", number % 100);
        let message =
            format!("{} {} {}", letters(number), letters(number / 7), letters(number ^ 99));
        let program = letters(number);
        let user = letters(number.wrapping_mul(31));
        let line = Line {
            source: source.get(..300 - usize::try_from(number % 3).unwrap()).unwrap(),
            program: Some(&program),
            user: Some(&user),
            address: Some(
                std::net::Ipv4Addr::from_bits(u32::try_from(number * 977).unwrap()).into(),
            ),
            raw: &long,
            ..line(&message)
        };
        told += detector.see(&line, at(number)).len();
    }
    assert!(detector.sources() <= crate::limits::SOURCES_MAX && detector.forgotten() > 0);
    assert!(told <= 7 * usize::try_from(crate::limits::TOLD_AN_HOUR_MAX).unwrap(), "{told}");
    assert!(detector.untold() > 0);
    let saved = serde_json::to_string(&detector.save()).unwrap();
    assert!(saved.len() < 8_000_000, "{}", saved.len());
}

fn letters(mut number: u64) -> String {
    let mut text = String::new();
    loop {
        text.push(char::from(b'g' + u8::try_from(number % 16).unwrap()));
        number /= 16;
        if number == 0 {
            return text;
        }
    }
}

proptest! {
    #[test]
    fn no_time_and_no_line_makes_it_panic(
        steps in prop::collection::vec((any::<u64>(), any::<i64>(), any::<bool>(), 0..3_u64, "\\PC{0,40}", any::<u32>()), 1..60)
    ) {
        let mut detector = Detector::new(Settings { warmup_s: 0, ..Settings::default() });
        for (elapsed_s, local_s, is_confirmed, boot, text, count) in steps {
            let now = Now { boot, elapsed_s, local_s, is_confirmed };
            detector.tick(now);
            let line = Line { count, is_failure: is_confirmed, user: Some(&text), ..line(&text) };
            for anomaly in detector.see(&line, now) {
                prop_assert!((0.0..=1.0).contains(&anomaly.score));
            }
        }
    }
}
