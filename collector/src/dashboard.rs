//! The page, built into the program.
//!
//! `collector/dashboard/dist` is embedded when the program is compiled. Files whose names carry a
//! hash never change and are kept by browsers for a year; the others are asked for again with an
//! ETag. Text is compressed once at start. Unknown paths without a dot are places inside the page
//! and get `index.html`.

use std::collections::HashMap;
use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use rust_embed::RustEmbed;

/// Files smaller than this are not worth compressing, in bytes.
const COMPRESS_MIN: usize = 1024;
/// Level of zstd: strong, because it is done once.
const COMPRESS_LEVEL: i32 = 15;
/// Said when the page is not there.
const NOT_BUILT: &str = "The collector runs, but its page was not built into this program.\n\
    Build the page with `make dashboard`, then build the collector again.\n\
    The API is at /api/v1, its description at /api/v1/openapi.json.\n";

#[derive(RustEmbed)]
#[folder = "dashboard/dist"]
struct Dist;

/// All files of the page. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Dashboard(Arc<HashMap<String, Asset>>);

/// One file.
#[derive(Clone, Debug)]
pub struct Asset {
    bytes: Bytes,
    zstd: Option<Bytes>,
    gzip: Option<Bytes>,
    content_type: &'static str,
    etag: String,
    is_hashed: bool,
}

impl Dashboard {
    /// The page as it was built into this program.
    pub fn embedded() -> Self {
        let read = |name: &str| Dist::get(name).map(|file| Bytes::from(file.data.into_owned()));
        Self::new(Dist::iter().filter_map(|name| Some((name.to_string(), read(&name)?))))
    }

    /// A page of these files: path from the root, content.
    pub fn new(files: impl IntoIterator<Item = (String, Bytes)>) -> Self {
        let mut files: HashMap<String, Bytes> = files.into_iter().collect();
        let gzip = |name: &String| name.ends_with(".gz");
        let compressed: HashMap<String, Bytes> = files.extract_if(|name, _| gzip(name)).collect();
        let asset = |(name, bytes): (String, Bytes)| {
            let gzip = compressed.get(&format!("{name}.gz")).cloned();
            (name.clone(), Asset::new(&name, bytes, gzip))
        };
        Self(Arc::new(files.into_iter().map(asset).collect()))
    }

    /// Answers a GET of a path that is not the API's.
    pub fn answer(&self, path: &str, headers: &HeaderMap) -> Response {
        let name = path.trim_start_matches('/');
        if let Some(asset) = self.0.get(name) {
            return asset.answer(headers);
        }
        let last = name.rsplit('/').next().unwrap_or_default();
        match self.0.get("index.html") {
            Some(index) if !last.contains('.') => index.answer(headers),
            Some(_) => plain(StatusCode::NOT_FOUND, "There is no such file.\n"),
            None => plain(StatusCode::SERVICE_UNAVAILABLE, NOT_BUILT),
        }
    }
}

impl Asset {
    fn new(name: &str, bytes: Bytes, gzip: Option<Bytes>) -> Self {
        let content_type = content_type(name);
        let worth = bytes.len() >= COMPRESS_MIN && is_text(content_type);
        let zstd = worth.then(|| zstd::bulk::compress(&bytes, COMPRESS_LEVEL).ok()).flatten();
        let etag = format!("\"{}\"", hash(&bytes));
        let zstd = zstd.map(Bytes::from);
        Self { bytes, zstd, gzip, content_type, etag, is_hashed: is_hashed(name) }
    }

    fn answer(&self, headers: &HeaderMap) -> Response {
        let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
        let mut response = Response::new(Body::empty());
        if known.is_some_and(|tags| tags.split(',').any(|tag| tag.trim() == self.etag)) {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
        } else {
            let (bytes, encoding) = self.encoded(headers);
            *response.body_mut() = Body::from(bytes);
            if let Some(encoding) = encoding {
                let encoding = HeaderValue::from_static(encoding);
                response.headers_mut().insert(header::CONTENT_ENCODING, encoding);
            }
        }
        let out = response.headers_mut();
        out.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        out.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        let caching = if self.is_hashed { "max-age=31536000, immutable" } else { "no-cache" };
        out.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
        if let Ok(etag) = HeaderValue::from_str(&self.etag) {
            out.insert(header::ETAG, etag);
        }
        response
    }

    fn encoded(&self, headers: &HeaderMap) -> (Bytes, Option<&'static str>) {
        for (encoding, bytes) in [("zstd", &self.zstd), ("gzip", &self.gzip)] {
            if let Some(bytes) = bytes
                && accepts(headers, encoding)
            {
                return (bytes.clone(), Some(encoding));
            }
        }
        (self.bytes.clone(), None)
    }
}

/// Whether the browser said that it takes this encoding. Source: RFC 9110, section 12.5.3.
fn accepts(headers: &HeaderMap, encoding: &str) -> bool {
    let accepted = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok());
    accepted.unwrap_or_default().split(',').any(|item| {
        let (name, weight) = item.split_once(';').unwrap_or((item, ""));
        let refused = matches!(weight.trim(), "q=0" | "q=0.0" | "q=0.00" | "q=0.000");
        name.trim().eq_ignore_ascii_case(encoding) && !refused
    })
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" | "webmanifest" => "application/json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "webp" => "image/webp",
        "woff2" => "font/woff2",
        "woff" => "font/woff",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

fn is_text(content_type: &str) -> bool {
    content_type.starts_with("text/")
        || matches!(content_type, "application/json" | "image/svg+xml")
}

/// Vite puts files whose names carry a hash, and only those, into `assets/`.
fn is_hashed(name: &str) -> bool {
    name.starts_with("assets/")
}

fn hash(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    let hash = sha2::Sha256::digest(bytes);
    crate::hex(hash.get(..16).unwrap_or_default())
}

fn plain(status: StatusCode, text: &'static str) -> Response {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response.extensions_mut().insert(crate::api::AsItIs);
    let content_type = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    response
}

#[cfg(test)]
mod tests;
