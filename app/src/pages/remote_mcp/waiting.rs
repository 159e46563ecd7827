//! The section *Clients waiting for approval*: there only while a client waits.

use leptos::prelude::*;
use margay_domain::{
    client::Client,
    remote_mcp::blocked::target,
    rules::{Lookalike, forms},
};

use crate::{
    components::{
        client_name::{ClientName, whole_name},
        moment::Moment,
    },
    pages::all_connections::vouching,
};

/// The largest number that is shown, the newest.
const MAX_SHOWN: usize = 50;

/// The section.
pub(super) fn section(waiting: &[Client], editable: bool, csrf: &str) -> Option<AnyView> {
    if waiting.is_empty() {
        return None;
    }
    let items = waiting.iter().take(MAX_SHOWN).map(|client| item(client, editable, csrf)).collect_view();
    let hidden = waiting.len().saturating_sub(MAX_SHOWN);
    let hidden = (hidden > 0)
        .then(|| view! { <p class="hint">{format!("{hidden} older ones wait too and are not shown.")}</p> });
    Some(
        view! {
            <section class="panel" aria-labelledby="waiting">
                <h2 class="panel__title" id="waiting">"Clients waiting for approval"</h2>
                <p>
                    "Nobody can connect these clients before an admin has approved them. Approve a client only if you know where it is from: everything here is what it says of itself."
                </p>
                <ul class="requests">{items}</ul>
                {hidden}
            </section>
        }
        .into_any(),
    )
}

fn item(client: &Client, editable: bool, csrf: &str) -> AnyView {
    let name = client.display_name().to_owned();
    let whole = whole_name(&name);
    let sentence = Lookalike::of(&name).map(|found| view! { <p class="message message--error">{found.sentence()}</p> });
    let id = client.id.to_string();
    let mut targets: Vec<String> = client.redirect_uris.iter().map(|uri| target(uri)).collect();
    targets.sort_unstable();
    targets.dedup();
    let targets = targets.join(", ");
    let created_at = client.created_at;
    let approve = editable.then(|| approve(client, csrf.to_owned()));
    view! {
        <li class="request">
            <div class="request__text">
                <p class="request__line">
                    <ClientName name=name/>
                    {vouching(client)}
                </p>
                {sentence}
                {whole}
                <p class="hint">"Sends codes to " <span class="host">{targets}</span></p>
                <p class="hint">"Registered " <Moment at=created_at/> ", ID " <span class="mono">{id}</span></p>
            </div>
            <div class="request__answer">{approve}</div>
        </li>
    }
    .into_any()
}

fn approve(client: &Client, csrf: String) -> AnyView {
    let id = client.id.to_string();
    let name = client.display_name().to_owned();
    view! {
        <form method="post" action="/settings/ai-automation/remote-mcp/approve">
            <input type="hidden" name=forms::CSRF_FIELD value=csrf/>
            <input type="hidden" name="client" value=id/>
            <button class="button button--small" type="submit">
                "Approve" <span class="visually-hidden">" " <bdi>{name}</bdi></span>
            </button>
        </form>
    }
    .into_any()
}
