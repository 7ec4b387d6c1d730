//! Where the collector is and by what it is known, as operators write them.

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

use rustls_pki_types::CertificateDer;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The agents' door when the address names no port.
const PORT: u16 = 7443;

/// `https://HOST:7443`, where HOST is a name or an address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Address {
    host: String,
    port: u16,
}

impl Address {
    /// The name or address, without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The TCP port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether the host is written as an address.
    pub fn is_ip(&self) -> bool {
        self.host.parse::<std::net::IpAddr>().is_ok()
    }
}

/// `HOST:PORT`, with brackets around an IPv6 address.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.parse::<Ipv6Addr>() {
            Ok(address) => write!(f, "[{address}]:{}", self.port),
            Err(_) => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wanted = "a collector is written https://HOST:7443";
        let rest = text.trim().strip_prefix("https://");
        let rest = rest.ok_or_else(|| format!("{text:?}: {wanted}"))?;
        let uri: http::Uri =
            text.trim().parse().map_err(|error| format!("{text:?}: {error}; {wanted}"))?;
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        if host.is_empty() || rest.contains('@') || !matches!(uri.path(), "" | "/") {
            return Err(format!("{text:?}: {wanted}"));
        }
        Ok(Self { host, port: uri.port_u16().unwrap_or(PORT) })
    }
}

impl TryFrom<String> for Address {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Address> for String {
    fn from(address: Address) -> Self {
        format!("https://{address}")
    }
}

/// SHA-256 of the CA's certificate in DER: `sha256:` and 64 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pin([u8; 32]);

impl Pin {
    /// The pin of this certificate.
    pub fn of(certificate: &CertificateDer<'_>) -> Self {
        Self(Sha256::digest(certificate.as_ref()).into())
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha256:")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for Pin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?}: a pin is written sha256: and 64 hexadecimal digits");
        let digits = text.trim().strip_prefix("sha256:").ok_or_else(wrong)?;
        if digits.len() != 64 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(wrong());
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.as_bytes().chunks(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| wrong())?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| wrong())?;
        }
        Ok(Self(bytes))
    }
}

impl TryFrom<String> for Pin {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Pin> for String {
    fn from(pin: Pin) -> Self {
        pin.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_as_operators_write_it() {
        let check = |text: &str, expected: &str| {
            let read = text.parse::<Address>().map(|address| address.to_string());
            assert_eq!(read.as_deref().ok(), Some(expected), "{text}");
        };
        check("https://soc.example.gov.vn:7443", "soc.example.gov.vn:7443");
        check("https://192.0.2.5", "192.0.2.5:7443");
        check(" https://[2001:db8::1]:443/ ", "[2001:db8::1]:443");
    }

    #[test]
    fn what_is_no_address_is_refused_in_words() {
        for text in ["", "soc", "http://soc:7443", "https://", "https://a/b", "https://u@h:1"] {
            let error = text.parse::<Address>().unwrap_err();
            assert!(error.contains("https://HOST:7443"), "{text}: {error}");
        }
    }

    #[test]
    fn a_pin_comes_back_as_it_went_and_nothing_else_is_one() {
        let text = format!("sha256:{}", "0aF1".repeat(16));
        let pin: Pin = text.parse().unwrap();
        assert_eq!(pin.to_string(), text.to_lowercase());
        for wrong in ["", "sha256:", "sha256:zz", &text[7..], &text[..70], "sha256:+f"] {
            assert!(wrong.parse::<Pin>().is_err(), "{wrong}");
        }
    }
}
