//! One of the person's own connections: what it may do, where it went, and the button that ends it.

use leptos::prelude::*;
use leptos_router::hooks::use_params_map;
use margay_domain::{
    client::Client, clock::Timestamp, connections::ConnectionError, grant::Grant, id::GrantId, page::ErrorPage,
    rules::forms,
};

use crate::{
    address,
    components::{
        client_name::{ClientName, lookalike_mark, whole_name},
        console_frame::{ConsoleFrame, Section},
        moment::{Day, Moment},
        risk_badge::RiskBadge,
    },
    http::PageRequest,
    pages::{
        connections::{Standing, is_replaced, refused},
        load,
    },
};

/// The page. Somebody else's connection is not told apart from none.
#[component]
pub fn ConnectionPage() -> impl IntoView {
    let id = use_params_map().get_untracked().get("id").unwrap_or_default();
    load(|request| connection(request, GrantId::new(id)))
}

async fn connection(request: PageRequest, id: GrantId) -> Result<AnyView, ErrorPage> {
    let person = request.person()?;
    let csrf = request.browser()?.csrf;
    let list = request.ui().connections.list(&person).await.map_err(refused)?;
    let found = list.iter().find(|(grant, _)| grant.id == id).cloned();
    let (grant, client) = found.ok_or_else(|| refused(ConnectionError::NotFound))?;
    let now = request.ui().clock.now();
    let standing = Standing::of(&grant, now);
    let afterwards = if is_replaced(&grant, &list, now) {
        "Only this earlier sign-in ends: you connected the client again since, and that connection goes on."
    } else {
        "To use it again, connect it again."
    };
    let name = client.display_name().to_owned();
    let facts = facts(None, &grant, &client, &standing);
    let permissions = permissions(
        &grant,
        "As long as your role holds these permissions too. To take some away, disconnect it below, then connect the client again and choose fewer.",
    );
    let action = format!("/connections/{}/revoke", address::encode(grant.id.as_str()));
    let ending = standing.active.then(|| disconnect(action, name.clone(), csrf.clone(), afterwards));
    Ok(view! {
        <ConsoleFrame title="Connection" section=Section::Connections person=person csrf=csrf>
            <nav class="breadcrumb" aria-label="Breadcrumb">
                <ol>
                    <li>
                        <a href="/connections">"Connections"</a>
                    </li>
                    <li aria-current="page">"Connection"</li>
                </ol>
            </nav>
            <header class="page-head">
                <h1>
                    <ClientName name=name/>
                </h1>
            </header>
            {facts}
            {permissions}
            {ending}
        </ConsoleFrame>
    }
    .into_any())
}

/// What it may do, in words, and on what that depends.
pub(crate) fn permissions(grant: &Grant, hint: &'static str) -> AnyView {
    let rows = grant
        .permissions
        .iter()
        .map(|permission| {
            view! {
                <li class="permission permission--fixed">
                    <div class="permission__text">
                        <p class="permission__line">
                            <span class="permission__title">{permission.title()}</span>
                            <RiskBadge risk=permission.risk()/>
                        </p>
                        <p class="permission__sentence">{permission.sentence()}</p>
                    </div>
                </li>
            }
        })
        .collect_view();
    view! {
        <section class="panel" aria-labelledby="permissions">
            <h2 class="panel__title" id="permissions">"What it may do"</h2>
            <p class="hint">{hint}</p>
            <ul class="permissions__list">{rows}</ul>
        </section>
    }
    .into_any()
}

/// A name and its value.
pub(crate) fn fact(name: &'static str, value: AnyView) -> AnyView {
    view! {
        <div class="fact">
            <dt class="fact__name">{name}</dt>
            <dd class="fact__value">{value}</dd>
        </div>
    }
    .into_any()
}

fn moment(at: Timestamp) -> AnyView {
    view! { <Moment at=at/> }.into_any()
}

fn mono(text: String) -> AnyView {
    view! { <span class="mono">{text}</span> }.into_any()
}

/// What is known about a connection; `first` are the facts that stand at the top.
pub(crate) fn facts(first: Option<AnyView>, grant: &Grant, client: &Client, standing: &Standing) -> AnyView {
    let reason = standing.reason.map(|reason| view! { <span class="hint">{reason}</span> });
    let status = view! { <div class="stack">{standing.badge()} {reason}</div> }.into_any();
    let last_used = grant.last_used_at.map_or_else(|| "Never".into_any(), moment);
    let whole = whole_name(client.display_name()).map(|whole| fact("Name", whole));
    let mark = lookalike_mark(client.display_name()).map(|mark| fact("Warning", mark));
    view! {
        <dl class="facts facts--panel">
            {mark}
            {whole}
            {first}
            {fact("Status", status)}
            {fact("Connected", moment(grant.activated_at.unwrap_or(grant.created_at)))}
            {fact("Last used", last_used)}
            {fact("Expires", view! { <Day at=grant.expires_at/> }.into_any())}
            {fact("Access was sent to", mono(grant.redirect_uri.clone()))}
            {fact("Client ID", mono(client.id.to_string()))}
            {fact("Connection ID", mono(grant.id.to_string()))}
        </dl>
    }
    .into_any()
}

/// Ends it, and says before what will happen.
pub(crate) fn disconnect(action: String, name: String, csrf: String, afterwards: &'static str) -> AnyView {
    view! {
        <section class="panel panel--danger" aria-labelledby="disconnect">
            <h2 class="panel__title" id="disconnect">"Disconnect"</h2>
            <p>
                <ClientName name=name/>
                " loses access at once: its next request fails, and it cannot get new tokens. \
                 What it did stays in the audit log. "
                {afterwards}
            </p>
            <form method="post" action=action>
                <input type="hidden" name=forms::CSRF_FIELD value=csrf/>
                <button class="button button--danger" type="submit">"Disconnect"</button>
            </form>
        </section>
    }
    .into_any()
}
