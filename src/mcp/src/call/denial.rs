//! What somebody is told who may not do something.

use margay_domain::{
    principal::Principal,
    rules::{Permission, PermissionSet},
};
use margay_tools::{Requirement, ToolError};

/// Section 5.5: who can do something about it decides what the sentence says.
pub(super) fn denial(requirement: Requirement, principal: &Principal) -> ToolError {
    let role = principal.role.permissions;
    let needed: PermissionSet = requirement.permissions().iter().copied().collect();
    let missing = needed.difference(principal.effective());
    let (within_role, outside_role) = (missing.intersection(role), missing.difference(role));
    let (any, word) = match requirement {
        Requirement::Any(_) => (true, " or "),
        Requirement::All(_) | Requirement::Nothing => (false, " and "),
    };
    let can_be_granted = if any { !within_role.is_empty() } else { outside_role.is_empty() };
    let message = if can_be_granted {
        let titles = titles(within_role, word);
        format!(
            "Permission denied: this connection was not granted {titles}. Reconnect and tick it on the consent page."
        )
    } else {
        let titles = titles(outside_role, word);
        format!("Permission denied: this needs {titles}, and your role does not include it. Ask an admin.")
    };
    ToolError { code: "permission_denied", message }
}

fn titles(permissions: PermissionSet, word: &str) -> String {
    permissions.iter().map(Permission::title).collect::<Vec<_>>().join(word)
}
