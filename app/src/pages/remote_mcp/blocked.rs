//! The section *Recently blocked*: redirects that the allowlist refused, and what would allow each of them.

use leptos::prelude::*;
use margay_domain::{
    audit,
    principal::SignedIn,
    remote_mcp::blocked::{BlockedRedirects, MAX_GROUPS, Remedy},
    rules::{AllowlistField, Permission},
    settings::RemoteMcpSettings,
};

use super::{PATH, row_after};
use crate::{
    address,
    components::{
        client_name::{ClientName, lookalike_mark, whole_name},
        icon::{Glyph, Icon},
        moment::Moment,
    },
};

/// The section; a sentence if nothing was blocked.
pub(super) fn section(blocked: &[BlockedRedirects], settings: &RemoteMcpSettings, person: &SignedIn) -> AnyView {
    let editable = person.may(Permission::GeneralSettingsModify);
    let list = if blocked.is_empty() {
        view! { <p>"Nothing was blocked in the last 30 days."</p> }.into_any()
    } else {
        let items = blocked.iter().map(|redirects| item(redirects, settings, editable)).collect_view();
        view! {
            <p>
                "In the last 30 days these clients wanted their codes sent to addresses that were not allowed. Clients choose their names themselves, so look at the address."
            </p>
            <ul class="requests">{items}</ul>
        }
        .into_any()
    };
    let more =
        (blocked.len() == MAX_GROUPS).then(|| view! { <p class="hint">"At most ten are shown here, the newest."</p> });
    let log = (person.may(Permission::AuditRead) && !blocked.is_empty()).then(|| {
        let all = address::with_query("/audit", &[("action", audit::MCP_REDIRECT_BLOCKED)]);
        view! { <p class="hint"><a href=all>"Show all of them in the audit log"</a></p> }
    });
    view! {
        <section class="panel" aria-labelledby="blocked">
            <h2 class="panel__title" id="blocked">"Recently blocked"</h2>
            {list}
            {more}
            {log}
        </section>
    }
    .into_any()
}

fn item(redirects: &BlockedRedirects, settings: &RemoteMcpSettings, editable: bool) -> AnyView {
    let name = redirects.client_name.clone();
    let (mark, whole) = (lookalike_mark(&name), whole_name(&name));
    let target = redirects.target.clone();
    let times = if redirects.count == 1 { "Once".to_owned() } else { format!("{} times", redirects.count) };
    let last_at = redirects.last_at;
    let people = (!redirects.people.is_empty()).then(|| {
        let people = redirects.people.join(", ");
        view! { <span>", by " <bdi>{people}</bdi></span> }
    });
    view! {
        <li class="request">
            <div class="request__text">
                <p>
                    <ClientName name=name/>
                    " to "
                    <span class="host">{target}</span>
                </p>
                {mark}
                {whole}
                <p class="hint">{times} ", last " <Moment at=last_at/> {people}</p>
            </div>
            <div class="request__answer">{remedy(&redirects.remedy, settings, editable)}</div>
        </li>
    }
    .into_any()
}

fn remedy(remedy: &Remedy, settings: &RemoteMcpSettings, editable: bool) -> AnyView {
    match remedy {
        Remedy::AddDomain(domain) => add(
            AllowlistField::Domains,
            domain.as_str(),
            &address::with_query(PATH, &[("add_domain", domain.as_str())]),
            settings,
            editable,
        ),
        Remedy::AddScheme(scheme) => add(
            AllowlistField::Schemes,
            scheme.as_str(),
            &address::with_query(PATH, &[("add_scheme", scheme.as_str())]),
            settings,
            editable,
        ),
        Remedy::AllowedNow(entry) => {
            let entry = entry.clone();
            // Not in green: that an entry matches says nothing about who the client is.
            let (class, glyph) = if entry.contains('*') {
                ("status status--warn", Glyph::Warning)
            } else {
                ("status status--over", Glyph::Info)
            };
            view! {
                <span class=class>
                    <Icon glyph=glyph/>
                    "Allowed now"
                </span>
                <p class="hint">"By " <span class="host">{entry}</span></p>
            }
            .into_any()
        }
        Remedy::Never => view! { <p class="hint">"No setting can allow this."</p> }.into_any(),
    }
}

/// What has to be added, and for those who may edit a link that puts it into a row. Nothing is saved by it.
fn add(field: AllowlistField, value: &str, link: &str, settings: &RemoteMcpSettings, editable: bool) -> AnyView {
    let kind = match field {
        AllowlistField::Domains => "domain",
        AllowlistField::Schemes => "custom scheme",
    };
    let shown = value.to_owned();
    if !editable {
        return view! {
            <p class="hint">"An admin would have to add the " {kind} " " <span class="host">{shown}</span></p>
        }
        .into_any();
    }
    let address = format!("{link}{}", row_after(field, settings));
    let name = value.to_owned();
    view! {
        <p class="hint">"Allowed by the " {kind} " " <span class="host">{shown}</span></p>
        <a class="button button--small" href=address>
            <Icon glyph=Glyph::Plus/>
            "Add to the allowlist"
            <span class="visually-hidden">": " {name}</span>
        </a>
    }
    .into_any()
}
