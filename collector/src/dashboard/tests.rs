use super::*;

fn page() -> Dashboard {
    let script = "let a = 1;\n".repeat(1000);
    Dashboard::new([
        ("index.html".to_owned(), Bytes::from("<!doctype html>")),
        ("assets/app-1a2b.js".to_owned(), Bytes::from(script)),
        ("assets/app-1a2b.js.gz".to_owned(), Bytes::from("gzip bytes")),
    ])
}

fn headers(name: header::HeaderName, value: &str) -> HeaderMap {
    HeaderMap::from_iter([(name, HeaderValue::from_str(value).unwrap())])
}

fn header_of(response: &Response, name: header::HeaderName) -> &str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

#[test]
fn places_inside_the_page_get_the_page_and_missing_files_do_not() {
    let none = HeaderMap::new();
    for (path, status) in [
        ("/", 200),
        ("/alerts/0123", 200),
        ("/assets/app-1a2b.js", 200),
        ("/assets/gone.js", 404),
        ("/../../etc/passwd.txt", 404),
    ] {
        assert_eq!(page().answer(path, &none).status(), status, "{path}");
    }
}

#[test]
fn without_a_page_it_says_how_to_build_it() {
    let response = Dashboard::new([]).answer("/", &HeaderMap::new());
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(NOT_BUILT.contains("make dashboard"));
}

#[test]
fn hashed_files_are_kept_and_others_asked_for_again() {
    let none = HeaderMap::new();
    let script = page().answer("/assets/app-1a2b.js", &none);
    assert!(header_of(&script, header::CACHE_CONTROL).contains("immutable"));
    let index = page().answer("/", &none);
    assert_eq!(header_of(&index, header::CACHE_CONTROL), "no-cache");
    let known = headers(header::IF_NONE_MATCH, header_of(&index, header::ETAG));
    assert_eq!(page().answer("/", &known).status(), StatusCode::NOT_MODIFIED);
}

#[test]
fn text_is_compressed_for_who_takes_it() {
    for (accepted, encoding) in [
        ("gzip, deflate, br, zstd", "zstd"),
        ("gzip", "gzip"),
        ("zstd;q=0, gzip", "gzip"),
        ("br", ""),
        ("", ""),
    ] {
        let headers = headers(header::ACCEPT_ENCODING, accepted);
        let script = page().answer("/assets/app-1a2b.js", &headers);
        assert_eq!(header_of(&script, header::CONTENT_ENCODING), encoding, "{accepted}");
    }
}
