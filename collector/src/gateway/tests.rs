use std::net::SocketAddr;

use bytes::Bytes;
use http::{Request, header};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::Frame;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{CertificateParams, KeyPair};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use serde_json::{Value, json};
use soc_event::{
    Ack, Cause, Envelope, Epoch, Event, Kind, Lane, Reject, RunId, Sequence, Timestamp, limits,
    wire,
};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::*;
use crate::archive;
use crate::clock::SetClock;
use crate::journal::{self, Position};
use crate::live::Bus;
use crate::store::Store;

/// A collector with its door open on a free port.
struct World {
    _folder: tempfile::TempDir,
    clock: SetClock,
    pki: Pki,
    journal: Journal,
    fleet: Fleet,
    configurations: Configurations,
    archive: Archive,
    registry: prometheus::Registry,
    address: SocketAddr,
    stop: watch::Sender<bool>,
    running: tokio::task::JoinHandle<Result<(), Error>>,
}

/// A machine: its key, its certificate, and what it says it is.
#[derive(Clone)]
struct Machine {
    agent: AgentId,
    certificate: String,
    key: String,
    run: RunId,
    fingerprint: String,
    epoch: u64,
}

/// Years ago: certificates of then have really expired for the TLS library.
const LONG_AGO: &str = "2020-01-01T00:00:00Z";
const TODAY: &str = "2026-11-22T10:00:00Z";

impl World {
    async fn at(moment: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = SetClock::at(moment.parse().unwrap());
        let registry = prometheus::Registry::new();
        let config = journal::Config { disk_free_bytes_min: 0, ..journal::Config::default() };
        let store = Store::open(&folder.path().join("state.sqlite")).await.unwrap();
        let journal = Journal::open(&folder.path().join("journal"), &config, &registry).unwrap();
        let pki = Pki::open(&folder.path().join("pki"), &[]).unwrap();
        let (fleet_config, bus) = (fleet::Config::default(), Bus::default());
        let clock_of = clock.clock();
        let fleet =
            Fleet::new(store.clone(), journal.clone(), bus, clock_of, fleet_config, &registry);
        let fleet = fleet.await.unwrap();
        fleet.ensure_agency("LOCAL", "Local").await.unwrap();
        let archive = Archive::open(
            folder.path().join("archive"),
            archive::Config::default(),
            store.clone(),
            journal.clone(),
            fleet.clone(),
            clock.clock(),
            &registry,
        );
        let archive = archive.await.unwrap();
        let configurations =
            Configurations::new(store, fleet.clone(), clock.clock()).await.unwrap();
        let (config, own) = (Config::default(), (pki.clone(), journal.clone(), fleet.clone()));
        let of_archive = archive.clone();
        let gateway = Gateway::new(
            config,
            own.0,
            own.1,
            own.2,
            configurations.clone(),
            of_archive,
            &registry,
        );
        let gateway = gateway.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, shutdown) = watch::channel(false);
        let running = tokio::spawn(gateway.run(listener, shutdown));
        let _folder = folder;
        Self {
            _folder,
            clock,
            pki,
            journal,
            fleet,
            configurations,
            archive,
            registry,
            address,
            stop,
            running,
        }
    }

    async fn token(&self) -> String {
        self.fleet.create_token("LOCAL", 1, None, "test").await.unwrap()
    }

    fn client_config(&self, identity: Option<&Machine>) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(self.pki.ca_der()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        match identity {
            None => config.with_no_client_auth(),
            Some(machine) => {
                let pem = machine.certificate.as_bytes();
                let certificate = CertificateDer::from_pem_slice(pem).unwrap();
                let key = PrivateKeyDer::from_pem_slice(machine.key.as_bytes()).unwrap();
                config.with_client_auth_cert(vec![certificate], key).unwrap()
            }
        }
    }

    async fn tls(
        &self,
        identity: Option<&Machine>,
        protocol: &str,
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let mut config = self.client_config(identity);
        config.alpn_protocols = vec![protocol.into()];
        let stream = TcpStream::connect(self.address).await?;
        let name = ServerName::try_from("localhost").unwrap();
        tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, stream).await
    }

    async fn connect(&self, identity: Option<&Machine>) -> Client {
        let stream = TokioIo::new(self.tls(identity, "h2").await.unwrap());
        let (sender, connection) = http2::handshake(TokioExecutor::new(), stream).await.unwrap();
        tokio::spawn(connection);
        Client(sender)
    }

    async fn enrol(&self, token: &str, fingerprint: &str) -> Machine {
        let key = KeyPair::generate().unwrap();
        let body = json!({
            "token": token, "csr": csr(&key), "hostname": "pc-01", "fingerprint": fingerprint,
            "os": "Debian", "version": "0.1.0", "time": TODAY,
        });
        let (status, answer) = self.connect(None).await.json("/v1/enrol", &body).await;
        assert_eq!(status, 200, "{answer}");
        assert_eq!(answer["ca"], json!(self.pki.ca_pem()));
        Machine {
            agent: answer["agent"].as_str().unwrap().parse().unwrap(),
            certificate: answer["certificate"].as_str().unwrap().to_owned(),
            key: key.serialize_pem(),
            run: RunId(1),
            fingerprint: fingerprint.to_owned(),
            epoch: 1,
        }
    }

    fn stored(&self) -> Vec<String> {
        let entries = self.journal.read(Position::FIRST, 10_000).unwrap().entries;
        entries.iter().map(|entry| entry.id.to_string()).collect()
    }

    fn metrics(&self) -> String {
        prometheus::TextEncoder::new().encode_to_string(&self.registry.gather()).unwrap()
    }
}

