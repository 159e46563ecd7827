//! Every way in which a person's page is refused, and the one mapping to a response.

use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use margay_domain::{
    client::{Client, ClientSource},
    clock::Timestamp,
    flow::{Answer, Decision},
    page::ErrorPage,
    ports::{ConsentError, StoreError},
};

use crate::text::cut;

/// What to do about a flow that cannot go on.
const START_AGAIN: &str = "Start again from your client.";

/// Why there is no page, or no redirect.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PageError {
    /// An error page.
    #[error("{}", .0.title)]
    Refused(ErrorPage),
    /// Storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<ErrorPage> for PageError {
    fn from(page: ErrorPage) -> Self {
        Self::Refused(page)
    }
}

impl From<PageError> for ConsentError {
    fn from(error: PageError) -> Self {
        match error {
            PageError::Refused(page) => Self::Refused(page),
            PageError::Store(error) => Self::Store(error),
        }
    }
}

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        let page = match self {
            Self::Refused(page) => page,
            Self::Store(error) => {
                // No text from below reaches a person.
                tracing::error!(%error, "store failed under an authorization page");
                unavailable()
            }
        };
        let status = StatusCode::from_u16(page.status).unwrap_or(StatusCode::BAD_REQUEST);
        let mut text = format!("{}\n\n{}\n", page.title, page.message);
        if let Some(detail) = &page.detail {
            text.push_str(detail);
            text.push('\n');
        }
        text.push_str(&page.advice);
        text.push('\n');
        let mut response = (status, text).into_response();
        // The page layer draws it; without that layer the plain text still says what to do.
        response.extensions_mut().insert(page);
        response
    }
}

/// Storage failed.
pub(crate) fn unavailable() -> ErrorPage {
    page(503, "This is not possible now", "The server could not read its database.", "Try again in a moment.")
}

/// No or no known client (row OR1).
pub(crate) fn unknown_client(client_id: Option<&str>) -> ErrorPage {
    ErrorPage {
        detail: client_id.map(|id| cut(id, 200)),
        ..page(
            400,
            "Unknown client",
            "This server does not know the client that sent you here.",
            "In the client, remove this server and add it again, so that it registers anew.",
        )
    }
}

/// At most this many registered addresses are listed, each with at most this many characters.
const LISTED: usize = 10;
const LISTED_LENGTH: usize = 200;

/// The redirect URI is not one that the client registered, or it is missing (row OR1). What it registered is listed,
/// because nobody could see the difference otherwise.
pub(crate) fn redirect_not_registered(client: &Client, uri: &str) -> ErrorPage {
    let asked = if uri.is_empty() {
        "The client did not say once to which of its addresses to send its authorization code."
    } else {
        "The client asked to send its authorization code to an address that it did not register."
    };
    let registered: Vec<String> = client.redirect_uris.iter().take(LISTED).map(|uri| cut(uri, LISTED_LENGTH)).collect();
    let more = match client.redirect_uris.len().saturating_sub(LISTED) {
        0 => String::new(),
        more => format!(", and {more} more"),
    };
    let registered = if registered.is_empty() { "nothing".to_owned() } else { registered.join(", ") };
    let advice = match client.source {
        ClientSource::Registered => {
            "In the client, remove this server and add it again, so that it registers anew. If that does not help, tell \
             the provider of the client."
        }
        ClientSource::Document => "Tell the provider of the client: the address is missing from its metadata document.",
        ClientSource::Preregistered => "Ask an admin to add the client again with this address.",
    };
    crate::redirect::not_allowed(format!("{asked} It registered: {registered}{more}"), advice.to_owned(), uri)
}

/// The query of an authorization request is too long.
pub(crate) fn request_too_long() -> ErrorPage {
    page(
        400,
        "The request is too long",
        "The client sent an authorization request of more than 8 KB.",
        "Tell whoever provides the client.",
    )
}

/// Clients with metadata documents are turned off.
pub(crate) fn documents_off(client_id: &str) -> ErrorPage {
    ErrorPage {
        detail: Some(cut(client_id, 200)),
        ..page(
            400,
            "Unknown client",
            "The client names itself by the address of a document, and this server is set not to look there.",
            "In the client, remove this server and add it again, so that it registers instead. If that does not help, \
             ask an admin about oauth.client_documents.",
        )
    }
}

/// A metadata document that cannot be had, and there is no copy (row OI11).
pub(crate) fn document_unreadable(client_id: &str, reason: &str) -> ErrorPage {
    ErrorPage {
        detail: Some(cut(client_id, 500)),
        message: format!("The client is described by the document below, which cannot be read: {reason}."),
        ..page(
            400,
            "The client cannot be identified",
            "",
            "Try again in a moment. If it stays so, tell whoever provides the client.",
        )
    }
}

