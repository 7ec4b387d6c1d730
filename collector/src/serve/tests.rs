use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::oneshot;

use super::*;
use crate::control::{Answer, Command};

/// A collector that runs in this process.
struct Running {
    data: PathBuf,
    people: SocketAddr,
    first_password: Option<String>,
    stop: watch::Sender<bool>,
    task: tokio::task::JoinHandle<Result<(), Error>>,
}

impl Running {
    async fn start(data: &Path, listen: &str, password: Option<&str>) -> Self {
        let mut config = crate::config::load(data, None).unwrap();
        config.api.listen = listen.parse().unwrap();
        config.agents_listen = "127.0.0.1:0".parse().unwrap();
        config.journal.disk_free_bytes_min = 0;
        let (stop, shutdown) = watch::channel(false);
        let (ready, is_ready) = oneshot::channel();
        let password = password.map(Password::new);
        let task = tokio::spawn(async move {
            let (mut ready, mut first) = (Some(ready), None);
            let mut say = |said: Said<'_>| match said {
                Said::FirstPassword(password) => first = Some(password.reveal().to_owned()),
                Said::PasswordIgnored => {}
                Said::Ready(addresses) => {
                    ready.take().unwrap().send((addresses.clone(), first.take())).unwrap();
                }
            };
            run(config, password, shutdown, &mut say).await
        });
        let (addresses, first_password) = is_ready.await.unwrap();
        let people = addresses.people.rsplit('/').next().unwrap().parse().unwrap();
        Self { data: data.to_owned(), people, first_password, stop, task }
    }

    async fn connect(&self) -> TcpStream {
        let local = SocketAddr::from(([127, 0, 0, 1], self.people.port()));
        TcpStream::connect(local).await.unwrap()
    }

    async fn stop(self) -> Result<(), Error> {
        self.stop.send_replace(true);
        self.task.await.unwrap()
    }
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
}

fn sign_in(password: &str) -> String {
    let body = serde_json::json!({ "name": "admin", "password": password }).to_string();
    let length = body.len();
    format!(
        "POST /api/v1/session HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
         x-requested-with: soc\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\n\r\n{body}"
    )
}

/// Whatever is answered until the other side ends it.
async fn ask(mut stream: impl AsyncRead + AsyncWrite + Unpin, request: &str) -> String {
    let _ = stream.write_all(request.as_bytes()).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

async fn over_tls(running: &Running) -> tokio_rustls::client::TlsStream<TcpStream> {
    let mut roots = rustls::RootCertStore::empty();
    let authority = CertificateDer::from_pem_file(running.data.join("pki/ca.pem")).unwrap();
    roots.add(authority).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = "localhost".try_into().unwrap();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    connector.connect(name, running.connect().await).await.unwrap()
}

#[tokio::test]
async fn beyond_this_machine_the_peoples_door_speaks_tls_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let password = "correct horse battery";
    let running = Running::start(folder.path(), "0.0.0.0:0", Some(password)).await;
    let plain = ask(running.connect().await, &get("/healthz")).await;
    assert!(!plain.contains("HTTP/1.1 200"), "{plain:?}");
    let answer = ask(over_tls(&running).await, &get("/healthz")).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("ok"), "{answer}");
    let answer = ask(over_tls(&running).await, &sign_in(password)).await;
    let cookie = answer.lines().find(|line| line.starts_with("set-cookie")).unwrap_or(&answer);
    assert!(cookie.contains("; Secure") && cookie.contains("; HttpOnly"), "{cookie}");
    // Nobody beyond this machine is told whom else to look at.
    let answer = ask(over_tls(&running).await, &get("/api/v1/prometheus/targets")).await;
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    running.stop().await.unwrap();
}

#[tokio::test]
async fn commands_reach_the_running_collector_through_its_socket_and_none_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    assert_eq!(control::call(data, &Command::Status).await.unwrap(), None);
    let running = Running::start(data, "127.0.0.1:0", None).await;
    let mode = std::fs::metadata(data.join("control.sock")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let status = control::call(data, &Command::Status).await.unwrap().unwrap();
    assert!(matches!(status, Answer::Status { agencies: 1, machines: 0, .. }), "{status:?}");
    let token =
        |agency: &str| Command::CreateToken { agency: agency.into(), uses: 1, expires: None };
    let made = control::call(data, &token("LOCAL")).await.unwrap().unwrap();
    let Answer::Token(made) = made else { panic!("{made:?}") };
    assert!(made.command.contains(&made.token) && made.command.contains(&made.ca_pin));
    let refused = control::call(data, &token("NONE")).await;
    assert!(matches!(refused, Err(control::Error::Refused(_))), "{refused:?}");
    let first = running.first_password.clone().unwrap();
    let file = std::fs::read_to_string(data.join("first-password")).unwrap();
    assert_eq!(file.trim(), first);
    running.stop().await.unwrap();
    assert_eq!(control::call(data, &Command::Status).await.unwrap(), None);
}

#[tokio::test]
async fn stopping_ends_open_streams_frees_the_folder_and_the_next_start_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let password = "correct horse battery";
    let running = Running::start(&data, "127.0.0.1:0", Some(password)).await;
    let signed_in = ask(running.connect().await, &sign_in(password)).await;
    let (_, body) = signed_in.split_once("\r\n\r\n").unwrap();
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    let token = body["token"].as_str().unwrap();
    let mut live = running.connect().await;
    let request = format!(
        "GET /api/v1/live HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n\r\n"
    );
    live.write_all(request.as_bytes()).await.unwrap();
    let mut begun = vec![0; 15];
    live.read_exact(&mut begun).await.unwrap();
    assert_eq!(begun, b"HTTP/1.1 200 OK");
    // A browser that holds a stream does not hold the collector.
    running.stop().await.unwrap();
    let mut rest = String::new();
    live.read_to_string(&mut rest).await.unwrap();
    assert!(rest.contains("event: hello"), "{rest}");
    assert!(!data.join("addresses.json").exists() && !data.join("control.sock").exists());
    let running = Running::start(&data, "127.0.0.1:0", None).await;
    assert_eq!(running.first_password, None, "there is an administrator already");
    let again = ask(running.connect().await, &sign_in(password)).await;
    assert!(again.starts_with("HTTP/1.1 200"), "{again}");
    running.stop().await.unwrap();
}
