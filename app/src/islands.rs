//! Islands: the parts of pages that wake up in the browser.
//!
//! Each draws the same HTML on both sides and works as plain HTML before it wakes up. Controls that need
//! a browser to do anything are hidden until then. An island takes what a person entered from the page;
//! it never writes its first state over it.
//!
//! Must not depend on the domain: `margay-rules` decides here what it decides on the server.

pub mod allowlist_editor;
pub mod copy_button;
pub mod permission_picker;
pub mod theme_switch;