/// A metadata document, or the address of one, that breaks the rules (rows OI1, OI4, OI9).
pub(crate) fn document_refused(client_id: &str, reason: &str) -> ErrorPage {
    ErrorPage {
        detail: Some(cut(client_id, 500)),
        message: format!("The client is described by the document below, which cannot be used: {reason}."),
        ..page(400, "The client cannot be identified", "", "Tell whoever provides the client.")
    }
}

/// Too many documents were fetched for one address (row OI7).
pub(crate) fn too_many_documents() -> ErrorPage {
    page(
        429,
        "Too many requests",
        "From your network too many clients were looked up in a short time.",
        "Wait a minute, then start again from your client.",
    )
}

/// Too many authorizations began at one address.
pub(crate) fn too_many_flows() -> ErrorPage {
    page(
        429,
        "Too many requests",
        "From your network too many authorizations were begun in a short time.",
        "Wait a minute, then start again from your client.",
    )
}

/// A document on a domain that is not among the verified ones.
pub(crate) fn unverified_domain(host: &str) -> ErrorPage {
    ErrorPage {
        detail: Some(cut(host, 300)),
        ..page(
            403,
            "This client is not allowed here",
            "This server accepts only clients of domains that its operator has listed, and this one is not among them.",
            "If you trust this client, ask an admin to add its domain to oauth.verified_domains.",
        )
    }
}

/// A client that no admin has approved yet.
pub(crate) fn client_waits(client: &Client) -> ErrorPage {
    ErrorPage {
        message: format!("{} has registered here, and an admin has to approve it first.", client.display_name()),
        detail: Some(client.id.to_string()),
        ..page(
            403,
            "This client waits for approval",
            "",
            "Ask an admin to approve it under Settings > AI & Automation > Remote MCP. Then start again from your client.",
        )
    }
}

/// No such flow.
pub(crate) fn unknown_flow() -> ErrorPage {
    page(404, "This request does not exist", "There is no authorization request at this address.", START_AGAIN)
}

/// A flow that began in another browser (row OP3).
pub(crate) fn other_browser() -> ErrorPage {
    page(
        400,
        "This request belongs to another browser",
        "For your safety an authorization can be decided only in the browser in which it began.",
        "Start again from your client, and go on in the browser window that it opens.",
    )
}

/// A flow that this person decided already, in another way or too long ago to be sent on again.
pub(crate) fn already_decided(decision: &Decision, client: &Client) -> ErrorPage {
    let at = minute(decision.at);
    let decided = match decision.answer {
        Answer::Allow { permissions, .. } if permissions.len() == 1 => {
            format!("You allowed this at {at} with 1 permission. A second answer changes nothing.")
        }
        Answer::Allow { permissions, .. } => {
            format!("You allowed this at {at} with {} permissions. A second answer changes nothing.", permissions.len())
        }
        Answer::Deny => format!("You did not allow this at {at}. A second answer changes nothing."),
    };
    ErrorPage {
        message: decided,
        advice: format!(
            "Go back to {}. To decide again, start again from there. What it may do stands under Connections.",
            cut(client.display_name(), 60)
        ),
        ..page(410, "You decided this already", "", "")
    }
}

/// The decision was made, and its audit event could not be written.
pub(crate) fn not_recorded() -> ErrorPage {
    page(503, "This is not possible now", "Your answer could not be recorded, so nobody got access by it.", START_AGAIN)
}

/// There is no key to make a code with.
pub(crate) fn no_key() -> ErrorPage {
    page(503, "This is not possible now", "The server has no key to make an authorization code with.", START_AGAIN)
}

/// The minute of a time, for people: `22:34 UTC`.
fn minute(at: Timestamp) -> String {
    let text = at.to_rfc3339();
    format!("{} UTC", text.get(11..16).unwrap_or(&text))
}

/// A flow that was decided or is too old.
pub(crate) fn flow_over() -> ErrorPage {
    page(
        410,
        "This request is over",
        "It was decided already, or more than 10 minutes have passed since it began.",
        START_AGAIN,
    )
}

/// The body of a decision is not the consent page's form.
pub(crate) fn not_the_form() -> ErrorPage {
    page(
        400,
        "The form could not be read",
        "What was sent is not the form of the page MCP authorization.",
        "Go back, reload the page and choose again.",
    )
}

/// The anti-forgery token does not match (row OP3).
pub(crate) fn form_too_old() -> ErrorPage {
    page(
        403,
        "The page is too old",
        "You signed in or out after this page was opened, so its answer was not accepted.",
        "Go back, reload the page and choose again.",
    )
}

