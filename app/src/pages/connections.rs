//! *Connections*: the person's own connections, and how to connect another client.

use leptos::prelude::*;
use margay_domain::{
    client::Client,
    clock::Timestamp,
    connections::ConnectionError,
    grant::{Grant, RevocationReason},
    page::ErrorPage,
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
        moment::{Day, Moment},
    },
    http::PageRequest,
    islands::copy_button::CopyButton,
    pages::{error, load},
};

#[derive(Default, Deserialize)]
struct ConnectionsQuery {
    #[serde(default)]
    disconnected: String,
}

/// The page.
#[component]
pub fn ConnectionsPage() -> impl IntoView {
    load(connections)
}

/// Where a connection stands, in words.
pub(crate) struct Standing {
    /// Whether tokens are good for anything.
    pub(crate) active: bool,
    /// The word.
    pub(crate) word: &'static str,
    /// Why it ended.
    pub(crate) reason: Option<&'static str>,
}

impl Standing {
    pub(crate) fn of(grant: &Grant, now: Timestamp) -> Self {
        let (word, reason) = if grant.is_active(now) {
            ("Active", None)
        } else if let Some((_, reason)) = grant.revoked {
            ("Ended", Some(reason.sentence()))
        } else if grant.activated_at.is_none() {
            ("Waiting", Some("The client has not finished connecting."))
        } else {
            ("Ended", Some("It reached its end date. Connect the client again to go on."))
        };
        Self { active: grant.is_active(now), word, reason }
    }

    /// The same for somebody else than the person whose connection it is: an admin.
    pub(crate) fn of_another(grant: &Grant, now: Timestamp) -> Self {
        let standing = Self::of(grant, now);
        let reason = match grant.revoked {
            Some((_, RevocationReason::User)) => Some("The person disconnected it."),
            Some((_, RevocationReason::RoleReduced)) => Some("The role no longer covers what was granted."),
            Some((_, RevocationReason::RefreshReuse)) => {
                Some("An old token was used again, so somebody may have a copy.")
            }
            Some((_, RevocationReason::CodeReuse)) => {
                Some("A sign-in code was used twice, so somebody may have a copy.")
            }
            Some((_, RevocationReason::PasswordReset)) => Some("The password was reset."),
            Some((_, RevocationReason::Replaced)) => {
                Some("The person connected the client again, with other permissions.")
            }
            None if grant.activated_at.is_some() && !standing.active => Some("It reached its end date."),
            _ => standing.reason,
        };
        Self { reason, ..standing }
    }

    pub(crate) fn badge(&self) -> AnyView {
        let (class, glyph) =
            if self.active { ("status status--good", Glyph::Check) } else { ("status status--over", Glyph::Dash) };
        let word = self.word;
        view! {
            <span class=class>
                <Icon glyph=glyph/>
                {word}
            </span>
        }
        .into_any()
    }
}

/// The error page for a connection that cannot be shown.
pub(crate) fn refused(error: ConnectionError) -> ErrorPage {
    match error {
        ConnectionError::NotFound => error::no_such_connection(),
        ConnectionError::Store(error) => error::store(&error),
    }
}

async fn connections(request: PageRequest) -> Result<AnyView, ErrorPage> {
    let person = request.person()?;
    let csrf = request.browser()?.csrf;
    let list = request.ui().connections.list(&person).await.map_err(refused)?;
    let ConnectionsQuery { disconnected } = request.query();
    let done = (disconnected == "1").then(|| {
        view! {
            <Banner tone=Tone::Success>
                <p>"Disconnected. The client can no longer use any tool."</p>
            </Banner>
        }
    });
    let now = request.ui().clock.now();
    let is_empty = list.is_empty();
    let table = if is_empty { empty() } else { table(list, now) };
    let endpoint = request.ui().endpoint.clone();
    Ok(view! {
        <ConsoleFrame title="Connections" section=Section::Connections person=person csrf=csrf>
            <header class="page-head">
                <h1>"Connections"</h1>
                <p class="lead">"The clients that work with Margay in your name, and what each of them may do."</p>
            </header>
            {done}
            {table}
            {connect_a_client(&endpoint, is_empty)}
        </ConsoleFrame>
    }
    .into_any())
}

fn empty() -> AnyView {
    view! {
        <EmptyState title="No client is connected yet">
            <p>"Add the server\u{2019}s URL to a client, as described below. It opens this server in your browser and asks you."</p>
        </EmptyState>
    }
    .into_any()
}

