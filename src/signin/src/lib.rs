//! Sign-in: local accounts, browser sessions, the browser's cookie, protection of forms, and the link that
//! creates the first admin.
//!
//! - [`router`] answers `POST /sign-in`, `POST /sign-out` and `POST /setup`. The pages are drawn elsewhere.
//! - [`layers()`] goes around everything a browser asks for and puts `Origin`, `Browser` and, if somebody is signed in,
//!   `SignedIn` (all from `margay_domain::principal`) into the request's extensions. It refuses forms of other sites,
//!   so it must not go around endpoints that programs of other sites call (`/mcp`, `/oauth/token`, …); those take
//!   [`with_origin`] alone.
//! - [`accounts`] is what the command line does to people.
//!
//! Must not depend on a database, on the pages or on OAuth: storage comes as ports of `margay_domain` and as a
//! `tower_sessions::SessionStore`.
//!
//! How to add a way to sign in: one file named after its endpoint, a route in [`router`], and one call of
//! `SignIn::begin_session` once the person is known; sessions, rate limits and audit events then work as they do for
//! passwords. A refusal goes through `SignIn::refuse`, so that it is audited and tells nothing.

pub mod accounts;
mod answer;
mod attempts;
pub mod codes;
mod config;
mod cookies;
mod csrf;
mod layers;
mod origin;
pub mod password;
mod person;
mod routes;
mod same_origin;
mod service;
mod session_end;
mod setup;
mod sign_in;
mod sign_out;
mod visitor;

#[cfg(test)]
mod fakes;
#[cfg(test)]
mod http_tests;

pub use config::{DEFAULT_SESSION_IDLE, NotAProxy, SignInConfig, TrustedProxy};
pub use layers::{layers, with_origin};
pub use person::{SESSION_USER_ID_KEY, SIGN_IN_MAX_AGE};
pub use routes::router;
pub use service::SignIn;
