//! People.

use margay_rules::display::is_deceptive;
use serde::{Deserialize, Serialize};

use crate::{
    clock::Timestamp,
    id::{RoleId, UserId},
};

/// A person who can sign in. Has exactly one role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// The id.
    pub id: UserId,
    /// The e-mail address, in lower case; unique.
    pub email: String,
    /// Given name; may be empty.
    pub given_name: String,
    /// Family name; may be empty.
    pub family_name: String,
    /// The one role.
    pub role_id: RoleId,
    /// A disabled person cannot sign in, and none of their connections works.
    pub enabled: bool,
    /// When the person was added.
    pub created_at: Timestamp,
    /// The last successful sign-in.
    pub last_signed_in_at: Option<Timestamp>,
}

impl User {
    /// The name to show: given and family name, else the e-mail address.
    pub fn display_name(&self) -> String {
        let name = format!("{} {}", self.given_name, self.family_name);
        let name = name.trim();
        if name.is_empty() { self.email.clone() } else { name.to_owned() }
    }
}

/// An argon2id hash in PHC string form. Does not print itself.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(pub String);

impl std::fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}

/// An e-mail address that cannot be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("enter an e-mail address such as ana@example.com")]
pub struct NotAnEmail;

/// Brings an e-mail address into the form in which it is stored and compared: trimmed, lower case.
pub fn normalize_email(text: &str) -> Result<String, NotAnEmail> {
    let text = text.trim().to_lowercase();
    let well_formed = text.len() <= 254
        && text.chars().all(|c| !c.is_whitespace() && !is_deceptive(c))
        && text
            .split_once('@')
            .is_some_and(|(local, host)| !local.is_empty() && !host.is_empty() && !host.contains('@'));
    if well_formed { Ok(text) } else { Err(NotAnEmail) }
}