fn table(list: Vec<(Grant, Client)>, now: Timestamp) -> AnyView {
    let rows =
        list.iter().map(|(grant, client)| row(grant, client, is_replaced(grant, &list, now), now)).collect_view();
    view! {
        <div class="table-frame">
            <table class="table table--cards">
                <caption class="visually-hidden">"Your connections"</caption>
                <thead>
                    <tr>
                        <th scope="col">"Client"</th>
                        <th scope="col">"Status"</th>
                        <th scope="col">"Permissions"</th>
                        <th scope="col">"Connected"</th>
                        <th scope="col">"Last used"</th>
                        <th scope="col">"Expires"</th>
                        <th scope="col"><span class="visually-hidden">"Actions"</span></th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
    }
    .into_any()
}

/// Whether this is an earlier sign-in of a client that was connected again since, both of which go on.
pub(crate) fn is_replaced(grant: &Grant, list: &[(Grant, Client)], now: Timestamp) -> bool {
    grant.is_active(now) && list.iter().any(|(newer, _)| newer.is_active(now) && newer.replaces(grant))
}

/// What distinguishes such a connection from the one that replaced it.
const REPLACED: &str =
    "Earlier sign-in. You connected this client again since: this one holds no more than that one, and ends with it.";

fn row(grant: &Grant, client: &Client, replaced: bool, now: Timestamp) -> AnyView {
    let address = format!("/connections/{}", address::encode(grant.id.as_str()));
    let name = client.display_name().to_owned();
    let mark = lookalike_mark(&name);
    let standing = Standing::of(grant, now);
    let reason = replaced.then_some(REPLACED).or(standing.reason);
    let reason = reason.map(|reason| view! { <span class="hint">{reason}</span> });
    let count = grant.permissions.len();
    let count = if count == 1 { "1 permission".to_owned() } else { format!("{count} permissions") };
    let titles = grant.permissions.iter().map(|permission| view! { <li>{permission.title()}</li> }).collect_view();
    let connected = grant.activated_at.unwrap_or(grant.created_at);
    let last_used = match grant.last_used_at {
        Some(at) => view! { <Moment at=at/> }.into_any(),
        None => "Never".into_any(),
    };
    let expires = grant.expires_at;
    let (action, action_class) = if standing.active {
        ("Disconnect", "button button--small")
    } else {
        ("Details", "button button--quiet button--small")
    };
    let action_label = format!("{action} {name}");
    let action_address = address.clone();
    view! {
        <tr>
            <td data-label="Client" class="table__wrap">
                <div class="stack">
                    <a class="table__main" href=address>
                        <ClientName name=name/>
                    </a>
                    {mark}
                </div>
            </td>
            <td data-label="Status">
                <div class="stack">{standing.badge()} {reason}</div>
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
            <td data-label="Expires">
                <Day at=expires/>
            </td>
            <td class="table__action">
                <a class=action_class href=action_address aria-label=action_label>{action}</a>
            </td>
        </tr>
    }
    .into_any()
}

/// One way to connect, folded.
fn recipe(title: &'static str, steps: &'static str, snippet: Option<String>) -> AnyView {
    let snippet = snippet.map(|text| {
        let shown = text.clone();
        let what = format!("the line for {title}");
        view! {
            <div class="snippet">
                <pre class="snippet__text"><code>{shown}</code></pre>
                <CopyButton text=text what=what/>
            </div>
        }
    });
    view! {
        <details class="recipe">
            <summary class="recipe__title">{title}</summary>
            <p>{steps}</p>
            {snippet}
        </details>
    }
    .into_any()
}

