//! Stands in for the collector's gateway in tests: real TLS, real HTTP/2, real certificates; what
//! it answers is the test's choice. It keeps each event once per id, as a collector does.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{
    CertificateParams, CertificateSigningRequestParams, CertifiedIssuer, DnType,
    ExtendedKeyUsagePurpose, KeyPair, PublicKeyData, date_time_ymd,
};
use rustls_pki_types::CertificateDer;
use soc_event::{
    Ack, AgentId, Cause, Envelope, Epoch, Event, Lane, Pace, Reject, Sequence, Timestamp, limits,
    wire,
};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::link::{Address, Pin};

mod papers;

use papers::{authority, tls};

/// The years an agent's certificate is given.
pub(crate) type Years = (i32, i32);

/// What the gateway does with a batch.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// Takes it; the mark `archived` follows `durable`.
    Take,
    /// Takes it, but has archived nothing.
    TakeUnarchived,
    /// Takes nothing: lacks what comes after this one.
    Lack(u64),
    /// Refuses it.
    Refuse(Cause, Option<String>),
    /// Takes it, but the answer never arrives.
    TakeAndHangUp,
}

/// Decides over a batch; the number counts batches from 0.
pub(crate) type Judge = Box<dyn FnMut(usize, &Envelope, &[String]) -> Reply + Send>;

/// Who holds an event: agent, epoch, lane, sequence.
pub(crate) type Id = (AgentId, Epoch, Lane, u64);

#[derive(Default)]
pub(crate) struct Seen {
    pub events: BTreeMap<Id, Event>,
    pub repeats: usize,
    pub envelopes: Vec<Envelope>,
    pub enrolments: Vec<serde_json::Value>,
    /// Token and public key of each machine, in the order of their names.
    pub machines: Vec<(String, Vec<u8>)>,
    pub renewals: usize,
    pub fetches: usize,
}

impl Seen {
    /// The field `n` of all events, sorted.
    pub(crate) fn numbers(&self) -> Vec<i64> {
        let number = |event: &Event| event.fields.get("n").and_then(soc_event::Value::as_i64);
        let numbers: BTreeSet<i64> = self.events.values().filter_map(number).collect();
        numbers.into_iter().collect()
    }
}

struct Inner {
    issuer: CertifiedIssuer<'static, KeyPair>,
    seen: Mutex<Seen>,
    judge: Mutex<Judge>,
    validity: Mutex<Years>,
    now: Mutex<Timestamp>,
    refuses_renewal: Mutex<bool>,
    loses_enrolment: Mutex<bool>,
    /// The version that is named with every answer, and what is then given.
    configuration: Mutex<(u64, serde_json::Value)>,
    changed: watch::Sender<u64>,
}

pub(crate) struct Gateway {
    inner: Arc<Inner>,
    address: SocketAddr,
    task: tokio::task::JoinHandle<()>,
}

pub(crate) fn in_year(year: i64) -> Timestamp {
    Timestamp::from_micros((year - 1970) * 31_556_952_000_000)
}

impl Gateway {
    pub(crate) async fn start() -> Self {
        Self::start_with(ExtendedKeyUsagePurpose::ServerAuth).await
    }

    pub(crate) async fn start_with(purpose: ExtendedKeyUsagePurpose) -> Self {
        let issuer = authority();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let config = tls(&issuer, purpose);
        let inner = Arc::new(Inner {
            issuer,
            seen: Mutex::default(),
            judge: Mutex::new(Box::new(|_, _, _| Reply::Take)),
            validity: Mutex::new((2020, 2040)),
            now: Mutex::new(in_year(2026)),
            refuses_renewal: Mutex::new(false),
            loses_enrolment: Mutex::new(false),
            configuration: Mutex::default(),
            changed: watch::channel(0).0,
        });
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        let task = tokio::spawn(accept(listener, acceptor, inner.clone()));
        Self { inner, address, task }
    }

    pub(crate) fn address(&self) -> Address {
        format!("https://{}", self.address).parse().unwrap()
    }

    pub(crate) fn pin(&self) -> Pin {
        Pin::of(self.inner.issuer.as_ref().der())
    }

    pub(crate) fn judge(
        &self,
        judge: impl FnMut(usize, &Envelope, &[String]) -> Reply + Send + 'static,
    ) {
        *self.inner.judge.lock().unwrap() = Box::new(judge);
    }

    pub(crate) fn gives_certificates(&self, validity: Years) {
        *self.inner.validity.lock().unwrap() = validity;
    }

    pub(crate) fn is_in(&self, now: Timestamp) {
        *self.inner.now.lock().unwrap() = now;
    }

