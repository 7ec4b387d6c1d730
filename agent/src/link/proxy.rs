//! A proxy between us and the collector. It passes on a connection it cannot look into.
//! Source: RFC 9110, section 9.3.6 (CONNECT); RFC 7617 (Basic).

use std::fmt;
use std::str::FromStr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{Address, Error};

/// `http://USER:PASSWORD@HOST:PORT`; user and password may be left out, the port is 3128 then.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    host: String,
    port: u16,
    /// `USER:PASSWORD`
    credentials: Option<String>,
}

const PORT: u16 = 3128;
/// Longest answer to CONNECT that is read.
const ANSWER_BYTES_MAX: usize = 8 * 1024;

impl Proxy {
    /// A connection to the collector.
    ///
    /// # Errors
    /// [`Error::Proxy`].
    pub(super) async fn connect(&self, collector: &Address) -> Result<TcpStream, Error> {
        let failed = |reason: String| Error::Proxy { proxy: self.to_string(), reason };
        let broken = |error: std::io::Error| failed(error.to_string());
        let mut stream =
            TcpStream::connect((self.host.as_str(), self.port)).await.map_err(broken)?;
        stream.write_all(self.request(collector).as_bytes()).await.map_err(broken)?;
        let mut answer = Vec::new();
        // Nobody speaks behind it before we do, so it ends where the head ends.
        while !answer.ends_with(b"\r\n\r\n") {
            let read = stream.read_buf(&mut answer).await.map_err(broken)?;
            if read == 0 || answer.len() > ANSWER_BYTES_MAX {
                return Err(failed("it gave no complete answer".to_owned()));
            }
        }
        accepted(&answer).map_err(failed)?;
        Ok(stream)
    }

    fn request(&self, collector: &Address) -> String {
        let authorization = self.credentials.as_ref().map(|credentials| {
            format!("Proxy-Authorization: Basic {}\r\n", base64(credentials.as_bytes()))
        });
        let authorization = authorization.unwrap_or_default();
        format!("CONNECT {collector} HTTP/1.1\r\nHost: {collector}\r\n{authorization}\r\n")
    }
}

/// Whether the answer is a success. Pure.
fn accepted(answer: &[u8]) -> Result<(), String> {
    let line = answer.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let line = String::from_utf8_lossy(line.get(..line.len().min(200)).unwrap_or_default());
    let mut words = line.split(' ');
    let is_http = words.next().is_some_and(|word| word.starts_with("HTTP/1."));
    let status = words.next().filter(|_| is_http).and_then(|word| word.parse::<u16>().ok());
    match status {
        Some(200..=299) => Ok(()),
        Some(407) => Err("it wants a user and a password (407)".to_owned()),
        Some(_) => Err(format!("it answered {:?}", line.trim())),
        None => Err("it does not speak HTTP/1.1".to_owned()),
    }
}

impl FromStr for Proxy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // The text is not repeated: a password may stand in it.
        let wrong = || "a proxy is written http://USER:PASSWORD@HOST:PORT".to_owned();
        let rest = text.trim().strip_prefix("http://").ok_or_else(wrong)?;
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (credentials, place) = match rest.rsplit_once('@') {
            Some((credentials, place)) => (Some(unescaped(credentials).ok_or_else(wrong)?), place),
            None => (None, rest),
        };
        let authority: http::uri::Authority = place.parse().map_err(|_| wrong())?;
        let host = authority.host().trim_matches(['[', ']']).to_owned();
        let is_good = credentials.as_ref().is_none_or(|text| text.contains(':'));
        if host.is_empty() || !is_good {
            return Err(wrong());
        }
        Ok(Self { host, port: authority.port_u16().unwrap_or(PORT), credentials })
    }
}

/// Without user and password.
impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "http://[{}]:{}", self.host, self.port),
            false => write!(f, "http://{}:{}", self.host, self.port),
        }
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({self})")
    }
}

/// `%40` is `@`. Source: RFC 3986, section 2.1.
fn unescaped(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
        bytes.push(match byte {
            b'%' => u8::try_from(digit(rest.next())? * 16 + digit(rest.next())?).ok()?,
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok().filter(|text| !text.contains(char::is_control))
}

/// Source: RFC 4648, section 4.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let at = |place: usize| u32::from(three.get(place).copied().unwrap_or(0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for place in 0..4 {
            let index = (bits >> (18 - 6 * place) & 63) as usize;
            let letter = LETTERS.get(index).filter(|_| place <= three.len());
            text.push(letter.map_or('=', |letter| char::from(*letter)));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_read_as_operators_write_it_and_its_password_is_never_shown() {
        let proxy: Proxy = "http://an%40ty:p%3Aw@proxy.example:8080/".parse().unwrap();
        assert_eq!(proxy.credentials.as_deref(), Some("an@ty:p:w"));
        assert_eq!(
            format!("{proxy} {proxy:?}"),
            "http://proxy.example:8080 Proxy(http://proxy.example:8080)"
        );
        assert_eq!(
            "http://192.0.2.1".parse::<Proxy>().unwrap().to_string(),
            "http://192.0.2.1:3128"
        );
        for wrong in
            ["", "proxy:8080", "https://proxy", "http://user@proxy", "http://", "http://a:%0d%0a@p"]
        {
            let error = wrong.parse::<Proxy>().unwrap_err();
            assert!(!error.contains("%0d"), "{wrong}: {error}");
        }
    }

    #[test]
    fn what_the_proxy_is_asked_is_this() {
        let proxy: Proxy = "http://u:p@proxy.example".parse().unwrap();
        let collector: Address = "https://soc.example:7443".parse().unwrap();
        assert_eq!(
            proxy.request(&collector),
            "CONNECT soc.example:7443 HTTP/1.1\r\nHost: soc.example:7443\r\n\
             Proxy-Authorization: Basic dTpw\r\n\r\n"
        );
    }

    #[test]
    fn letters_of_every_length_are_written_as_the_rfc_shows() {
        for (bytes, text) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")]
        {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }

    #[test]
    fn only_a_success_is_one() {
        assert!(accepted(b"HTTP/1.1 200 Connection established\r\n\r\n").is_ok());
        assert!(accepted(b"HTTP/1.0 200\r\n\r\n").is_ok());
        for (answer, expected) in [
            (&b"HTTP/1.1 407 x\r\n\r\n"[..], "password"),
            (b"HTTP/1.1 503 Down\r\n\r\n", "503 Down"),
            (b"SSH-2.0\r\n\r\n", "does not speak"),
            (b"", "does not speak"),
        ] {
            assert!(accepted(answer).unwrap_err().contains(expected), "{expected}");
        }
    }
}
