//! The MCP tools: one file each.
//!
//! A tool declares its permissions, its input and output type and `run`. Listing and calling both ask
//! [`Requirement::met_by`] with the caller's effective permissions; the `mcp` crate does so before every call.
//!
//! Must not depend on storage, on a query engine or on the protocol: tools see ports ([`tool::Ports`]) only.
//!
//! How to add a tool: a file with a unit struct that implements [`TypedTool`], and a line in the list of [`registry`].
//! Tests fail if it declares no permission that exists, if its name is too long, or if its schemas are too loose or too
//! large.
//!
//! Besides tools there are [`prompts`] and [`resources`], which follow the same predicate.
//!
//! What several tools need: `arguments` (bounds, words, dates), `cursor` (pages), `page` (pages of lists in memory),
//! `size` (how much fits into an answer), `cut` (what does not fit), `untrusted` (text that came out of logs).

mod alerts;
mod arguments;
mod cursor;
mod cut;
mod data_lake;
mod detections;
mod enrichments;
#[cfg(test)]
mod fakes;
mod identity;
mod metrics;
mod page;
pub mod prompts;
pub mod registry;
pub mod resources;
#[cfg(test)]
mod schema_check;
mod schemas;
mod size;
mod sources;
pub mod tool;
mod untrusted;

pub use registry::Registry;
pub use size::json_bytes;
pub use tool::{
    Hints, JsonObject, Ports, Provenance, Requirement, Tool, ToolContext, ToolError, ToolOutput, TypedTool, strip_noise,
};
