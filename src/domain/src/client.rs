//! MCP clients. Public clients only: no client has a secret.

use serde::{Deserialize, Serialize};

use crate::{clock::Timestamp, id::ClientId};

/// How the server knows a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientSource {
    /// It registered itself (RFC 7591).
    Registered,
    /// An admin added it on the command line.
    Preregistered,
}

/// A registered client. Everything but the id is what the client says of itself: unverified (row OD8).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Client {
    /// The client id.
    pub id: ClientId,
    /// What it calls itself; empty if it gave no name.
    pub name: String,
    /// Registered redirect URIs, exactly as given.
    pub redirect_uris: Vec<String>,
    /// Its home page, if given.
    pub client_uri: Option<String>,
    /// `native` or `web`, if given.
    pub application_type: Option<String>,
    /// Grant types it registered, after dropping what is not supported.
    pub grant_types: Vec<String>,
    /// How the server knows it.
    pub source: ClientSource,
    /// When it was registered.
    pub created_at: Timestamp,
    /// When a person last authorized it; `None` if never, and then it is collected after a while.
    pub last_authorized_at: Option<Timestamp>,
}

impl Client {
    /// The name to show.
    pub fn display_name(&self) -> &str {
        if self.name.is_empty() { "An unnamed client" } else { &self.name }
    }
}
