//! What the endpoint needs from outside.

use std::{sync::Arc, time::Duration};

use margay_domain::{
    clock::Clock,
    entropy::Entropy,
    ports::{AuditLog, Grants, TokenVerifier},
};
use margay_tools::{Ports, Registry};

use crate::{in_flight::InFlight, limits::McpLimits};

/// The usual [`McpConfig::max_body_bytes`]: 1 MiB.
pub const DEFAULT_MAX_BODY_BYTES: usize = 1024 * 1024;

/// The usual [`McpConfig::call_timeout`]: a little more than the longest query may take.
pub const DEFAULT_CALL_TIMEOUT: Duration = Duration::from_secs(310);

/// The settings of the endpoint. All of them come from configuration, none from a request.
#[derive(Clone, Debug)]
pub struct McpConfig {
    /// The public address of the endpoint, for example `https://api.example.com/mcp`. Its own host and origin are
    /// always allowed.
    pub resource: String,
    /// The address of the protected-resource metadata, for the challenge (row R2).
    pub resource_metadata_url: String,
    /// Other hosts under which the endpoint may be asked (`host:port`, in lower case), with the address of the metadata
    /// there. Only for names that lead to this computer and nowhere else.
    pub resource_metadata_aliases: Vec<(String, String)>,
    /// What else may stand in `Host`: `host` (on any port) or `host:port`. IPv6 addresses with or without brackets.
    pub allowed_hosts: Vec<String>,
    /// What else may stand in `Origin`: `scheme://host`, `scheme://host:port`, `scheme://host:*` (any port), or one of the
    /// words `null` and `file://` of pages that have no host.
    pub allowed_origins: Vec<String>,
    /// The longest body, in bytes.
    pub max_body_bytes: usize,
    /// When a tool is given up.
    pub call_timeout: Duration,
    /// How much one person and one connection may ask for.
    pub limits: McpLimits,
    /// The version that the server tells clients.
    pub server_version: String,
}

/// Everything the endpoint works with.
#[derive(Clone)]
pub struct McpState {
    /// The settings.
    pub config: McpConfig,
    /// Checks access tokens.
    pub verifier: Arc<dyn TokenVerifier>,
    /// Finds the person, role and grant behind a token.
    pub grants: Arc<dyn Grants>,
    /// The audit log.
    pub audit: Arc<dyn AuditLog>,
    /// The tools.
    pub registry: Registry,
    /// What the tools read from.
    pub ports: Ports,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The generator, for the ids of audit events.
    pub entropy: Arc<dyn Entropy>,
    /// Counts the calls whose audit event is not written yet. Keep a clone, and await [`InFlight::drained`] before the
    /// process ends.
    pub in_flight: InFlight,
}
