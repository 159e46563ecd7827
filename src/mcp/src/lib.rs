//! The `/mcp` endpoint: who may come in, which tools they see, and the audit event of every call.
//!
//! A request passes, in this order (row H15): Host and Origin (`network`), preflight (`cors`), the bearer token
//! (`bearer`), the person, grant and role behind it (`caller`), their allowance (`limits`), the HTTP method, size and
//! time of the body (`bodies`), its JSON (`json`, `message`), the `Accept` header (`accept`), the owner of the session
//! (`sessions`) and the id in it (`under_way`). Only then does the protocol library see it, without the token. Whatever
//! is refused on the way is a `refusal::Refusal`; what is answered gets the form that the client reads (`reply`).
//!
//! The protocol library calls back into `handler`; `call` checks the permission (promise 1), runs the tool and
//! lets no answer out before its one audit event is durable (promise 4, `invocation`).
//!
//! Must not depend on the store, the lake, the authorization server or the pages: only on the domain's ports and on
//! the tools. This is the only crate that sees rmcp.
//!
//! How to add a check: a file with one function that returns a `Refusal`, and a line in `router` at its place in the
//! order above. How to add a tool: not here, see `margay-tools`.

mod accept;
mod bearer;
mod bodies;
mod call;
mod caller;
mod catalogue;
mod config;
#[cfg(feature = "conformance")]
mod conformance;
mod cors;
mod handler;
mod held;
mod in_flight;
mod invocation;
mod json;
mod limits;
mod listening;
mod message;
mod network;
mod page;
mod progress;
mod prompts;
mod redact;
mod refusal;
mod reply;
mod resources;
mod router;
mod sessions;
#[cfg(test)]
mod testing;
mod under_way;

pub use config::{DEFAULT_CALL_TIMEOUT, DEFAULT_MAX_BODY_BYTES, McpConfig, McpState};
pub use in_flight::InFlight;
pub use limits::McpLimits;
pub use network::{is_host_entry, is_nameless_origin, is_origin_entry, with_loopback_names};
#[cfg(feature = "conformance")]
pub use router::conformance_router;
pub use router::router;

#[cfg(all(feature = "conformance", not(debug_assertions)))]
compile_error!("the feature `conformance` puts test fixtures in the place of the product; it is for debug builds only");
