//! What the page *MCP authorization* shows, and the checks that page and decision share.

use async_trait::async_trait;
use margay_domain::{
    client::{Approval, Client, ClientSource},
    clock::Timestamp,
    flow::{Flow, FlowState},
    id::FlowId,
    page::ErrorPage,
    ports::{Connected, ConsentError, ConsentPage, ConsentView, StoreResult},
    principal::{Browser, Origin, SignedIn},
    rules::PermissionSet,
};

use crate::{
    oauth::OAuth,
    page_error::{PageError, already_decided, client_waits, flow_over, other_browser, unknown_client, unknown_flow},
    params::is_plausible_id,
    redirect::{self, Target},
    scope,
};

const SECONDS_OF_A_DAY: u64 = 24 * 60 * 60;

#[async_trait]
impl ConsentPage for OAuth {
    async fn view(
        &self,
        flow: &FlowId,
        browser: &Browser,
        person: &SignedIn,
        origin: &Origin,
    ) -> Result<ConsentView, ConsentError> {
        let now = self.ports.clock.now();
        let flow = self.flow_of(flow.as_str(), browser).await?;
        if flow.state(now) == FlowState::Over {
            return Err(PageError::from(flow_over()).into());
        }
        let client = self.client_of(&flow).await?;
        if flow.state(now) == FlowState::Decided {
            return Err(PageError::from(decided(&flow, &client, person)).into());
        }
        self.check_approval(&client, person, origin).await?;
        let target = self.judge_redirect(&flow.redirect_uri, &client, person, origin).await?;
        let held = person.role.permissions;
        Ok(ConsentView {
            client_name: client.display_name().to_owned(),
            client_id: client.id.clone(),
            unverified: client.source == ClientSource::Registered,
            client_host: client.vouching_host().map(str::to_owned),
            local_only: client.redirect_uris.iter().all(|uri| redirect::is_local(uri)),
            redirect_host: target.shown(),
            loopback: target.loopback,
            selectable: held.intersection(PermissionSet::grantable()),
            console_only: held.difference(PermissionSet::grantable()),
            requested: scope::permissions(&flow.scope),
            connected: self.connected(person, &client, now).await?,
            lifetime_days: u32::try_from(self.config.grant_lifetime.as_secs() / SECONDS_OF_A_DAY).unwrap_or(u32::MAX),
            flow_id: flow.id,
            redirect_uri: flow.redirect_uri,
        })
    }
}

impl OAuth {
    /// What the person has granted this client already, in all its active connections.
    async fn connected(&self, person: &SignedIn, client: &Client, now: Timestamp) -> StoreResult<Option<Connected>> {
        let all = self.ports.grants.list_for_user(&person.user.id).await?;
        let active =
            all.iter().map(|(grant, _)| grant).filter(|grant| grant.client_id == client.id && grant.is_active(now));
        Ok(active.fold(None, |known: Option<Connected>, grant| {
            let since = grant.activated_at.unwrap_or(grant.created_at);
            let known = known.unwrap_or(Connected { since, permissions: PermissionSet::EMPTY });
            Some(Connected { since: known.since.max(since), permissions: known.permissions.union(grant.permissions) })
        }))
    }

    /// The flow, if it began in this browser (row OP3), whatever its state.
    pub(crate) async fn flow_of(&self, id: &str, browser: &Browser) -> Result<Flow, PageError> {
        if !is_plausible_id(id) {
            return Err(unknown_flow().into());
        }
        let Some(flow) = self.ports.flows.get(&FlowId::new(id)).await? else { return Err(unknown_flow().into()) };
        if !flow.browser.constant_time_eq(&browser.hash) {
            return Err(other_browser().into());
        }
        Ok(flow)
    }

    /// The client of a flow; it may have been removed since.
    pub(crate) async fn client_of(&self, flow: &Flow) -> Result<Client, PageError> {
        let found = self.ports.clients.get(&flow.client_id).await?;
        found.ok_or_else(|| unknown_client(Some(flow.client_id.as_str())).into())
    }

    /// Whether people may authorize this client; records an attempt with one that waits.
    pub(crate) async fn check_approval(
        &self,
        client: &Client,
        person: &SignedIn,
        origin: &Origin,
    ) -> Result<(), PageError> {
        match client.approval {
            Approval::Approved => Ok(()),
            Approval::Waiting => {
                self.record_waiting_client(client, person, origin).await?;
                Err(client_waits(client).into())
            }
        }
    }

    /// Judges a redirect by the allowlist as it is now (row OA7, promise 5), and records a refusal.
    pub(crate) async fn judge_redirect(
        &self,
        uri: &str,
        client: &Client,
        person: &SignedIn,
        origin: &Origin,
    ) -> Result<Target, PageError> {
        let settings = self.ports.settings.remote_mcp().await?;
        match redirect::judge(&settings.allowlist, uri) {
            Ok(target) => Ok(target),
            Err(blocked) => {
                self.record_blocked_redirect(client, uri, &blocked, person, origin).await?;
                Err(blocked.page(uri).into())
            }
        }
    }
}

/// The page about a decided flow. What was decided is for the person who did.
pub(crate) fn decided(flow: &Flow, client: &Client, person: &SignedIn) -> ErrorPage {
    match &flow.decision {
        Some(decision) if decision.by == person.user.id => already_decided(decision, client),
        _ => flow_over(),
    }
}
