//! `POST /oauth/authorize/decision`: the person's answer on the consent page.
//!
//! Everything is read anew here: flow, client, allowlist, person and role. What the page showed counts for nothing.
//! A flow is decided once. People click twice, and their browser then drops the first answer: the same decision once
//! more gets the same answer, as long as the code lives.

use std::{sync::Arc, time::Duration};

use axum::{
    Extension,
    body::Bytes,
    extract::{State, rejection::BytesRejection},
    http::HeaderMap,
    response::{IntoResponse as _, Redirect, Response},
};
use margay_domain::{
    client::Client,
    clock::Timestamp,
    flow::{Answer, Decision, Flow, FlowState},
    grant::{AuthorizationCode, CODE_LIFETIME, Grant},
    id::GrantId,
    principal::{Browser, Origin, SignedIn},
    rules::{
        Permission, PermissionSet,
        forms::{
            CSRF_FIELD, DECISION_ALLOW, DECISION_DENY, DECISION_FIELD, DECISION_NONE, FLOW_FIELD, PERMISSION_FIELD,
            UNDECIDED_FIELD,
        },
    },
    secret::Secret,
};

use crate::{
    addresses::flow_page,
    authorize::{AuthorizeError, error_location},
    consent::decided,
    oauth::OAuth,
    page_error::{
        PageError, account_disabled, flow_over, form_too_old, no_decision, no_key, not_recorded, not_the_form,
        not_yours_to_grant, nothing_selected, unavailable, unknown_flow,
    },
    params::{Params, is_plausible_id},
    redirect::{self, Target},
    response::{deliver, sign_in_first},
};

/// The largest body, in bytes.
pub(crate) const MAX_BODY: usize = 16 * 1024;

/// How often, and how long apart, a decided flow is looked at until the event of its decision is on disk.
const LOOKS: u32 = 40;
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

/// A flow whose redirect was judged for this request.
pub(crate) struct Judged {
    pub(crate) flow: Flow,
    pub(crate) client: Client,
    pub(crate) target: Target,
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
        Some(DECISION_NONE) => return Ok(undecided(flow_id, &params)),
        _ => return Err(no_decision().into()),
    };
    let flow_id = flow_id.to_owned();
    let posted = Posted { browser, person, origin, flow_id, params, allow };
    // With a second click the browser drops the first request, and with it this handler: what it began is finished, as the
    // second one waits for it.
    tokio::spawn(posted.answer(oauth)).await.unwrap_or_else(|error| {
        tracing::error!(%error, "a decision was not finished");
        Err(unavailable().into())
    })
}

/// A decision as it was posted, by somebody who may post it.
struct Posted {
    browser: Browser,
    person: SignedIn,
    origin: Origin,
    flow_id: String,
    params: Params,
    allow: bool,
}

