//! *Settings > AI & Automation > Remote MCP*: where authorization codes may be sent.

mod blocked;
mod patterns;
mod waiting;

use leptos::prelude::*;
use margay_domain::{
    page::ErrorPage,
    remote_mcp::{
        RemoteMcpError,
        blocked::{BlockedRedirects, Remedy},
    },
    rules::{AllowlistError, AllowlistField, Permission, forms},
    settings::RemoteMcpSettings,
};
use serde::Deserialize;

use crate::{
    components::{
        banner::{Banner, Tone},
        console_frame::{ConsoleFrame, Section},
        moment::Moment,
    },
    http::PageRequest,
    islands::{
        allowlist_editor::{AllowlistEditor, Entry},
        copy_button::CopyButton,
    },
    pages::{error, load},
};

/// Where the page is.
pub(crate) const PATH: &str = "/settings/ai-automation/remote-mcp";
/// Empty rows below each list, for people without JavaScript.
const SPARE_ROWS: usize = 3;

/// What was entered when a save was refused; in the extensions of the request for the page.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    /// The posted domain patterns, in order.
    pub(crate) domains: Vec<String>,
    /// The posted schemes, in order.
    pub(crate) schemes: Vec<String>,
    /// The revision they were edited from.
    pub(crate) revision: i64,
    /// Why it was refused.
    pub(crate) problem: Problem,
}

/// Why a save was refused.
#[derive(Clone, Debug)]
pub(crate) enum Problem {
    /// Entries that cannot be saved.
    Invalid(Vec<AllowlistError>),
    /// Somebody else saved in between.
    Stale,
    /// Nothing: the entries were only to be judged.
    Checked,
}

/// What a link or a redirect to this page says.
#[derive(Default, Deserialize)]
#[serde(default)]
struct RemoteMcpQuery {
    saved: String,
    approved: String,
    /// A domain to put into a row for review.
    add_domain: String,
    /// A custom scheme to put into a row for review.
    add_scheme: String,
}

/// An entry that stands in a row for review and is not saved.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Proposal {
    field: AllowlistField,
    value: String,
}

impl Proposal {
    /// Only what would allow a redirect that was really blocked is put into the form. So a link from elsewhere cannot
    /// bring an entry of its own.
    fn of(query: &RemoteMcpQuery, blocked: &[BlockedRedirects]) -> Option<Self> {
        blocked.iter().find_map(|redirects| match &redirects.remedy {
            Remedy::AddDomain(domain) if domain.as_str() == query.add_domain => {
                Some(Self { field: AllowlistField::Domains, value: query.add_domain.clone() })
            }
            Remedy::AddScheme(scheme) if scheme.as_str() == query.add_scheme => {
                Some(Self { field: AllowlistField::Schemes, value: query.add_scheme.clone() })
            }
            _ => None,
        })
    }
}

/// The name of the inputs of a list; the id of a row is this and its position.
const fn field_name(field: AllowlistField) -> &'static str {
    match field {
        AllowlistField::Domains => forms::DOMAIN_FIELD,
        AllowlistField::Schemes => forms::SCHEME_FIELD,
    }
}

/// The page.
#[component]
pub fn RemoteMcpPage() -> impl IntoView {
    load(remote_mcp)
}

/// The error page for what cannot be shown or done here.
pub(crate) fn refused(error: RemoteMcpError) -> ErrorPage {
    match error {
        RemoteMcpError::Forbidden(permission) => error::forbidden(permission),
        RemoteMcpError::UnknownClient => error::no_such_client(),
        RemoteMcpError::Store(error) => error::store(&error),
        RemoteMcpError::Invalid(_) | RemoteMcpError::Stale => error::unavailable(),
    }
}

