//! The people's door, as a script uses it.

use std::collections::BTreeSet;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

/// Alerts about the machine a test happens to run on: its disk, its clock.
const OF_THE_MACHINE: [&str; 3] = ["Clock is wrong", "Disk full", "Disk nearly full"];

/// The people's door, as a script would use it.
#[derive(Clone, Debug)]
pub struct Api {
    address: String,
    token: Option<String>,
}

impl Api {
    /// At `host:port`, not signed in.
    pub fn new(address: impl Into<String>) -> Self {
        Self { address: address.into(), token: None }
    }

    /// `host:port`
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Signs in.
    ///
    /// # Errors
    /// What the server answered.
    pub async fn sign_in(&mut self, name: &str, password: &str) -> Result<(), String> {
        let body = serde_json::json!({ "name": name, "password": password });
        let answer = self.call("POST", "/api/v1/session", Some(body)).await?;
        self.token = answer["token"].as_str().map(str::to_owned);
        Ok(())
    }

    /// Reads JSON.
    ///
    /// # Errors
    /// What the server answered, or why it could not be reached.
    pub async fn get(&self, path: &str) -> Result<Value, String> {
        self.call("GET", path, None).await
    }

    /// Sends JSON, reads JSON.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn post(&self, path: &str, body: Value) -> Result<Value, String> {
        self.call("POST", path, Some(body)).await
    }

    /// Reads text, e.g. `/metrics`.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn text(&self, path: &str) -> Result<String, String> {
        let (status, body) = self.exchange("GET", path, None).await?;
        let text = String::from_utf8_lossy(&body).into_owned();
        if status < 300 { Ok(text) } else { Err(format!("{status}: {text}")) }
    }

    /// English titles of all alerts, without those of the machine the test runs on.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn alert_titles(&self) -> Result<BTreeSet<String>, String> {
        let page = self.get("/api/v1/alerts?limit=1000").await?;
        let alerts = page["items"].as_array().ok_or("alerts without items")?.iter();
        let titles = alerts.filter_map(|alert| alert["title"]["en"].as_str());
        Ok(titles.filter(|it| !OF_THE_MACHINE.contains(it)).map(str::to_owned).collect())
    }

    async fn call(&self, method: &str, path: &str, body: Option<Value>) -> Result<Value, String> {
        let (status, answer) = self.exchange(method, path, body).await?;
        if status >= 300 {
            return Err(format!("{method} {path}: {status} {}", String::from_utf8_lossy(&answer)));
        }
        if answer.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&answer).map_err(|error| format!("{method} {path}: {error}"))
    }

    /// # Errors
    /// When the server cannot be reached or breaks off.
    async fn exchange(
        &self,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> Result<(u16, Bytes), String> {
        let say = |error: &dyn std::fmt::Display| format!("{method} {path}: {error}");
        let stream = TcpStream::connect(&self.address).await.map_err(|error| say(&error))?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|e| say(&e))?;
        tokio::spawn(connection);
        let mut request = http::Request::builder()
            .method(method)
            .uri(path)
            .header("host", &self.address)
            .header("x-requested-with", "soc");
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let bytes = match body {
            Some(value) => {
                request = request.header("content-type", "application/json");
                Bytes::from(value.to_string())
            }
            None => Bytes::new(),
        };
        let request = request.body(Full::new(bytes)).map_err(|error| say(&error))?;
        let answer = sender.send_request(request).await.map_err(|error| say(&error))?;
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await.map_err(|error| say(&error))?;
        Ok((status, body.to_bytes()))
    }
}
