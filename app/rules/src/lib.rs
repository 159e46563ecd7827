//! Rules that the browser and the server share.
//!
//! Everything a page validates while a person types is decided here, and the
//! server runs the same function again on every save and on every
//! authorization: the server's word counts, the browser's is a convenience.
//!
//! The crate depends on `serde` alone, so that islands stay small: no `url`, no
//! `regex`. The server parses URLs with a real parser and hands scheme and host
//! in; the browser does the same with its own `URL`.
//!
//! How to add a permission: one variant and one row in [`permission`]; a test
//! elsewhere fails until a tool uses it or it is marked `console_only`.

pub mod allowlist;
pub mod display;
pub mod examples;
pub mod forms;
pub mod lookalike;
pub mod messages;
pub mod pattern;
pub mod permission;
pub mod redirect;
pub mod scheme;
pub mod suffix;

pub use allowlist::{Allowlist, AllowlistError, AllowlistField, Covered};
pub use lookalike::Lookalike;
pub use pattern::{DomainPattern, PatternError, PatternWarning};
pub use permission::{Group, Permission, PermissionSet, Risk, UnknownPermission};
pub use redirect::{Decision, Refusal};
pub use scheme::{CustomScheme, SchemeError};
