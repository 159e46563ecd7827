//! The authorization server: OAuth 2.1 for public clients with PKCE, as MCP clients need it.
//!
//! One file per endpoint: `metadata`, `jwks`, `register`, `authorize` (checks the request and stores a flow),
//! `consent` (what the page *MCP authorization* shows), `decision` (the person's answer), `token` and `revoke`.
//! Around them: `redirect` (the only place that decides where a code may go), `access_token` and `keys`,
//! `params` (reads queries and forms and sees duplicates), `cors`, `rate_limit`, `error` (the one mapping to
//! JSON errors) and `page_error` (the one mapping to error pages).
//!
//! Must not depend on `store`, `signin`, `mcp`, `tools` or `app`: it works on the ports of `margay_domain`, answers
//! pages as [`margay_domain::page`] values and lets a layer in `app` draw them.
//!
//! Comments such as "Row OA3" name the row of the project's OAuth checklist that a line enforces.
//!
//! How to add an endpoint: a file with one handler, a path in `addresses`, a line in `router` (in
//! `client_router` with CORS if programs call it, in `browser_router` without if people do), and a member in `metadata` if clients discover it.

mod access_token;
mod addresses;
mod audit_events;
mod authorize;
mod client_auth;
mod config;
mod consent;
mod cors;
mod decision;
mod error;
mod jwks;
mod keys;
mod metadata;
mod oauth;
mod page_error;
mod params;
mod pkce;
mod rate_limit;
mod redirect;
mod register;
mod response;
mod revoke;
mod router;
mod scope;
mod text;
mod token;

pub use addresses::BadAddress;
pub use config::{OAuthConfig, RegistrationLimits};
pub use keys::KeyError;
pub use oauth::{OAuth, OAuthPorts, StartError};
pub use router::{browser_router, client_router};
