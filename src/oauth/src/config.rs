//! What an operator can set.

use std::time::Duration;

use ipnet::IpNet;
use margay_domain::rules::DomainPattern;

use crate::seal::MasterKey;

/// The configuration of the authorization server. Addresses come from here only, never from a request (row OM5).
#[derive(Clone, Debug)]
pub struct OAuthConfig {
    /// The issuer: scheme, host and port, without a trailing slash. Metadata, token, registration and revocation are
    /// served below it.
    pub issuer: String,
    /// The one resource that tokens are for, for example `http://127.0.0.1:8080/mcp`.
    pub resource: String,
    /// Where people's pages are: scheme, host and port. The authorization endpoint is served below it, because
    /// browser cookies are. The same as the issuer unless the console has a host of its own.
    pub console_url: String,
    /// How long an access token lives (row OF7: about an hour, several clients never refresh early).
    pub access_token_lifetime: Duration,
    /// How long a refresh token lives unused (row OF6).
    pub refresh_idle_lifetime: Duration,
    /// How long a connection lives at most (row OF6).
    pub grant_lifetime: Duration,
    /// How long a superseded refresh token is answered with the same successor again (row OF2).
    pub refresh_grace: Duration,
    /// Limits of dynamic registration.
    pub registration: RegistrationLimits,
    /// Which clients may come by themselves.
    pub registration_policy: RegistrationPolicy,
    /// Clients that are known by a metadata document.
    pub client_documents: ClientDocuments,
    /// How many authorizations one address may begin at once; one more a `flow_refill` later.
    pub flow_burst: u32,
    /// After how long an address may begin one more.
    pub flow_refill: Duration,
    /// Seals the signing keys in the database; without it they are stored as they are.
    pub master_key: Option<MasterKey>,
    /// The page that documents this server for developers of clients, if there is one.
    pub service_documentation: Option<String>,
}

/// Which clients may come by themselves, by registration or by document. Clients that an admin added always may.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum RegistrationPolicy {
    /// All. Consent and the redirect allowlist protect people.
    #[default]
    Open,
    /// Those for which one of these domains stands: documents that are on it, and registrations all of whose redirect
    /// URIs lead to it by https.
    VerifiedDomains(Vec<DomainPattern>),
    /// All, but each has to wait until an admin has approved it.
    AdminApproval,
}

/// Client ID Metadata Documents (rows OI1 to OI11).
#[derive(Clone, Debug)]
pub struct ClientDocuments {
    /// Whether they are used, and then advertised. Needs a direct way to the internet on port 443.
    pub enabled: bool,
    /// Networks besides the public internet that documents may be fetched from, for example the company's own.
    pub networks: Vec<IpNet>,
    /// Certificates (DER) to trust besides those of the system.
    pub roots: Vec<Vec<u8>>,
    /// How many fetches one address may cause at once.
    pub burst: u32,
    /// After how long an address may cause one more.
    pub refill: Duration,
}

/// Limits of dynamic registration (row OD7).
#[derive(Clone, Debug)]
pub struct RegistrationLimits {
    /// The largest body, in bytes.
    pub max_body_bytes: usize,
    /// The most redirect URIs of one client.
    pub max_redirect_uris: usize,
    /// The longest URI, in bytes.
    pub max_uri_length: usize,
    /// The longest name, in characters; longer ones are cut.
    pub max_name_length: usize,
    /// How many clients may be registered that nobody has authorized yet.
    pub max_unused_clients: u64,
    /// How many registrations one address may make at once.
    pub burst: u32,
    /// After how long an address may make one more.
    pub refill: Duration,
}

impl OAuthConfig {
    /// The defaults for these addresses: tokens of an hour, refresh tokens that end after 30 days unused, connections
    /// of 180 days, 45 seconds of grace.
    pub fn new(issuer: impl Into<String>, resource: impl Into<String>) -> Self {
        let issuer = issuer.into();
        Self {
            console_url: issuer.clone(),
            issuer,
            resource: resource.into(),
            access_token_lifetime: Duration::from_hours(1),
            refresh_idle_lifetime: Duration::from_hours(30 * 24),
            grant_lifetime: Duration::from_hours(180 * 24),
            refresh_grace: Duration::from_secs(45),
            registration: RegistrationLimits::default(),
            registration_policy: RegistrationPolicy::Open,
            client_documents: ClientDocuments::default(),
            flow_burst: 600,
            flow_refill: Duration::from_secs(6),
            master_key: None,
            service_documentation: None,
        }
    }
}

impl Default for RegistrationLimits {
    fn default() -> Self {
        Self {
            max_body_bytes: 16 * 1024,
            max_redirect_uris: 10,
            max_uri_length: 2000,
            max_name_length: 200,
            max_unused_clients: 10_000,
            burst: 60,
            refill: Duration::from_secs(5),
        }
    }
}

impl Default for ClientDocuments {
    /// On, from the public internet, 60 fetches an hour.
    fn default() -> Self {
        Self { enabled: true, networks: Vec::new(), roots: Vec::new(), burst: 60, refill: Duration::from_mins(1) }
    }
}