    pub(crate) fn refuses_renewal(&self, refuses: bool) {
        *self.inner.refuses_renewal.lock().unwrap() = refuses;
    }

    /// Names this version with every answer, and gives this when asked for it.
    pub(crate) fn configures(&self, version: u64, answer: serde_json::Value) {
        *self.inner.configuration.lock().unwrap() = (version, answer);
    }

    /// Enrols, but the answer never arrives.
    pub(crate) fn loses_enrolment(&self, loses: bool) {
        *self.inner.loses_enrolment.lock().unwrap() = loses;
    }

    pub(crate) fn seen<T>(&self, look: impl FnOnce(&Seen) -> T) -> T {
        look(&self.inner.seen.lock().unwrap())
    }

    /// Waits until what was seen is so; fails loudly when it never is.
    pub(crate) async fn until(&self, is_so: impl Fn(&Seen) -> bool) {
        let mut changed = self.inner.changed.subscribe();
        let waiting = async {
            while !self.seen(&is_so) {
                changed.changed().await.unwrap();
            }
        };
        let waited = tokio::time::timeout(std::time::Duration::from_secs(60), waiting).await;
        waited.unwrap_or_else(|_| panic!("not seen in a minute: {:?}", self.seen(Seen::numbers)));
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, acceptor: tokio_rustls::TlsAcceptor, inner: Arc<Inner>) {
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let (acceptor, inner) = (acceptor.clone(), inner.clone());
        connections.spawn(async move {
            let Ok(stream) = acceptor.accept(stream).await else { return };
            let (hang_up, hung_up) = watch::channel(false);
            let client = stream.get_ref().1.peer_certificates().and_then(<[_]>::first).cloned();
            let peer = Arc::new(Peer { inner, client, hang_up });
            let service = service_fn(move |request| peer.clone().answer(request));
            let connection = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                .serve_connection(TokioIo::new(stream), service);
            let mut hung_up = hung_up;
            tokio::select! {
                _ = connection => {}
                _ = hung_up.wait_for(|hung_up| *hung_up) => {}
            }
        });
    }
}

struct Peer {
    inner: Arc<Inner>,
    client: Option<CertificateDer<'static>>,
    hang_up: watch::Sender<bool>,
}

type Answered = Result<Response<Full<Bytes>>, std::convert::Infallible>;

impl Peer {
    async fn answer(self: Arc<Self>, request: Request<hyper::body::Incoming>) -> Answered {
        let path = request.uri().path().to_owned();
        let body = request.into_body().collect().await.unwrap().to_bytes();
        let (status, json) = match path.as_str() {
            "/v1/enrol" => self.enrol(&body),
            "/v1/renew" => self.renew(&body),
            "/v1/events" => self.events(&body).await,
            "/v1/configuration" => {
                self.inner.seen.lock().unwrap().fetches += 1;
                (200, self.inner.configuration.lock().unwrap().1.clone())
            }
            _ => (404, serde_json::json!({"title": "not found"})),
        };
        self.inner.changed.send_modify(|count| *count += 1);
        if path == "/v1/enrol" && *self.inner.loses_enrolment.lock().unwrap() {
            self.hang_up.send_replace(true);
            std::future::pending::<()>().await;
        }
        let body = Full::new(Bytes::from(serde_json::to_vec(&json).unwrap()));
        Ok(Response::builder().status(status).body(body).unwrap())
    }

    fn enrol(&self, body: &[u8]) -> (u16, serde_json::Value) {
        let request: serde_json::Value = serde_json::from_slice(body).unwrap();
        if request["token"] == "used" {
            let detail = "this token was used on 2026-11-01";
            return (403, serde_json::json!({"title": "token not valid.", "detail": detail}));
        }
        let mut seen = self.inner.seen.lock().unwrap();
        let csr = request["csr"].as_str().unwrap();
        let parsed = CertificateSigningRequestParams::from_pem(csr).unwrap();
        let machine = (request["token"].to_string(), parsed.public_key.der_bytes().to_vec());
        let known = seen.machines.iter().position(|known| *known == machine);
        let place = known.unwrap_or_else(|| {
            seen.machines.push(machine);
            seen.machines.len() - 1
        });
        let granted = self.sign(csr, AgentId::from_random([place as u8 + 1; 16]));
        seen.enrolments.push(request);
        (200, granted)
    }

    fn renew(&self, body: &[u8]) -> (u16, serde_json::Value) {
        let request: serde_json::Value = serde_json::from_slice(body).unwrap();
        let Some((agent, _)) = self.client() else {
            return (401, serde_json::json!({"title": "no certificate"}));
        };
        self.inner.seen.lock().unwrap().renewals += 1;
        if *self.inner.refuses_renewal.lock().unwrap() {
            return (403, serde_json::json!({"title": "not now", "detail": "an operator said so"}));
        }
        (200, self.sign(request["csr"].as_str().unwrap(), agent))
    }

