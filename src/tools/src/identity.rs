//! Tools about people, roles and what the caller may do.

mod get_permissions;
mod get_role;
mod get_user;
mod list_roles;
mod list_users;
mod role_object;
mod user_object;

pub(crate) use get_permissions::GetPermissions;
pub(crate) use get_role::GetRole;
pub(crate) use get_user::GetUser;
pub(crate) use list_roles::ListRoles;
pub(crate) use list_users::ListUsers;
