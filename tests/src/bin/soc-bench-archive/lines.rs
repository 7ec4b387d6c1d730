//! Lines of web servers and of a firewall, read as this program reads them.

use soc_event::{Event, Timestamp};
use soc_formats::text::{self, Moment, Profile};

use crate::corpus::NEEDLE;
use crate::random::Random;

const AGENTS: [&str; 8] = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:132.0) Gecko/20100101 Firefox/132.0",
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Zalo/1.0 (iPhone; iOS 17.6)",
    "curl/8.5.0",
    "Mozilla/5.0 zgrab/0.x",
];
const PAGES: [&str; 12] = [
    "/",
    "/tin-tuc",
    "/dich-vu-cong/nop-ho-so",
    "/dich-vu-cong/tra-cuu",
    "/assets/app.js",
    "/assets/app.css",
    "/api/v1/ho-so",
    "/api/v1/thong-bao",
    "/van-ban/quyet-dinh",
    "/dang-nhap",
    "/lien-he",
    "/wp-login.php",
];
const COUNTRIES: [&str; 7] =
    ["Vietnam", "United States", "Singapore", "Reserved", "Japan", "Hong Kong", "Germany"];
const SERVICES: [(&str, u64, u64); 6] = [
    ("HTTPS", 443, 6),
    ("DNS", 53, 17),
    ("HTTP", 80, 6),
    ("NTP", 123, 17),
    ("SMB", 445, 6),
    ("SSH", 22, 6),
];

/// A line of a web server's access log.
pub fn web(agency: usize, time: Timestamp, random: &mut Random) -> (String, Event) {
    let host = format!("portal-{}.a{agency}", random.below(3) + 1);
    let page = random.one(&PAGES);
    let query = match page {
        "/dich-vu-cong/tra-cuu" => format!("?ma={:09}", random.below(400_000_000)),
        "/tin-tuc" | "/van-ban/quyet-dinh" => format!("/{}", random.skewed(60_000)),
        _ => String::new(),
    };
    visit(host, &format!("{page}{query}"), time, random)
}

/// A line like those of [`web`], with a word that no other has.
pub fn needle(agency: usize, time: Timestamp, random: &mut Random) -> (String, Event) {
    visit(
        format!("portal-1.a{agency}"),
        &format!("/dich-vu-cong/tra-cuu?ma={NEEDLE}"),
        time,
        random,
    )
}

fn visit(host: String, url: &str, time: Timestamp, random: &mut Random) -> (String, Event) {
    let status = random.one(&["200", "200", "304", "302", "404", "401", "500"]);
    let bytes = 180 + random.skewed(90_000);
    let referer = if random.below(3) == 0 { "-" } else { "https://dichvucong.example.gov.vn/" };
    let line = format!(
        "{} - - [{}] \"GET {url} HTTP/1.1\" {status} {bytes} \"{referer}\" \"{}\"",
        address(random, 40_000),
        clock(time, "%d/%b/%Y:%H:%M:%S +0000"),
        random.one(&AGENTS),
    );
    (host, read(&line, &Profile::access("/var/log/nginx/access.log"), time))
}

/// A line of traffic that a FortiGate passed or refused, as it sends it over syslog.
pub fn firewall(agency: usize, time: Timestamp, random: &mut Random) -> (String, Event) {
    let host = format!("fw-{agency}");
    let (service, port, protocol) = SERVICES[random.skewed(SERVICES.len())];
    let action = random.one(&["accept", "close", "server-rst", "deny", "timeout"]);
    let (sent, received) = (60 + random.skewed(400_000), 40 + random.skewed(4_000_000));
    let inner = format!("10.{}.{}.{}", agency + 20, random.skewed(40), random.below(250) + 2);
    let line = format!(
        "<189>{} {host} date={} time={} devname=\"FGT-A{agency}\" devid=\"FG100FTK2100{agency:04}\" \
         eventtime={} tz=\"+0000\" logid=\"0000000013\" type=\"traffic\" subtype=\"forward\" \
         level=\"notice\" vd=\"root\" srcip={inner} srcport={} srcintf=\"lan\" srcintfrole=\"lan\" \
         dstip={} dstport={port} dstintf=\"wan1\" dstintfrole=\"wan\" srccountry=\"Reserved\" \
         dstcountry=\"{}\" sessionid={} proto={protocol} action=\"{action}\" policyid={} \
         policytype=\"policy\" poluuid=\"b0e3c1a2-5f6e-51ec-a1b2-{agency:012}\" service=\"{service}\" \
         trandisp=\"snat\" transip=203.0.113.{} transport={} duration={} sentbyte={sent} \
         rcvdbyte={received} sentpkt={} rcvdpkt={} appcat=\"unscanned\"",
        clock(time, "%b %e %H:%M:%S"),
        clock(time, "%Y-%m-%d"),
        clock(time, "%H:%M:%S"),
        time.as_micros() * 1000,
        1024 + random.below(64_000),
        address(random, 9_000),
        random.one(&COUNTRIES),
        time.as_micros() / 3_000 % 100_000_000,
        random.skewed(30) + 1,
        agency + 1,
        1024 + random.below(64_000),
        random.skewed(600),
        sent / 700 + 1,
        received / 1200 + 1,
    );
    (host, read(&line, &Profile::of_path("/var/log/firewall.log"), time))
}

/// One of so many addresses, a few of them often.
fn address(random: &mut Random, many: usize) -> String {
    let mut chosen = Random::new(random.skewed(many) as u64 + 99);
    let mut part = |end| chosen.below(end);
    format!("{}.{}.{}.{}", part(200) + 14, part(256), part(256), part(254) + 1)
}

fn clock(time: Timestamp, format: &str) -> String {
    let moment = jiff::Timestamp::from_microsecond(time.as_micros()).expect("a time");
    moment.strftime(format).to_string()
}

fn read(line: &str, profile: &Profile, time: Timestamp) -> Event {
    let zone = jiff::tz::TimeZone::UTC;
    let mut event = text::line(line, profile, Moment::kept(time, &zone));
    event.time = time;
    event
}
