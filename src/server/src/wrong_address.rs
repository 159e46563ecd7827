//! Tells a client that was given another address where the MCP endpoint is: the bare address of the server, the path of
//! older transports, or a mistyped one.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use http::{
    HeaderMap, Method, StatusCode,
    header::{ACCEPT, CACHE_CONTROL},
};
use serde_json::json;

/// What lies below has clients and errors of its own.
const OTHERS: [&str; 2] = ["/oauth/", "/.well-known/"];

/// The middleware. `endpoint` is the public address of the MCP endpoint.
pub(crate) async fn show_the_way(State(endpoint): State<Arc<str>>, request: Request, next: Next) -> Response {
    let is_lost = may_be_lost(&request);
    let response = next.run(request).await;
    if !is_lost || !matches!(response.status(), StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED) {
        return response;
    }
    let message = format!("There is nothing at this address. The MCP endpoint is {endpoint}");
    let body = json!({ "jsonrpc": "2.0", "error": { "code": -32600, "message": message } });
    (StatusCode::NOT_FOUND, [(CACHE_CONTROL, "no-store")], Json(body)).into_response()
}

/// Whether this may be a client of the protocol: it sends something or wants a stream, and no page.
fn may_be_lost(request: &Request) -> bool {
    let path = request.uri().path();
    let elsewhere = !matches!(path, "/mcp" | "/mcp/") && !OTHERS.iter().any(|prefix| path.starts_with(prefix));
    let names = |kind: &str| accepts(request.headers(), kind);
    elsewhere && !names("text/html") && (request.method() == Method::POST || names("text/event-stream"))
}

fn accepts(headers: &HeaderMap, kind: &str) -> bool {
    let ranges = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    ranges.flat_map(|ranges| ranges.split(',')).any(|range| {
        let essence = range.split(';').next().unwrap_or_default();
        essence.trim().eq_ignore_ascii_case(kind)
    })
}
