//! The WebAssembly entry: brings the islands of the pages to life.
//!
//! Empty on native targets, so that a build of the whole workspace never turns on the browser side of Leptos.
#![cfg(target_arch = "wasm32")]

// The islands register themselves; without this the linker would drop them.
use margay_app as _;
use wasm_bindgen::prelude::wasm_bindgen;

/// Called by the page's loader.
#[wasm_bindgen]
pub fn hydrate() {
    leptos::mount::hydrate_islands();
}