struct Client(http2::SendRequest<Full<Bytes>>);

impl Client {
    async fn post(&mut self, path: &str, encoding: &str, body: Vec<u8>) -> (u16, Vec<u8>) {
        let request = Request::post(format!("https://localhost{path}"))
            .header(header::CONTENT_ENCODING, encoding)
            .body(Full::new(Bytes::from(body)))
            .unwrap();
        let answer = self.0.send_request(request).await.unwrap();
        let status = answer.status().as_u16();
        (status, answer.into_body().collect().await.unwrap().to_bytes().to_vec())
    }

    async fn json(&mut self, path: &str, body: &Value) -> (u16, Value) {
        let (status, bytes) = self.post(path, "identity", body.to_string().into_bytes()).await;
        (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
    }

    async fn events(&mut self, batch: &[u8]) -> Result<Ack, Reject> {
        self.packed(zstd::bulk::compress(batch, 1).unwrap()).await
    }

    async fn packed(&mut self, body: Vec<u8>) -> Result<Ack, Reject> {
        let (status, bytes) = self.post("/v1/events", "zstd", body).await;
        if status == 200 {
            return Ok(serde_json::from_slice(&bytes).unwrap());
        }
        let reject: Reject = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(reject.status, status);
        assert_eq!(reject.kind, format!("urn:soc:reject:{}", reject.cause.as_str()));
        Err(reject)
    }
}

fn csr(key: &KeyPair) -> String {
    CertificateParams::default().serialize_request(key).unwrap().pem().unwrap()
}

impl Machine {
    fn envelope(&self, first: u64, count: u32) -> Envelope {
        Envelope {
            version: 1,
            agent: self.agent,
            epoch: Epoch(self.epoch),
            lane: Lane::Log,
            first: Sequence(first),
            count,
            run: self.run,
            fingerprint: self.fingerprint.clone(),
            sent: TODAY.parse().unwrap(),
            clock_offset_us: None,
            configuration: 0,
        }
    }

