//! Client ID Metadata Documents: clients that are known by the address of a document about them
//! (draft-ietf-oauth-client-id-metadata-document, rows OI1 to OI11 and A4).
//!
//! Asked for after sign-in only, so that nobody can make this server fetch addresses anonymously. What was read is
//! stored as a client; token and refresh work from there and never need the document again (row OI8).

mod client_url;
mod fetch;
mod freshness;
mod networks;
mod read;

use margay_domain::{
    client::{Approval, Client, ClientSource},
    id::ClientId,
    principal::Origin,
};
use url::Url;

pub(crate) use client_url::is_url;
pub(crate) use fetch::FetchError;
#[cfg(test)]
pub(crate) use read::read as read_document;

use crate::{
    config::RegistrationPolicy,
    oauth::OAuth,
    page_error::{
        PageError, document_refused, document_unreadable, documents_off, too_many_documents, unverified_domain,
    },
};
use read::Document;

/// Whether `client_id` can be the name of a document.
pub(crate) fn is_well_formed(client_id: &str) -> bool {
    client_url::check(client_id).is_ok()
}

impl OAuth {
    /// The client that `client_id` is the address of: as stored while that is fresh, else fetched anew, else, if its
    /// host does not answer properly, the last good copy (row OI5). Row OI11: without any, there is an error page.
    pub(crate) async fn documented_client(&self, client_id: &str, origin: &Origin) -> Result<Client, PageError> {
        if !self.config.client_documents.enabled {
            return Err(documents_off(client_id).into());
        }
        let url = client_url::check(client_id).map_err(|reason| document_refused(client_id, reason))?;
        self.check_domain(&url)?;
        let now = self.ports.clock.now();
        let stored = self.ports.clients.get(&ClientId::new(client_id)).await?;
        if let Some(stored) = &stored
            && stored.document_fresh_until.is_some_and(|until| now < until)
        {
            return Ok(stored.clone());
        }
        // Row OI7.
        let allowed = self.document_fetches.check(origin.ip, self.ports.clock.monotonic());
        let fetched = match allowed {
            Ok(()) => fetch::fetch(&url, &self.config.client_documents).await,
            Err(_) if stored.is_none() => return Err(too_many_documents().into()),
            Err(_) => Err(FetchError::TimedOut),
        };
        let fetched = match (fetched, &stored) {
            (Ok(fetched), _) => fetched,
            // An outage of the client's host must not lock people out.
            (Err(error), Some(stored)) => {
                tracing::warn!(client = client_id, %error, "using the last good copy of a client's metadata document");
                return Ok(stored.clone());
            }
            (Err(error), None) => return Err(document_unreadable(client_id, &error.to_string()).into()),
        };
        // A document that can be read and says something wrong is not an outage: the copy does not count any more.
        let document = read::read(client_id, &fetched.body, &self.config.registration)
            .map_err(|reason| document_refused(client_id, reason))?;
        let client = self.client_of_document(client_id, document, stored, now.plus(fetched.lifetime));
        self.ports.clients.put_document(&client).await?;
        Ok(client)
    }

    /// The policy about whose documents count (row OI7).
    fn check_domain(&self, url: &Url) -> Result<(), PageError> {
        let RegistrationPolicy::VerifiedDomains(domains) = &self.config.registration_policy else { return Ok(()) };
        let host = url.host_str().unwrap_or_default();
        if domains.iter().any(|pattern| pattern.matches(host)) { Ok(()) } else { Err(unverified_domain(host).into()) }
    }

    fn client_of_document(
        &self,
        client_id: &str,
        document: Document,
        stored: Option<Client>,
        fresh_until: margay_domain::clock::Timestamp,
    ) -> Client {
        let now = self.ports.clock.now();
        Client {
            id: ClientId::new(client_id),
            name: document.name,
            redirect_uris: document.redirect_uris,
            client_uri: document.client_uri,
            application_type: document.application_type,
            grant_types: document.grant_types,
            source: ClientSource::Document,
            approval: stored.as_ref().map_or_else(|| self.first_approval(), |stored| stored.approval),
            document_fresh_until: Some(fresh_until),
            created_at: stored.as_ref().map_or(now, |stored| stored.created_at),
            last_authorized_at: stored.and_then(|stored| stored.last_authorized_at),
        }
    }

    /// Whether a client that comes by itself has to wait for an admin.
    pub(crate) fn first_approval(&self) -> Approval {
        match self.config.registration_policy {
            RegistrationPolicy::AdminApproval => Approval::Waiting,
            RegistrationPolicy::Open | RegistrationPolicy::VerifiedDomains(_) => Approval::Approved,
        }
    }
}
