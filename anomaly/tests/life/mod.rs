//! Two weeks of a server's life, made up: working hours, nights, weekends, jobs at night, bursts,
//! rare lines, strangers who try passwords. The same for the same seed.
#![allow(clippy::unwrap_used, reason = "all of it is test code")]

use std::net::IpAddr;

use soc_anomaly::{Anomaly, Detector, Line, Now};

/// A Monday, 00:00.
pub const MONDAY: i64 = 1_763_942_400;
pub const MINUTES: u64 = 14 * 24 * 60;

/// Random numbers that are the same for the same seed. Source: Steele et al., SplitMix64.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut value = self.0;
        value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        value ^ (value >> 31)
    }

    /// 0 to 1.
    pub fn share(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit.max(1)
    }

    /// How many of something come that comes `mean` times on average.
    pub fn poisson(&mut self, mean: f64) -> u32 {
        let (limit, mut product, mut count) = ((-mean).exp(), self.share(), 0);
        while product > limit {
            product *= self.share();
            count += 1;
        }
        count
    }
}

/// When something comes.
#[derive(Clone, Copy)]
pub enum When {
    /// By people: mostly in working hours.
    Work,
    /// By machines: always the same.
    Always,
    /// Once a day, at this minute, so many in one go.
    Daily(u64, u32),
    /// Once a week.
    Weekly(u64, u32),
}

/// A template of the life: `%` is a number, `&` an address.
pub struct Habit {
    pub source: &'static str,
    pub program: &'static str,
    pub text: &'static str,
    /// Lines a minute at the busiest.
    pub rate: f64,
    pub when: When,
    pub fails: bool,
}

const fn habit(
    source: &'static str,
    program: &'static str,
    text: &'static str,
    rate: f64,
    when: When,
) -> Habit {
    Habit { source, program, text, rate, when, fails: false }
}

const AUTH: &str = "/var/log/auth.log";
const SYSLOG: &str = "/var/log/syslog";
const WEB: &str = "/var/log/nginx/access.log";
const APP: &str = "/var/log/app.log";

pub const HABITS: &[Habit] = &[
    habit(WEB, "", "& - - \"GET /portal/page/% HTTP/1.1\" 200 %", 12.0, When::Work),
    habit(WEB, "", "& - - \"POST /portal/form/% HTTP/1.1\" 302 %", 1.5, When::Work),
    habit(WEB, "", "& - - \"HEAD /health HTTP/1.1\" 200 0", 2.0, When::Always),
    habit(APP, "", "request % handled in % ms", 10.0, When::Work),
    habit(APP, "", "cache miss for key %", 2.0, When::Work),
    habit(APP, "", "document % stored by session %", 0.6, When::Work),
    habit(APP, "", "queue length %", 1.0, When::Always),
    habit(APP, "", "slow query took % ms", 0.02, When::Work),
    habit(APP, "", "report for day % written", 1.0, When::Daily(130, 40)),
    habit(SYSLOG, "CRON", "(root) CMD (test -x /usr/sbin/anacron)", 0.016, When::Always),
    habit(SYSLOG, "systemd", "Started session % of user www", 0.3, When::Always),
    habit(SYSLOG, "systemd", "session-%.scope: Deactivated successfully", 0.3, When::Always),
    habit(
        SYSLOG,
        "systemd",
        "logrotate.service: Deactivated successfully",
        1.0,
        When::Daily(20, 1),
    ),
    habit(
        SYSLOG,
        "rsyslogd",
        "[origin software=\"rsyslogd\"] rsyslogd was HUPed",
        1.0,
        When::Daily(20, 2),
    ),
    habit(SYSLOG, "fstrim", "/: % bytes trimmed", 1.0, When::Weekly(7 * 60, 2)),
    habit(SYSLOG, "kernel", "nf_conntrack: table watermark % reached", 0.002, When::Work),
    habit(SYSLOG, "ntpd", "offset % ms to &", 0.1, When::Always),
    habit(SYSLOG, "backup", "file % copied", 1.0, When::Daily(60, 300)),
    habit(
        AUTH,
        "CRON",
        "pam_unix(cron:session): session opened for user root by (uid=%)",
        0.07,
        When::Always,
    ),
    habit(AUTH, "CRON", "pam_unix(cron:session): session closed for user root", 0.07, When::Always),
];

/// Something that is not normal.
#[derive(Clone, Debug)]
pub struct Plant {
    pub what: What,
    pub from: u64,
    pub minutes: u64,
    pub found: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    NewTemplate(usize),
    Spike(usize),
    Silence(&'static str),
    Administrator(u64),
}

pub const NEW_TEMPLATES: &[(&str, &str, &str)] = &[
    (SYSLOG, "kernel", "segfault at % in libcrypto near %"),
    (APP, "", "plugin loader accepted an unsigned archive %"),
    (AUTH, "useradd", "cannot open the shadow database"),
    (SYSLOG, "systemd", "unit tunnel-helper.service entered failed state"),
];

/// Which habits are busy enough to be told from chance.
pub const SPIKES: &[usize] = &[0, 3, 4, 6, 2, 10];
pub const SILENCES: &[&str] = &[WEB, APP, SYSLOG];

/// How busy people are, 0 to 1.
pub fn rhythm(minute: u64) -> f64 {
    let (day, hour) = ((minute / 1440) % 7, (minute % 1440) as f64 / 60.0);
    let work = if (7.5..17.5).contains(&hour) {
        1.0 - ((hour - 12.0).abs() < 0.8) as u8 as f64 * 0.5
    } else {
        0.05
    };
    if day >= 5 { 0.05 + work * 0.1 } else { work.max(0.05) }
}

pub struct Life {
    pub detector: Detector,
    dice: Dice,
    /// Noise of the hour: no two are alike.
    mood: f64,
    burst: u64,
}

impl Life {
    pub fn new(detector: Detector, seed: u64) -> Self {
        Self { detector, dice: Dice::new(seed), mood: 1.0, burst: 0 }
    }