    /// Lines that this machine, and no other, has.
    fn batch(&self, sequences: std::ops::Range<u64>) -> Vec<u8> {
        let count = (sequences.end - sequences.start) as u32;
        let line = |sequence: u64| {
            let time: Timestamp = TODAY.parse().unwrap();
            let event = Event::new(time, Kind::from_name("log"), Default::default());
            let text = format!("{sequence} of {}", self.fingerprint);
            wire::encode_event(&event.with("message", text))
        };
        let lines: Vec<String> = sequences.clone().map(line).collect();
        let envelope = self.envelope(sequences.start, count);
        wire::encode_batch(&envelope, lines.iter().map(String::as_str))
    }
}

fn cause(answer: Result<Ack, Reject>) -> Cause {
    answer.unwrap_err().cause
}

#[tokio::test]
async fn a_machine_enrols_delivers_and_is_acknowledged() {
    let world = World::at(TODAY).await;
    let machine = world.enrol(&world.token().await, "home").await;
    let mut client = world.connect(Some(&machine)).await;
    let ack = client.events(&machine.batch(1..4)).await.unwrap();
    assert_eq!((ack.durable, ack.archived), (Sequence(3), Sequence(0)));
    assert_eq!((ack.epoch, ack.lane), (Epoch(1), Lane::Log));
    assert_eq!(ack.time, TODAY.parse().unwrap());
    let again = client.events(&machine.batch(1..6)).await.unwrap();
    assert_eq!(again.durable, Sequence(5));
    let id = |sequence| format!("{}/1/log/{sequence}", machine.agent);
    assert_eq!(world.stored(), (1..6).map(id).collect::<Vec<_>>());
    assert!(world.fleet.machine(machine.agent).await.unwrap().unwrap().row.last_heard.is_some());
    world.stop.send(true).unwrap();
    world.running.await.unwrap().unwrap();
}

#[tokio::test]
async fn an_agent_hears_what_is_archived() {
    let world = World::at(TODAY).await;
    let machine = world.enrol(&world.token().await, "home").await;
    let mut client = world.connect(Some(&machine)).await;
    client.events(&machine.batch(1..4)).await.unwrap();
    world.archive.catch_up().await.unwrap();
    let ack = client.events(&machine.batch(4..6)).await.unwrap();
    assert_eq!((ack.durable, ack.archived), (Sequence(5), Sequence(3)));
}

#[tokio::test]
async fn events_that_the_collector_lost_are_asked_for_once_and_taken_in_order() {
    let world = World::at(TODAY).await;
    let machine = world.enrol(&world.token().await, "home").await;
    let mut client = world.connect(Some(&machine)).await;
    let durable = async |client: &mut Client, sequences| {
        client.events(&machine.batch(sequences)).await.unwrap().durable
    };
    // Of 1 to 5 nothing is known here: this is how a journal looks that was begun anew.
    assert_eq!(durable(&mut client, 6..9).await, Sequence(0), "nothing was taken");
    assert_eq!(world.stored(), [""; 0]);
    // The agent has kept all but the first.
    assert_eq!(durable(&mut client, 2..9).await, Sequence(8));
    assert_eq!(durable(&mut client, 9..10).await, Sequence(9));
    // One that has kept nothing sends the same again.
    assert_eq!(durable(&mut client, 12..14).await, Sequence(9));
    assert_eq!(durable(&mut client, 12..14).await, Sequence(13));
    let id = |sequence| format!("{}/1/log/{sequence}", machine.agent);
    let expected: Vec<String> = (2..10).chain(12..14).map(id).collect();
    assert_eq!(world.stored(), expected);
}

#[tokio::test]
async fn http_1_is_understood_too() {
    let world = World::at(TODAY).await;
    let machine = world.enrol(&world.token().await, "home").await;
    let stream = TokioIo::new(world.tls(Some(&machine), "http/1.1").await.unwrap());
    let (mut sender, connection) = http1::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    let packed = zstd::bulk::compress(&machine.batch(1..2), 1).unwrap();
    let request = Request::post("/v1/events")
        .header(header::HOST, "localhost")
        .header(header::CONTENT_ENCODING, "zstd")
        .body(Full::new(Bytes::from(packed)))
        .unwrap();
    assert_eq!(sender.send_request(request).await.unwrap().status(), 200);
    assert_eq!(world.stored().len(), 1);
}

#[tokio::test]
async fn an_expired_certificate_is_good_for_renewal_only() {
    let world = World::at(LONG_AGO).await;
    let mut machine = world.enrol(&world.token().await, "home").await;
    world.clock.advance_micros(400 * 86_400 * 1_000_000);
    let mut client = world.connect(Some(&machine)).await;
    assert_eq!(cause(client.events(&machine.batch(1..4)).await), Cause::CertificateExpired);
    assert_eq!(world.stored().len(), 0);
    let key = KeyPair::generate().unwrap();
    let (status, answer) = client.json("/v1/renew", &json!({ "csr": csr(&key) })).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["agent"], json!(machine.agent));
    machine.certificate = answer["certificate"].as_str().unwrap().to_owned();
    machine.key = key.serialize_pem();
    let mut client = world.connect(Some(&machine)).await;
    assert_eq!(client.events(&machine.batch(1..4)).await.unwrap().durable, Sequence(3));
    let expires = world.fleet.machine(machine.agent).await.unwrap().unwrap();
    assert_eq!(json!(expires.certificate_expires_at), answer["expires"]);
}

