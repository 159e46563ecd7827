//! `POST /oauth/authorize/decision`: the person's answer on the consent page.
//!
//! Everything is read anew here: flow, client, allowlist, person and role. What the page showed counts for nothing.

use std::sync::Arc;

use axum::{
    Extension,
    body::Bytes,
    extract::{State, rejection::BytesRejection},
    http::HeaderMap,
    response::Response,
};
use margay_domain::{
    client::Client,
    clock::Timestamp,
    flow::Flow,
    grant::{AuthorizationCode, CODE_LIFETIME, Grant},
    id::GrantId,
    principal::{Browser, Origin, SignedIn},
    rules::{
        PermissionSet,
        forms::{CSRF_FIELD, DECISION_ALLOW, DECISION_DENY, DECISION_FIELD, FLOW_FIELD, PERMISSION_FIELD},
    },
    secret::{Secret, SecretKind},
};

use crate::{
    addresses::flow_page,
    authorize::AuthorizeError,
    oauth::OAuth,
    page_error::{
        PageError, account_disabled, flow_over, form_too_old, no_decision, not_the_form, not_yours_to_grant,
        nothing_selected, unknown_flow,
    },
    params::{Params, is_plausible_id},
    redirect::{self, Target},
    response::{deliver, sign_in_first},
};

/// The largest body, in bytes.
pub(crate) const MAX_BODY: usize = 16 * 1024;

/// A flow whose redirect was judged for this request.
struct Judged {
    flow: Flow,
    client: Client,
    target: Target,
}

/// Allows or denies.
pub(crate) async fn decide(
    State(oauth): State<Arc<OAuth>>,
    Extension(browser): Extension<Browser>,
    person: Option<Extension<SignedIn>>,
    origin: Option<Extension<Origin>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, PageError> {
    let origin = origin.map(|Extension(origin)| origin).unwrap_or_default();
    let params = Params::from_form(&headers, body).map_err(|_| not_the_form())?;
    // Row OP3, before anything else is looked at.
    let csrf = field(&params, CSRF_FIELD)?.unwrap_or_default();
    if !browser.csrf_matches(csrf) {
        return Err(form_too_old().into());
    }
    let flow_id = field(&params, FLOW_FIELD)?.filter(|id| is_plausible_id(id)).ok_or_else(unknown_flow)?;
    let Some(Extension(person)) = person else { return Ok(sign_in_first(&flow_page(flow_id))) };
    let allow = match field(&params, DECISION_FIELD)? {
        Some(DECISION_ALLOW) => true,
        Some(DECISION_DENY) => false,
        _ => return Err(no_decision().into()),
    };
    let now = oauth.ports.clock.now();
    let flow = oauth.open_flow(flow_id, &browser, now).await?;
    let client = oauth.client_of(&flow).await?;
    oauth.check_approval(&client, &person, &origin).await?;
    // Promise 5: also a denial is a redirect.
    let target = oauth.judge_redirect(&flow.redirect_uri, &client, &person, &origin).await?;
    let judged = Judged { flow, client, target };
    if allow {
        let person = oauth.as_now(&person).await?;
        let permissions = selection(&params, &person)?;
        oauth.allow(judged, &person, permissions, &origin, now).await
    } else {
        oauth.deny(judged, &person, &origin, now).await
    }
}

impl OAuth {
    /// The person and the role as they are now, not as they were when the page was shown (row OP5).
    async fn as_now(&self, person: &SignedIn) -> Result<SignedIn, PageError> {
        let user = self.ports.users.get(&person.user.id).await?.filter(|user| user.enabled);
        let Some(user) = user else { return Err(account_disabled().into()) };
        let Some(role) = self.ports.roles.get(&user.role_id).await? else { return Err(account_disabled().into()) };
        Ok(SignedIn { user, role })
    }

    async fn allow(
        &self,
        judged: Judged,
        person: &SignedIn,
        permissions: PermissionSet,
        origin: &Origin,
        now: Timestamp,
    ) -> Result<Response, PageError> {
        let Judged { flow, client, target } = judged;
        // Row A12: one statement, one decision. From here on the flow is used up, whatever happens.
        if !self.ports.flows.decide(&flow.id, now).await? {
            return Err(flow_over().into());
        }
        let grant = Grant {
            id: GrantId::generate(now, self.ports.entropy.as_ref()),
            user_id: person.user.id.clone(),
            client_id: client.id.clone(),
            permissions,
            resource: flow.resource.clone(),
            redirect_uri: flow.redirect_uri.clone(),
            created_at: now,
            activated_at: None,
            expires_at: now.plus(self.config.grant_lifetime),
            last_used_at: None,
            revoked: None,
        };
        // Rows OC1, OC2: 256 random bits, stored as a hash, for a minute, bound to everything that the exchange checks.
        let secret = Secret::generate(SecretKind::Code, self.ports.entropy.as_ref());
        let code = AuthorizationCode {
            hash: secret.hash(),
            grant_id: grant.id.clone(),
            client_id: client.id.clone(),
            redirect_uri: flow.redirect_uri.clone(),
            code_challenge: flow.code_challenge.clone(),
            expires_at: now.plus(CODE_LIFETIME),
            consumed_at: None,
        };
        self.ports.grants.create(&grant, &code).await?;
        self.ports.clients.authorized(&client.id, now).await?;
        // The code leaves only after the event is durable.
        self.record_decision(&flow, &client, &target, Some(&grant), person, origin).await?;
        // Rows OA8, A3.
        let mut parameters = vec![("code", secret.expose())];
        parameters.extend(flow.state.as_deref().map(|state| ("state", state)));
        parameters.push(("iss", self.addresses.issuer.as_str()));
        let location = redirect::append(&flow.redirect_uri, &parameters);
        Ok(deliver(&target, location, &client, true))
    }

    async fn deny(
        &self,
        judged: Judged,
        person: &SignedIn,
        origin: &Origin,
        now: Timestamp,
    ) -> Result<Response, PageError> {
        let Judged { flow, client, target } = judged;
        if !self.ports.flows.decide(&flow.id, now).await? {
            return Err(flow_over().into());
        }
        self.record_decision(&flow, &client, &target, None, person, origin).await?;
        let location = self.error_location(&flow.redirect_uri, AuthorizeError::AccessDenied, flow.state.as_deref());
        Ok(deliver(&target, location, &client, false))
    }
}

/// A field that the form has once.
fn field<'a>(params: &'a Params, name: &str) -> Result<Option<&'a str>, PageError> {
    params.one(name).map_err(|_| not_the_form().into())
}