/// Neither allow nor deny.
pub(crate) fn no_decision() -> ErrorPage {
    page(
        400,
        "Nothing was decided",
        "The form says neither allow nor deny.",
        "Go back, and choose one of the two buttons.",
    )
}

/// Allowed, but nothing was selected.
pub(crate) fn nothing_selected() -> ErrorPage {
    page(
        400,
        "No permission is selected",
        "A connection without any permission would be of no use.",
        "Go back and select at least one permission, or cancel.",
    )
}

/// A permission that the person's role does not hold now, or that cannot be granted (promise 2).
pub(crate) fn not_yours_to_grant(names: &str) -> ErrorPage {
    ErrorPage {
        detail: Some(cut(names, 500)),
        ..page(
            403,
            "You cannot grant this",
            "The selection has permissions that your role does not hold now, so nothing was granted.",
            "Go back, reload the page and choose again.",
        )
    }
}

/// The person was disabled, or lost the role, since the request began.
pub(crate) fn account_disabled() -> ErrorPage {
    page(
        403,
        "Your account cannot do this",
        "Your account is disabled or has no role, so nothing was granted.",
        "Ask an admin of this server.",
    )
}

fn page(status: u16, title: &str, message: &str, advice: &str) -> ErrorPage {
    ErrorPage { status, title: title.to_owned(), message: message.to_owned(), advice: advice.to_owned(), detail: None }
}

#[cfg(test)]
mod tests {
    use margay_domain::{
        client::Approval,
        id::{ClientId, UserId},
        rules::{Permission, PermissionSet},
        secret::SecretHash,
    };

    use super::*;

    fn client(redirect_uris: Vec<String>) -> Client {
        Client {
            id: ClientId::new("mcp_1"),
            name: "Claude Code".to_owned(),
            redirect_uris,
            client_uri: None,
            application_type: None,
            grant_types: Vec::new(),
            source: ClientSource::Registered,
            approval: Approval::Approved,
            document_fresh_until: None,
            created_at: Timestamp::default(),
            last_authorized_at: None,
        }
    }

    #[test]
    fn a_refused_redirect_says_what_was_registered() {
        let one = client(vec!["http://127.0.0.1:33418".to_owned()]);
        let page = redirect_not_registered(&one, "http://127.0.0.1:33418/cb");
        assert_eq!(page.detail.as_deref(), Some("http://127.0.0.1:33418/cb"));
        assert!(page.message.ends_with("It registered: http://127.0.0.1:33418"), "{}", page.message);
        let many = client((0..12).map(|n| format!("https://claude.ai/{n}{}", "\u{202e}a".repeat(300))).collect());
        let page = redirect_not_registered(&many, "https://evil.example/");
        assert!(page.message.ends_with(", and 2 more") && page.message.len() < 40_000);
        assert!(!page.message.contains('\u{202e}') && !page.message.contains("claude.ai/10"), "{}", page.message);
        let document = Client { source: ClientSource::Document, ..one };
        assert!(!redirect_not_registered(&document, "x").advice.contains("registers anew"));
    }

    #[test]
    fn a_second_answer_hears_what_the_first_one_was() {
        let permissions: PermissionSet = [Permission::AlertRead, Permission::RuleRead].into_iter().collect();
        let answer = Answer::Allow { permissions, code: SecretHash::from_bytes([1; 32]) };
        // 2027-01-15 08:00 UTC.
        let at = Timestamp::from_seconds(1_800_000_000);
        let allowed = Decision { at, by: UserId::new("usr_1"), answer, recorded: true };
        let page = already_decided(&allowed, &client(Vec::new()));
        assert_eq!(page.status, 410);
        assert_eq!(page.message, "You allowed this at 08:00 UTC with 2 permissions. A second answer changes nothing.");
        assert!(page.advice.starts_with("Go back to Claude Code."), "{}", page.advice);
        let denied = already_decided(&Decision { answer: Answer::Deny, ..allowed }, &client(Vec::new()));
        assert_eq!(denied.message, "You did not allow this at 08:00 UTC. A second answer changes nothing.");
    }

    #[test]
    fn the_response_carries_the_page_and_its_status() {
        let response = PageError::from(flow_over()).into_response();
        assert_eq!(response.status(), StatusCode::GONE);
        assert_eq!(response.extensions().get::<ErrorPage>(), Some(&flow_over()));
        let response = PageError::from(StoreError::Unavailable("secret path".to_owned())).into_response();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.extensions().get::<ErrorPage>(), Some(&unavailable()));
    }
}
