//! The authorization server: OAuth 2.1 for public clients with PKCE, as MCP clients need it.
//!
//! One file per endpoint: `metadata`, `jwks`, `register`, `authorize` (checks the request and stores a flow),
//! `consent` (what the page *MCP authorization* shows), `decision` (the person's answer), `token` and `revoke`.
//! `client_document` knows clients by the address of a document about them. Around them: `redirect` (the only place that decides where a code may go), `access_token`, `keys`, `seal` and
//! `rotation`,
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
mod client_document;
mod config;
mod consent;
mod cors;
mod decision;
mod error;
#[cfg(test)]
mod fuzz;
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
mod rotation;
mod router;
mod scope;
mod seal;
mod text;
mod token;
mod turns;

pub use addresses::BadAddress;
pub use config::{ClientDocuments, OAuthConfig, RegistrationLimits, RegistrationPolicy};
pub use keys::KeyError;
pub use oauth::{OAuth, OAuthPorts, StartError};
pub use redirect::check_registrable as check_redirect_uri;
pub use rotation::{KeyState, RELOAD_EVERY, RotationError, SigningKeyInfo, list as list_keys, rotate as rotate_keys};
pub use router::{browser_router, client_router};
pub use seal::{BadMasterKey, MasterKey};
