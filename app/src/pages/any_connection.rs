//! One connection of anybody, for admins: whose it is, what it may do, and the button that ends it.

use leptos::prelude::*;
use leptos_router::hooks::use_params_map;
use margay_domain::{
    all_connections::{AllConnections, OwnedConnection},
    id::GrantId,
    page::ErrorPage,
};

use crate::{
    address,
    components::{
        client_name::ClientName,
        console_frame::{ConsoleFrame, Section},
    },
    http::PageRequest,
    pages::{
        all_connections::{PATH, owner, refused, vouching},
        connection::{disconnect, fact, facts, permissions},
        connections::Standing,
        load,
    },
};

/// The page.
#[component]
pub fn AnyConnectionPage() -> impl IntoView {
    let id = use_params_map().get_untracked().get("id").unwrap_or_default();
    load(|request| any_connection(request, GrantId::new(id)))
}

async fn any_connection(request: PageRequest, id: GrantId) -> Result<AnyView, ErrorPage> {
    let viewer = request.person()?;
    let csrf = request.browser()?.csrf;
    let connection = request.ui().all_connections.get(&viewer, &id).await.map_err(refused)?;
    let OwnedConnection { grant, client, person } = &connection;
    let standing = Standing::of_another(grant, request.ui().clock.now());
    let name = client.display_name().to_owned();
    let whose = view! {
        {fact("Person", owner(person))}
        {fact("Vouched for by", vouching(client))}
    }
    .into_any();
    let facts = facts(Some(whose), grant, client, &standing);
    let permissions = permissions(
        grant,
        "As long as the role of the person holds these permissions too. Only the person can choose others.",
    );
    let action = format!("{PATH}/{}/revoke", address::encode(grant.id.as_str()));
    let ending = (standing.active && AllConnections::may_end(&viewer)).then(|| {
        disconnect(action, name.clone(), csrf.clone(), "To use it again, the person has to connect it again.")
    });
    Ok(view! {
        <ConsoleFrame title="Connection" section=Section::AllConnections person=viewer csrf=csrf>
            <nav class="breadcrumb" aria-label="Breadcrumb">
                <ol>
                    <li>"Settings"</li>
                    <li>"People"</li>
                    <li>
                        <a href=PATH>"Everyone\u{2019}s connections"</a>
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
