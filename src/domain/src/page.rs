//! Pages that refuse: what an error page says, without knowing how it is drawn.

use crate::{principal::Browser, secret::Secret};

/// An error page. A handler puts it into the response's extensions; the page layer draws it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorPage {
    /// The HTTP status.
    pub status: u16,
    /// The heading, for example "Redirect URI is not allowed".
    pub title: String,
    /// What happened, in one or two sentences.
    pub message: String,
    /// What to do about it.
    pub advice: String,
    /// A value that the sentence is about (a URI, a client id), shown in monospace.
    pub detail: Option<String>,
}

/// The page after a decision when the code goes to a program by a custom scheme: the browser hands over and the
/// tab stays, so it says that it may be closed. Put into the response's extensions like [`ErrorPage`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContinuePage {
    /// Where to go on, code included. Validated; never shown as text, only as the target of a link and a refresh.
    pub target: String,
    /// What the client calls itself.
    pub client_name: String,
    /// Whether the person allowed it.
    pub allowed: bool,
}

/// The page of a person who opens the address of the MCP endpoint in a browser. Put into the response's extensions like
/// [`ErrorPage`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointPage {
    /// The public address of the endpoint.
    pub url: String,
}

/// The form behind the one-time link once more, after what was posted was refused: with what was entered, but never the
/// password. Put into the response's extensions like [`ErrorPage`], so that nothing of it stands in an address.
#[derive(Clone, Debug)]
pub struct SetupAgain {
    /// The browser, for the anti-forgery token of the next form.
    pub browser: Browser,
    /// The secret of the link.
    pub token: Secret,
    /// Why it was refused: one of the codes of the sign-in endpoints.
    pub error: &'static str,
    /// The e-mail address, as entered.
    pub email: String,
    /// The given name, as entered.
    pub given_name: String,
    /// The family name, as entered.
    pub family_name: String,
}

/// The sign-in form once more, after what was posted was refused: with the e-mail address that was entered, but never the
/// password. Put into the response's extensions like [`ErrorPage`], so that nothing of it stands in an address.
#[derive(Clone, Debug)]
pub struct SignInAgain {
    /// The browser, for the anti-forgery token of the next form.
    pub browser: Browser,
    /// The HTTP status.
    pub status: u16,
    /// Why it was refused: one of the codes of the sign-in endpoints.
    pub error: &'static str,
    /// The e-mail address, as entered.
    pub email: String,
    /// Where to go on after signing in, as posted.
    pub next: String,
}
