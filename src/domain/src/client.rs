//! MCP clients. Public clients only: no client has a secret.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

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

    /// The SHA-256 of everything that a registration says. Two with the same one are the same client: without a secret
    /// there is nothing else that could tell them apart. The order of lists does not matter, and neither does the port
    /// of a loopback address, which is another one each time a program starts (RFC 8252 section 7.3).
    pub fn fingerprint(&self) -> [u8; 32] {
        let addresses: Vec<String> = self.redirect_uris.iter().map(|uri| without_loopback_port(uri)).collect();
        let sorted = |list: &[String]| {
            let mut list = list.to_vec();
            list.sort_unstable();
            list.dedup();
            list
        };
        let said = serde_json::json!([
            self.name,
            sorted(&addresses),
            sorted(&self.grant_types),
            self.client_uri,
            self.application_type,
        ]);
        Sha256::digest(said.to_string()).into()
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

/// A redirect URI without its port if it is `http` on a loopback host; an empty path of those is `/` (RFC 3986 section
/// 6.2.3).
fn without_loopback_port(uri: &str) -> String {
    for host in ["http://127.0.0.1", "http://localhost", "http://[::1]"] {
        let Some(rest) = uri.strip_prefix(host) else { continue };
        let rest = match rest.strip_prefix(':') {
            Some(port) => port.trim_start_matches(|digit: char| digit.is_ascii_digit()),
            None => rest,
        };
        match rest.chars().next() {
            Some('/') => return format!("{host}{rest}"),
            None | Some('?') => return format!("{host}/{rest}"),
            // Another host that begins the same.
            Some(_) => break,
        }
    }
    uri.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_registrations_have_one_fingerprint() {
        let uris = |list: &[&str]| list.iter().map(|uri| (*uri).to_owned()).collect::<Vec<_>>();
        let client = Client {
            id: ClientId::new("mcp_1"),
            name: "Claude".to_owned(),
            redirect_uris: uris(&["https://claude.ai/cb", "http://127.0.0.1/cb"]),
            client_uri: None,
            application_type: None,
            grant_types: Vec::new(),
            source: ClientSource::Registered,
            approval: Approval::Approved,
            document_fresh_until: None,
            created_at: Timestamp::default(),
            last_authorized_at: None,
        };
        let same = Client {
            id: ClientId::new("mcp_2"),
            redirect_uris: uris(&["http://127.0.0.1/cb", "https://claude.ai/cb"]),
            approval: Approval::Waiting,
            created_at: Timestamp::from_seconds(9),
            ..client.clone()
        };
        assert_eq!(client.fingerprint(), same.fingerprint());
        let another_port = uris(&["http://127.0.0.1:50123/cb", "https://claude.ai/cb"]);
        assert_eq!(client.fingerprint(), Client { redirect_uris: another_port, ..client.clone() }.fingerprint());
        for other in [
            Client { redirect_uris: uris(&["http://127.0.0.1.evil/cb", "https://claude.ai/cb"]), ..client.clone() },
            Client { redirect_uris: uris(&["http://127.0.0.1:50123/x", "https://claude.ai/cb"]), ..client.clone() },
            Client { redirect_uris: uris(&["http://127.0.0.1/cb", "https://claude.ai:8443/cb"]), ..client.clone() },
            Client { name: "claude".to_owned(), ..client.clone() },
            Client { redirect_uris: uris(&["https://claude.ai/cb"]), ..client.clone() },
            Client { client_uri: Some("https://claude.ai".to_owned()), ..client.clone() },
            Client { application_type: Some("native".to_owned()), ..client.clone() },
            Client { grant_types: uris(&["authorization_code"]), ..client.clone() },
        ] {
            assert_ne!(client.fingerprint(), other.fingerprint(), "{other:?}");
        }
    }

    #[test]
    fn the_port_of_a_loopback_address_does_not_count() {
        for (uri, same) in [
            ("http://localhost:3000/cb?x=1", "http://localhost/cb?x=1"),
            ("http://127.0.0.1:3000", "http://127.0.0.1/"),
            ("http://[::1]?x", "http://[::1]/?x"),
            ("http://localhost", "http://localhost/"),
            ("http://localhost.example:3000/", "http://localhost.example:3000/"),
            ("https://localhost:3000/", "https://localhost:3000/"),
            ("cursor://127.0.0.1:3000/", "cursor://127.0.0.1:3000/"),
        ] {
            assert_eq!(without_loopback_port(uri), same, "{uri}");
        }
    }

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
