//! People and roles.

use async_trait::async_trait;

use super::StoreResult;
use crate::{
    clock::Timestamp,
    id::{RoleId, UserId},
    role::Role,
    user::{PasswordHash, User},
};

/// People.
#[async_trait]
pub trait Users: Send + Sync {
    /// Adds a person. `Conflict` if the e-mail address is taken.
    async fn create(&self, user: &User, password: Option<&PasswordHash>) -> StoreResult<()>;
    /// Adds the first person, atomically: `false` (and nothing done) if there is one already.
    async fn create_first(&self, user: &User, password: &PasswordHash) -> StoreResult<bool>;
    /// By id.
    async fn get(&self, id: &UserId) -> StoreResult<Option<User>>;
    /// By e-mail address in normal form, with the password hash.
    async fn find_by_email(&self, email: &str) -> StoreResult<Option<(User, Option<PasswordHash>)>>;
    /// All, by e-mail address.
    async fn list(&self) -> StoreResult<Vec<User>>;
    /// How many there are.
    async fn count(&self) -> StoreResult<u64>;
    /// Changes the role. Acts on the next request. `NotFound` if there is no such person.
    async fn set_role(&self, id: &UserId, role: &RoleId) -> StoreResult<()>;
    /// Enables or disables. Acts on the next request. `NotFound` if there is no such person.
    async fn set_enabled(&self, id: &UserId, enabled: bool) -> StoreResult<()>;
    /// Sets the password and ends every browser session of the person.
    async fn set_password(&self, id: &UserId, password: &PasswordHash) -> StoreResult<()>;
    /// Notes a successful sign-in.
    async fn signed_in(&self, id: &UserId, at: Timestamp) -> StoreResult<()>;
}

/// Roles.
#[async_trait]
pub trait Roles: Send + Sync {
    /// Makes sure the built-in roles exist with the permissions of this version.
    async fn ensure_built_in(&self, now: Timestamp) -> StoreResult<()>;
    /// Adds a role. `Conflict` if the name is taken.
    async fn create(&self, role: &Role) -> StoreResult<()>;
    /// Replaces name, permissions and log-type access of a role that is not built in.
    async fn update(&self, role: &Role) -> StoreResult<()>;
    /// By id.
    async fn get(&self, id: &RoleId) -> StoreResult<Option<Role>>;
    /// By name, exactly.
    async fn find_by_name(&self, name: &str) -> StoreResult<Option<Role>>;
    /// All, by name.
    async fn list(&self) -> StoreResult<Vec<Role>>;
}