async fn remote_mcp(request: PageRequest) -> Result<AnyView, ErrorPage> {
    let person = request.person()?;
    let csrf = request.browser()?.csrf;
    let service = &request.ui().remote_mcp;
    let settings = service.view(&person).await.map_err(refused)?;
    let blocked = service.recently_blocked(&person).await.map_err(refused)?;
    let waiting = service.waiting_clients(&person).await.map_err(refused)?;
    let editable = person.may(Permission::GeneralSettingsModify);
    let draft = request.extension::<Draft>();
    let query: RemoteMcpQuery = request.query();
    let proposal = Proposal::of(&query, &blocked).filter(|_| editable && draft.is_none());
    let message = match (&draft, &proposal) {
        (Some(draft), _) => Some(refusal(draft, &settings)),
        (None, Some(proposal)) => Some(proposed(proposal, &settings)),
        (None, None) => done(&query),
    };
    let rows = Rows::of(draft.as_ref(), &settings, proposal.as_ref(), editable);
    let last_saved = last_saved(&settings);
    let endpoint = request.ui().endpoint.clone();
    let form = form(rows, editable, csrf.clone());
    let waiting = waiting::section(&waiting, editable, &csrf);
    let blocked = blocked::section(&blocked, &settings, &person);
    Ok(view! {
        <ConsoleFrame title="Remote MCP" section=Section::RemoteMcp person=person csrf=csrf>
            <nav class="breadcrumb" aria-label="Breadcrumb">
                <ol>
                    <li>"Settings"</li>
                    <li>"AI & Automation"</li>
                    <li aria-current="page">"Remote MCP"</li>
                </ol>
            </nav>
            <header class="page-head">
                <h1>"Remote MCP"</h1>
                <p class="lead">
                    "MCP clients connect to this server with one URL. Each person signs in and chooses which of their own permissions a client gets."
                </p>
            </header>
            {message}
            {server_url(endpoint)}
            {waiting}
            <section class="panel" aria-labelledby="allowlist">
                <h2 class="panel__title" id="allowlist">"Redirect allowlist"</h2>
                <p>
                    "After a person allows access, an authorization code is sent to the client\u{2019}s address. Codes go only to the addresses allowed here."
                </p>
                <p class="always">
                    <strong>"Always allowed: "</strong>
                    <code>"localhost"</code> ", " <code>"127.0.0.1"</code> " and " <code>"[::1]"</code>
                    ", with http or https, on any port. These codes stay on the person\u{2019}s own computer."
                </p>
                {patterns::meaning()}
                {form}
                {last_saved}
            </section>
            {blocked}
        </ConsoleFrame>
    }
    .into_any())
}

/// What was done, after a form of this page.
fn done(query: &RemoteMcpQuery) -> Option<AnyView> {
    let sentence = if query.saved == "1" {
        "Saved. The next authorization follows these lists."
    } else if query.approved == "1" {
        "Approved. People can connect this client now."
    } else {
        return None;
    };
    Some(
        view! {
            <Banner tone=Tone::Success>
                <p>{sentence}</p>
            </Banner>
        }
        .into_any(),
    )
}

/// Where a proposal stands: after what is saved.
fn row_after(field: AllowlistField, settings: &RemoteMcpSettings) -> String {
    let saved = match field {
        AllowlistField::Domains => settings.allowlist.domains.len(),
        AllowlistField::Schemes => settings.allowlist.schemes.len(),
    };
    format!("#{}-{saved}", field_name(field))
}

/// What to do with an entry that stands in a row and is not saved.
fn proposed(proposal: &Proposal, settings: &RemoteMcpSettings) -> AnyView {
    let value = proposal.value.clone();
    let address = row_after(proposal.field, settings);
    view! {
        <Banner tone=Tone::Info>
            <p>
                <strong class="host">{value}</strong>
                " stands in the list below and is not saved yet. Save it only if you know who runs the client there."
            </p>
            <p><a href=address>"Go to the entry"</a></p>
        </Banner>
    }
    .into_any()
}

fn server_url(endpoint: String) -> AnyView {
    let shown = endpoint.clone();
    view! {
        <section class="panel" aria-labelledby="endpoint">
            <h2 class="panel__title" id="endpoint">"Server URL"</h2>
            <p class="endpoint">
                <code class="endpoint__url">{shown}</code>
                <CopyButton text=endpoint what="the server\u{2019}s URL".to_owned()/>
            </p>
            <p class="hint">
                "The " <a href="/connections">"Connections"</a> " page says how to add it to a client."
            </p>
        </section>
    }
    .into_any()
}

/// What stands in the form.
struct Rows {
    domains: Vec<Entry>,
    schemes: Vec<Entry>,
    revision: i64,
}

