//! What a person sees who opens the address of the endpoint in a browser.

use axum::{body::Body, response::Response};
use http::{
    HeaderValue, Method,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE},
    request::Parts,
};
use margay_domain::page::EndpointPage;

use crate::{accept, sessions::SESSION_HEADER};

/// Whether a person asks: a `GET` that prefers a page, without anything that only programs send. Clients that look whether
/// there is a stream ask for `text/event-stream`, for everything, or for nothing in particular.
pub(crate) fn is_wanted(parts: &Parts) -> bool {
    let headers = &parts.headers;
    let of_a_program = [AUTHORIZATION.as_str(), SESSION_HEADER, "mcp-protocol-version", "last-event-id"];
    let mut ranges = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    parts.method == Method::GET
        && !of_a_program.into_iter().any(|name| headers.contains_key(name))
        && ranges.any(accept::prefers_page)
}

/// The page, as a value that the layer of the pages draws; the text is for where there is none.
pub(crate) fn for_people(resource: &str) -> Response {
    let text =
        format!("This is the address for MCP clients. Add it to your client as a remote server:\n\n{resource}\n");
    let mut response = Response::new(Body::from(text));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response.extensions_mut().insert(EndpointPage { url: resource.to_owned() });
    response
}
