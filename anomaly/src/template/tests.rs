use proptest::prelude::*;

use super::*;

/// Lines of the first list are one template, whose text is given; none of the others is of it.
fn check(text: &str, same: &[&str], others: &[&str]) {
    let mut miner = Miner::default();
    let id = miner.add(same[0], 0).id;
    for line in same {
        assert_eq!(miner.add(line, 0).id, id, "{line}");
    }
    for line in others {
        assert_ne!(miner.add(line, 0).id, id, "{line}");
    }
    assert_eq!(miner.template(id).unwrap().text, text);
}

#[test]
fn words_with_digits_are_data() {
    check(
        "Accepted publickey for <*> from <*> port <*>",
        &[
            "Accepted publickey for an.nguyen2 from 192.0.2.7 port 4711 ssh2",
            "Accepted publickey for binh3 from 2001:db8::7 port 22 ssh2",
        ],
        &["Accepted password for binh3 from 192.0.2.7 port 4711 ssh2"],
    );
}

#[test]
fn a_name_behind_a_word_that_promises_one_is_data() {
    check(
        "session opened for user <*> by (uid=<*>)",
        &["session opened for user root by (uid=0)", "session opened for user lan by (uid=0)"],
        &["session closed for user root"],
    );
    check(
        "Failed password for <*> from <*>",
        &["Failed password for root from 192.0.2.1", "Failed password for lan from 192.0.2.1"],
        &[
            "Failed password for invalid user lan from 192.0.2.1",
            "Failed none for lan from 192.0.2.1",
        ],
    );
    check("account removed", &["account removed"], &["account created", "account locked"]);
}

#[test]
fn values_are_data_unless_they_say_what_happened() {
    check(
        "login user=<*> ok=true ws=<*>, pid=<*>",
        &[
            "login user=lan ok=true ws=null, pid=1",
            "login user=\"a b\" ok=true ws=Source{1, x=(2)}, pid=2",
        ],
        &["login user=lan ok=false ws=null, pid=1"],
    );
    check(
        "logname= uid=<*> tty=ssh".replace("ssh", "<*>").as_str(),
        &["logname= uid=0 tty=ssh"],
        &["logname= gid=0 tty=ssh"],
    );
}

#[test]
fn lists_are_one_variable_however_long() {
    check(
        "delete <*>",
        &["delete blk_1", "delete blk_1 blk_2 blk_3", "delete blk_1, blk_2", "delete 7 - 9"],
        &["replicate blk_1"],
    );
    check(
        "sent <*>, lifetime <*>",
        &[
            "sent 512 bytes, lifetime <1 sec",
            "sent 5120 bytes (5.0 KB), lifetime 00:05",
            "sent 1 (), lifetime 2 ms",
        ],
        &[],
    );
}

#[test]
fn methods_and_failures_are_text_and_paths_are_data() {
    check(
        "\"GET <*>\" status: <*>",
        &[
            "\"GET /v2/a?b=c&d=e HTTP/1.1\" status: 200",
            "\"GET / HTTP/1.1\" status: 404".replace("/ ", "/x ").as_str(),
        ],
        &["\"POST /v2/a HTTP/1.1\" status: 200"],
    );
    check(
        "failed: java.io.IOException",
        &["failed: java.io.IOException"],
        &["failed: java.net.SocketException"],
    );
}

#[test]
fn a_place_where_many_words_stood_becomes_a_variable() {
    let mut miner = Miner::default();
    let services =
        ["cups", "ssh", "cron", "dbus", "rsyslog", "nginx", "exim", "avahi", "udev", "colord"];
    let ids: Vec<_> = services
        .iter()
        .map(|name| miner.add(&format!("the service {name} has started well"), 0))
        .collect();
    assert_ne!(ids[0].id, ids[1].id);
    assert_eq!(ids[8].id, ids[7].id);
    assert!(ids[9].is_variant && ids[9].before > 0);
    assert_eq!(miner.templates().len(), 1);
    assert_eq!(miner.templates()[0].text, "the service <*> has started well");
    assert_eq!(miner.templates()[0].count, 10);
    // What was known by its own name before is of it now.
    assert_eq!(miner.add("the service cups has started well", 0).id, ids[9].id);
    assert_ne!(miner.add("the service cups has stopped well", 0).id, ids[9].id);
}

#[test]
fn the_oldest_gives_way_and_is_counted() {
    let mut miner = Miner::new(3);
    for (now, word) in [(1, "alpha"), (2, "alpha"), (3, "beta"), (4, "gamma"), (5, "delta")] {
        miner.add(word, now);
    }
    assert_eq!((miner.templates().len(), miner.forgotten()), (3, 1));
    assert!(miner.add("alpha", 6).before > 0, "what was seen twice stays longer");
    assert_eq!(miner.add("beta", 7).before, 0);
}

#[test]
fn an_id_is_the_same_in_every_run_and_survives_being_saved() {
    let mut miner = Miner::default();
    let id = miner.add("session closed for user lan", 0).id;
    assert_eq!(id.to_string(), "6fac4b52fd33009b");
    let text = serde_json::to_string(miner.templates()).unwrap();
    let mut again = Miner::with(10, serde_json::from_str::<Vec<Template>>(&text).unwrap());
    assert_eq!(
        again.add("session closed for user root", 1),
        Mined { id, before: 1, last: 0, gap_max: 0, is_variant: false }
    );
}

#[test]
fn a_million_different_templates_and_a_huge_word_stay_within_bounds() {
    let mut miner = Miner::new(200);
    let word = |mut number: u32| {
        let mut word = String::new();
        while number > 0 {
            word.push(char::from(b'g' + u8::try_from(number % 16).unwrap()));
            number /= 16;
        }
        word
    };
    // Words of two positions, so that they are not taken for values of one place.
    for number in 0..if cfg!(debug_assertions) { 20_000 } else { 1_000_000 } {
        miner.add(&format!("{} is {}", word(number), word(number ^ 0x5a5a)), u64::from(number));
    }
    for huge in [
        "a".repeat(65536),
        "1".repeat(65536),
        "=".repeat(65536),
        "(".repeat(65536),
        "ạ".repeat(30000),
    ] {
        miner.add(&huge, 9_999_999);
    }
    assert!(miner.templates().len() <= 200 && miner.forgotten() > 10_000);
    assert!(miner.bytes() < 400_000, "{}", miner.bytes());
    assert!(miner.templates().iter().all(|template| template.text.len() <= limits::TEXT_BYTES_MAX));
}

proptest! {
    #[test]
    fn any_line_gives_the_same_template_again(lines in prop::collection::vec("\\PC{0,80}|[a-c=:,;()\\[\\]{}<>\"'| 0-9.-]{0,60}", 1..40)) {
        let mut miner = Miner::new(16);
        for line in &lines {
            miner.add(line, 0);
            let first = miner.add(line, 0);
            prop_assert!(first.before > 0);
            prop_assert_eq!(miner.add(line, 0).id, first.id);
            prop_assert!(miner.template(first.id).is_some());
            prop_assert!(miner.templates().len() <= 16);
        }
    }

    #[test]
    fn any_line_has_a_message(line in "\\PC{0,120}|[0-9:.,\\[\\] |TZ-]{0,40}[a-zA-Z: \\[\\]-]{0,30}") {
        let message = crate::header::message(&line);
        prop_assert!(line.ends_with(message));
    }
}
