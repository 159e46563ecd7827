//! The person to whom alerts are assigned.

use margay_domain::{
    id::UserId,
    rules::Permission,
    user::{User, normalize_email},
};

use crate::{
    arguments,
    tool::{ToolContext, ToolError},
};

/// The id of the enabled person whom `assignee_id` names: by user id and, if the caller may read about users, by e-mail
/// address as well.
pub(super) async fn find(context: &ToolContext, assignee_id: &str) -> Result<String, ToolError> {
    let wanted = arguments::required("assignee_id", assignee_id)?;
    let reads_users = context.principal.may(Permission::UserRead);
    let by_address = if reads_users { by_address(context, wanted).await? } else { None };
    let user = match by_address {
        Some(user) => Some(user),
        None => context.ports.users.get(&UserId::new(wanted)).await?,
    };
    let shown = arguments::shown(wanted);
    match user {
        Some(user) if user.enabled => Ok(user.id.into_string()),
        Some(_) if reads_users => Err(ToolError::invalid_argument(format!(
            "The user {shown} is disabled. Alerts can be assigned to enabled users only."
        ))),
        None if reads_users => Err(ToolError::not_found(format!(
            "No user found with ID: {shown}. list_users shows ids and e-mail addresses."
        ))),
        // Whom there is, and who is disabled, is told only to those who may read about users.
        _ => Err(ToolError::not_found(format!(
            "No enabled user found with ID: {shown}. Without Read User Info, only user IDs are accepted."
        ))),
    }
}

async fn by_address(context: &ToolContext, wanted: &str) -> Result<Option<User>, ToolError> {
    let Ok(email) = normalize_email(wanted) else { return Ok(None) };
    Ok(context.ports.users.find_by_email(&email).await?.map(|(user, _)| user))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fakes::{self, World};

    fn context(permissions: &[Permission]) -> ToolContext {
        let mut world = World::new();
        world.granted = permissions.iter().copied().collect();
        world.users = vec![
            fakes::user("usr_bo", "bo@example.com", "Analyst"),
            User { enabled: false, ..fakes::user("usr_cy", "cy@example.com", "Analyst") },
        ];
        world.context()
    }

    #[tokio::test]
    async fn an_id_is_enough_and_an_address_needs_read_user_info() {
        let reader = context(&[Permission::AlertModify, Permission::UserRead]);
        for wanted in ["usr_bo", " usr_bo ", "Bo@Example.com"] {
            assert_eq!(find(&reader, wanted).await.unwrap(), "usr_bo");
        }
        let other = context(&[Permission::AlertModify]);
        assert_eq!(find(&other, "usr_bo").await.unwrap(), "usr_bo");
        assert_eq!(find(&other, "bo@example.com").await.unwrap_err().code, "not_found");
    }

    #[tokio::test]
    async fn errors_say_what_is_wrong_to_those_who_may_read_about_users() {
        let reader = context(&[Permission::AlertModify, Permission::UserRead]);
        for wanted in ["usr_cy", "cy@example.com"] {
            let error = find(&reader, wanted).await.unwrap_err();
            assert_eq!(error.code, "invalid_argument");
            assert!(error.message.starts_with(&format!("The user {wanted} is disabled.")));
        }
        let unknown = find(&reader, "usr_x").await.unwrap_err();
        assert_eq!(unknown.code, "not_found");
        assert!(unknown.message.starts_with("No user found with ID: usr_x."));
        assert_eq!(find(&reader, " ").await.unwrap_err().message, "assignee_id must not be empty.");
    }

    #[tokio::test]
    async fn errors_tell_nothing_about_people_to_others() {
        let other = context(&[Permission::AlertModify]);
        for wanted in ["usr_cy", "usr_x", "bo@example.com", "cy@example.com", "x@example.com"] {
            let error = find(&other, wanted).await.unwrap_err();
            assert_eq!(error.code, "not_found");
            assert_eq!(
                error.message,
                format!("No enabled user found with ID: {wanted}. Without Read User Info, only user IDs are accepted.")
            );
        }
    }
}
