//! What the pages' forms post. The same names work for scripts.

/// The header field that carries the anti-forgery token, as a hidden input.
pub const CSRF_FIELD: &str = "csrf";
/// The checkbox of the consent page; its value is a permission's API name.
pub const PERMISSION_FIELD: &str = "permission";
/// The button of the consent page.
pub const DECISION_FIELD: &str = "decision";
/// The value of [`DECISION_FIELD`] that approves.
pub const DECISION_ALLOW: &str = "allow";
/// The value of [`DECISION_FIELD`] that denies.
pub const DECISION_DENY: &str = "deny";
/// The value of [`DECISION_FIELD`] of the button that comes first in the form, which a stray Enter presses: it decides
/// nothing.
pub const DECISION_NONE: &str = "none";
/// The query of the consent page after [`DECISION_NONE`]: the permissions that were selected, separated by spaces.
pub const UNDECIDED_FIELD: &str = "undecided";
/// The button of the settings page that comes first in the form, which Enter presses: the entries are judged, not saved.
pub const CHECK_FIELD: &str = "check";
/// The hidden input of the consent page that names the flow.
pub const FLOW_FIELD: &str = "flow";
/// The e-mail input of the sign-in page.
pub const EMAIL_FIELD: &str = "email";
/// The password input of the sign-in page.
pub const PASSWORD_FIELD: &str = "password";
/// The hidden input of the sign-in page: the local path to go on to.
pub const NEXT_FIELD: &str = "next";
/// The repeated input of the settings page for domain patterns.
pub const DOMAIN_FIELD: &str = "domain";
/// The repeated input of the settings page for custom schemes.
pub const SCHEME_FIELD: &str = "scheme";
/// The hidden input of the settings page: the revision that was edited, so that two admins do not overwrite each other.
pub const REVISION_FIELD: &str = "revision";

/// Whether `path` is a path of this server that may follow a sign-in: one slash,
/// no scheme, no host, no backslash, no control character. Anything else is an open redirect.
pub fn is_local_path(path: &str) -> bool {
    path.starts_with('/')
        && !path.starts_with("//")
        && !path.contains('\\')
        && path.chars().all(|c| !c.is_control() && !c.is_whitespace())
}

/// Where the authorization of a client begins, and below it the page of each flow.
const AUTHORIZE: &str = "/oauth/authorize";

/// Whether going on to this local path may end at a client, by redirects of this server. Browsers apply the policy for
/// forms to the whole chain, so the page whose form begins it has to leave the way open (row OP1).
pub fn leads_to_client(path: &str) -> bool {
    let rest = path.strip_prefix(AUTHORIZE);
    is_local_path(path) && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?', '#']))
}
