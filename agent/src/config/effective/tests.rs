use super::*;

const LOCAL: &str = "[logfile]\nfiles = [{ path = \"/opt/app/app.log\" }]\n\
                     [antivirus]\nclamd_conf = \"/opt/clamd.conf\"\n\
                     [uplink]\nbytes_per_day = \"20 MiB\"\nproxy = \"http://proxy.example:3128\"\n\
                     [self]\nmemory_max = \"32 MiB\"\n";

fn local() -> Local {
    Local::parse(LOCAL).unwrap()
}

fn layer(scope: &str, text: &str) -> Layer {
    Layer { scope: scope.into(), text: text.into() }
}

fn with(text: &str) -> Result<Effective, Vec<String>> {
    local().with(&[layer("fleet", text)])
}

#[test]
fn what_a_narrower_scope_says_wins_key_by_key() {
    let layers = [
        layer("fleet", "[port]\npoll_ms = 3000\ngrace_s = 9\n[host]\nheartbeat_s = 60\n"),
        layer("agency SO-TTTT", "[port]\npoll_ms = 4000\n"),
    ];
    let effective = local().with(&layers).unwrap();
    let port = &effective.config.sensor.port;
    assert_eq!((port.poll_ms, port.grace_s), (4000, 9));
    assert_eq!(effective.by("port"), "collector, agency SO-TTTT");
    assert_eq!(effective.by("host"), "collector, fleet");
    assert_eq!(effective.by("logfile"), "this machine's file");
    assert_eq!(effective.by("journald"), "default");
}

#[test]
fn logs_may_be_chosen_among_those_allowed_and_those_of_the_file() {
    let text =
        "[logfile]\nfiles = [{ path = \"/var/log/x/*.log\" }, { path = \"/opt/app/app.log\" }]";
    let files = with(text).unwrap().config.sensor.logfile.files;
    assert_eq!(files.len(), 2);
    for path in ["/etc/shadow", "/var/log/../../etc/shadow", "/opt/app/other.log", "/var/l*/x"] {
        let wrong = with(&format!("[logfile]\nfiles = [{{ path = \"{path}\" }}]")).unwrap_err();
        assert!(wrong[0].contains("not among the logs this machine allows"), "{path}: {wrong:?}");
    }
}

#[test]
fn nothing_of_the_machines_own_business_is_taken() {
    for text in [
        "[spool]\nbytes_max = \"1 GiB\"",
        "[spool]",
        "[metrics]\nlisten = \"127.0.0.1:1\"",
        "[remote]\nlogs = [\"/etc\"]",
        "[uplink]\nproxy = \"http://evil.example\"",
        "[uplink]\nbatch_bytes = 7",
        "[uplink]\nbytes_per_day = \"21 MiB\"",
        "[uplink]\nbytes_per_day = \"\"",
        "[self]\nmemory_max = \"33 MiB\"",
        "[self]\ncpu_max_pct = 26",
        "[antivirus]\nclamd_conf = \"/var/log/clamd.conf\"",
        "[antivirus]\nlogs = [\"/etc/shadow\"]",
        "[enrol]\ncollector = \"x\"",
        "[port]\npoll_ms = 1",
        "[port",
    ] {
        assert!(with(text).is_err(), "{text}");
    }
    let effective = with("[self]\nmemory_max = \"20 MiB\"\n[uplink]\nbytes_per_day = \"1 MiB\"\n");
    assert_eq!(effective.unwrap().config.own.memory_max, Bytes::mebi(20));
}

#[test]
fn all_mistakes_of_all_layers_are_told_with_their_scope() {
    let layers = [layer("fleet", "[port]\npoll_ms = 1\n[x]\n"), layer("machine", "[spool]\n")];
    let wrong = local().with(&layers).unwrap_err();
    assert!(wrong.len() >= 3, "{wrong:?}");
    assert!(wrong.iter().any(|what| what.starts_with("fleet: line 2: port.poll_ms")), "{wrong:?}");
    assert!(wrong.iter().any(|what| what.starts_with("machine: spool")), "{wrong:?}");
}

#[test]
fn more_than_the_limits_is_refused_unread() {
    let much = layer("fleet", &"#".repeat(limits::CONFIGURATION_BYTES_MAX + 1));
    assert!(local().with(&[much]).is_err());
    assert!(local().with(&vec![Layer::default(); limits::CONFIGURATION_LAYERS_MAX + 1]).is_err());
    let deep = format!("[port]\nx = {}", "[".repeat(50_000));
    assert!(with(&deep).is_err());
}

#[test]
fn defaults_are_smaller_on_a_small_machine_and_what_the_file_says_stays() {
    let mut large = Local::default();
    large.fit_to(Some(4 << 30));
    assert_eq!(large, Local::default());
    let mut small = Local::parse("[spool]\nbytes_max = \"128 MiB\"\n").unwrap();
    small.fit_to(Some(480 << 20));
    assert_eq!(small.config.spool.bytes_max, Bytes::mebi(128));
    assert_eq!(small.config.own.memory_max, Bytes::mebi(24));
    assert_eq!(small.alone().config, small.with(&[]).unwrap().config, "also under a collector");
}

/// What a hostile collector may come up with: true words in wrong places.
mod hostile {
    use super::*;

    /// The same numbers for the same seed (xorshift).
    pub(super) struct Chance(pub u64);

    impl Chance {
        pub(super) fn below(&mut self, most: usize) -> usize {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            (self.0 >> 11) as usize % most
        }