#[tokio::test]
async fn bad_batches_are_refused_by_cause_and_good_ones_go_on() {
    let world = World::at(TODAY).await;
    let machine = world.enrol(&world.token().await, "home").await;
    let mut client = world.connect(Some(&machine)).await;
    let line = |text: &str| {
        let mut bytes = serde_json::to_vec(&machine.envelope(1, 1)).unwrap();
        bytes.extend_from_slice(format!("\n{text}\n").as_bytes());
        bytes
    };
    let stranger = Machine { agent: AgentId::from_random([9; 16]), ..machine.clone() };
    let deep = format!(
        "{{\"time\":\"{TODAY}\",\"kind\":\"log\",\"x\":{}{}}}",
        "[".repeat(20),
        "]".repeat(20)
    );
    let many = wire::encode_batch(&machine.envelope(1, 5000), std::iter::repeat_n("{}", 5000));
    let short = wire::encode_batch(&machine.envelope(1, 3), std::iter::empty());
    let zero = wire::encode_batch(&machine.envelope(0, 1), ["{}"].into_iter());
    let cases = [
        (stranger.batch(1..2), Cause::WrongIdentity),
        (line(&deep), Cause::TooDeep),
        (line("{\"no\":\"event\"}"), Cause::Malformed),
        (b"not json\n".to_vec(), Cause::Malformed),
        (Vec::new(), Cause::Malformed),
        (many, Cause::TooLarge),
        (short, Cause::WrongIds),
        (zero, Cause::WrongIds),
        (vec![b' '; limits::BATCH_BYTES_DECOMPRESSED_MAX + 1], Cause::TooLarge),
    ];
    for (batch, expected) in cases {
        assert_eq!(cause(client.events(&batch).await), expected);
    }
    let bomb = zstd::bulk::compress(&vec![0; 256 << 20], 1).unwrap();
    assert!(bomb.len() < limits::BATCH_BYTES_MAX, "{}", bomb.len());
    assert_eq!(cause(client.packed(bomb).await), Cause::TooLarge);
    assert_eq!(cause(client.packed(b"not zstd".to_vec()).await), Cause::BadCompression);
    let plain = client.post("/v1/events", "identity", machine.batch(1..2)).await;
    assert_eq!(plain.0, 400, "not compressed");
    assert_eq!(world.stored().len(), 0);
    assert!(client.events(&machine.batch(1..4)).await.is_ok());
    let metrics = world.metrics();
    let counted = "soc_collector_batches_rejected_total{cause=\"too_large\"} 3";
    assert!(metrics.contains(counted), "{metrics}");
}

