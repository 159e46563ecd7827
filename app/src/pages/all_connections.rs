//! *Settings > People > Everyone's connections* (row OP6): who has connected what, and what an admin can end.

use leptos::prelude::*;
use margay_domain::{
    all_connections::{AllConnections, AllConnectionsError, ConnectionFilter, OwnedConnection},
    client::{Client, ClientSource},
    clock::Timestamp,
    page::ErrorPage,
    rules::forms,
    user::User,
};
use serde::Deserialize;

use crate::{
    address,
    components::{
        banner::{Banner, Tone},
        client_name::{ClientName, lookalike_mark},
        console_frame::{ConsoleFrame, Section},
        empty_state::EmptyState,
        icon::{Glyph, Icon},
        moment::Moment,
    },
    http::PageRequest,
    pages::{connections::Standing, error, load},
};

/// Where the page is.
pub(crate) const PATH: &str = "/settings/connections";
/// The largest number of rows; the filter finds the others.
const MAX_ROWS: usize = 200;

const ACTIVE: &str = "active";
const ENDED: &str = "ended";

/// The filter as it stands in the address. Empty is no condition.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Query {
    person: String,
    client: String,
    state: String,
    disconnected: String,
}

impl Query {
    fn filter(&self) -> ConnectionFilter {
        let active = match self.state.as_str() {
            ACTIVE => Some(true),
            ENDED => Some(false),
            _ => None,
        };
        ConnectionFilter { person: text(&self.person), client: text(&self.client), active }
    }
}

