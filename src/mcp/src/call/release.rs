//! Whether what was found may leave.

use margay_domain::principal::Principal;
use margay_tools::{Requirement, ToolError, json_bytes};
use serde::Serialize;

use super::{Calls, denial::denial};

/// A resource may be this many bytes longer than an answer: nothing cuts it, and no model reads it unasked.
const BEYOND_ANSWERS: usize = 392 * 1024;

impl Calls {
    /// Promise 1 for what took a while: nothing leaves for a connection that has ended, a person who was disabled or a
    /// role that was reduced meanwhile.
    pub(super) async fn still_allowed(&self, before: &Principal, requires: Requirement) -> Result<(), ToolError> {
        let now = self.grants.principal(&before.grant.id).await?;
        let active = |principal: &Principal| principal.grant.is_active(self.clock.now()) && principal.user.enabled;
        let Some(mut now) = now.filter(active) else {
            let message = "Permission denied: this connection has ended meanwhile. Reconnect.".to_owned();
            return Err(ToolError { code: "permission_denied", message });
        };
        if now.role.log_types != before.role.log_types {
            let message = "Permission denied: your role may read other log types now. Call it again.".to_owned();
            return Err(ToolError { code: "permission_denied", message });
        }
        now.token_scope = before.token_scope;
        if requires.met_by(now.effective()) { Ok(()) } else { Err(denial(requires, &now)) }
    }

    /// Tools cut what is too large and say so. A resource that is too large is refused, so that one call can never fill a
    /// proxy's buffer.
    pub(super) fn check_size(&self, answer: &impl Serialize) -> Result<(), ToolError> {
        let most = self.ports.max_result_bytes.saturating_add(BEYOND_ANSWERS);
        let bytes = json_bytes(answer);
        if bytes <= most {
            return Ok(());
        }
        Err(ToolError {
            code: "too_large",
            message: format!(
                "The answer would have {} KB; at most {} KB are allowed here. Ask for fewer or smaller things.",
                bytes / 1000,
                most / 1000
            ),
        })
    }
}
