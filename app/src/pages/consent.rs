//! The consent page, *MCP authorization*: which of their own permissions a person gives to a client.
//!
//! Row OP4: the client's name with the mark that nobody vouches for it, or who does, its id, where the code goes, every
//! permission, the account, and the way to another account. Names come from clients: they stand in `bdi`, never alone.

use leptos::prelude::*;
use leptos_router::hooks::use_params_map;
use margay_domain::{
    id::FlowId,
    page::ErrorPage,
    ports::{ConsentError, ConsentView},
    principal::SignedIn,
    rules::{Lookalike, Permission, PermissionSet, forms},
};

use serde::Deserialize;

use crate::{
    components::{
        banner::{Banner, Tone},
        client_name::{ClientName, whole_name},
        console_frame::role_title,
        flow_frame::FlowFrame,
        icon::{Glyph, Icon},
        moment::Moment,
    },
    http::PageRequest,
    islands::permission_picker::PermissionPicker,
    pages::{error, load},
};

/// What a redirect to this page says.
#[derive(Default, Deserialize)]
struct ConsentQuery {
    /// What was selected when the form was sent without a decision, as [`forms::UNDECIDED_FIELD`].
    undecided: Option<String>,
}

/// The page.
#[component]
pub fn ConsentPage() -> impl IntoView {
    let flow = use_params_map().get_untracked().get("flow").unwrap_or_default();
    load(|request| consent(request, FlowId::new(flow)))
}

async fn consent(request: PageRequest, flow: FlowId) -> Result<AnyView, ErrorPage> {
    let browser = request.browser()?;
    let person = request.person()?;
    let view =
        request.ui().consent.view(&flow, &browser, &person, &request.origin()).await.map_err(
            |refusal| match refusal {
                ConsentError::Refused(page) => page,
                ConsentError::Store(error) => error::store(&error),
            },
        )?;
    let ConsentView { flow_id, selectable, console_only, requested, lifetime_days, .. } = view.clone();
    let csrf = browser.csrf.clone();
    let next = format!("/oauth/authorize/{flow_id}");
    let ConsentQuery { undecided } = request.query();
    // A link can only take marks away: what is not selectable is not in the list.
    let selected = undecided.as_deref().map_or(selectable, kept).intersection(selectable);
    let undecided = undecided.is_some().then(nothing_decided);
    Ok(view! {
        <FlowFrame title="MCP authorization".to_owned() islands=true>
            <h1>"MCP authorization"</h1>
            {undecided}
            {asking(&view)}
            {imitation(&view)}
            {warning(&view)}
            <dl class="facts">
                {destination(&view)}
                {client_id(&view)}
                {account(&person, browser.csrf, next)}
            </dl>
            <form class="consent" method="post" action="/oauth/authorize/decision">
                <input type="hidden" name=forms::FLOW_FIELD value=flow_id.to_string()/>
                <input type="hidden" name=forms::CSRF_FIELD value=csrf/>
                // Browsers press the first button for Enter in a check box: a stray key must not decide.
                <button
                    class="visually-hidden"
                    type="submit"
                    name=forms::DECISION_FIELD
                    value=forms::DECISION_NONE
                    tabindex="-1"
                    aria-hidden="true"
                >
                    "Decide later"
                </button>
                <h2 class="consent__title">"What it may do with your permissions"</h2>
                <p class="hint">"Everything here is part of your own role. Untick what the client does not need."</p>
                {replacing(&view)}
                <PermissionPicker
                    selectable=selectable
                    selected=selected
                    requested=requested
                    console_only=console_only
                    lifetime_days=lifetime_days
                />
            </form>
        </FlowFrame>
    }
    .into_any())
}

/// Who asks, and who vouches for the name.
fn asking(view: &ConsentView) -> AnyView {
    let name = view.client_name.clone();
    let whole = whole_name(&name);
    let mark = match &view.client_host {
        Some(host) => Some(vouched(host.clone())),
        None => view.unverified.then(unverified),
    };
    view! {
        <div class="asking">
            <p class="lead">
                <ClientName name=name/>
                " wants to access Margay as you."
            </p>
            {mark}
            {whole}
        </div>
    }
    .into_any()
}

/// Row OD8: the name of a client that registered itself.
fn unverified() -> AnyView {
    view! {
        <details class="unverified">
            <summary class="unverified__mark">
                <Icon glyph=Glyph::Info/>
                "Name not verified"
            </summary>
            <p class="hint">
                "Clients choose their names themselves, so anybody can use this one. "
                "Go on only if you have just started connecting this client, and look at where access is sent."
            </p>
        </details>
    }
    .into_any()
}

/// A name that poses as another. Who registered itself, and whose document somebody else serves, can have any.
fn imitation(view: &ConsentView) -> Option<AnyView> {
    if view.client_host.is_none() && !view.unverified {
        return None;
    }
    let sentence = Lookalike::of(&view.client_name)?.sentence();
    Some(
        view! {
            <Banner tone=Tone::Danger>
                <p>
                    <strong><bdi>{sentence}</bdi></strong>
                </p>
                <p>"Do not allow it, unless you know who made this client."</p>
            </Banner>
        }
        .into_any(),
    )
}

