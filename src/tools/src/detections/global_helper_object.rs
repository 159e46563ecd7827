//! A global helper as the tools show it, with the field names of the API.

use margay_domain::global_helper::GlobalHelper;
use schemars::JsonSchema;
use serde::Serialize;

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GlobalHelperObject {
    id: String,
    description: String,
    tags: Vec<String>,
    managed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    created_by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_modified_by: Option<String>,
    created_at: String,
    last_modified: String,
}

impl GlobalHelperObject {
    pub(crate) fn new(helper: &GlobalHelper) -> Self {
        Self {
            id: helper.id.clone(),
            description: helper.description.clone(),
            tags: helper.tags.clone(),
            managed: helper.managed,
            created_by: helper.created_by.clone(),
            last_modified_by: helper.last_modified_by.clone(),
            created_at: helper.created_at.to_rfc3339(),
            last_modified: helper.last_modified.to_rfc3339(),
        }
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }
}

// One helper with its source.
#[derive(Serialize)]
pub(crate) struct GlobalHelperDetails {
    #[serde(flatten)]
    helper: GlobalHelperObject,
    body: String,
}

impl GlobalHelperDetails {
    /// `body` is what is shown of the source.
    pub(crate) fn new(helper: &GlobalHelper, body: String) -> Self {
        Self { helper: GlobalHelperObject::new(helper), body }
    }
}
