//! Serves the embedded files of the browser: the WebAssembly bundle, the style sheet, `public/`.

use std::fmt::Write as _;

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, HeaderValue, Response, StatusCode, header},
    routing::get,
};
use sha2::{Digest as _, Sha256};

/// One file of the site directory.
pub(crate) struct EmbeddedFile {
    path: &'static str,
    etag: &'static str,
    bytes: &'static [u8],
    brotli: Option<&'static [u8]>,
}

include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// A text that changes with any file, for the addresses in pages.
pub(crate) fn version() -> String {
    let hash = FILES.iter().fold(Sha256::new(), |hash, file| hash.chain_update(file.path).chain_update(file.etag));
    hash.finalize().iter().take(6).fold(String::new(), |mut text, byte| {
        let _infallible = write!(text, "{byte:02x}");
        text
    })
}

/// A route per file.
pub(crate) fn router() -> Router {
    FILES.iter().fold(Router::new(), |router, file| {
        router.route(file.path, get(move |headers: HeaderMap| async move { serve(file, &headers) }))
    })
}

fn serve(file: &'static EmbeddedFile, request: &HeaderMap) -> Response<Body> {
    let accepts_brotli = request
        .get(header::ACCEPT_ENCODING)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.split(',').any(|coding| coding.trim().split(';').next() == Some("br")));
    let compressed = file.brotli.filter(|_| accepts_brotli);
    let unchanged = request.get(header::IF_NONE_MATCH).is_some_and(|value| value == file.etag);
    let body = if unchanged { Body::empty() } else { Body::from(compressed.unwrap_or(file.bytes)) };
    let mut response = Response::new(body);
    if unchanged {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type(file.path)));
    headers.insert(header::ETAG, HeaderValue::from_static(file.etag));
    // Names carry no hash, so browsers ask each time and mostly hear 304.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if compressed.is_some() && !unchanged {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("br"));
    }
    response
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "wasm" => "application/wasm",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}