    fn sign(&self, csr: &str, agent: AgentId) -> serde_json::Value {
        let request = CertificateSigningRequestParams::from_pem(csr).unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, agent.to_string());
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let (from, until) = *self.inner.validity.lock().unwrap();
        (params.not_before, params.not_after) =
            (date_time_ymd(from, 1, 1), date_time_ymd(until, 1, 1));
        let certificate = params.signed_by(&request.public_key, &*self.inner.issuer).unwrap();
        serde_json::json!({
            "agent": agent,
            "certificate": certificate.pem(),
            "ca": self.inner.issuer.as_ref().pem(),
            "time": *self.inner.now.lock().unwrap(),
            "expires": in_year(i64::from(until)),
        })
    }

    /// The agent of the client certificate, and when that ends.
    fn client(&self) -> Option<(AgentId, Timestamp)> {
        let (_, parsed) = x509_parser::parse_x509_certificate(self.client.as_ref()?).unwrap();
        let name = parsed.subject().iter_common_name().next()?.as_str().unwrap();
        let ends = parsed.validity().not_after.timestamp();
        Some((name.parse().unwrap(), Timestamp::from_micros(ends * 1_000_000)))
    }

    async fn events(&self, body: &[u8]) -> (u16, serde_json::Value) {
        let now = *self.inner.now.lock().unwrap();
        let (agent, ends) = self.client().expect("events come with a certificate");
        if ends < now {
            return refuse(Cause::CertificateExpired, None, now);
        }
        assert!(body.len() <= limits::BATCH_BYTES_MAX);
        let mut reader = zstd::bulk::Decompressor::with_dictionary(wire::DICTIONARY).unwrap();
        let plain = reader.decompress(body, limits::BATCH_BYTES_DECOMPRESSED_MAX).unwrap();
        let (envelope, events) = wire::decode_batch(&plain).unwrap();
        assert_eq!(envelope.agent, agent, "identity is the certificate's");
        let lines: Vec<String> =
            events.iter().map(|(line, _)| String::from_utf8_lossy(line).into_owned()).collect();
        let number = self.inner.seen.lock().unwrap().envelopes.len();
        self.inner.seen.lock().unwrap().envelopes.push(envelope.clone());
        let reply = (self.inner.judge.lock().unwrap())(number, &envelope, &lines);
        if let Reply::Refuse(cause, grant) = reply {
            return refuse(cause, grant, now);
        }
        if !matches!(reply, Reply::Lack(_)) {
            self.keep(&envelope, events.into_iter().map(|(_, event)| event));
        }
        if let Reply::TakeAndHangUp = reply {
            self.inner.changed.send_modify(|count| *count += 1);
            self.hang_up.send_replace(true);
            std::future::pending::<()>().await;
        }
        let durable = match reply {
            Reply::Lack(durable) => Sequence(durable),
            _ => envelope.last(),
        };
        let pace = Pace { bytes_per_second: 100_000_000, wait_ms: 0 };
        let (epoch, lane) = (envelope.epoch, envelope.lane);
        let configuration = self.inner.configuration.lock().unwrap().0;
        let archived = match reply {
            Reply::TakeUnarchived => Sequence(0),
            _ => durable,
        };
        let (time, dictionary) = (now, wire::DICTIONARY_NUMBER);
        let ack = Ack { epoch, lane, durable, archived, configuration, pace, time, dictionary };
        (200, serde_json::to_value(ack).unwrap())
    }

    fn keep(&self, envelope: &Envelope, events: impl Iterator<Item = Event>) {
        let mut seen = self.inner.seen.lock().unwrap();
        for (index, event) in events.enumerate() {
            let id = envelope.id(index as u32);
            let key = (id.agent, id.epoch, id.lane, id.sequence.0);
            if let Some(old) = seen.events.insert(key, event.clone()) {
                assert_eq!(old, event, "one id, two events");
                seen.repeats += 1;
            }
        }
    }
}

fn refuse(cause: Cause, grant: Option<String>, time: Timestamp) -> (u16, serde_json::Value) {
    let reject = Reject {
        kind: format!("urn:soc:reject:{}", cause.as_str()),
        status: cause.status(),
        title: cause.as_str().to_owned(),
        detail: "as the test wants".to_owned(),
        cause,
        retry_after_ms: Some(1),
        grant,
        time,
    };
    (cause.status(), serde_json::to_value(reject).unwrap())
}
