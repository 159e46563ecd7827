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