impl Posted {
    async fn answer(self, oauth: Arc<OAuth>) -> Result<Response, PageError> {
        let Self { browser, person, origin, flow_id, params, allow } = self;
        // Two clicks on one button come as two requests at once; the second one has to find what the first one did.
        let turn = oauth.deciding.of(&flow_id).await;
        let now = oauth.ports.clock.now();
        let flow = oauth.flow_of(&flow_id, &browser).await?;
        if flow.state(now) == FlowState::Over {
            return Err(flow_over().into());
        }
        let client = oauth.client_of(&flow).await?;
        oauth.check_approval(&client, &person, &origin).await?;
        // Promise 5: also a denial is a redirect.
        let target = oauth.judge_redirect(&flow.redirect_uri, &client, &person, &origin).await?;
        let person = if allow { oauth.as_now(&person).await? } else { person };
        let allowed = if allow { Some(selection(&params, &person)?) } else { None };
        let judged = Judged { flow, client, target };
        let made = match (judged.flow.state(now), allowed) {
            (FlowState::Decided | FlowState::Over, _) => None,
            (FlowState::Open, Some(permissions)) => oauth.allow(&judged, &person, permissions, &origin, now).await?,
            (FlowState::Open, None) => oauth.deny(&judged, &person, &origin, now).await?,
        };
        drop(turn);
        match made {
            Some(answer) => Ok(answer),
            None => oauth.answer_again(judged, &browser, &person, allowed).await,
        }
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

    /// Allows an open flow; `None` if it was decided meanwhile, by another process.
    async fn allow(
        &self,
        judged: &Judged,
        person: &SignedIn,
        permissions: PermissionSet,
        origin: &Origin,
        now: Timestamp,
    ) -> Result<Option<Response>, PageError> {
        let Judged { flow, client, .. } = judged;
        let grant = Grant {
            id: GrantId::generate(now, self.ports.entropy.as_ref()),
            user_id: person.user.id.clone(),
            client_id: client.id.clone(),
            permissions,
            narrowed_from: None,
            resource: flow.resource.clone(),
            redirect_uri: flow.redirect_uri.clone(),
            created_at: now,
            activated_at: None,
            expires_at: now.plus(self.config.grant_lifetime),
            last_used_at: None,
            refreshed_from: None,
            revoked: None,
        };
        // Rows OC1, OC2: hard to guess, stored as a hash, for a minute, bound to everything that the exchange checks.
        let Some(secret) = self.keys().code(&flow.id, now) else { return Err(no_key().into()) };
        let code = AuthorizationCode {
            hash: secret.hash(),
            grant_id: grant.id.clone(),
            client_id: grant.client_id.clone(),
            redirect_uri: flow.redirect_uri.clone(),
            code_challenge: flow.code_challenge.clone(),
            expires_at: now.plus(CODE_LIFETIME),
            consumed_at: None,
        };
        let answer = Answer::Allow { permissions, code: code.hash };
        let decision = Decision { at: now, by: person.user.id.clone(), answer, recorded: false };
        // Row A12: one transaction, one decision. From here on the flow is used up, whatever happens.
        let Some(replaced) = self.ports.flows.allow(&flow.id, &decision, &grant, &code).await? else {
            return Ok(None);
        };
        // The code leaves only after the events are durable.
        self.record_replaced(client, &grant, &replaced, person, origin).await?;
        self.record_decision(judged, Some((&grant, replaced.as_slice())), person, origin).await?;
        self.ports.flows.recorded(&flow.id).await?;
        Ok(Some(self.send_code(judged, &secret)))
    }

    /// Denies an open flow; `None` if it was decided meanwhile, by another process.
    async fn deny(
        &self,
        judged: &Judged,
        person: &SignedIn,
        origin: &Origin,
        now: Timestamp,
    ) -> Result<Option<Response>, PageError> {
        let decision = Decision { at: now, by: person.user.id.clone(), answer: Answer::Deny, recorded: false };
        if !self.ports.flows.decide(&judged.flow.id, &decision).await? {
            return Ok(None);
        }
        self.record_decision(judged, None, person, origin).await?;
        self.ports.flows.recorded(&judged.flow.id).await?;
        Ok(Some(self.send_denial(judged)))
    }

    /// The answer to a flow that is decided: if this is the same decision, by the same person and while the code lives,
    /// the same way back to the client once more; else a page that says what was decided. Nothing is changed or
    /// recorded a second time.
    async fn answer_again(
        &self,
        mut judged: Judged,
        browser: &Browser,
        person: &SignedIn,
        allowed: Option<PermissionSet>,
    ) -> Result<Response, PageError> {
        let now = self.ports.clock.now();
        // Another process may be about to write the event; if it was ended meanwhile, nobody is sent on.
        for _ in 0..LOOKS {
            judged.flow = self.flow_of(judged.flow.id.as_str(), browser).await?;
            if judged.flow.decision.as_ref().is_none_or(|decision| decision.recorded) {
                break;
            }
            tokio::time::sleep(BETWEEN_LOOKS).await;
        }
        let refused = || PageError::from(decided(&judged.flow, &judged.client, person));
        let Some(decision) = &judged.flow.decision else { return Err(refused()) };
        if !decision.repeats(&person.user.id, allowed, now) {
            return Err(refused());
        }
        if !decision.recorded {
            return Err(not_recorded().into());
        }
        match decision.answer {
            Answer::Allow { code, .. } => {
                let secret = self.keys().code_again(&judged.flow.id, &code).ok_or_else(refused)?;
                Ok(self.send_code(&judged, &secret))
            }
            Answer::Deny => Ok(self.send_denial(&judged)),
        }
    }

    /// Sends the browser to the client with the code (rows OA8, A3).
    fn send_code(&self, judged: &Judged, code: &Secret) -> Response {
        let Judged { flow, client, target } = judged;
        let mut parameters = vec![("code", code.expose())];
        parameters.extend(flow.state.as_deref().map(|state| ("state", state)));
        parameters.push(("iss", self.issuer_of(flow)));
        deliver(target, redirect::append(&flow.redirect_uri, &parameters), client, true)
    }

    fn send_denial(&self, judged: &Judged) -> Response {
        let Judged { flow, client, target } = judged;
        let (error, state) = (AuthorizeError::AccessDenied, flow.state.as_deref());
        deliver(target, error_location(&flow.redirect_uri, &error, state, self.issuer_of(flow)), client, false)
    }

    /// The issuer as the client discovered it.
    fn issuer_of<'a>(&'a self, flow: &'a Flow) -> &'a str {
        flow.issuer.as_deref().unwrap_or(&self.addresses.own.issuer)
    }
}

/// Back to the page, with what was selected: a key was pressed in the form, and neither of its two buttons.
fn undecided(flow_id: &str, params: &Params) -> Response {
    let selected: PermissionSet = params.all(PERMISSION_FIELD).filter_map(Permission::from_api_name).collect();
    let selected = selected.to_scope().replace(' ', "+");
    Redirect::to(&format!("{}?{UNDECIDED_FIELD}={selected}", flow_page(flow_id))).into_response()
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
    fn a_form_without_a_decision_comes_back_with_its_selection() {
        let location = |form: &str| {
            let answer = undecided("flw_1", &Params::parse(form.as_bytes()));
            assert_eq!(answer.status().as_u16(), 303);
            answer.headers()["location"].to_str().unwrap().to_owned()
        };
        assert_eq!(
            location("decision=none&permission=AlertRead&permission=RuleRead&permission=%0d%0aX"),
            "/oauth/authorize/flw_1?undecided=AlertRead+RuleRead"
        );
        assert_eq!(location("decision=none"), "/oauth/authorize/flw_1?undecided=");
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
