//! Settings that an admin changes on a page.

use margay_rules::Allowlist;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;

/// The Remote MCP settings: one document with a revision.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoteMcpSettings {
    /// Where authorization codes may be sent.
    pub allowlist: Allowlist,
    /// Counts up with every save; a save names the revision that was edited.
    pub revision: i64,
    /// When it was last saved; `None` if never.
    pub updated_at: Option<Timestamp>,
    /// Who saved it, by e-mail address.
    pub updated_by: Option<String>,
}
