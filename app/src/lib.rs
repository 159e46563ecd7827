//! The user interface: pages drawn on the server, islands that wake up in the browser.
//!
//! - [`islands`] and the [`components`] they use compile for both sides. They know
//!   `margay-rules` and nothing else of Margay.
//! - `pages`, `forms`, `routes`, `shell`, `ui` and `http` exist with the feature `ssr` only: they ask the
//!   domain's ports and use cases. `http` is the only module that calls `leptos_axum`.
//!
//! Must not depend on `store`, `lake`, `oauth`, `signin` or `mcp`: what a page needs stands in `ui::Ui`.
//!
//! House rules: every page works without JavaScript; no `style` attribute anywhere (the content
//! security policy forbids it); no dynamic text as child of a `textarea`; islands never overwrite what a
//! person entered before they woke up.
//!
//! How to add a page: a file in `pages` with a component that calls `pages::load`, a `Route` in
//! `routes`, and, if it needs a signed-in person, its path in `http::guard`.
//! How to add a form post: a file in `forms` that checks the anti-forgery token first, and its route in `forms::router`.
//! How to add an island: a file in `islands` with serializable, required props.

#![recursion_limit = "256"]

#[cfg(feature = "ssr")]
mod address;
pub mod components;
#[cfg(feature = "ssr")]
mod forms;
#[cfg(feature = "ssr")]
pub mod http;
pub mod islands;
#[cfg(feature = "ssr")]
pub mod pages;
#[cfg(feature = "ssr")]
pub mod routes;
#[cfg(feature = "ssr")]
pub mod shell;
#[cfg(feature = "ssr")]
pub mod ui;

#[cfg(feature = "ssr")]
pub use ui::{SetupCheck, Ui, UiState};