impl Rows {
    /// What was entered comes first, so that nothing is lost; else what is saved, and after it what is proposed.
    fn of(draft: Option<&Draft>, settings: &RemoteMcpSettings, proposal: Option<&Proposal>, editable: bool) -> Self {
        let Some(draft) = draft else {
            let rows = |field: AllowlistField, saved: Vec<String>| {
                let new = proposal.filter(|proposal| proposal.field == field).map(|proposal| proposal.value.clone());
                let proposed = new.is_some().then_some(saved.len());
                let texts: Vec<String> = saved.into_iter().chain(new).collect();
                let mut rows = entries(&texts, field, &[], editable);
                if let Some(row) = proposed.and_then(|position| rows.get_mut(position)) {
                    row.proposed = true;
                }
                rows
            };
            let allowlist = &settings.allowlist;
            return Self {
                domains: rows(AllowlistField::Domains, allowlist.domains.iter().map(ToString::to_string).collect()),
                schemes: rows(AllowlistField::Schemes, allowlist.schemes.iter().map(ToString::to_string).collect()),
                revision: settings.revision,
            };
        };
        let errors: &[AllowlistError] = match &draft.problem {
            Problem::Invalid(errors) => errors,
            Problem::Stale | Problem::Checked => &[],
        };
        let revision = match draft.problem {
            Problem::Invalid(_) | Problem::Checked => draft.revision,
            // The person was told; the next save goes over what is there now.
            Problem::Stale => settings.revision,
        };
        Self {
            domains: entries(&draft.domains, AllowlistField::Domains, errors, editable),
            schemes: entries(&draft.schemes, AllowlistField::Schemes, errors, editable),
            revision,
        }
    }
}

/// Rows for `texts`, each with its error. Positions stay as posted, so that errors and links find their rows.
fn entries(texts: &[String], field: AllowlistField, errors: &[AllowlistError], editable: bool) -> Vec<Entry> {
    let used = texts.iter().rposition(|text| !text.trim().is_empty()).map_or(0, |last| last + 1);
    let mut entries: Vec<Entry> = (0_u32..)
        .zip(texts.iter().take(used))
        .map(|(index, text)| {
            let error = errors.iter().find(|error| error.field == field && error.index == index);
            Entry { value: text.clone(), error: error.map(|error| error.message.clone()), proposed: false }
        })
        .collect();
    if editable {
        entries.extend(std::iter::repeat_n(Entry::default(), SPARE_ROWS));
    }
    entries
}

fn form(rows: Rows, editable: bool, csrf: String) -> AnyView {
    let Rows { domains, schemes, revision } = rows;
    let tail = if editable {
        view! {
            <div class="actions">
                <button class="button button--primary" type="submit">"Save"</button>
            </div>
        }
        .into_any()
    } else {
        let missing = Permission::GeneralSettingsModify.title();
        view! {
            <Banner tone=Tone::Info>
                <p>"You can read these lists. To change them, your role needs the permission " <strong>{missing}</strong> "."</p>
            </Banner>
        }
        .into_any()
    };
    // Browsers press the first button for Enter in an input: that judges the entries and saves nothing.
    let check = editable.then(|| {
        view! {
            <button
                class="visually-hidden"
                type="submit"
                name=forms::CHECK_FIELD
                value="1"
                tabindex="-1"
                aria-hidden="true"
            >
                "Check the entries"
            </button>
        }
    });
    view! {
        <form class="form" method="post" action=PATH>
            <input type="hidden" name=forms::CSRF_FIELD value=csrf/>
            <input type="hidden" name=forms::REVISION_FIELD value=revision.to_string()/>
            {check}
            <AllowlistEditor domains=domains schemes=schemes editable=editable/>
            {tail}
        </form>
    }
    .into_any()
}

/// Why nothing was saved, with a link to each entry.
fn refusal(draft: &Draft, settings: &RemoteMcpSettings) -> AnyView {
    match &draft.problem {
        Problem::Invalid(errors) => invalid(errors),
        Problem::Stale => stale(settings),
        Problem::Checked => checked(),
    }
}

/// The entries stand with their notes, and nothing is saved.
fn checked() -> AnyView {
    view! {
        <Banner tone=Tone::Info>
            <p>"Not saved yet. Look at the notes below your entries, then choose Save."</p>
        </Banner>
    }
    .into_any()
}

fn invalid(errors: &[AllowlistError]) -> AnyView {
    let items = errors
        .iter()
        .map(|error| {
            let address = format!("#{}-{}", field_name(error.field), error.index);
            let value = error.value.clone();
            let message = error.message.clone();
            view! {
                <li>
                    <a href=address>{value}</a>
                    ": "
                    {message}
                </li>
            }
        })
        .collect_view();
    let title = if errors.len() == 1 {
        "Nothing was saved: one entry needs a change.".to_owned()
    } else {
        format!("Nothing was saved: {} entries need a change.", errors.len())
    };
    view! {
        <Banner tone=Tone::Error>
            <p>{title}</p>
            <ul>{items}</ul>
        </Banner>
    }
    .into_any()
}