#[tokio::test]
async fn a_batch_cut_anywhere_is_refused_whole() {
    let world = World::at(TODAY).await;
    let machine = world.enrol(&world.token().await, "home").await;
    let mut client = world.connect(Some(&machine)).await;
    let packed = zstd::bulk::compress(&machine.batch(1..4), 1).unwrap();
    for cut in (0..packed.len()).step_by(7) {
        assert!(client.packed(packed[..cut].to_vec()).await.is_err(), "cut at {cut}");
    }
    assert_eq!(world.stored().len(), 0);
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_while_it_comes() {
    let world = World::at(TODAY).await;
    let machine = world.enrol(&world.token().await, "home").await;
    let stream = TokioIo::new(world.tls(Some(&machine), "h2").await.unwrap());
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), stream).await.unwrap();
    tokio::spawn(connection);
    // It never ends, and does not say how long it is.
    let piece = || Ok::<_, std::io::Error>(Frame::data(Bytes::from(vec![7_u8; 16 * 1024])));
    let body = StreamBody::new(tokio_stream::iter(std::iter::repeat_with(piece)));
    let request = Request::post("https://localhost/v1/events")
        .header(header::CONTENT_ENCODING, "zstd")
        .body(body)
        .unwrap();
    assert_eq!(sender.send_request(request).await.unwrap().status(), 413);
}

#[tokio::test]
async fn a_body_that_stops_coming_is_let_go() {
    let world = World::at(TODAY).await;
    let machine = world.enrol(&world.token().await, "home").await;
    let stream = TokioIo::new(world.tls(Some(&machine), "h2").await.unwrap());
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), stream).await.unwrap();
    tokio::spawn(connection);
    let request = |body: BoxBody<Bytes, std::io::Error>| {
        Request::post("https://localhost/v1/events")
            .header(header::CONTENT_ENCODING, "zstd")
            .body(body)
            .unwrap()
    };
    let good = Bytes::from(zstd::bulk::compress(&machine.batch(1..2), 1).unwrap());
    let good = Full::new(good).map_err(std::io::Error::other).boxed();
    assert_eq!(sender.send_request(request(good)).await.unwrap().status(), 200);
    let endless = StreamBody::new(tokio_stream::pending::<Result<Frame<Bytes>, _>>());
    let request = request(endless.boxed());
    let answer = sender.send_request(request);
    // From here on nothing happens but that time goes by.
    tokio::time::pause();
    assert_eq!(answer.await.unwrap().status(), 503);
}

#[tokio::test]
async fn nobody_speaks_without_a_certificate_of_this_authority() {
    let world = World::at(TODAY).await;
    let other = World::at(TODAY).await;
    let machine = world.enrol(&world.token().await, "home").await;
    let mut client = world.connect(None).await;
    assert_eq!(cause(client.events(&machine.batch(1..2)).await), Cause::WrongIdentity);
    assert_eq!(client.json("/v1/renew", &json!({ "csr": "" })).await.0, 403);
    let foreign = other.enrol(&other.token().await, "home").await;
    let stream = world.tls(Some(&foreign), "h2").await;
    // With TLS 1.3 the client learns of it when it first reads.
    let refused = match stream {
        Err(_) => true,
        Ok(mut stream) => {
            use tokio::io::AsyncReadExt as _;
            stream.read_u8().await.is_err()
        }
    };
    assert!(refused);
    world.fleet.revoke(machine.agent).await.unwrap();
    let mut client = world.connect(Some(&machine)).await;
    assert_eq!(cause(client.events(&machine.batch(1..2)).await), Cause::Revoked);
    assert_eq!(client.json("/v1/renew", &json!({ "csr": "" })).await.0, 403);
    assert_eq!(client.post("/v1/other", "identity", Vec::new()).await.0, 404);
}

#[tokio::test]
async fn guessing_tokens_is_slow() {
    let world = World::at(TODAY).await;
    let token = world.token().await;
    let key = KeyPair::generate().unwrap();
    let body = |token: &str| json!({ "token": token, "csr": csr(&key), "hostname": "a", "fingerprint": "b" });
    let mut client = world.connect(None).await;
    for _ in 0..10 {
        assert_eq!(client.json("/v1/enrol", &body("soc-guess")).await.0, 403);
    }
    let (status, answer) = client.json("/v1/enrol", &body(&token)).await;
    assert_eq!((status, &answer["cause"]), (429, &json!("too_fast")));
    assert!(answer["retry_after_ms"].as_u64().unwrap() > 60_000);
}

