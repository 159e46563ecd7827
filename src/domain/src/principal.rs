//! Who is calling, and what they may do now.
//!
//! Promise 1: effective permission = granted ∩ what the role holds now. This
//! module is the only place that computes it; listing and calling tools both ask
//! [`Principal::may`].

use std::sync::Arc;

use margay_rules::{Permission, PermissionSet};

use crate::{client::Client, grant::Grant, role::Role, user::User};

/// The person, client, grant and role behind one request to `/mcp`, read for this request.
#[derive(Clone, Debug)]
pub struct Principal {
    /// The person.
    pub user: Arc<User>,
    /// The person's role as it is now.
    pub role: Arc<Role>,
    /// The grant.
    pub grant: Arc<Grant>,
    /// The client.
    pub client: Arc<Client>,
    /// What the presented access token is limited to, if its scope was narrowed at a refresh.
    pub token_scope: Option<PermissionSet>,
}

impl Principal {
    /// Granted ∩ role-now (∩ the token's own scope, if narrowed). Empty for a disabled person.
    pub fn effective(&self) -> PermissionSet {
        effective(&self.user, &self.role, &self.grant, self.token_scope)
    }

    /// Whether `permission` is in effect.
    pub fn may(&self, permission: Permission) -> bool {
        self.effective().contains(permission)
    }
}

/// The predicate itself.
pub fn effective(user: &User, role: &Role, grant: &Grant, token_scope: Option<PermissionSet>) -> PermissionSet {
    if !user.enabled || user.role_id != role.id || grant.user_id != user.id {
        return PermissionSet::EMPTY;
    }
    let permissions = grant.permissions.intersection(role.permissions);
    token_scope.map_or(permissions, |scope| permissions.intersection(scope))
}

/// A person who signed in with a browser, read for this request by the session layer.
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// The person.
    pub user: User,
    /// The person's role as it is now.
    pub role: Role,
}

impl SignedIn {
    /// Whether the person's role holds `permission` now.
    pub fn may(&self, permission: Permission) -> bool {
        self.user.enabled && self.role.permissions.contains(permission)
    }
}

/// The browser behind a request: known by a random cookie from its first page on.
///
/// It binds flows (row OP3) and is what the anti-forgery token is made from.
#[derive(Clone, Debug)]
pub struct Browser {
    /// The hash of the cookie; flows store it.
    pub hash: crate::secret::SecretHash,
    /// The anti-forgery token for forms shown in this browser now; changes with the session.
    pub csrf: String,
}

impl Browser {
    /// Whether `token`, as posted, is this browser's.
    pub fn csrf_matches(&self, token: &str) -> bool {
        crate::secret::constant_time_eq(&self.csrf, token)
    }
}

/// Where a request came from, for audit events. Taken from the connection, or from a proxy that the configuration trusts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The peer's address.
    pub ip: Option<std::net::IpAddr>,
    /// The `User-Agent`, cut to 512 bytes.
    pub user_agent: Option<String>,
}
