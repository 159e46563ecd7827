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
    /// Its id is the address of a metadata document, which was read there (row OI4).
    Document,
}

/// Whether people may authorize a client. Only where the registration policy demands it does a client have to wait.
///
/// Life: `Waiting` becomes `Approved` once, by an admin, and stays so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Approval {
    /// An admin has to look at it first.
    Waiting,
    /// People may authorize it.
    Approved,
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
    /// Whether people may authorize it.
    pub approval: Approval,
    /// Until when the copy of its metadata document may be used without asking its host; `None` for all others.
    pub document_fresh_until: Option<Timestamp>,
    /// When it was registered, or its document was first read.
    pub created_at: Timestamp,
    /// When a person last authorized it; `None` if never, and then it is collected after a while.
    pub last_authorized_at: Option<Timestamp>,
}

impl Client {
    /// The name to show.
    pub fn display_name(&self) -> &str {
        if self.name.is_empty() { "An unnamed client" } else { &self.name }
    }

    /// The host that vouches for what the client says of itself: that of its metadata document.
    pub fn vouching_host(&self) -> Option<&str> {
        if self.source != ClientSource::Document {
            return None;
        }
        let rest = self.id.as_str().strip_prefix("https://")?;
        rest.split(['/', ':']).next().filter(|host| !host.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_document_has_a_host_that_vouches() {
        let client = |id: &str, source| Client {
            id: ClientId::new(id),
            name: String::new(),
            redirect_uris: Vec::new(),
            client_uri: None,
            application_type: None,
            grant_types: Vec::new(),
            source,
            approval: Approval::Approved,
            document_fresh_until: None,
            created_at: Timestamp::default(),
            last_authorized_at: None,
        };
        let host = |id: &str, source| client(id, source).vouching_host().map(str::to_owned);
        assert_eq!(host("https://claude.ai/oauth/x", ClientSource::Document).as_deref(), Some("claude.ai"));
        assert_eq!(host("https://c.example:8443/x", ClientSource::Document).as_deref(), Some("c.example"));
        assert_eq!(host("mcp_1", ClientSource::Registered), None);
    }
}