    /// One minute; `clock` is how wrong the host's clock is, in seconds.
    pub fn minute(&mut self, minute: u64, plants: &[Plant], clock: i64) -> Vec<Anomaly> {
        let now = Now {
            boot: 1,
            elapsed_s: 1000 + minute * 60,
            local_s: MONDAY + minute as i64 * 60 + clock,
            is_confirmed: false,
        };
        let active: Vec<What> = plants
            .iter()
            .filter(|plant| (plant.from..plant.from + plant.minutes).contains(&minute))
            .map(|plant| plant.what)
            .collect();
        if minute.is_multiple_of(60) {
            self.mood = 0.75 + self.dice.share() * 0.5;
        }
        if self.burst == 0 && self.dice.below(1500) == 0 {
            self.burst = 5 + self.dice.below(10);
        }
        self.burst = self.burst.saturating_sub(1);
        let mut anomalies = self.detector.tick(now);
        for (index, habit) in HABITS.iter().enumerate() {
            if active.contains(&What::Silence(habit.source)) {
                continue;
            }
            let mut count = match habit.when {
                When::Work => {
                    let burst = if self.burst > 0 { 2.0 } else { 1.0 };
                    self.dice.poisson(habit.rate * rhythm(minute) * self.mood * burst)
                }
                When::Always => self.dice.poisson(habit.rate),
                When::Daily(at, count) => u32::from(minute % 1440 == at) * count,
                When::Weekly(at, count) => u32::from(minute % (7 * 1440) == at) * count,
            };
            if active.contains(&What::Spike(index)) {
                count *= 5;
            }
            for _ in 0..count {
                let text = self.fill(habit.text);
                let line = Line {
                    source: habit.source,
                    program: Some(habit.program).filter(|name| !name.is_empty()),
                    message: &text,
                    raw: &text,
                    is_fresh: true,
                    count: 1,
                    is_failure: habit.fails,
                    ..Line::default()
                };
                anomalies.extend(self.detector.see(&line, now));
            }
        }
        if !active.contains(&What::Silence(AUTH)) {
            anomalies.extend(self.people(minute, now));
        }
        for what in active {
            match what {
                What::NewTemplate(index)
                    if plants.iter().any(|plant| plant.what == what && plant.from == minute) =>
                {
                    let (source, program, text) = NEW_TEMPLATES[index];
                    let text = self.fill(text);
                    let line = Line {
                        source,
                        program: Some(program).filter(|name| !name.is_empty()),
                        message: &text,
                        raw: &text,
                        is_fresh: true,
                        ..Line::default()
                    };
                    anomalies.extend(self.detector.see(&line, now));
                }
                What::Administrator(network)
                    if plants.iter().any(|plant| plant.what == what && plant.from == minute) =>
                {
                    anomalies.extend(self.login(
                        "root",
                        format!("203.0.{network}.9").parse().unwrap(),
                        true,
                        now,
                    ));
                }
                _ => {}
            }
        }
        anomalies
    }

    /// People log in, and strangers try to.
    fn people(&mut self, minute: u64, now: Now) -> Vec<Anomaly> {
        let mut anomalies = Vec::new();
        let users = ["lan", "binh", "chi", "dung", "hoa", "minh", "thu", "tuan"];
        for _ in 0..self.dice.poisson(0.06 * rhythm(minute)) {
            let user = users[self.dice.below(users.len() as u64) as usize];
            let network = if self.dice.below(5) == 0 { 12 } else { 10 };
            let host = self.dice.below(250);
            anomalies.extend(self.login(
                user,
                format!("10.1.{network}.{host}").parse().unwrap(),
                false,
                now,
            ));
        }
        for _ in 0..self.dice.poisson(0.02 * rhythm(minute)) {
            let network = if self.dice.below(4) == 0 { 12 } else { 10 };
            let host = self.dice.below(9);
            anomalies.extend(self.login(
                "root",
                format!("10.1.{network}.{host}").parse().unwrap(),
                true,
                now,
            ));
        }
        for _ in 0..self.dice.poisson(0.15) {
            let name =
                ["admin", "test", "oracle", "pi", "guest", "ubuntu"][self.dice.below(6) as usize];
            let text =
                self.fill(&format!("Failed password for invalid user {name} from & port % ssh2"));
            let line = Line {
                source: AUTH,
                program: Some("sshd"),
                message: &text,
                raw: &text,
                is_fresh: true,
                count: 1,
                is_failure: true,
                ..Line::default()
            };
            anomalies.extend(self.detector.see(&line, now));
        }
        anomalies
    }

    fn login(
        &mut self,
        user: &str,
        address: IpAddr,
        is_administrator: bool,
        now: Now,
    ) -> Vec<Anomaly> {
        let text = format!(
            "Accepted publickey for {user} from {address} port {} ssh2",
            self.dice.below(60000)
        );
        let line = Line {
            source: AUTH,
            program: Some("sshd"),
            message: &text,
            raw: &text,
            is_fresh: true,
            count: 1,
            user: Some(user),
            address: Some(address),
            is_administrator,
            ..Line::default()
        };
        self.detector.see(&line, now)
    }

    fn fill(&mut self, text: &str) -> String {
        let mut filled = String::new();
        for character in text.chars() {
            match character {
                '%' => filled.push_str(&self.dice.below(100_000).to_string()),
                '&' => filled.push_str(&format!(
                    "198.51.{}.{}",
                    self.dice.below(256),
                    self.dice.below(256)
                )),
                other => filled.push(other),
            }
        }
        filled
    }
}
