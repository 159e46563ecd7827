//! What an operator can set.

use std::time::Duration;

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
    /// The page that documents this server for developers of clients, if there is one.
    pub service_documentation: Option<String>,
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
            burst: 60,
            refill: Duration::from_secs(5),
        }
    }
}
