//! The authorization server itself: configuration, ports and keys in one place.

use std::sync::{Arc, PoisonError, RwLock};

use margay_domain::{
    clock::Clock,
    entropy::Entropy,
    ports::{AuditLog, Clients, Flows, Grants, Roles, Settings, SigningKeys, StoreError, Users},
};

use crate::{
    addresses::{Addresses, BadAddress},
    config::OAuthConfig,
    keys::{KeyError, KeyRing},
    rate_limit::RateLimiter,
    rotation,
    turns::Turns,
};

/// What the authorization server reads from and writes to.
#[derive(Clone)]
pub struct OAuthPorts {
    /// Clients.
    pub clients: Arc<dyn Clients>,
    /// Flows.
    pub flows: Arc<dyn Flows>,
    /// Grants, codes and refresh tokens.
    pub grants: Arc<dyn Grants>,
    /// The redirect allowlist; read anew for every decision.
    pub settings: Arc<dyn Settings>,
    /// Signing keys.
    pub signing_keys: Arc<dyn SigningKeys>,
    /// People; read anew for every decision.
    pub users: Arc<dyn Users>,
    /// Roles; read anew for every decision.
    pub roles: Arc<dyn Roles>,
    /// The audit log.
    pub audit: Arc<dyn AuditLog>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The generator.
    pub entropy: Arc<dyn Entropy>,
}

/// The authorization server. One per process; [`router`](crate::router()) serves it, `mcp` verifies tokens with it
/// and `app` asks it what the consent page shows.
pub struct OAuth {
    pub(crate) config: OAuthConfig,
    pub(crate) addresses: Addresses,
    pub(crate) ports: OAuthPorts,
    /// Read anew now and then, because another process may rotate them.
    keys: RwLock<Arc<KeyRing>>,
    pub(crate) registrations: RateLimiter,
    pub(crate) flows: RateLimiter,
    pub(crate) document_fetches: RateLimiter,
    /// One decision about a flow at a time.
    pub(crate) deciding: Turns,
}

/// Why the authorization server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A configured address cannot be used.
    #[error(transparent)]
    Address(#[from] BadAddress),
    /// A signing key cannot be used.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl OAuth {
    /// Checks the configuration, and loads the signing keys; makes one if there is none.
    pub async fn start(config: OAuthConfig, ports: OAuthPorts) -> Result<Arc<Self>, StartError> {
        let addresses = Addresses::check(&config)?;
        let keys = rotation::start(&config, &ports).await?;
        let registrations = RateLimiter::new(config.registration.burst, config.registration.refill);
        let flows = RateLimiter::new(config.flow_burst, config.flow_refill);
        let document_fetches = RateLimiter::new(config.client_documents.burst, config.client_documents.refill);
        let keys = RwLock::new(Arc::new(keys));
        Ok(Arc::new(Self {
            config,
            addresses,
            ports,
            keys,
            registrations,
            flows,
            document_fetches,
            deciding: Turns::new(),
        }))
    }

    /// The keys as they were last read.
    pub(crate) fn keys(&self) -> Arc<KeyRing> {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads the signing keys again and removes those whose last token has ended. To be called every
    /// [`rotation::RELOAD_EVERY`] or oftener: a rotation is made by another process, and counts on it.
    pub async fn reload_keys(&self) -> Result<(), StartError> {
        let ring = rotation::load(&self.config, &self.ports).await?;
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(ring);
        Ok(())
    }

    /// The value of `resource_metadata` in every challenge of the resource (row R2).
    pub fn resource_metadata_url(&self) -> &str {
        &self.addresses.own.resource_metadata
    }

    /// The same for requests that call this server by another of its names: what the `Host` header says, in lower
    /// case, and the value for it. Only loopback servers have such names.
    pub fn resource_metadata_aliases(&self) -> Vec<(String, String)> {
        let aliases = self.addresses.aliases();
        aliases.map(|(host, names)| (host.to_owned(), names.resource_metadata.clone())).collect()
    }
}

impl std::fmt::Debug for OAuth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OAuth").field("issuer", &self.addresses.own.issuer).finish_non_exhaustive()
    }
}