/// How to connect a client; its first words depend on whether there is one already.
fn connect_a_client(endpoint: &str, first: bool) -> AnyView {
    let lead = if first {
        "Every client that speaks MCP over HTTP can connect. It needs this URL and nothing else:"
    } else {
        "Add this URL to another client. It needs nothing else:"
    };
    let url = endpoint.to_owned();
    let shown = endpoint.to_owned();
    let claude_code = format!("claude mcp add --transport http margay {endpoint}");
    let cursor = format!("{{\n  \"mcpServers\": {{\n    \"margay\": {{ \"url\": \"{endpoint}\" }}\n  }}\n}}");
    let vs_code = format!("code --add-mcp '{{\"name\":\"margay\",\"type\":\"http\",\"url\":\"{endpoint}\"}}'");
    view! {
        <section class="panel" aria-labelledby="connect">
            <h2 class="panel__title" id="connect">"Connect a client"</h2>
            <p>{lead}</p>
            <p class="endpoint">
                <code class="endpoint__url">{shown}</code>
                <CopyButton text=url what="the server\u{2019}s URL".to_owned()/>
            </p>
            {recipe(
                "Claude, on the web and on the desktop",
                "Open Settings > Connectors > Add custom connector, enter the URL, then choose Connect.",
                None,
            )}
            {recipe(
                "Claude Code",
                "Run this in a terminal, then type /mcp in Claude Code and choose margay to sign in.",
                Some(claude_code),
            )}
            {recipe(
                "Cursor",
                "Put this into .cursor/mcp.json of a project, or into ~/.cursor/mcp.json for all of them. Then choose Connect in Settings > MCP.",
                Some(cursor),
            )}
            {recipe("VS Code", "Run this in a terminal, then start the server margay in the list of MCP servers.", Some(vs_code))}
            {recipe(
                "Goose",
                "Run goose configure, choose Add Extension, then Remote Extension (Streamable HTTP), and enter the URL.",
                None,
            )}
        </section>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use margay_domain::{
        id::{ClientId, GrantId, UserId},
        rules::PermissionSet,
    };

    use super::*;

    fn grant() -> Grant {
        Grant {
            id: GrantId::new("grt_1"),
            user_id: UserId::new("usr_1"),
            client_id: ClientId::new("mcp_1"),
            permissions: PermissionSet::grantable(),
            resource: "https://margay.example.com/mcp".to_owned(),
            redirect_uri: "http://127.0.0.1:1234/callback".to_owned(),
            created_at: Timestamp::from_seconds(100),
            activated_at: Some(Timestamp::from_seconds(101)),
            expires_at: Timestamp::from_seconds(200),
            last_used_at: None,
            narrowed_from: None,
            refreshed_from: None,
            revoked: None,
        }
    }

    #[test]
    fn says_where_a_connection_stands() {
        let now = Timestamp::from_seconds(150);
        assert!(Standing::of(&grant(), now).active);
        assert_eq!(Standing::of(&grant(), Timestamp::from_seconds(200)).word, "Ended");
        let waiting = Grant { activated_at: None, ..grant() };
        assert_eq!(Standing::of(&waiting, now).word, "Waiting");
        let ended = Grant { revoked: Some((now, RevocationReason::RoleReduced)), ..grant() };
        assert_eq!(Standing::of(&ended, now).reason, Some(RevocationReason::RoleReduced.sentence()));
    }

    #[test]
    fn of_two_sign_ins_with_one_client_the_earlier_one_is_marked() {
        let client = Client {
            id: ClientId::new("mcp_1"),
            name: "Claude".to_owned(),
            redirect_uris: Vec::new(),
            client_uri: None,
            application_type: None,
            grant_types: Vec::new(),
            source: margay_domain::client::ClientSource::Registered,
            approval: margay_domain::client::Approval::Approved,
            document_fresh_until: None,
            created_at: Timestamp::from_seconds(1),
            last_authorized_at: None,
        };
        let now = Timestamp::from_seconds(150);
        let newer = Grant { id: GrantId::new("grt_2"), created_at: Timestamp::from_seconds(120), ..grant() };
        let ended = Grant { id: GrantId::new("grt_3"), revoked: Some((now, RevocationReason::User)), ..newer.clone() };
        let list = [newer.clone(), ended.clone(), grant()].map(|grant| (grant, client.clone()));
        assert!(is_replaced(&grant(), &list, now));
        assert!(!is_replaced(&newer, &list, now) && !is_replaced(&ended, &list, now));
        assert!(!is_replaced(&grant(), &list[1..], now), "the newer one has ended");
    }

    #[test]
    fn an_admin_is_not_addressed_as_the_person() {
        let now = Timestamp::from_seconds(150);
        assert_eq!(Standing::of_another(&grant(), now).reason, None);
        for reason in [
            RevocationReason::User,
            RevocationReason::Admin,
            RevocationReason::Client,
            RevocationReason::RefreshReuse,
            RevocationReason::CodeReuse,
            RevocationReason::RoleReduced,
            RevocationReason::UserDisabled,
            RevocationReason::PasswordReset,
            RevocationReason::Replaced,
        ] {
            let ended = Grant { revoked: Some((now, reason)), ..grant() };
            let said = Standing::of_another(&ended, now).reason.unwrap();
            assert!(!said.contains("You") && !said.contains("your") && !said.contains("Reconnect"), "{said}");
        }
        assert_eq!(
            Standing::of_another(&grant(), Timestamp::from_seconds(200)).reason,
            Some("It reached its end date.")
        );
    }
}