#[tokio::test]
async fn a_request_for_a_certificate_that_is_none_does_not_use_the_token() {
    let world = World::at(TODAY).await;
    let token = world.token().await;
    let body = json!({ "token": token, "csr": "no", "hostname": "a", "fingerprint": "b" });
    let (status, answer) = world.connect(None).await.json("/v1/enrol", &body).await;
    assert_eq!((status, &answer["cause"]), (400, &json!("malformed")));
    world.enrol(&token, "home").await;
}

#[tokio::test]
async fn a_cloned_disk_becomes_two_machines_and_nothing_is_lost() {
    for copy_fingerprint in ["copy", "home"] {
        let world = World::at(TODAY).await;
        let original = world.enrol(&world.token().await, "home").await;
        let mut copy = Machine { run: RunId(2), ..original.clone() };
        copy.fingerprint = copy_fingerprint.to_owned();
        // On other hardware the spool begins a new epoch.
        copy.epoch = if copy_fingerprint == "home" { 1 } else { 2 };
        let mut at_home = world.connect(Some(&original)).await;
        assert!(at_home.events(&original.batch(1..4)).await.is_ok());
        let mut away = world.connect(Some(&copy)).await;
        // On other hardware it is asked for what came before, has nothing, and sends it again.
        for _ in 0..2 {
            assert!(away.events(&copy.batch(4..6)).await.is_ok(), "looks like a restart");
        }
        let mut at_home = world.connect(Some(&original)).await;
        let reborn = Machine { epoch: 3, ..original.clone() };
        // The original lives: found at once, and it goes on.
        assert!(at_home.events(&reborn.batch(1..3)).await.is_ok());
        let reject = away.events(&copy.batch(6..8)).await.unwrap_err();
        assert_eq!(reject.cause, Cause::Cloned);
        let lost = away.events(&copy.batch(6..8)).await.unwrap_err().grant.unwrap();
        assert_ne!(Some(&lost), reject.grant.as_ref());
        // The copy enrols with its grant and delivers what was refused.
        let second = world.enrol(&lost, copy_fingerprint).await;
        assert_ne!(second.agent, original.agent);
        let mut away = world.connect(Some(&second)).await;
        for _ in 0..2 {
            assert!(away.events(&second.batch(6..8)).await.is_ok());
        }
        let id = |machine: &Machine, epoch, sequence| {
            format!("{}/{epoch}/log/{sequence}", machine.agent)
        };
        let stored = world.stored();
        for expected in [
            id(&original, 1, 3),
            id(&original, copy.epoch, 5),
            id(&original, 3, 2),
            id(&second, 1, 7),
        ] {
            assert!(stored.contains(&expected), "{expected} in {stored:?}");
        }
        let told = world.journal.recent(AgentId::COLLECTOR, None, 9, Some("agent.cloned"));
        assert_eq!(told.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn ids_given_twice_are_a_clone_and_not_a_repeat() {
    let world = World::at(TODAY).await;
    let original = world.enrol(&world.token().await, "home").await;
    let mut client = world.connect(Some(&original)).await;
    assert!(client.events(&original.batch(1..9)).await.is_ok());
    // A restart whose spool is an old copy: it gives the same ids to other events.
    let mut copy = Machine { run: RunId(2), ..original.clone() };
    copy.fingerprint = "copy".to_owned();
    let mut away = world.connect(Some(&copy)).await;
    let reject = away.events(&copy.batch(5..7)).await.unwrap_err();
    assert_eq!(reject.cause, Cause::Cloned);
    assert!(reject.grant.is_some());
    assert_eq!(world.stored().len(), 9, "eight events and agent.cloned");
    assert!(client.events(&original.batch(9..10)).await.is_ok());
}

#[tokio::test]
async fn a_restarted_agent_is_no_clone() {
    let world = World::at(TODAY).await;
    let mut machine = world.enrol(&world.token().await, "home").await;
    let mut old: Option<(Client, Machine)> = None;
    for round in 0..20 {
        machine.run = RunId(100 + round);
        let mut client = world.connect(Some(&machine)).await;
        let first = round * 2 + 1;
        assert!(client.events(&machine.batch(first..first + 2)).await.is_ok());
        // What its predecessor had on the way arrives now; nobody reads the answers.
        if let Some((mut late, before)) = old {
            let batch = before.batch(first - 2..first);
            assert_eq!(cause(late.events(&batch).await), Cause::Unavailable);
            assert_eq!(cause(late.events(&batch).await), Cause::Unavailable);
        }
        old = Some((client, machine.clone()));
    }
    let own = world.journal.recent(AgentId::COLLECTOR, None, 9, None).unwrap();
    assert_eq!(own, []);
    assert_eq!(world.stored().len(), 40);
}

#[tokio::test]
async fn connections_without_certificate_are_few_per_address() {
    let world = World::at(TODAY).await;
    let machine = world.enrol(&world.token().await, "home").await;
    let most = Config::default().strangers_per_address_max;
    let mut strangers = Vec::new();
    for _ in 0..most {
        strangers.push(TcpStream::connect(world.address).await.unwrap());
    }
    // They are accepted in order: when this one is answered, the others have their places.
    while world.tls(Some(&machine), "h2").await.is_ok() {
        strangers.push(TcpStream::connect(world.address).await.unwrap());
    }
    let metrics = world.metrics();
    let counted = "soc_collector_agent_connections_refused_total{limit=\"address\"}";
    assert!(metrics.contains(counted), "{metrics}");
    drop(strangers);
    while world.tls(Some(&machine), "h2").await.is_err() {
        tokio::task::yield_now().await;
    }
    let mut client = world.connect(Some(&machine)).await;
    assert!(client.events(&machine.batch(1..2)).await.is_ok());
}

#[tokio::test]
async fn an_agent_is_told_of_its_configuration_and_given_it() {
    let world = World::at(TODAY).await;
    let machine = world.enrol(&world.token().await, "home").await;
    let mut client = world.connect(Some(&machine)).await;
    assert_eq!(client.events(&machine.batch(1..2)).await.unwrap().configuration, 0);
    let change = crate::configuration::Change {
        text: "[port]\npoll_ms = 2000\n".into(),
        why: "a test".into(),
        ..Default::default()
    };
    let caller = crate::access::Caller { who: "an".into(), address: "local".into() };
    let scope = crate::configuration::Scope::Fleet;
    world.configurations.set(&scope, &change, &caller).await.unwrap();
    let ack = client.events(&machine.batch(2..3)).await.unwrap();
    let (status, given) = client.json("/v1/configuration", &json!({})).await;
    assert_eq!(status, 200);
    assert_eq!(given["version"], json!(ack.configuration));
    assert_eq!(given["layers"][0], json!({ "scope": "fleet", "text": change.text }));
    let (status, _) = world.connect(None).await.json("/v1/configuration", &json!({})).await;
    assert_eq!(status, 403, "strangers are given nothing");
}

#[tokio::test]
async fn whatever_an_agent_sends_is_a_sign_of_life() {
    let world = World::at(TODAY).await;
    let machine = world.enrol(&world.token().await, "home").await;
    let stream = TokioIo::new(world.tls(Some(&machine), "h2").await.unwrap());
    // Nothing but what HTTP/2 itself sends: settings and pings.
    let (_sender, connection) =
        http2::handshake::<_, _, Full<Bytes>>(TokioExecutor::new(), stream).await.unwrap();
    tokio::spawn(connection);
    let heard = async {
        while world.fleet.machine(machine.agent).await.unwrap().unwrap().row.last_heard.is_none() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), heard).await.unwrap();
}