        fn one_of<'a>(&mut self, of: &[&'a str]) -> &'a str {
            of[self.below(of.len())]
        }
    }

    const TABLES: [&str; 12] = [
        "logfile",
        "logfile",
        "logfile",
        "port",
        "host",
        "antivirus",
        "journald",
        "uplink",
        "self",
        "spool",
        "metrics",
        "remote",
    ];
    const LINES: [&str; 24] = [
        "enabled = false",
        "enabled = \"off\"",
        "enabled = \"auto\"",
        "poll_ms = 2000",
        "grace_s = 7",
        "poll_s = 120",
        "heartbeat_s = 30",
        "from_beginning = true",
        "memory_max = \"16 MiB\"",
        "memory_max = \"1 GiB\"",
        "cpu_max_pct = 5",
        "bytes_per_day = \"1 MiB\"",
        "bytes_per_day = \"\"",
        "logs_between = \"18:00-06:00\"",
        "proxy = \"http://evil.example\"",
        "listen = \"0.0.0.0:1\"",
        "bytes_max = \"999 GiB\"",
        "clamd_conf = \"PATH\"",
        "logs = [\"PATH\", \"PATH\"]",
        "files = [{ path = \"PATH\" }]",
        "files = [{ path = \"PATH\", format = \"syslog\" }, { path = \"PATH\" }]",
        "files = []",
        "\"PATH\" = 1",
        "files = [{ path = \"PATH\", product = \"PATH\" }]",
    ];
    const PARTS: [&str; 24] = [
        "/var/log/",
        "/var/log",
        "/etc/shadow",
        "../",
        "..",
        "/",
        "//",
        "a.log",
        "*",
        "**",
        "?",
        "syslog",
        "/opt/app/app.log",
        "~",
        "\\u0000",
        "\\\\",
        "./",
        "/proc/self/mem",
        "/dev/sda",
        "/run/x.sock",
        "C:\\\\",
        " ",
        "\\u202e",
        "/var/log/nginx/*access*.log",
    ];

    pub(super) fn document(chance: &mut Chance) -> String {
        let mut text = String::new();
        for _ in 0..=chance.below(2) {
            text += &format!("[{}]\n", chance.one_of(&TABLES));
            for _ in 0..chance.below(3) {
                let mut line = chance.one_of(&LINES).to_owned();
                while line.contains("PATH") {
                    let parts = 1 + chance.below(3);
                    let path: String = (0..parts).map(|_| chance.one_of(&PARTS)).collect();
                    line = line.replacen("PATH", &path, 1);
                }
                text += &line;
                text.push('\n');
            }
        }
        // And now and then a byte that is wrong.
        if chance.below(8) == 0 {
            let at = chance.below(text.len());
            if text.is_char_boundary(at) && text.is_char_boundary(at + 1) {
                let byte = char::from(32 + chance.below(95) as u8).to_string();
                text.replace_range(at..=at, &byte);
            }
        }
        text
    }

    /// What must be true of whatever the agent runs with, told without the code under test.
    pub(super) fn check(local: &Local, effective: &Effective, text: &str) {
        let (ours, theirs) = (&local.config, &effective.config);
        assert_eq!((&ours.spool, &ours.metrics), (&theirs.spool, &theirs.metrics), "{text}");
        assert_eq!(ours.remote, theirs.remote, "{text}");
        assert_eq!(ours.uplink.proxy, theirs.uplink.proxy, "{text}");
        assert_eq!(ours.uplink.batch_bytes, theirs.uplink.batch_bytes, "{text}");
        assert!(theirs.own.memory_max <= ours.own.memory_max, "{text}");
        assert!(theirs.own.cpu_max_pct <= ours.own.cpu_max_pct, "{text}");
        let per_day = theirs.uplink.bytes_per_day.map(Bytes::get);
        assert!(per_day.is_some_and(|bytes| bytes <= 20 << 20), "{text}");
        assert_eq!(ours.sensor.antivirus.clamd_conf, theirs.sensor.antivirus.clamd_conf, "{text}");
        for source in &theirs.sensor.logfile.files {
            let rest = source.path.strip_prefix("/var/log/");
            let is_below = rest.is_some_and(|rest| {
                rest.split('/').all(|name| !["", ".", ".."].contains(&name)) && !rest.contains('\0')
            });
            assert!(is_below || source.path == "/opt/app/app.log", "{:?} by\n{text}", source.path);
        }
    }
}

/// `MESSAGES=1000000` for the long run.
#[test]
fn whatever_the_collector_sends_nothing_outside_the_list_is_read() {
    let wanted = std::env::var("MESSAGES").ok().and_then(|text| text.parse().ok());
    let (local, mut chance) = (local(), hostile::Chance(0x5eed));
    let (messages, mut taken) = (wanted.unwrap_or(20_000_u32), 0_u32);
    for _ in 0..messages {
        let count = 1 + chance.below(2);
        let layers: Vec<Layer> =
            (0..count).map(|_| layer("fleet", &hostile::document(&mut chance))).collect();
        if let Ok(effective) = local.with(&layers) {
            taken += 1;
            let text: Vec<&str> = layers.iter().map(|layer| layer.text.as_str()).collect();
            hostile::check(&local, &effective, &text.join("---\n"));
        }
    }
    println!("{messages} hostile configurations: {taken} taken, {} refused", messages - taken);
    assert!(taken > messages / 50, "only {taken} of {messages} were good enough to mean anything");
}