/// What was selected. Promise 2: if any of it is not the role's to grant now, all of it is refused, and the flow stays
/// open so that the person can choose again (row OP5).
fn selection(params: &Params, person: &SignedIn) -> Result<PermissionSet, PageError> {
    let names = || params.all(PERMISSION_FIELD);
    let Ok(selected) = PermissionSet::from_api_names(names()) else {
        return Err(not_yours_to_grant(&names().collect::<Vec<_>>().join(", ")).into());
    };
    if selected.is_empty() {
        return Err(nothing_selected().into());
    }
    let excess = selected.difference(person.role.permissions.intersection(PermissionSet::grantable()));
    if !excess.is_empty() {
        return Err(not_yours_to_grant(&excess.api_names().join(", ")).into());
    }
    Ok(selected)
}

#[cfg(test)]
mod tests {
    use margay_domain::{
        id::UserId,
        role::{BuiltInRole, Role},
        rules::Permission,
        user::User,
    };

    use super::*;

    fn person(permissions: &[Permission]) -> SignedIn {
        let role = Role {
            permissions: permissions.iter().copied().collect(),
            ..BuiltInRole::AnalystReadOnly.role(Timestamp::default())
        };
        let user = User {
            id: UserId::new("usr_1"),
            email: "ana@example.com".to_owned(),
            given_name: "Ana".to_owned(),
            family_name: String::new(),
            role_id: role.id.clone(),
            enabled: true,
            created_at: Timestamp::default(),
            last_signed_in_at: None,
        };
        SignedIn { user, role }
    }

    fn select(form: &str) -> Result<String, u16> {
        // UserModify is for the console only.
        let person = person(&[Permission::AlertRead, Permission::RuleRead, Permission::UserModify]);
        selection(&Params::parse(form.as_bytes()), &person).map(PermissionSet::to_scope).map_err(|error| match error {
            PageError::Refused(page) => page.status,
            PageError::Store(_) => 0,
        })
    }

    #[test]
    fn op5_a_selection_beyond_the_role_is_refused_whole() {
        assert_eq!(select("permission=AlertRead&permission=RuleRead"), Ok("AlertRead RuleRead".to_owned()));
        assert_eq!(select("permission=AlertRead&permission=AlertRead"), Ok("AlertRead".to_owned()));
        assert_eq!(select("permission=AlertRead&permission=UserRead"), Err(403));
        assert_eq!(select("permission=AlertRead&permission=UserModify"), Err(403));
        assert_eq!(select("permission=AlertRead&permission=Everything"), Err(403));
        assert_eq!(select("permission=AlertRead&permission="), Err(403));
        assert_eq!(select(""), Err(400));
    }
}