fn stale(settings: &RemoteMcpSettings) -> AnyView {
    let by = settings.updated_by.clone().unwrap_or_else(|| "Somebody else".to_owned());
    let now: Vec<String> = settings
        .allowlist
        .domains
        .iter()
        .map(ToString::to_string)
        .chain(settings.allowlist.schemes.iter().map(|scheme| format!("{scheme}://")))
        .collect();
    let saved = if now.is_empty() { "Nothing".to_owned() } else { now.join(", ") };
    view! {
        <Banner tone=Tone::Error>
            <p>
                <bdi>{by}</bdi>
                " saved these lists while you were editing, so yours were not saved. Below is what you entered."
            </p>
            <p>"Saved now: " <span class="mono">{saved}</span> "."</p>
            <p>
                "Save again to replace that with yours, or " <a href=PATH>"start from what is saved now"</a> "."
            </p>
        </Banner>
    }
    .into_any()
}

fn last_saved(settings: &RemoteMcpSettings) -> AnyView {
    let (Some(at), Some(by)) = (settings.updated_at, settings.updated_by.clone()) else {
        return view! { <p class="hint">"These lists have never been changed."</p> }.into_any();
    };
    view! { <p class="hint">"Last saved " <Moment at=at/> " by " <bdi>{by}</bdi> "."</p> }.into_any()
}

#[cfg(test)]
mod tests {
    use margay_domain::{
        clock::Timestamp,
        rules::{CustomScheme, DomainPattern},
    };

    use super::*;

    fn blocked(remedy: Remedy) -> BlockedRedirects {
        BlockedRedirects {
            client_name: "Claude".to_owned(),
            target: String::new(),
            count: 1,
            last_at: Timestamp::default(),
            people: Vec::new(),
            remedy,
        }
    }

    #[test]
    fn only_what_was_blocked_is_proposed() {
        let blocked = [
            blocked(Remedy::AllowedNow("chatgpt.com".to_owned())),
            blocked(Remedy::AddDomain(DomainPattern::parse("claude.ai").unwrap())),
            blocked(Remedy::AddScheme(CustomScheme::parse("cursor").unwrap())),
        ];
        let proposal = |domain: &str, scheme: &str| {
            let query = RemoteMcpQuery {
                add_domain: domain.to_owned(),
                add_scheme: scheme.to_owned(),
                ..RemoteMcpQuery::default()
            };
            Proposal::of(&query, &blocked).map(|proposal| proposal.value)
        };
        assert_eq!(proposal("claude.ai", "").as_deref(), Some("claude.ai"));
        assert_eq!(proposal("", "cursor").as_deref(), Some("cursor"));
        for (domain, scheme) in [("evil.example", ""), ("*", ""), ("chatgpt.com", ""), ("", "evil"), ("cursor", "")] {
            assert_eq!(proposal(domain, scheme), None, "{domain} {scheme}");
        }
    }

    #[test]
    fn a_proposal_stands_after_what_is_saved() {
        let allowlist = margay_domain::rules::Allowlist::from_entries(&texts(&["a.example"]), &[]).unwrap();
        let settings = RemoteMcpSettings { allowlist, ..RemoteMcpSettings::default() };
        let proposal = Proposal { field: AllowlistField::Domains, value: "claude.ai".to_owned() };
        let rows = Rows::of(None, &settings, Some(&proposal), true);
        assert_eq!((rows.domains[1].value.as_str(), rows.domains[1].proposed), ("claude.ai", true));
        assert!(!rows.domains[0].proposed && !rows.domains[2].proposed);
        assert_eq!((rows.domains.len(), rows.schemes.len()), (2 + SPARE_ROWS, SPARE_ROWS));
        assert_eq!(row_after(proposal.field, &settings), "#domain-1");
    }

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn errors_stay_at_their_rows() {
        let errors = [AllowlistError {
            field: AllowlistField::Domains,
            index: 2,
            value: "bad/".to_owned(),
            message: "No path.".to_owned(),
        }];
        let rows = entries(&texts(&["claude.ai", "", "bad/", "", ""]), AllowlistField::Domains, &errors, true);
        assert_eq!(rows.len(), 3 + SPARE_ROWS);
        assert_eq!(rows[2], Entry { value: "bad/".to_owned(), error: Some("No path.".to_owned()), proposed: false });
        assert_eq!(rows[0].error, None);
        let others = entries(&texts(&["a", "b", "c"]), AllowlistField::Schemes, &errors, true);
        assert!(others.iter().all(|row| row.error.is_none()));
    }

    #[test]
    fn readers_get_no_spare_rows() {
        assert_eq!(entries(&texts(&["claude.ai"]), AllowlistField::Domains, &[], false).len(), 1);
    }
}
