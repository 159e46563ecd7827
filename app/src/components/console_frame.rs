//! The console frame: who is signed in, the navigation on the left, the page.

use leptos::prelude::*;
use margay_domain::{all_connections::AllConnections, principal::SignedIn, rules::Permission};

use crate::{
    components::{
        brand_mark::BrandMark,
        document_title::DocumentTitle,
        icon::{Glyph, Icon},
        island_scripts::IslandScripts,
    },
    islands::theme_switch::ThemeSwitch,
};

/// Where in the console a page is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    /// Connections.
    Connections,
    /// Audit.
    Audit,
    /// Settings > AI & Automation > Remote MCP.
    RemoteMcp,
    /// Settings > People > Everyone's connections.
    AllConnections,
}

/// The frame.
#[component]
pub fn ConsoleFrame(
    /// The document's title.
    title: &'static str,
    /// Where the page is.
    section: Section,
    /// Who is signed in.
    person: SignedIn,
    /// The anti-forgery token, for signing out.
    csrf: String,
    /// The page.
    children: Children,
) -> impl IntoView {
    let name = person.user.display_name();
    let role = role_title(&person.role.name);
    // The same links twice: in a drawer on a phone, at the side elsewhere. The style sheet shows one of them.
    let drawer = navigation(section, &person);
    let side = navigation(section, &person);
    view! {
        <DocumentTitle text=title.to_owned()/>
        <IslandScripts/>
        <a class="skip-link" href="#content">"Skip to the content"</a>
        <header class="topbar">
            <a class="brand" href="/connections">
                <BrandMark/>
                <span class="brand__name">"Margay"</span>
            </a>
            <div class="topbar__tools">
                <ThemeSwitch/>
                <p class="whoami">
                    <span class="whoami__name">{name}</span>
                    <span class="whoami__role">{role}</span>
                </p>
                <form method="post" action="/sign-out">
                    <input type="hidden" name="csrf" value=csrf/>
                    <button class="button button--quiet" type="submit">"Sign out"</button>
                </form>
            </div>
        </header>
        <div class="console">
            <details class="console__drawer">
                <summary>
                    <Icon glyph=Glyph::Menu/>
                    "Menu"
                </summary>
                {drawer}
            </details>
            <div class="console__side">{side}</div>
            <main class="console__main" id="content" tabindex="-1">{children()}</main>
        </div>
    }
}

/// The name of a role, in words.
pub(crate) fn role_title(name: &str) -> String {
    if name == "AnalystReadOnly" { "Analyst, read-only".to_owned() } else { name.to_owned() }
}

/// The links this person may follow, the present one marked.
fn navigation(section: Section, person: &SignedIn) -> AnyView {
    let audit = person
        .may(Permission::AuditRead)
        .then(|| view! { <li>{link("/audit", "Audit", Glyph::List, section == Section::Audit)}</li> });
    let remote_mcp = person.may(Permission::GeneralSettingsRead).then(|| {
        let link =
            link("/settings/ai-automation/remote-mcp", "Remote MCP", Glyph::Sliders, section == Section::RemoteMcp);
        settings_group("AI & Automation", link)
    });
    let all_connections = AllConnections::may_see(person).then(|| {
        let link = link(
            "/settings/connections",
            "Everyone\u{2019}s connections",
            Glyph::People,
            section == Section::AllConnections,
        );
        settings_group("People", link)
    });
    let settings = (remote_mcp.is_some() || all_connections.is_some()).then(|| {
        view! {
            <li class="nav__group">
                <p class="nav__heading">"Settings"</p>
                {remote_mcp}
                {all_connections}
            </li>
        }
    });
    view! {
        <nav class="nav" aria-label="Console">
            <ul class="nav__list">
                <li>{link("/connections", "Connections", Glyph::Plug, section == Section::Connections)}</li>
                {audit}
                {settings}
            </ul>
        </nav>
    }
    .into_any()
}

/// Settings of one kind, under their heading.
fn settings_group(heading: &'static str, link: AnyView) -> AnyView {
    view! {
        <p class="nav__subheading">{heading}</p>
        <ul class="nav__list">
            <li>{link}</li>
        </ul>
    }
    .into_any()
}

fn link(address: &'static str, text: &'static str, glyph: Glyph, current: bool) -> AnyView {
    let current = current.then_some("page");
    view! {
        <a class="nav__link" href=address aria-current=current>
            <Icon glyph=glyph/>
            {text}
        </a>
    }
    .into_any()
}
