//! Detection content, and the generated demo week.
//!
//! - [`import`] reads detections, the helpers and data models that they share, and lookup tables in the
//!   YAML layout of the field, from a folder or from files compiled in.
//! - [`demo`] makes a week of logs of a fictional company with one attack in it, the sources that they come
//!   from, and the alerts that the demo's own detections (`demo/` beside `src/`) raise over it.
//!
//! Must not depend on storage, the lake, the web or the MCP side: it hands over values of
//! [`margay_domain`], and somebody else stores them. Time is a parameter; the demo is made from a seed.
//!
//! How to add a kind of content: a variant in `import/analysis_type.rs`, a file in `import/` that reads it,
//! and an arm in `Reader::document` in `import.rs`.
//!
//! How to add a demo rule: its YAML (and Python) in `demo/detections`, a line in `demo/files.rs`, its
//! condition in `demo/rules/`; `demo/noise.rs` or `demo/story.rs` makes the events that match. What rules
//! share is in `demo/global_helpers` and `demo/data_models`.

pub mod demo;
mod hex;
pub mod import;