fn text(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// The page.
#[component]
pub fn AllConnectionsPage() -> impl IntoView {
    load(all_connections)
}

/// The error page for connections that cannot be shown or ended.
pub(crate) fn refused(error: AllConnectionsError) -> ErrorPage {
    match error {
        AllConnectionsError::Forbidden(permission) => error::forbidden(permission),
        AllConnectionsError::NotFound => error::no_connection_of_anybody(),
        AllConnectionsError::Store(error) => error::store(&error),
    }
}

async fn all_connections(request: PageRequest) -> Result<AnyView, ErrorPage> {
    let viewer = request.person()?;
    let csrf = request.browser()?.csrf;
    let query: Query = request.query();
    let filter = query.filter();
    let list = request.ui().all_connections.list(&viewer, &filter).await.map_err(refused)?;
    let may_end = AllConnections::may_end(&viewer);
    let now = request.ui().clock.now();
    let ending = owner_of_all(&filter, &list)
        .filter(|_| may_end && list.iter().any(|connection| connection.grant.is_active(now)))
        .map(|owner| disconnect_all(owner, csrf.clone()));
    let lead = if may_end {
        "The clients that work with Margay in the name of anybody here. Choose a person to see and to disconnect all of theirs."
    } else {
        "The clients that work with Margay in the name of anybody here."
    };
    let done = disconnected(&query.disconnected);
    let form = filter_form(&query);
    let hidden = list.len().saturating_sub(MAX_ROWS);
    let table = if list.is_empty() { nothing(&filter) } else { table(&list, may_end, now) };
    let hidden = (hidden > 0).then(|| {
        view! { <p class="hint">{format!("{hidden} older ones are not shown. Use the filter to find them.")}</p> }
    });
    Ok(view! {
        <ConsoleFrame
            title="Everyone\u{2019}s connections"
            section=Section::AllConnections
            person=viewer
            csrf=csrf
        >
            <nav class="breadcrumb" aria-label="Breadcrumb">
                <ol>
                    <li>"Settings"</li>
                    <li>"People"</li>
                    <li aria-current="page">"Everyone\u{2019}s connections"</li>
                </ol>
            </nav>
            <header class="page-head">
                <h1>"Everyone\u{2019}s connections"</h1>
                <p class="lead">{lead}</p>
            </header>
            {done}
            {form}
            {table}
            {hidden}
            {ending}
        </ConsoleFrame>
    }
    .into_any())
}

/// What was done, after a form of these pages.
fn disconnected(count: &str) -> Option<AnyView> {
    let sentence = match count.parse::<u64>().ok()? {
        0 => "Nothing had to be disconnected: all of them had ended already.".to_owned(),
        1 => "Disconnected. The client can no longer use any tool in this person\u{2019}s name.".to_owned(),
        count => format!("Disconnected {count}. No client can use any tool in this person\u{2019}s name any more."),
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

fn filter_form(query: &Query) -> AnyView {
    let states = [(ACTIVE, "Active"), (ENDED, "Ended")]
        .into_iter()
        .map(|(value, word)| {
            let selected = query.state == value;
            view! { <option value=value selected=selected>{word}</option> }
        })
        .collect_view();
    let is_empty = query.filter() == ConnectionFilter::default();
    let clear = (!is_empty).then(|| view! { <a class="button button--quiet" href=PATH>"Clear"</a> });
    let Query { person, client, .. } = query.clone();
    view! {
        <form class="filters" method="get" action=PATH role="search" aria-label="Filter connections">
            <div class="filters__field">
                <label class="field__label" for="person">"Person"</label>
                <input class="input" type="text" id="person" name="person" value=person autocapitalize="none" spellcheck="false"/>
            </div>
            <div class="filters__field">
                <label class="field__label" for="client">"Client"</label>
                <input class="input" type="text" id="client" name="client" value=client autocapitalize="none" spellcheck="false"/>
            </div>
            <div class="filters__field">
                <label class="field__label" for="state">"State"</label>
                <select class="select" id="state" name="state">
                    <option value="">"All states"</option>
                    {states}
                </select>
            </div>
            <div class="filters__actions">
                <button class="button button--primary" type="submit">"Filter"</button>
                {clear}
            </div>
        </form>
    }
    .into_any()
}

fn nothing(filter: &ConnectionFilter) -> AnyView {
    if *filter == ConnectionFilter::default() {
        view! {
            <EmptyState title="Nobody has connected a client yet">
                <p>"Each person connects their own clients. The " <a href="/connections">"Connections"</a> " page says how."</p>
            </EmptyState>
        }
        .into_any()
    } else {
        view! {
            <EmptyState title="No connection matches this filter">
                <p><a href=PATH>"Show all connections"</a></p>
            </EmptyState>
        }
        .into_any()
    }
}

fn table(list: &[OwnedConnection], may_end: bool, now: Timestamp) -> AnyView {
    let rows = list.iter().take(MAX_ROWS).map(|connection| row(connection, may_end, now)).collect_view();
    view! {
        <div class="table-frame">
            <table class="table table--cards">
                <caption class="visually-hidden">"Everyone\u{2019}s connections, newest first"</caption>
                <thead>
                    <tr>
                        <th scope="col">"Person"</th>
                        <th scope="col">"Client"</th>
                        <th scope="col">"Permissions"</th>
                        <th scope="col">"Connected"</th>
                        <th scope="col">"Last used"</th>
                        <th scope="col">"State"</th>
                        <th scope="col"><span class="visually-hidden">"Actions"</span></th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
    }
    .into_any()
}

fn row(connection: &OwnedConnection, may_end: bool, now: Timestamp) -> AnyView {
    let OwnedConnection { grant, client, person } = connection;
    let address = format!("{PATH}/{}", address::encode(grant.id.as_str()));
    let name = client.display_name().to_owned();
    let standing = Standing::of_another(grant, now);
    let reason = standing.reason.map(|reason| view! { <span class="hint">{reason}</span> });
    let count = grant.permissions.len();
    let count = if count == 1 { "1 permission".to_owned() } else { format!("{count} permissions") };
    let titles = grant.permissions.iter().map(|permission| view! { <li>{permission.title()}</li> }).collect_view();
    let connected = grant.activated_at.unwrap_or(grant.created_at);
    let last_used = match grant.last_used_at {
        Some(at) => view! { <Moment at=at/> }.into_any(),
        None => "Never".into_any(),
    };
    let (action, action_class) = if standing.active && may_end {
        ("Disconnect", "button button--small")
    } else {
        ("Details", "button button--quiet button--small")
    };
    let action_label = format!("{action} {name} of {}", person.email);
    let action_address = address.clone();
    view! {
        <tr>
            <td data-label="Person" class="table__wrap">
                <div class="stack">{owner(person)}</div>
            </td>
            <td data-label="Client" class="table__wrap">
                <div class="stack">
                    <a class="table__main" href=address>
                        <ClientName name=name/>
                    </a>
                    {vouching(client)}
                </div>
            </td>
            <td data-label="Permissions">
                <details class="more">
                    <summary>{count}</summary>
                    <ul class="plain-list">{titles}</ul>
                </details>
            </td>
            <td data-label="Connected">
                <Moment at=connected/>
            </td>
            <td data-label="Last used">{last_used}</td>
            <td data-label="State">
                <div class="stack">{standing.badge()} {reason}</div>
            </td>
            <td class="table__action">
                <a class=action_class href=action_address aria-label=action_label>{action}</a>
            </td>
        </tr>
    }
    .into_any()
}

/// Whose it is; a link to all that this person has.
pub(crate) fn owner(person: &User) -> AnyView {
    let all = address::with_query(PATH, &[("person", person.email.as_str())]);
    let name = person.display_name();
    // Somebody without a name is shown by the address alone.
    let name = (name != person.email).then(|| view! { <bdi>{name}</bdi> });
    let email = person.email.clone();
    let disabled = (!person.enabled).then(|| view! { <span class="tag">"Disabled"</span> });
    view! {
        {name}
        <a class="hint" href=all>{email}</a>
        {disabled}
    }
    .into_any()
}

/// Who vouches for what the client says of itself (row OD8), and whether its name poses as another.
pub(crate) fn vouching(client: &Client) -> AnyView {
    if client.source != ClientSource::Preregistered
        && let Some(mark) = lookalike_mark(client.display_name())
    {
        return mark;
    }
    if let Some(host) = client.vouching_host() {
        let host = host.to_owned();
        return view! { <span class="host">{host}</span> }.into_any();
    }
    if client.source == ClientSource::Preregistered {
        return view! { <span class="hint">"Added by an admin"</span> }.into_any();
    }
    view! {
        <span class="status status--over status--wraps">
            <Icon glyph=Glyph::Info/>
            "Name not verified"
        </span>
    }
    .into_any()
}

/// The one person whose connections are listed, if the filter asks for a person.
fn owner_of_all<'a>(filter: &ConnectionFilter, list: &'a [OwnedConnection]) -> Option<&'a User> {
    let owner = &list.first().filter(|_| filter.person.is_some())?.person;
    list.iter().all(|connection| connection.person.id == owner.id).then_some(owner)
}

/// Ends all that a person has, and says before what will happen.
fn disconnect_all(person: &User, csrf: String) -> AnyView {
    let name = person.display_name();
    let email = person.email.clone();
    let user = person.id.to_string();
    view! {
        <section class="panel panel--danger" aria-labelledby="disconnect-all">
            <h2 class="panel__title" id="disconnect-all">"Disconnect all clients of this person"</h2>
            <p>
                "Every client of " <bdi class="client-name">{name}</bdi>
                " loses access at once, also those that the filter hides: their next requests fail, and they cannot get new \
                 tokens. What they did stays in the audit log. "
                "The person can connect them again. To stop that too, disable the person."
            </p>
            <form method="post" action="/settings/connections/revoke-all">
                <input type="hidden" name=forms::CSRF_FIELD value=csrf/>
                <input type="hidden" name="user" value=user/>
                <button class="button button--danger button--wraps" type="submit">
                    <span>"Disconnect all of " <bdi>{email}</bdi></span>
                </button>
            </form>
        </section>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_only_space_is_no_condition() {
        let query = Query { person: " ".to_owned(), state: "other".to_owned(), ..Query::default() };
        assert_eq!(query.filter(), ConnectionFilter::default());
        let query = Query { client: " Claude ".to_owned(), state: "ended".to_owned(), ..Query::default() };
        let expected = ConnectionFilter { person: None, client: Some("Claude".to_owned()), active: Some(false) };
        assert_eq!(query.filter(), expected);
    }

    #[test]
    fn only_a_number_says_that_something_was_done() {
        assert!(disconnected("").is_none() && disconnected("<b>").is_none() && disconnected("1").is_some());
    }
}