/// What allowing does to the connection that is there already.
fn replacing(view: &ConsentView) -> Option<AnyView> {
    let connected = view.connected?;
    let count = connected.permissions.len();
    let count = if count == 1 { "1 permission".to_owned() } else { format!("{count} permissions") };
    Some(
        view! {
            <Banner tone=Tone::Info>
                <p>
                    "You connected this client on " <Moment at=connected.since/> {format!(" with {count}. ")}
                    "Allowing access replaces that connection: the client keeps only what you select now."
                </p>
            </Banner>
        }
        .into_any(),
    )
}

/// The permissions in [`forms::UNDECIDED_FIELD`]; names that are none are left out.
fn kept(names: &str) -> PermissionSet {
    names.split(' ').filter_map(Permission::from_api_name).collect()
}

/// After the form was sent without one of its two buttons.
fn nothing_decided() -> AnyView {
    view! {
        <Banner tone=Tone::Info>
            <p>"Nothing was decided. Choose Allow access or Cancel."</p>
        </Banner>
    }
    .into_any()
}

/// Row OI6: the host of the client's metadata document.
fn vouched(host: String) -> AnyView {
    let again = host.clone();
    view! {
        <details class="vouched">
            <summary class="vouched__mark">
                <Icon glyph=Glyph::Check/>
                <span class="host">{host}</span>
                " vouches for this client"
            </summary>
            <p class="hint">
                "The name and the addresses of this client come from " <span class="host">{again}</span>
                ". Whether you trust that site is up to you. Go on only if you have just started connecting this client."
            </p>
        </details>
    }
    .into_any()
}

/// Whether the code goes to an app that opens addresses of its own kind.
fn is_app(view: &ConsentView) -> bool {
    !view.loopback && view.redirect_host.ends_with("://")
}

/// What the host that vouches for a client cannot vouch for (rows A6, OI6): programs on this computer, other sites.
fn warning(view: &ConsentView) -> Option<AnyView> {
    let host = view.client_host.clone()?;
    if view.local_only || is_app(view) {
        return Some(
            view! {
                <Banner tone=Tone::Warning>
                    <p>
                        <strong>"Any program on this computer can pose as this client. "</strong>
                        "Access is sent to a program here, and "
                        <span class="host">{host}</span>
                        " cannot know which one. Go on only if you have just started it yourself."
                    </p>
                </Banner>
            }
            .into_any(),
        );
    }
    if view.loopback || host.eq_ignore_ascii_case(&view.redirect_host) {
        return None;
    }
    let elsewhere = view.redirect_host.clone();
    Some(
        view! {
            <Banner tone=Tone::Warning>
                <p>
                    <strong>"Access is sent to another site. "</strong>
                    <span class="host">{host}</span>
                    " vouches for this client, but access goes to "
                    <span class="host">{elsewhere}</span>
                    ". Go on only if you know why."
                </p>
            </Banner>
        }
        .into_any(),
    )
}

/// Where the code goes: the host or scheme, whole (rows OP4, OI6).
fn destination(view: &ConsentView) -> AnyView {
    let host = view.redirect_host.clone();
    let uri = view.redirect_uri.clone();
    let (glyph, kind) = if view.loopback {
        (Glyph::Computer, "A program on this computer. Go on only if you started it yourself.")
    } else if is_app(view) {
        (Glyph::App, "An app on this computer that opens these addresses.")
    } else {
        (Glyph::Globe, "A web site.")
    };
    view! {
        <div class="fact">
            <dt class="fact__name">"Sends you back to"</dt>
            <dd class="fact__value">
                <p class="destination">
                    <Icon glyph=glyph/>
                    <span class="destination__host">{host}</span>
                </p>
                <p class="hint">{kind}</p>
                <details class="more">
                    <summary>"Whole address"</summary>
                    <p class="detail">{uri}</p>
                </details>
            </dd>
        </div>
    }
    .into_any()
}

fn client_id(view: &ConsentView) -> AnyView {
    let id = view.client_id.to_string();
    view! {
        <div class="fact">
            <dt class="fact__name">"Client ID"</dt>
            <dd class="fact__value">
                <span class="mono">{id}</span>
            </dd>
        </div>
    }
    .into_any()
}

/// In whose name, and how to make it somebody else's.
fn account(person: &SignedIn, csrf: String, next: String) -> AnyView {
    let name = person.user.display_name();
    let email = person.user.email.clone();
    let role = role_title(&person.role.name);
    view! {
        <div class="fact">
            <dt class="fact__name">"Signed in as"</dt>
            <dd class="fact__value">
                <p class="account">
                    <Icon glyph=Glyph::Person/>
                    <span class="account__name">{name}</span>
                    <span class="account__email">{email}</span>
                    <span class="tag">"Role: " {role}</span>
                </p>
                <form class="switch" method="post" action="/sign-out">
                    <input type="hidden" name=forms::CSRF_FIELD value=csrf/>
                    <input type="hidden" name=forms::NEXT_FIELD value=next/>
                    <span>"Not you?"</span>
                    <button class="link" type="submit">"Switch account"</button>
                </form>
            </dd>
        </div>
    }
    .into_any()
}
