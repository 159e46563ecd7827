//! The error page: what happened, what to do, and never a redirect.

use leptos::prelude::*;
use margay_domain::{page::ErrorPage, ports::StoreError, rules::Permission};

use crate::components::flow_frame::FlowFrame;

/// The page.
#[component]
pub fn ErrorNotice(
    /// What it says.
    page: ErrorPage,
) -> impl IntoView {
    let ErrorPage { status: _, title, message, advice, detail } = page;
    let heading = title.clone();
    view! {
        <FlowFrame title=title>
            <h1>{heading}</h1>
            <p>{message}</p>
            {detail.map(|detail| view! { <p class="detail">{detail}</p> })}
            <p>{advice}</p>
            <p class="flow__onward">
                <a href="/connections">"Go to your connections"</a>
            </p>
        </FlowFrame>
    }
}

fn page(status: u16, title: &str, message: &str, advice: &str) -> ErrorPage {
    ErrorPage { status, title: title.to_owned(), message: message.to_owned(), advice: advice.to_owned(), detail: None }
}

/// Nobody serves this address.
pub(crate) fn not_found() -> ErrorPage {
    page(404, "Page not found", "There is nothing at this address.", "Check the address, or begin at your connections.")
}

/// No such connection, or somebody else's: the two are not told apart.
pub(crate) fn no_such_connection() -> ErrorPage {
    page(
        404,
        "Connection not found",
        "You have no connection at this address.",
        "The list of your connections shows all of them, ended ones too.",
    )
}

/// No such connection of anybody.
pub(crate) fn no_connection_of_anybody() -> ErrorPage {
    page(
        404,
        "Connection not found",
        "Nobody has a connection at this address.",
        "The list of everyone\u{2019}s connections shows all of them, ended ones too.",
    )
}

/// No such client.
pub(crate) fn no_such_client() -> ErrorPage {
    page(
        404,
        "Client not found",
        "The client is not registered any more: registrations that nobody uses are removed after a while.",
        "Ask whoever wants to connect it to start again in the client.",
    )
}

/// The role lacks a permission.
pub(crate) fn forbidden(permission: Permission) -> ErrorPage {
    ErrorPage {
        detail: Some(permission.title().to_owned()),
        ..page(
            403,
            "Your role does not allow this",
            "This page needs a permission that your role does not hold:",
            "Ask an admin to give you a role with this permission.",
        )
    }
}

/// The anti-forgery token does not match: an old page, or a form from elsewhere.
pub(crate) fn form_expired() -> ErrorPage {
    page(
        403,
        "This form is too old",
        "It was opened before you signed in or in another browser, so nothing was changed.",
        "Go back, reload the page and send it again.",
    )
}

/// A field of the form is missing.
pub(crate) fn form_incomplete() -> ErrorPage {
    page(
        400,
        "This form is not complete",
        "A part of the form did not arrive, so nothing was changed.",
        "Go back, reload the page and send it again.",
    )
}

/// The first-admin link is used or unknown.
pub(crate) fn setup_closed() -> ErrorPage {
    page(
        404,
        "This link does not work any more",
        "The first admin has been created already, or the link is not complete.",
        "Sign in, or start the server again to get a new link if nobody can sign in yet.",
    )
}

/// Nobody is signed in, on a page that needs a person.
pub(crate) fn signed_out() -> ErrorPage {
    page(401, "You are not signed in", "This page is for people who are signed in.", "Sign in, then open it again.")
}

/// Something below did not answer.
pub(crate) fn unavailable() -> ErrorPage {
    page(
        503,
        "The server cannot answer right now",
        "Something it needs did not respond.",
        "Try again in a moment. If it stays like this, tell an admin.",
    )
}

/// Storage failed. The reason goes to the log and nowhere else.
pub(crate) fn store(error: &StoreError) -> ErrorPage {
    tracing::error!(%error, "store failed under a page");
    unavailable()
}
