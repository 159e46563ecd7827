//! What the pages are given: ports and use cases, and nothing else of the server.

use std::sync::Arc;

use async_trait::async_trait;
use axum::extract::FromRef;
use leptos::config::LeptosOptions;
use margay_domain::{
    all_connections::AllConnections, audit_trail::AuditTrail, clock::Clock, connections::Connections,
    ports::ConsentPage, remote_mcp::RemoteMcp,
};

/// Whether the one-time link that creates the first admin is still good; implemented by the server.
#[async_trait]
pub trait SetupCheck: Send + Sync {
    /// Whether `token` is the open link's. `false` too if that cannot be found out.
    async fn is_open(&self, token: &str) -> bool;
}

/// What the pages need.
#[derive(Clone)]
pub struct Ui {
    /// The consent page's data.
    pub consent: Arc<dyn ConsentPage>,
    /// The person's own connections.
    pub connections: Connections,
    /// Everyone's connections.
    pub all_connections: AllConnections,
    /// The Remote MCP settings.
    pub remote_mcp: RemoteMcp,
    /// The audit log.
    pub audit: AuditTrail,
    /// The first-admin link.
    pub setup: Arc<dyn SetupCheck>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The whole URL to add to clients, for example `https://api.margay.example.com/mcp`.
    pub endpoint: String,
    /// A sentence for the sign-in page, for example that this is a demo.
    pub notice: Option<String>,
    /// Any text that changes with the assets (a hash), so that browsers fetch the new stylesheet.
    pub asset_version: String,
}

/// The state of the pages' router.
#[derive(Clone)]
pub struct UiState {
    /// Where the assets are.
    pub leptos: LeptosOptions,
    /// What the pages need.
    pub ui: Ui,
}

impl FromRef<UiState> for LeptosOptions {
    fn from_ref(state: &UiState) -> Self {
        state.leptos.clone()
    }
}
